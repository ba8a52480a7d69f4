package sanitize_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/sanitize"
)

func TestPlainText(t *testing.T) {
	for _, c := range []struct{ f, name, in, want string }{
		{"Line", "plain", "Hej på dig", "Hej på dig"},
		{"Line", "line ends", "a\r\nb\nc\rd\u2028e\u0085f", "a b c d e f"},
		{"Line", "blanks", "  a \t\u00a0 b  ", "a b"},
		{"Line", "override", "invoice\u202efdp.exe", "invoicefdp.exe"},
		{"Line", "isolates and marks", "a\u2066b\u2069\u200e\u200f\u061cc", "abc"},
		{"Line", "zero width", "pay\u200bpal\ufeff\u2060\u00ad", "paypal"},
		{"Line", "tags", "a\U000e0041\U000e007fb", "ab"},
		{"Line", "joiners stay", "👩\u200d👧 می\u200cخواهم", "👩\u200d👧 می\u200cخواهم"},
		{"Line", "controls", "a\x00b\x1b[31mc\x7f\u009bd", "a b [31mc d"},
		{"Line", "not UTF-8", "a\xffb", "a\ufffdb"},
		{"Line", "only blanks", " \r\n\t ", ""},
		{"Text", "line ends", "a\r\nb\rc\u2028d", "a\nb\nc\nd"},
		{"Text", "tab and blanks stay", "a\t b  c", "a\t b  c"},
		{"Text", "override", "a\u202eb\u2067c", "abc"},
		{"Text", "marks stay", "שלום\u200f!", "שלום\u200f!"},
		{"Text", "controls", "a\x00\x1b[2Jb", "a[2Jb"},
		{"HeaderValue", "injection", "x\r\nBcc: a@b.example", "x Bcc: a@b.example"},
		{"HeaderValue", "folding", "x\r\n\ty", "x y"},
		{"HeaderValue", "nul", "x\x00y", "x y"},
		{"Log", "forged line", "x\n2026-01-01 admin logged in", `x\n2026-01-01 admin logged in`},
		{"Log", "escape", "\x1b[2J\x7f\u009b", `\x1b[2J\x7f\u009b`},
		{"Log", "override", "\u202eabc", `\u202eabc`},
		{"Log", "not UTF-8", "a\xff", `a\xff`},
		{"Log", "tag", "\U000e0041", `\U000e0041`},
		{"Log", "a real replacement character", "\ufffd", "\ufffd"},
		{"Filename", "plain", "Ritning A-40 (2).pdf", "Ritning A-40 (2).pdf"},
		{"Filename", "upwards", "../../etc/passwd", "passwd"},
		{"Filename", "upwards on Windows", `..\..\boot.ini`, "boot.ini"},
		{"Filename", "nul before the extension", "a.png\x00.exe", "a.png.exe"},
		{"Filename", "device", "CON.png", "_CON.png"},
		{"Filename", "device in lower case with blanks", "nul .txt", "_nul .txt"},
		{"Filename", "device with a superscript", "COM¹.txt", "_COM¹.txt"},
		{"Filename", "no device", "CONTRACT.pdf", "CONTRACT.pdf"},
		{"Filename", "hidden", ".htaccess", "htaccess"},
		{"Filename", "trailing dots and blanks", "a.exe. . ", "a.exe"},
		{"Filename", "stream", "a.txt::$DATA", "a.txt__$DATA"},
		{"Filename", "override", "photo_\u202egpj.exe", "photo_gpj.exe"},
		{"Filename", "fullwidth separators", "a／b＼c.txt", "c.txt"},
		{"Filename", "yen sign", "a¥b.txt", "b.txt"},
		{"Filename", "header", "a\"; filename=x.html\r\nX: y", "a_; filename=x.htmlX_ y"},
		{"Filename", "nothing left", "...", "file"},
		{"Filename", "empty", "", "file"},
		{"Filename", "composed", "A\u030asa.txt", "Åsa.txt"},
		{"Identifier", "plain", "mail-42_b", "mail-42_b"},
		{"Identifier", "accents", "Åsa Öst", "Asa-Ost"},
		{"Identifier", "letters that do not decompose", "Bjørn Æble Straße", "Bjorn-Aeble-Strasse"},
		{"Identifier", "digit first", "42 a", "a"},
		{"Identifier", "markup", `x" onclick="y`, "x-onclick-y"},
		{"Identifier", "nothing left", "日本", "x"},
		{"TextFromHTML", "plain", "1 > 0", "1 > 0"},
		{"TextFromHTML", "paragraphs", "<p>a</p><p>b<br>c</p>", "a\n\nb\nc"},
		{"TextFromHTML", "table", "<table><tr><th>a<th>b<tr><td>c<td>d</table>", "a\tb\nc\td"},
		{"TextFromHTML", "list", "<ul><li>a<li>b</ul>", "- a\n- b"},
		{"TextFromHTML", "hidden parts", "a<style>x{}</style><script>y</script><!--z--><title>t</title>b", "ab"},
		{"TextFromHTML", "alternative text", `<img alt="Karta" src=x> här`, "Karta här"},
		{"TextFromHTML", "references", "&lt;b&gt; &amp; &aring;", "<b> & å"},
		{"TextFromHTML", "blanks", "a \n\t b", "a \n\t b"},
		{"TextFromHTML", "blanks in markup", "<b>a</b> \n\t b", "a b"},
		{"TextFromHTML", "preformatted", "<pre>a\n  b</pre>", "a\n  b"},
	} {
		t.Run(c.f+"/"+c.name, func(t *testing.T) { require.Equal(t, c.want, plain[c.f](c.in)) })
	}
}

func TestLongTextsAreCut(t *testing.T) {
	long := strings.Repeat("å", 5000)
	require.Equal(t, strings.Repeat("å", 999)+"…", sanitize.Line(long))
	require.Equal(t, strings.Repeat("å", 1000), sanitize.Line(strings.Repeat("å", 1000)))
	require.LessOrEqual(t, len(sanitize.Log(long)), 4096)
	name := sanitize.Filename(long + ".pdf")
	require.LessOrEqual(t, len(name), 255)
	require.True(t, strings.HasSuffix(name, "å.pdf"))
	require.Len(t, sanitize.Identifier(strings.Repeat("ab", 100)), 64)
}

func TestPlainTextCostsNoAllocation(t *testing.T) {
	for name, f := range plain {
		s := "Ärende 42: altan på Storgatan 3"
		if name == "Identifier" || name == "Filename" {
			s = "arende-42"
		}
		require.Zero(t, testing.AllocsPerRun(100, func() { f(s) }), name)
	}
}
