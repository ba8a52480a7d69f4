package validate_test

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"github.com/skans-go/skans/validate"
)

// FuzzForm: no panic; what is accepted keeps the schema's promises, and written out again gives the same value.
func FuzzForm(f *testing.F) {
	for _, s := range []string{
		"a=1&a=2", "a[]=1", "A=1", "a.b=1", "a=%zz", "a=%ff", "\ufeffa=1", "a=1;n=2", "n=1e3", "n=%2B1", "n=9007199254740993",
		"tag=a&tag=b&f=-2.5&on=true&pass=x", "a=%C3%A5&csrf=t", "&", "=", "%", "a=e%CC%81", "n=-0&f=NaN",
	} {
		f.Add("page=2", s)
		f.Add(s, "")
	}
	f.Fuzz(func(t *testing.T, query, body string) {
		r := post("/", body)
		r.URL.RawQuery = query
		in, err := samples.Parse(httptest.NewRecorder(), r)
		if err != nil {
			refused(t, err)
			return
		}
		require.True(t, norm.NFC.IsNormalString(in.A))
		require.LessOrEqual(t, utf8.RuneCountInString(in.A), 20)
		require.LessOrEqual(t, len(in.Tags), 3)
		require.GreaterOrEqual(t, in.Page, uint8(1))
		again := url.Values{
			"a": {in.A}, "n": {strconv.FormatInt(in.N, 10)}, "f": {strconv.FormatFloat(in.F, 'f', -1, 64)},
			"on": {strconv.FormatBool(in.On)}, "pass": {in.Pass.Reveal()},
		}
		if len(in.Tags) > 0 {
			again["tag"] = in.Tags
		}
		if len(again.Get("f")) > 40 {
			return // a tiny number, whose digits a form does not take
		}
		out, err := samples.Parse(httptest.NewRecorder(), post("/?page="+strconv.Itoa(int(in.Page)), again.Encode()))
		require.NoError(t, err)
		require.Equal(t, in.Pass.Reveal(), out.Pass.Reveal())
		require.Equal(t, in.A, out.A)
		require.Equal(t, in.N, out.N)
		require.Equal(t, in.F, out.F)
		require.Equal(t, in.Tags, out.Tags)
	})
}

// refused wants an error that can be answered and does not grow with the request.
func refused(t *testing.T, err error) {
	e, ok := err.(*validate.Error)
	require.True(t, ok)
	require.Contains(t, []int{400, 405, 413, 415, 422}, e.Status)
	require.NotEmpty(t, e.Fields)
	require.LessOrEqual(t, len(e.Fields), 32)
	w := httptest.NewRecorder()
	e.ServeHTTP(w, get("/"))
	require.Equal(t, e.Status, w.Code)
	require.True(t, json.Valid(w.Body.Bytes()))
}

type plainOrder struct {
	ID    int64    `in:"json id" rule:"min=-9223372036854775808,max=9223372036854775807"`
	Note  string   `in:"json note" rule:"text,max=50" opt:""`
	Paid  bool     `in:"json paid" rule:"bool" opt:"false"`
	W     float64  `in:"json w" rule:"min=-1000,max=1000" opt:"0"`
	Tags  []string `in:"json tags" rule:"line,max=9,count=4" opt:""`
	Inner inner    `in:"json inner" opt:""`
}

type inner struct {
	X int `in:"json x" rule:"min=0,max=9"`
}

var plainOrders = validate.Must[plainOrder](validate.Options{Methods: []string{"POST"}})

