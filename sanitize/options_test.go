package sanitize_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/sanitize"
)

func TestRemotePictures(t *testing.T) {
	for name, c := range map[string]struct {
		in      string
		blocked string // with Block
		allowed string // with Allow
		count   int    // that Block counts
		left    int    // that Allow still counts
		hosts   []string
	}{
		"https":                  {`<img src="https://a.example/p.gif?x=1&y=2">`, `<img>`, `<img src="https://a.example/p.gif?x=1&amp;y=2">`, 1, 0, []string{"a.example"}},
		"http is asked securely": {`<img src=http://A.example/p>`, `<img>`, `<img src="https://a.example/p">`, 1, 0, []string{"a.example"}},
		"protocol-relative":      {`<img src=//a.example/p>`, `<img>`, `<img src="https://a.example/p">`, 1, 0, []string{"a.example"}},
		"backslashes":            {`<img src=\\a.example\p>`, `<img>`, `<img>`, 1, 1, []string{"a.example"}},
		"same origin":            {`<img src="/mail/delete?id=1">`, `<img>`, `<img>`, 1, 1, nil},
		"relative":               {`<img src="delete?id=1">`, `<img>`, `<img>`, 1, 1, nil},
		"router":                 {`<img src=http://192.168.0.1/reboot>`, `<img>`, `<img>`, 1, 1, []string{"192.168.0.1"}},
		"router in one number":   {`<img src=http://3232235521/reboot>`, `<img>`, `<img>`, 1, 1, []string{"3232235521"}},
		"IPv6 loopback":          {`<img src=http://[::1]/x>`, `<img>`, `<img>`, 1, 1, []string{"[::1]"}},
		"printer":                {`<img src=https://printer/x>`, `<img>`, `<img>`, 1, 1, []string{"printer"}},
		"localhost":              {`<img src=https://x.localhost/x>`, `<img>`, `<img>`, 1, 1, []string{"x.localhost"}},
		"file":                   {`<img src=file:///etc/passwd>`, `<img>`, `<img>`, 1, 1, nil},
		"password":               {`<img src=https://u:p@a.example/x>`, `<img>`, `<img src="https://a.example/x">`, 1, 0, []string{"a.example"}},
		"set":                    {`<img src=https://a.example/1 srcset="https://a.example/2 2x">`, `<img>`, `<img src="https://a.example/1">`, 1, 1, []string{"a.example"}},
		"background":             {`<table background=https://a.example/1><tr><td>x</table>`, `<table><tbody><tr><td>x</td></tr></tbody></table>`, `<table><tbody><tr><td>x</td></tr></tbody></table>`, 1, 1, []string{"a.example"}},
		"style":                  {`<p style="background:#fff url('https://a.example/1')">x</p>`, `<p style="background-color:#fff">x</p>`, `<p style="background-color:#fff">x</p>`, 1, 1, []string{"a.example"}},
		"video":                  {`<video poster=//a.example/1>x</video>`, `x`, `x`, 1, 1, []string{"a.example"}},
		"script address":         {`<img src=javascript:x()>`, `<img>`, `<img>`, 0, 0, nil},
		"empty":                  {`<img src="">`, `<img>`, `<img>`, 0, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h, report, err := sanitize.NewMail(sanitize.Mail{}).Wash(c.in)
			require.NoError(t, err)
			require.Equal(t, c.blocked, h.String())
			require.Equal(t, c.count, report.Blocked)
			require.Equal(t, c.hosts, report.Hosts)
			require.Equal(t, strings.Count(c.allowed, "src="), report.Pictures, "what Allow would show")
			h, report, err = sanitize.NewMail(sanitize.Mail{Remote: sanitize.Allow}).Wash(c.in)
			require.NoError(t, err)
			require.Equal(t, c.allowed, h.String())
			require.Equal(t, c.left, report.Blocked)
		})
	}
}

