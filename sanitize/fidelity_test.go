package sanitize_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/skans-go/skans/sanitize"
)

// TestLettersKeepWhatTheirReadersNeed compares each letter before and after: every visible word in its order, every
// cell, and the colours and alignments that are listed here from reading the source.
func TestLettersKeepWhatTheirReadersNeed(t *testing.T) {
	for name, want := range map[string]struct {
		keeps   []string
		blocked int
		hosts   []string
	}{
		"outlook.html": {keeps: []string{
			`color:#1f497d`, `color:red`, `font-size:14.0pt`, `background-color:#d9e2f3`, `border:solid windowtext 1.0pt`, `width:113.4pt`, `<p style="margin:0;margin-left:36.0pt`, `text-align:right`, `text-indent:-18.0pt`,
			`href="mailto:anna.lind@example.com"`, `href="tel:+4681234567"`, `alt="Kommunens vapen"`, `src="data:image/png;base64,iVBORw0KGgo`, `font-family:Calibri,sans-serif`,
		}},
		"gmail.html": {keeps: []string{
			`color:#0b5394`, `font-family:arial,helvetica,sans-serif`, `border-left:1px solid rgb(204,204,204)`, `background-color:rgb(255,255,0)`, `<font color="#888888" face="tahoma,sans-serif" size="2">`,
			`clear="all"`, `href="https://maps.example.com/?q=Storgatan+3&amp;z=15"`, `margin-left:15px`, `alt="karta.png"`,
		}},
		"applemail.html": {keeps: []string{`<font color="#5856d6">`, `text-align:right`, `text-align:center`, `face="Helvetica Neue"`, `white-space:pre-wrap`, "  rad ett\n    rad två", `width="320" height="240"`}},
		"newsletter.html": {keeps: []string{
			`<center>`, `bgcolor="#f2f2f2"`, `background-color:#ffffff`, `border:1px solid #dddddd`, `background-color:#005a9c;color:#ffffff`, `font-size:14px;line-height:1.5;font-family:Arial,sans-serif`, `align="center"`,
			`colspan="2"`, `font-size:18px`, `background-color:#e4572e`, `alt="Kören &#34;Vårljus&#34; på scen"`, `valign="middle"`, `display:none`, `role="presentation"`, `text-transform:uppercase`,
		}, blocked: 4, hosts: []string{"img.example.com", "click.mailer.example.net"}},
		"list.html": {keeps: []string{
			`<b>Two questions</b>`, `<b>Who has the <i>latest</i></b><i> drawing?`, `bgcolor="yellow"`, `width="80%"`, `align="center"`, `<caption>Dates</caption>`, `nowrap=""`, `<font color="green" size="+1">`,
			`<dt>BN</dt><dd>the board</dd>`, `color:#000000`, `<hr size="1" noshade="">`,
		}},
		"broken.html": {keeps: []string{`<font color="blue">`, `bgcolor="#eeeeee"`, `align="center"`}, blocked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join("testdata/letters", name))
			require.NoError(t, err)
			h, report, err := letterWasher(t).Wash(string(raw))
			require.NoError(t, err)
			require.Equal(t, visible(t, string(raw)), visible(t, h.String()))
			for _, tag := range []string{"td", "th", "tr", "table", "li", "a", "img", "blockquote", "p"} {
				require.Equal(t, count(t, string(raw), tag), count(t, h.String(), tag), tag)
			}
			for _, keep := range want.keeps {
				require.Contains(t, h.String(), keep)
			}
			require.Equal(t, want.blocked, report.Blocked)
			require.Equal(t, want.hosts, report.Hosts)
			requireAllowed(t, parseIn(t, "div", h.String()), name, false)
		})
	}
}

// letterWasher has a picture for every Content-ID.
func letterWasher(t *testing.T) *sanitize.Washer {
	t.Helper()
	square, err := os.ReadFile("testdata/green.png")
	require.NoError(t, err)
	return sanitize.NewMail(sanitize.Mail{CID: func(string) (string, bool) { return sanitize.DataPicture(square, 1000) }})
}

// TestStrangersLettersKeepTheirText runs over mail that others wrote, where it lies beside the checkout.
func TestStrangersLettersKeepTheirText(t *testing.T) {
	files, _ := filepath.Glob("../../shared/corpora/mail/html-templates/*.html")
	if len(files) == 0 {
		t.Skip("../shared/corpora/mail is not there: only our own letters were compared")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			h, _, err := letterWasher(t).Wash(string(raw))
			require.NoError(t, err)
			// Sorted: a browser moves a template's directives between rows in front of the table, and we give them a
			// row.
			require.Equal(t, slices.Sorted(slices.Values(visible(t, string(raw)))), slices.Sorted(slices.Values(visible(t, h.String()))))
			for _, tag := range []string{"table", "li", "img", "h1"} {
				require.Equal(t, count(t, string(raw), tag), count(t, h.String(), tag), tag)
			}
			requireHarmless(t, sanitize.NewMail(sanitize.Mail{}), string(raw), false)
		})
	}
}

// visible returns the words of a document that a browser would show, without asking the package under test.
func visible(t *testing.T, markup string) []string {
	t.Helper()
	doc, err := html.ParseWithOptions(strings.NewReader(markup), html.ParseOptionEnableScripting(false))
	require.NoError(t, err)
	var b strings.Builder
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		switch n.Data {
		case "style", "script", "title", "head", "template":
			if n.Type == html.ElementNode {
				return
			}
		case "p", "div", "td", "th", "li", "br", "tr", "dt", "dd", "h1", "h2", "h3", "table", "caption", "blockquote", "form":
			b.WriteByte(' ')
		}
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(doc)
	words := strings.Fields(b.String())
	require.NotEmpty(t, words)
	return words
}

func count(t *testing.T, markup, tag string) (n int) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(markup))
	require.NoError(t, err)
	for d := range doc.Descendants() {
		if d.Type == html.ElementNode && d.Data == tag {
			n++
		}
	}
	return n
}
