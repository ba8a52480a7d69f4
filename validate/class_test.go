package validate_test

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/validate"
)

// one parses a value of one form field A under the rule.
func one(t testing.TB, zero any, rule, value string, o ...validate.Options) (any, []string) {
	t.Helper()
	options := validate.Options{Methods: []string{"POST"}}
	if len(o) > 0 {
		options = o[0]
	}
	p, err := validate.NewProbe(zero, `in:"form a" rule:`+strconv.Quote(rule), options)
	require.NoError(t, err)
	got, err := p.Parse(nil, post("/", url.Values{"a": {value}}.Encode()))
	if err != nil {
		return nil, faults(t, err)
	}
	return got, nil
}

func accepts(t *testing.T, rule, in, want string) {
	t.Helper()
	got, bad := one(t, "", rule, in)
	require.Empty(t, bad, "%s %q", rule, in)
	require.Equal(t, want, got, "%s %q", rule, in)
}

func refuses(t *testing.T, rule, in, code string) {
	t.Helper()
	_, bad := one(t, "", rule, in)
	require.Equal(t, []string{"form a:" + code}, bad, "%s %q", rule, in)
}

func TestClassesTake(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, c := range []struct{ rule, in, want string }{
		{"line,max=20", "Hej, världen! 日本", "Hej, världen! 日本"},
		{"line,max=20", "5 × 3 ≤ 20 €", "5 × 3 ≤ 20 €"},
		{"line,max=5", "ååååå", "ååååå"}, // characters, not bytes
		{"text,max=20", "a\r\nb\tc\n", "a\nb\tc\n"},
		{"digits,max=4", "0042", "0042"},
		{"letters,max=9", "Øystein", "Øystein"},
		{"name,max=30", "Anne-Marie O’Brien Jr.", "Anne-Marie O’Brien Jr."},
		{"name,max=30", "Ærøskøbing", "Ærøskøbing"},
		{"name,max=30", "Иван Петров", "Иван Петров"},
		{"name,max=30", "山田 たろう カ", "山田 たろう カ"}, // Japanese counts as one
		{"name,max=30", "김철수", "김철수"},
		{"name,max=30", "محمد", "محمد"},
		{"name,max=30", "علی\u200cرضا", "علی\u200cرضا"},
		{"login,max=30", "anna.lind@acme-1_x", "anna.lind@acme-1_x"},
		{"identifier,max=30", "Row_42-b", "Row_42-b"},
		{"token,max=30", "_aB-9.~=", "_aB-9.~="},
		{"slug,max=30", "my-first-post", "my-first-post"},
		{"email", "o'brien+tag@Example.COM", "o'brien+tag@example.com"},
		{"email", "anna@räksmörgås.se", "anna@xn--rksmrgs-5wao1o.se"}, // as the manual of GNU Libidn converts it
		{"email", "a@b.co", "a@b.co"},
		{"email", long + "@example.com", long + "@example.com"},
		{"url=example.com|*.example.org|api.test:8443,max=99", "https://example.com/a?b=c#d", "https://example.com/a?b=c#d"},
		{"url=example.com|*.example.org|api.test:8443,max=99", "http://EXAMPLE.com", "http://example.com"},
		{"url=example.com|*.example.org|api.test:8443,max=99", "https://a.b.example.org/", "https://a.b.example.org/"},
		{"url=example.com|*.example.org|api.test:8443,max=99", "https://api.test:8443/x", "https://api.test:8443/x"},
		{"url=*,max=99", "https://räksmörgås.se/å", "https://xn--rksmrgs-5wao1o.se/%C3%A5"},
		{"url=*,max=99", "http://[2001:db8::1]:80/", "http://[2001:db8::1]:80/"},
		{"path,max=99", "/inbox?page=2#m4", "/inbox?page=2#m4"},
		{"path,max=99", "/", "/"},
		{"phone", "+46701234567", "+46701234567"},
		{"phone", "+46 70-123 45 67", "+46701234567"},
		{"postcode=SE", "11122", "111 22"},
		{"postcode=SE", "111 22", "111 22"},
		{"postcode=NO|DK", "0150", "0150"},
		{"postcode=FI", "00100", "00100"},
		{"postcode=GB", "sw1a 1aa", "SW1A 1AA"}, // Royal Mail's examples of the six forms
		{"postcode=GB", "M1 1AE", "M1 1AE"},
		{"postcode=GB", "B33 8TH", "B33 8TH"},
		{"postcode=GB", "CR2 6XH", "CR2 6XH"},
		{"postcode=GB", "DN55 1PT", "DN55 1PT"},
		{"postcode=GB", "W1A 0AX", "W1A 0AX"},
		{"postcode=FR", "75001", "75001"},
		{"postcode=DE", "10115", "10115"},
		{"country", "SE", "SE"},
		{"currency", "NOK", "NOK"},
		{"language", "sv-se", "sv-SE"},
		{"language", "zh-Hant-TW", "zh-Hant-TW"},
		// The registry of SWIFT has one example for each country.
		{"iban", "GB29 NWBK 6016 1331 9268 19", "GB29NWBK60161331926819"},
		{"iban", "SE4550000000058398257466", "SE4550000000058398257466"},
		{"iban", "no9386011117947", "NO9386011117947"},
		{"iban", "DK5000400440116243", "DK5000400440116243"},
		{"iban", "FI2112345600000785", "FI2112345600000785"},
		{"iban", "DE89370400440532013000", "DE89370400440532013000"},
		{"iban", "FR1420041010050500013M02606", "FR1420041010050500013M02606"},
		{"iban", "DE97370400440532013050", "DE97370400440532013050"},
		{"iban", "DE98370400440532013032", "DE98370400440532013032"},
		{"iban", "DE02370400440532013014", "DE02370400440532013014"},
		{"iban", "MT84MALT011000012345MTLCAST001S", "MT84MALT011000012345MTLCAST001S"},
		{"uuid", "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"}, // RFC 9562, section 4
		{"uuid", "017F22E2-79B0-7CC3-98C4-DC0C0C07398F", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"}, // its appendix A.6
		{"colour", "#A1b2C3", "#a1b2c3"},
		{"oneof=small|large", "large", "large"},
		{"line,max=20,alpha", "abc", "abc"},
	} {
		accepts(t, c.rule, c.in, c.want)
	}
}

func TestClassesRefuse(t *testing.T) {
	for _, c := range []struct{ rule, in, code string }{
		{"line,max=20", "", "missing"},
		{"line,max=5", "åååååå", "long"},
		{"line,min=3,max=5", "åå", "short"},
		{"line,max=5,maxbytes=6", "åååå", "long"},
		{"line,max=5,maxbytes=6", "\u0958\u0958", "long"},   // NFC makes twelve bytes of six
		{"line,max=5", strings.Repeat("\x00", 100), "long"}, // told by its length, before anything is looked at
		{"line,max=20", "a\nb", "character"},
		{"line,max=20", "a\tb", "character"},
		{"text,max=20", "a\rb", "character"},
		{"text,max=20", "a\x1b[2J", "character"},
		{"text,max=20", "a\x7fb", "character"},
		{"digits,max=4", "٤٢", "character"},
		{"digits,max=4", "-1", "character"},
		{"letters,max=9", "a1", "character"},
		{"letters,max=9", "аpple", "character"}, // a Cyrillic а
		{"name,max=30", "Pаul", "character"},
		{"name,max=30", "Anna <b>", "character"},
		{"name,max=30", "--", "format"},
		{"name,max=30", "ab\u1fef", "character"}, // NFC makes ` of it
		{"name,max=30", "山田Taro", "character"},
		{"login,max=30", "Anna", "character"},
		{"login,max=30", "-rf", "format"},
		{"login,max=30", "ånna", "character"},
		{"identifier,max=30", "a b", "character"},
		{"identifier,max=30", "--all", "format"},
		{"identifier,max=30", "../x", "character"},
		{"slug,max=30", "a--b", "format"},
		{"slug,max=30", "-a", "format"},
		{"email", "anna", "format"},
		{"email", "a@b@c.se", "format"},
		{"email", "a\u202eb@c.se", "character"},
		{"email", strings.Repeat("a", 65) + "@example.com", "format"},
		{"email", strings.Repeat("a", 400) + "@example.com", "long"},
		{"email", "a@" + strings.Repeat("a", 64) + ".se", "format"},
		{"email", ".a@b.se", "format"},
		{"email", "a..b@b.se", "format"},
		{"email", "-oQ/tmp@b.se", "format"},
		{"email", `"a b"@b.se`, "character"},
		{"email", `"ab"@b.se`, "format"},
		{"email", "a@localhost", "format"},
		{"email", "a@[127.0.0.1]", "format"},
		{"email", "a@127.0.0.1", "format"},
		{"email", "a@-b.se", "format"},
		{"email", "a@b.se.", "format"},
		{"email", "a@b.se\r\nBcc: x@y.se", "character"},
		{"email", "ånna@b.se", "format"},
		{"email", "a@xn--a.se", "format"},
		{"url=example.com,max=99", "javascript:alert(1)", "format"},
		{"url=example.com,max=99", "//example.com", "format"},
		{"url=example.com,max=99", "https://example.com.evil.test/", "host"},
		{"url=example.com,max=99", "https://evil.test/example.com", "host"},
		{"url=example.com,max=99", "https://example.com@evil.test/", "format"},
		{"url=example.com,max=99", "https://sub.example.com/", "host"},
		{"url=example.com,max=99", "https://example.com:8443/", "host"},
		{"url=example.com,max=99", `https://example.com\@evil.test/`, "format"},
		{"url=example.com,max=99", "https:example.com", "format"},
		{"url=example.com,max=99", "https:///example.com", "format"},
		{"url=example.com,max=99", "ftp://example.com/", "format"},
		{"url=example.com,max=99", "https://exa\tmple.com/", "character"},
		{"url=example.com,max=99", "https://ехample.com/", "host"}, // Cyrillic е and х
		{"url=*.example.org,max=99", "https://example.org/", "host"},
		{"url=*.example.org,max=99", "https://badexample.org/", "host"},
		{"url=*,max=99", "http://2130706433/", "format"},
		{"url=*,max=99", "http://127.1/", "format"},
		{"url=*,max=99", "http://[::1%25eth0]/", "host"},
		{"url=*,max=99", "https://a.se/<script>", "format"},
		{"path,max=99", "//evil.test", "format"},
		{"path,max=99", `/\evil.test`, "format"},
		{"path,max=99", "https://evil.test", "format"},
		{"path,max=99", "https:evil.test", "format"},
		{"path,max=99", "/\t/evil.test", "character"},
		{"path,max=99", "/%09/evil.test", "format"},
		{"path,max=99", "/%2f%2fevil.test", "format"},
		{"path,max=99", "/%5cevil.test", "format"},
		{"path,max=99", "/a/../../b", "format"},
		{"path,max=99", "evil", "format"},
		{"phone", "0701234567", "format"},
		{"phone", "+0701234567", "format"},
		{"phone", "+1234567890123456", "format"},
		{"phone", "+46--70123456", "format"},
		{"phone", "+46", "format"},
		{"postcode=SE", "01122", "format"},
		{"postcode=SE", "1112 2", "format"},
		{"postcode=NO", "00150", "format"},
		{"postcode=GB", "SW1A 1CA", "format"},
		{"postcode=FR", "99999", "format"},
		{"country", "XX", "format"},
		{"country", "se", "character"},
		{"country", "EU", "format"},
		{"currency", "SEX", "format"},
		{"currency", "DEM", "format"}, // withdrawn
		{"language", "xx-nothing-at-all", "format"},
		{"language", "und", "format"},
		{"iban", "GB29NWBK60161331926818", "checksum"},
		{"iban", "GB29NWBK6016133192681", "format"},
		{"iban", "XX29NWBK60161331926819", "format"},
		{"iban", "SE4550000000058398257467", "checksum"},
		{"iban", "DE00370400440532013050", "checksum"}, // stands for 97, which is the one that is issued
		{"iban", "DE01370400440532013032", "checksum"}, // stands for 98, which is the one that is issued
		{"iban", "DE99370400440532013014", "checksum"}, // stands for 02, which is the one that is issued
		{"uuid", "f81d4fae7dec11d0a76500a0c91e6bf6", "format"},
		{"uuid", "00000000-0000-0000-0000-000000000000", "format"},
		{"uuid", "f81d4fae-7dec-11d0-c765-00a0c91e6bf6", "format"}, // another variant
		{"colour", "#abc", "format"},
		{"colour", "##bcdef", "format"},
		{"oneof=small|large", "medium", "choice"},
		{"oneof=small|large", "Large", "choice"},
		{"oneof=small|large", "small|large", "choice"},
		{"line,max=20,alpha", "ab1", "alpha"},
	} {
		refuses(t, c.rule, c.in, c.code)
	}
}

// Hidden and deceiving characters, by the Unicode properties that make them so.
func TestCharactersNobodySees(t *testing.T) {
	for name, s := range map[string]string{
		"right-to-left override": "a\u202eb", "left-to-right isolate": "a\u2066b", "Arabic letter mark": "a\u061cb",
		"zero-width space": "a\u200bb", "word joiner": "a\u2060b", "byte order mark": "a\ufeffb", "soft hyphen": "a\u00adb",
		"joiner between Latin letters": "a\u200db", "non-joiner between Latin letters": "a\u200cb", "joiner at the start": "\u200da",
		"tag character": "a\U000E0041b", "variation selectors as a message": "a\ufe00\ufe01b", "supplementary selector": "a\U000E0100",
		"Hangul filler": "a\u3164b", "grapheme joiner": "a\u034fb", "braille blank": "a\u2800b", "line separator": "a\u2028b",
		"paragraph separator": "a\u2029b", "next line": "a\u0085b", "private use": "a\ue000b", "unassigned": "a\u0378b",
		"noncharacter": "a\uffffb", "replacement character": "a\ufffdb", "object replacement": "a\ufffcb", "interlinear anchor": "a\ufff9b",
		"marks piled up": "a" + strings.Repeat("\u0316", 9), "mark without a letter": "\u0316a", "NUL": "a\x00b",
	} {
		_, bad := one(t, "", "text,max=50", s)
		require.Equal(t, []string{"form a:character"}, bad, name)
	}
}

func TestCharactersThatScriptsNeed(t *testing.T) {
	for name, s := range map[string]string{
		"Persian non-joiner": "می\u200cخواهم", "Sinhala joiner": "ශ්\u200dරී", "Hindi non-joiner": "क्\u200cष",
		"family": "👨\u200d👩\u200d👧", "rainbow flag": "🏳\ufe0f\u200d🌈", "skin tone": "👍🏽", "keycap": "1\ufe0f\u20e3", "heart": "❤\ufe0f",
		"Han variant": "葛\U000E0100", "Vietnamese": "Nguyễn", "Hebrew with points": "שָׁלוֹם", "Thai": "สวัสดี", "Tibetan": "བོད་སྐད།",
		"euro": "1 000 €", "no-break space": "1\u00a0000",
	} {
		_, bad := one(t, "", "text,max=50", s)
		require.Empty(t, bad, name)
	}
}

func TestHostsClassesAndRulesNarrow(t *testing.T) {
	o := validate.Options{
		Methods: []string{"POST"},
		Classes: []validate.Class{validate.NewClass("vowels", func(r rune) bool { return r != 'x' }), validate.NewClass("broken", func(rune) bool { panic("class") })},
		Rules:   []validate.Rule{validate.NewRule("even", func(s string) bool { return len(s)%2 == 0 }), validate.NewRule("breaks", func(string) bool { panic("rule") })},
	}
	for _, c := range []struct{ rule, in, code string }{
		{"vowels,max=4", "aeiå", ""},
		{"vowels,max=4", "ax", "character"},
		{"vowels,max=4", "a\u202e", "character"}, // the function says yes, the class does not
		{"vowels,max=4", "a\n", "character"},
		{"line,max=4,even", "ab", ""},
		{"line,max=4,even", "abc", "even"},
		{"line,max=4,even", "abcdef", "long"},
		{"line,max=4,breaks", "ab", "breaks"},
		{"broken,max=4", "ab", "character"},
	} {
		_, bad := one(t, "", c.rule, c.in, o)
		if c.code == "" {
			require.Empty(t, bad, "%s %q", c.rule, c.in)
		} else {
			require.Equal(t, []string{"form a:" + c.code}, bad, "%s %q", c.rule, c.in)
		}
	}
}

// Every class in linear time: a pattern that backtracks would need years for this.
func TestNoClassIsSlow(t *testing.T) {
	for _, rule := range []string{"line,max=1000000", "text,max=1000000", "name,max=1000000", "email", "url=*,max=1000000", "path,max=1000000", "slug,max=1000000", "phone", "iban", "language"} {
		for _, unit := range []string{"a", "\u0301", "a\u0316", "葛", "a@", "-", ".", "/"} {
			s := strings.Repeat(unit, 200_000/len(unit))
			if unit == "a" {
				s = strings.Repeat(unit, 1_000_000)
			}
			p, err := validate.NewProbe("", `in:"form a" rule:`+strconv.Quote(rule), validate.Options{MaxBody: 8 << 20})
			require.NoError(t, err)
			start := time.Now()
			_, _ = p.Parse(nil, post("/", "a="+url.QueryEscape(s)))
			require.Less(t, time.Since(start), 5*time.Second, "%s %q", rule, unit)
		}
	}
}