func TestPicturesThatCameAlong(t *testing.T) {
	png, err := os.ReadFile("testdata/green.png")
	require.NoError(t, err)
	uri, ok := sanitize.DataPicture(png, 100)
	require.True(t, ok)
	w := sanitize.NewMail(sanitize.Mail{CID: func(id string) (string, bool) {
		return map[string]string{"logo@x": uri, "path": "/mail/42/part/2?a=1&b=2", "bad": "javascript:x()", "svg": "data:image/svg+xml;base64,AAAA", "quote": `/x" onerror="y`, "far": "//evil.example/x"}[id], id != "none"
	}})
	for in, want := range map[string]string{
		`<img src="cid:logo@x">`:       `<img src="` + uri + `">`,
		`<img src="CID:logo%40x">`:     `<img src="` + uri + `">`,
		`<img src="cid:path" alt=a>`:   `<img src="/mail/42/part/2?a=1&amp;b=2" alt="a">`,
		`<img src="cid:none">`:         `<img>`,
		`<img src="cid:bad">`:          `<img>`,
		`<img src="cid:svg">`:          `<img>`,
		`<img src="cid:quote">`:        `<img>`,
		`<img src="cid:far">`:          `<img>`,
		`<img src="` + uri + `">`:      `<img>`, // DataBytes is zero
		`<a href="cid:logo@x">x</a>`:   `x`,
		`<td background="cid:logo@x">`: ``,
	} {
		h, report, err := w.Wash(in)
		require.NoError(t, err)
		require.Equal(t, want, h.String())
		require.Zero(t, report.Blocked, in)
	}
	w = sanitize.NewMail(sanitize.Mail{DataBytes: 100})
	for in, want := range map[string]string{
		`<img src="` + uri + `">`: `<img src="` + uri + `">`,
		`<img src="data:image/jpeg;base64,` + base64.StdEncoding.EncodeToString(png) + `">`:                     `<img src="` + uri + `">`, // the bytes say what it is
		`<img src="data:image/png;base64,` + base64.StdEncoding.EncodeToString([]byte("<svg onload=x>")) + `">`: `<img>`,
		`<img src="data:image/svg+xml,<svg onload=x>">`:                                                         `<img>`,
		`<img src="data:image/png;base64,` + strings.Repeat("A", 1000) + `">`:                                   `<img>`,
		`<a href="` + uri + `">x</a>`: `x`,
	} {
		h, _, err := w.Wash(in)
		require.NoError(t, err)
		require.Equal(t, want, h.String())
	}
}

// TestDataPicture measures headers written after the specifications: PNG (11.2.2), GIF89a (18), JPEG (ITU T.81,
// B.2.2), WebP (RFC 9649).
func TestDataPicture(t *testing.T) {
	square, err := os.ReadFile("testdata/green.png")
	require.NoError(t, err)
	huge := bytes.Clone(square)
	binary.BigEndian.PutUint32(huge[16:], 40_000)
	binary.BigEndian.PutUint32(huge[20:], 40_000)
	binary.BigEndian.PutUint32(huge[29:], crc32.ChecksumIEEE(huge[12:29]))
	jpeg := func(w, h string) []byte {
		return []byte("\xff\xd8\xff\xc0\x00\x11\x08" + h + w + "\x03\x01\x11\x00\x02\x11\x00\x03\x11\x00\xff\xda\x00\x0c" + strings.Repeat("\x00", 10))
	}
	riff := func(chunk string) []byte {
		return []byte("RIFF\x00\x01\x00\x00WEBP" + chunk + strings.Repeat("\x00", 20))
	}
	for name, c := range map[string]struct {
		picture []byte
		mime    string // empty: refused
	}{
		"png":               {square, "image/png"},
		"png of 6 GB":       {huge, ""},
		"png cut":           {square[:20], ""},
		"gif":               {[]byte("GIF89a\x10\x00\x10\x00\x00\x00\x00;"), "image/gif"},
		"gif and script":    {[]byte("GIF89a=1;alert(1)"), ""}, // as a picture it would be 12,605 by 24,891 pixels
		"jpeg":              {jpeg("\x00\x10", "\x00\x10"), "image/jpeg"},
		"jpeg of 16 GB":     {jpeg("\xff\xff", "\xff\xff"), ""},
		"webp lossy":        {riff("VP8 \x10\x00\x00\x00\x00\x00\x00\x9d\x01\x2a\x10\x00\x10\x00"), "image/webp"},
		"webp lossless":     {riff("VP8L\x10\x00\x00\x00\x2f\x0f\xc0\x03\x00"), "image/webp"},
		"webp extended":     {riff("VP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x0f\x00\x00\x0f\x00\x00"), "image/webp"},
		"webp of 1 PB":      {riff("VP8X\x0a\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff"), ""},
		"webp without size": {riff("XXXX"), ""},
		"wave":              {[]byte("RIFF\x00\x01\x00\x00WAVEfmt " + strings.Repeat("\x00", 20)), ""},
		"svg":               {[]byte("<svg/>"), ""},
		"html":              {[]byte("<script>"), ""},
		"nothing":           {nil, ""},
	} {
		uri, ok := sanitize.DataPicture(c.picture, 1000)
		require.Equal(t, c.mime != "", ok, name)
		if ok {
			require.Equal(t, "data:"+c.mime+";base64,"+base64.StdEncoding.EncodeToString(c.picture), uri, name)
		}
	}
	_, ok := sanitize.DataPicture(square, len(square)-1)
	require.False(t, ok)
}