// FuzzJSON: whatever is accepted, encoding/json reads as the same values: this parser only refuses more.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{"id":1}`, `{"id":1,"id":2}`, `{"ID":1}`, `{"id":9007199254740993,"note":"\u00e5\ud83d\ude00\n"}`, `{"id":1,"w":1.5e-2}`, `{"id":1e3}`,
		`{"id":1,"tags":["a","b"],"inner":{"x":3},"paid":true}`, `{"id":1}x`, "\ufeff{}", `{"id":1,"note":"\ud800"}`, `{"id":-0}`, `[[[[`, `{"id":1,"w":1e400}`, `{"id":1,"note":null}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		in, err := plainOrders.Parse(httptest.NewRecorder(), postJSON(body))
		if err != nil {
			refused(t, err)
			return
		}
		var out struct {
			ID    int64
			Note  string
			Paid  bool
			W     float64
			Tags  []string
			Inner inner
		}
		d := json.NewDecoder(strings.NewReader(body))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&out))
		require.Equal(t, out.ID, in.ID)
		require.Equal(t, norm.NFC.String(strings.ReplaceAll(out.Note, "\r\n", "\n")), in.Note)
		require.Equal(t, out.Paid, in.Paid)
		require.Equal(t, out.W, in.W)
		require.Equal(t, out.Inner, in.Inner)
		require.Len(t, in.Tags, len(out.Tags))
	})
}

// FuzzMultipart: no panic, and a refused request leaves no file.
func FuzzMultipart(f *testing.F) {
	const head = "--X\r\nContent-Disposition: form-data; name=\"%\"\r\n\r\n"
	f.Add(strings.Replace(head, "%", "to", 1)+"a@b.se\r\n"+strings.Replace(head, "%", "text", 1)+"x\r\n--X--\r\n", "X")
	f.Add("--X\r\nContent-Disposition: form-data; name=\"docs\"; filename=\"a.txt\"\r\n\r\nhello\r\n--X--\r\n", "X")
	f.Add("--X\r\nContent-Disposition: form-data; name=\"docs\"; filename*=UTF-8''a.txt\r\n\r\nhello\r\n--X", "X")
	f.Add("--X--", "X")
	f.Add("", "")
	dir := f.TempDir()
	s := letters(dir)
	f.Fuzz(func(t *testing.T, body, boundary string) {
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "multipart/form-data; boundary="+boundary)
		in, err := s.Parse(httptest.NewRecorder(), r)
		if err == nil {
			for _, d := range in.Docs {
				require.NoError(t, d.Remove())
			}
			require.Contains(t, in.To, "@")
		} else {
			refused(t, err)
		}
		waiting, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, waiting)
	})
}

var everyClass = []string{
	"line,max=99", "text,max=99", "digits,max=99", "letters,max=99", "name,max=99", "login,max=99", "identifier,max=99", "token,max=99", "slug,max=99",
	"email", "url=*,max=300", "url=example.com|*.example.org,max=300", "path,max=99", "phone", "postcode=SE|NO|DK|FI|GB|FR|DE", "country", "currency", "language", "iban", "uuid", "colour",
}

// FuzzClasses: what a class returns is canonical: the class returns it unchanged. It is never longer than it may be and never
// has a control character.
func FuzzClasses(f *testing.F) {
	for _, s := range []string{
		"Hej\r\n", "e\u0301", "Ännä@räksmörgås.se", "https://EXAMPLE.com:8443/å?x#y", "/a?b", "+46 70-123 45 67", "sw1a1aa", "sv-se", "GB29 NWBK 6016 1331 9268 19",
		"F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6", "#ABCDEF", "می\u200cخواهم", "👨\u200d👩", "\u037e", "\u1fef", "ß", "a\u202eb", "i-klingon", "http://[::1]/",
	} {
		f.Add(s)
	}
	var probes []*validate.Probe
	for _, rule := range everyClass {
		p, err := validate.NewProbe("", `in:"form a" rule:`+strconv.Quote(rule), validate.Options{})
		require.NoError(f, err)
		probes = append(probes, p)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for i, p := range probes {
			got, err := p.Parse(nil, post("/", "a="+url.QueryEscape(s)))
			if err != nil {
				refused(t, err)
				continue
			}
			text := got.(string)
			require.NotEmpty(t, text, everyClass[i])
			require.True(t, utf8.ValidString(text))
			require.False(t, strings.ContainsAny(text, "\x00\r\x1b\x7f\u202e\u200b\ufeff"))
			again, err := p.Parse(nil, post("/", "a="+url.QueryEscape(text)))
			require.NoError(t, err, "%s %q %q", everyClass[i], s, text)
			require.Equal(t, text, again, everyClass[i])
		}
	})
}

// FuzzNumbers: what a national number prints, it reads again; and it never panics.
func FuzzNumbers(f *testing.F) {
	for _, s := range []string{"640823-3234", "640823+3234", "701063-2391", "202100-5489", "974 760 673", "070761-4285", "131052-308T", "010594Y9032", "02013299997", "2026-02-28", "12.50", "-0", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		type value interface {
			UnmarshalText([]byte) error
			MarshalText() ([]byte, error)
		}
		for _, make := range []func() value{
			func() value { return new(validate.SEPersonID) }, func() value { return new(validate.SEOrgNo) }, func() value { return new(validate.NOPersonID) },
			func() value { return new(validate.NOOrgNo) }, func() value { return new(validate.DKCPR) }, func() value { return new(validate.FIHetu) },
			func() value { return new(validate.Date) }, func() value { return new(validate.Decimal) },
		} {
			v := make()
			if v.UnmarshalText([]byte(s)) != nil {
				continue
			}
			text, err := v.MarshalText()
			require.NoError(t, err)
			again := make()
			require.NoError(t, again.UnmarshalText(text), "%T %q", v, text)
			require.Equal(t, v, again)
		}
	})
}

// FuzzTag: a schema's tags are the host's, but a panic at start without a word helps nobody.
func FuzzTag(f *testing.F) {
	for _, s := range []string{"line,max=3", "url=,max=3", "oneof=|", "max=", ",", "=", "line,max=99999999999999999999", "postcode=", "line,min=-1,max=3", "pdf|,max=1XB", "line,max=3,startswith=,", "int,min=1e9,max=0x1"} {
		f.Add(s, "x")
	}
	f.Fuzz(func(t *testing.T, rule, opt string) {
		for _, zero := range []any{"", 1, 1.5, true, validate.Date{}, validate.Decimal{}, []string{}} {
			_, err := validate.NewProbe(zero, `in:"form a" rule:`+strconv.Quote(rule)+` opt:`+strconv.Quote(opt), validate.Options{})
			if err != nil {
				require.Contains(t, err.Error(), "validate: ")
			}
		}
	})
}

// FuzzLanguage: the header chooses among what is there.
func FuzzLanguage(f *testing.F) {
	for _, s := range []string{"sv", "no;q=0.5,fr", "*", ";;;,,,", "sv;q=1e9", "en;q=-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := post("/", "x=1")
		r.Header["Accept-Language"] = []string{s}
		_, err := samples.Parse(nil, r)
		require.Contains(t, []string{"en", "sv", "nb", "fr"}, err.(*validate.Error).Language)
	})
}
