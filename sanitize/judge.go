package sanitize

import (
	"bytes"
	"errors"
	"regexp"
	"sync"

	"github.com/microcosm-cc/bluemonday"
)

// The judges are two bluemonday policies, written independently of the tables that the washer works from. A judge
// reads what the washer wrote. If it would change one byte, the two disagree about what is safe, and the reader gets
// plain text. Every pattern is anchored at both ends, but for addresses, where what counts is how they begin.
var (
	mailJudge    = sync.OnceValue(newMailJudge)
	commentJudge = sync.OnceValue(newCommentJudge)
)

var (
	patLink    = regexp.MustCompile(`\A(?:https?://[^/\\]|mailto:|tel:|sms:|#[a-zA-Z]|/(?:[^/\\]|\z))`)
	patPicture = regexp.MustCompile(`\A(?:https://[^/\\]|data:image/(?:png|jpeg|gif|webp);base64,|/(?:[^/\\]|\z))`)
	patNumber  = regexp.MustCompile(`\A[+-]?[0-9]{1,4}%?\z`)
	patWord    = regexp.MustCompile(`\A[a-zA-Z0-9-]{0,35}\z`)
	patColor   = regexp.MustCompile(`\A(?:#[0-9a-fA-F]{3,8}|[a-z]{3,24}|(?:rgb|hsl)a?\([0-9 .,%/]+\))\z`)
	patID      = regexp.MustCompile(`\A[a-zA-Z][a-zA-Z0-9_.:-]*\z`)
	patFonts   = regexp.MustCompile(`\A[a-zA-Z ,-]+\z`)
	patRel     = regexp.MustCompile(`\Anoopener noreferrer nofollow\z`)
	patTarget  = regexp.MustCompile(`\A_blank\z`)
)

// confirms reports whether the policy would leave markup exactly as it is.
func confirms(policy *bluemonday.Policy, markup []byte) bool {
	c := &comparison{rest: markup}
	err := policy.SanitizeReaderToWriter(bytes.NewReader(markup), c)
	return err == nil && len(c.rest) == 0
}

// A comparison takes what is written to it as long as it is what was expected.
type comparison struct{ rest []byte }

var errDiffers = errors.New("sanitize: differs")

func (c *comparison) Write(b []byte) (int, error) { return c.WriteString(string(b)) }

func (c *comparison) WriteString(s string) (int, error) {
	if len(s) > len(c.rest) || string(c.rest[:len(s)]) != s {
		return 0, errDiffers
	}
	c.rest = c.rest[len(s):]
	return len(s), nil
}

// confirmsStyle is the second judge of styles. It knows nothing of properties: it counts out the letters in which a
// load, an escape, a comment or a second value could be written, and lets parentheses stand only behind the names of
// colour functions.
func confirmsStyle(style []byte) bool {
	for i, c := range style {
		switch {
		case isAlnum(c), c == ' ', c == '#', c == '%', c == '.', c == ',', c == ':', c == ';', c == '-', c == ')', c == '+':
		case c == '/': // between the colour and the opacity
			if i == 0 || style[i-1] == '/' || style[i-1] == '*' {
				return false
			}
		case c == '(':
			f := style[max(0, i-4):i]
			if !bytes.HasSuffix(f, []byte("rgb")) && !bytes.HasSuffix(f, []byte("hsl")) && !bytes.Equal(f, []byte("rgba")) && !bytes.Equal(f, []byte("hsla")) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

func newJudge(elements ...string) *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowNoAttrs().OnElements(elements...)
	p.AllowAttrs("href").Matching(patLink).OnElements("a")
	p.AllowAttrs("rel").Matching(patRel).OnElements("a")
	p.AllowAttrs("target").Matching(patTarget).OnElements("a")
	p.AllowAttrs("title").Globally()
	p.AllowAttrs("dir", "lang").Matching(patWord).Globally()
	p.AllowAttrs("colspan", "rowspan").Matching(patNumber).OnElements("td", "th")
	p.AllowAttrs("scope").Matching(patWord).OnElements("th")
	p.AllowAttrs("start").Matching(patNumber).OnElements("ol")
	return p
}

func newCommentJudge() *bluemonday.Policy {
	return newJudge("a", "abbr", "b", "blockquote", "br", "caption", "cite", "code", "dd", "del", "dl", "dt", "em", "h3", "h4", "h5", "h6",
		"hr", "i", "ins", "kbd", "li", "ol", "p", "pre", "q", "s", "samp", "strike", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th",
		"thead", "tr", "u", "ul", "var", "wbr")
}

func newMailJudge() *bluemonday.Policy {
	p := newJudge("a", "abbr", "acronym", "address", "article", "aside", "b", "bdi", "big", "blockquote", "br", "caption", "center",
		"cite", "code", "col", "colgroup", "dd", "del", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "font", "footer", "h1", "h2",
		"h3", "h4", "h5", "h6", "header", "hr", "i", "img", "ins", "kbd", "li", "main", "mark", "nav", "ol", "p", "pre", "q", "s", "samp",
		"section", "small", "span", "strike", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul",
		"var", "wbr")
	p.AllowAttrs("style").Globally() // judged by confirmsStyle: bluemonday's own reading of CSS is quadratic
	p.AllowAttrs("id").Matching(patID).Globally()
	p.AllowAttrs("role").Matching(patWord).Globally()
	p.AllowAttrs("src").Matching(patPicture).OnElements("img")
	p.AllowAttrs("alt").OnElements("img")
	p.AllowAttrs("align", "valign", "clear", "type", "nowrap", "noshade").Matching(patWord).Globally()
	p.AllowAttrs("bgcolor", "bordercolor", "color").Matching(patColor).Globally()
	p.AllowAttrs("face").Matching(patFonts).OnElements("font")
	p.AllowAttrs("width", "height", "border", "cellpadding", "cellspacing", "hspace", "vspace", "size", "span", "value").Matching(patNumber).Globally()
	return p
}