func TestBrowserIsNotAskedForAMillionColumns(t *testing.T) {
	h, _, err := sanitize.NewMail(sanitize.Mail{}).Wash("<table><tr>" + strings.Repeat("<td colspan=999>x", 1000))
	require.NoError(t, err)
	require.LessOrEqual(t, strings.Count(h.String(), "colspan"), 20)
	require.Equal(t, 1000, strings.Count(h.String(), "<td"))
}

func TestTurnedLetters(t *testing.T) {
	h, _, err := sanitize.NewMail(sanitize.Mail{}).Wash("<a href=https://evil.example>\u202eelpmaxe.knab</a><bdo dir=rtl>x</bdo> שלום\u200f!")
	require.NoError(t, err)
	require.Contains(t, h.String(), ">elpmaxe.knab</a>x שלום\u200f!")
}

func TestCell(t *testing.T) {
	for in, want := range map[string]string{
		`=HYPERLINK("https://evil.example")`: `'=HYPERLINK("https://evil.example")`,
		"+1+cmd|'/c calc'!A0":                "'+1+cmd|'/c calc'!A0", "-2+3": "'-2+3", "@SUM(A1)": "'@SUM(A1)", "＝1": "'＝1", "\t=1": "'\t=1", "\r\n=1": "'\n=1", "  =1": "'  =1",
		"-1 200,50": "-1 200,50", "+46": "+46", "-": "'-", "Anna": "Anna", "a=b": "a=b", "": "", "\x00=1": "'=1",
	} {
		require.Equal(t, want, sanitize.Cell(in))
	}
}

func TestNamesArePrefixedOrDropped(t *testing.T) {
	const in = `<p id=x class=y name=z>a</p><a name=top></a><a href=#top>b</a><p id="m42-x">c</p><p id="a b">d</p><p id=e name=f>e</p>`
	h, _, err := sanitize.NewMail(sanitize.Mail{IDPrefix: "m42-"}).Wash(in)
	require.NoError(t, err)
	require.Equal(t, `<p id="m42-x">a</p><span id="m42-top"></span><a href="#m42-top">b</a><p id="m42-x">c</p><p>d</p><p id="m42-e">e</p>`, h.String())
	h, _, err = sanitize.NewMail(sanitize.Mail{}).Wash(in)
	require.NoError(t, err)
	require.Equal(t, `<p>a</p>b<p>c</p><p>d</p><p>e</p>`, h.String())
	h, _, err = sanitize.NewMail(sanitize.Mail{IDPrefix: `4"><script>m-`}).Wash(`<p id=x>a</p>`)
	require.NoError(t, err)
	require.Equal(t, `<p id="scriptm-x">a</p>`, h.String(), "a prefix that is none is made one")
}

func TestLinks(t *testing.T) {
	const rel = ` rel="noopener noreferrer nofollow" target="_blank"`
	for in, want := range map[string]string{
		`<a href="HTTPS://Bank.Example:8443/A b?<q>#f">x</a>`:                        `<a href="https://bank.example:8443/A%20b?%3Cq%3E#f"` + rel + `>x</a>`,
		`<a href="https:/\/a.example\b">x</a>`:                                       `<a href="https://a.example/b"` + rel + `>x</a>`,
		`<a href="https://åsa.example/é">x</a>`:                                      `<a href="https://åsa.example/é"` + rel + `>x</a>`,
		`<a href="https://bank.example@evil.example/">x</a>`:                         `<a href="https://evil.example/"` + rel + `>x</a>`,
		`<a href="https://ev%69l.example/">x</a>`:                                    `x`,
		`<a href="https://evil。example/">x</a>`:                                      `x`,
		`<a href="https://a.example／b/">x</a>`:                                       `x`,
		`<a href="https://a.example:x/">x</a>`:                                       `x`,
		`<a href="https:///">x</a>`:                                                  `x`,
		`<a href="ftp://a.example/">x</a>`:                                           `x`,
		`<a href="/mail/delete?id=1">x</a>`:                                          `x`,
		`<a href="MAILTO:a@b.example?subject=å ä">x</a>`:                             `<a href="mailto:a@b.example?subject=å%20ä">x</a>`,
		`<a href="tel:*%2306%23">x</a>`:                                              `x`,
		`<a href="tel:+46 8 123 45">x</a>`:                                           `<a href="tel:+46%208%20123%2045">x</a>`,
		`<a href="https://x.example" rel=opener target=_top ping=/x>x</a>`:           `<a href="https://x.example"` + rel + `>x</a>`,
		`<a href="` + "https://x.example/" + strings.Repeat("a", 20<<10) + `">x</a>`: `x`,
	} {
		h, _, err := sanitize.NewMail(sanitize.Mail{}).Wash(in)
		require.NoError(t, err)
		require.Equal(t, want, h.String())
	}
	leave := func(url string) string { return "/leave?to=" + strings.TrimPrefix(url, "https://") }
	h, _, err := sanitize.NewMail(sanitize.Mail{Leave: leave}).Wash(`<a href="https://a.example/">x</a><a href="mailto:a@b.example">y</a>`)
	require.NoError(t, err)
	require.Equal(t, `<a href="/leave?to=a.example/"`+rel+`>x</a><a href="mailto:a@b.example">y</a>`, h.String())
	h, _, err = sanitize.NewMail(sanitize.Mail{Leave: func(string) string { return "javascript:x()" }}).Wash(`<a href="https://a.example/">x</a>`)
	require.NoError(t, err)
	require.Equal(t, `x`, h.String(), "a host's mistake does not run")
}

func TestDeceptiveLinksAreReported(t *testing.T) {
	for in, want := range map[string][]string{
		`<a href="https://evil.example/">https://bank.example/login</a>`:            {"bank.example -> evil.example"},
		`<a href="https://evil.example/">www.bank.example</a>`:                      {"www.bank.example -> evil.example"},
		`<a href="https://evil.example/"> <b>bank</b>.example </a>`:                 {"bank.example -> evil.example"},
		`<a href="https://evil.example/">bank.ex` + "\u200b" + `ample</a>`:          {"bank.example -> evil.example"},
		`<a href="https://bank.example@evil.example/">Logga in</a>`:                 {"bank.example -> evil.example"},
		`<a href="https://bank.example.evil.example/">bank.example</a>`:             {"bank.example -> bank.example.evil.example"},
		`<a href="https://evil.example/">bank.example<p>`:                           {"bank.example -> evil.example"},
		`<a href="https://evil.example/">bank.example<a href="https://x.example/">`: {"bank.example -> evil.example"},
		`<a href="https://www.bank.example/x">https://bank.example</a>`:             nil,
		`<a href="https://login.bank.example/x">bank.example</a>`:                   nil,
		`<a href="https://bank.example/x">login.bank.example</a>`:                   nil,
		`<a href="https://evil.example/">Logga in på www.bank.example nu</a>`:       {"www.bank.example -> evil.example"},
		`<a href="https://evil.example/">Logga in: (https://bank.example/x).</a>`:   {"bank.example -> evil.example"},
		`<a href="https://evil.example/">Läs mer i rapport.pdf</a>`:                 nil,
		`<a href="https://evil.example/">Läs mer på vår sida</a>`:                   nil,
		`<a href="https://evil.example/">report.v2</a>`:                             nil,
		`<a href="mailto:a@b.example">c@d.example</a>`:                              nil,
		`<a href="https://evil.example/">3.14</a>`:                                  nil,
	} {
		_, report, err := sanitize.NewMail(sanitize.Mail{}).Wash(in)
		require.NoError(t, err)
		require.Equal(t, want, report.Deceptive, in)
	}
}

func TestReportIsBounded(t *testing.T) {
	var b strings.Builder
	for i := range 1000 {
		n := strings.Repeat("a", i/26+1) + string(rune('a'+i%26))
		b.WriteString(`<img src=//` + n + `.example/><a href=https://` + n + `.example/>bank.example</a><script></script>`)
	}
	_, report, err := sanitize.NewMail(sanitize.Mail{}).Wash(b.String())
	require.NoError(t, err)
	require.Equal(t, 1000, report.Blocked)
	require.Equal(t, 1000, report.Removed)
	require.Len(t, report.Hosts, 100)
	require.Len(t, report.Deceptive, 100)
}

// TestTheTextRemains goes through the ways washing gives up.
func TestTheTextRemains(t *testing.T) {
	w := sanitize.NewMail(sanitize.Mail{MaxBytes: 1000})
	h, _, err := w.Wash("<p>Hej &lt;b&gt;</p>" + strings.Repeat("<b></b>", 200) + "<script>x</script>slut")
	require.ErrorIs(t, err, sanitize.ErrTooLong)
	require.Equal(t, "Hej &lt;b&gt;<br>\n<br>\nslut", h.String())

	h, _, err = w.Wash(strings.Repeat("å", 2000))
	require.ErrorIs(t, err, sanitize.ErrTooLong)
	require.Equal(t, strings.Repeat("å", 500)+"…", h.String())

	h, _, err = w.Wash(strings.Repeat("<img src=x>", 200))
	require.ErrorIs(t, err, sanitize.ErrTooLong)
	require.Contains(t, h.String(), "&lt;img src=x&gt;", "a letter without text shows its source")

	h, _, err = sanitize.NewMail(sanitize.Mail{}).Wash(strings.Repeat("<div>", 100_000) + "djup <b>text</b>")
	require.ErrorIs(t, err, sanitize.ErrTooDeep)
	require.Equal(t, "djup text", h.String())

	h, _, err = sanitize.NewMail(sanitize.Mail{}).Wash(strings.Repeat("<div>", 399) + "x")
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(h.String(), "x"+strings.Repeat("</div>", 399)))

	require.Empty(t, sanitize.HTML{}.String())
	require.Empty(t, sanitize.HTML{}.Template())
}

func TestComment(t *testing.T) {
	in := `<h1>A</h1><h3>B</h3><p style="color:red" class=x id=y>a <b>b</b> <code>c</code></p><ol start=3><li>d</ol><table border=1><tr><td colspan=2 bgcolor=red>e</table>` +
		`<img src=https://a.example/x alt=f><font color=red>g</font><div align=center>h</div><a href="https://x.example/" style="color:red" title=t>i</a>`
	h, report, err := sanitize.NewComment(sanitize.Comment{}).Wash(in)
	require.NoError(t, err)
	require.Equal(t, `A<h3>B</h3><p>a <b>b</b> <code>c</code></p><ol start="3"><li>d</li></ol><table><tbody><tr><td colspan="2">e</td></tr></tbody></table>`+
		`gh<a href="https://x.example/" rel="noopener noreferrer nofollow" target="_blank" title="t">i</a>`, h.String())
	require.Equal(t, 1, report.Blocked)
}

func TestServeFrame(t *testing.T) {
	blocked, _, err := sanitize.NewMail(sanitize.Mail{}).Wash(`<b>x</b>`)
	require.NoError(t, err)
	w := httptest.NewRecorder()
	w.Header().Set("Content-Security-Policy", "default-src 'self'")
	sanitize.ServeFrame(w, blocked)
	require.Equal(t, []string{"default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox allow-popups allow-popups-to-escape-sandbox; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"},
		w.Header().Values("Content-Security-Policy"))
	require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	require.Contains(t, w.Body.String(), "<b>x</b>")

	allowed, _, err := sanitize.NewMail(sanitize.Mail{Remote: sanitize.Allow}).Wash(`<img src=https://a.example/x>`)
	require.NoError(t, err)
	w = httptest.NewRecorder()
	sanitize.ServeFrame(w, allowed)
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "img-src data: https:;")
}

func TestWasherIsSafeForConcurrentUse(t *testing.T) {
	w := sanitize.NewMail(sanitize.Mail{IDPrefix: "m1-"})
	source := styledMail(5000)
	want := wash(t, w, source)
	var all sync.WaitGroup
	got := make([]string, 16)
	for i := range got {
		all.Go(func() {
			h, _, _ := w.Wash(source)
			got[i] = h.String()
		})
	}
	all.Wait()
	for _, out := range got {
		require.Equal(t, want, out)
	}
}
