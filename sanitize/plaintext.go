package sanitize

import (
	"bytes"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// TextFromHTML returns the text that a reader of the markup would see, as plain lines: paragraphs apart by an empty
// line, rows and line breaks by one, cells by a tab, items behind "- ", pictures as their alternative text. Scripts,
// styles and comments are gone. It is for previews, search, notifications and the text part of a mail; what it
// returns is not HTML and the template escapes it. A text without '<' and '&' is returned as [Text] returns it.
func TextFromHTML(s string) string {
	if strings.IndexByte(s, '<') < 0 && strings.IndexByte(s, '&') < 0 {
		return Text(s)
	}
	t := plainText{tokens: html.NewTokenizer(strings.NewReader(s)), out: make([]byte, 0, len(s)/2)}
	for t.next() {
	}
	return strings.TrimSpace(Text(string(t.out)))
}

type plainText struct {
	tokens *html.Tokenizer
	out    []byte
	blank  bool // a blank is due before the next word
	pre    int
}

func (t *plainText) next() bool {
	switch t.tokens.Next() {
	case html.ErrorToken:
		return false
	case html.TextToken:
		t.text(t.tokens.Text())
	case html.StartTagToken, html.SelfClosingTagToken:
		name, more := t.tokens.TagName()
		t.start(atom.Lookup(name), more)
	case html.EndTagToken:
		name, _ := t.tokens.TagName()
		t.end(atom.Lookup(name))
	}
	return true
}

func (t *plainText) text(text []byte) {
	if t.pre > 0 {
		t.out = append(t.out, text...)
		return
	}
	for len(text) > 0 {
		if isSpace(text[0]) {
			t.blank = true
			text = text[1:]
			continue
		}
		n := bytes.IndexAny(text, " \t\r\n\f")
		if n < 0 {
			n = len(text)
		}
		if t.blank && len(t.out) > 0 && t.out[len(t.out)-1] != '\n' && t.out[len(t.out)-1] != '\t' {
			t.out = append(t.out, ' ')
		}
		t.blank = false
		t.out = append(t.out, text[:n]...)
		text = text[n:]
	}
}

func (t *plainText) start(a atom.Atom, more bool) {
	if swallowed[a] {
		t.tokens.Next()
		return
	}
	switch a {
	case atom.Br:
		t.lineEnd()
	case atom.Hr, atom.Tr, atom.Div, atom.Dt, atom.Dd:
		t.freshLine()
	case atom.Td, atom.Th:
		if n := len(t.out); n > 0 && t.out[n-1] != '\n' {
			t.out, t.blank = append(t.out, '\t'), false
		}
	case atom.Li:
		t.freshLine()
		t.out = append(t.out, "- "...)
	case atom.Pre:
		t.paragraph()
		t.pre++
	case atom.Img, atom.Area:
		for more {
			var key, value []byte
			if key, value, more = t.tokens.TagAttr(); string(key) == "alt" {
				t.text(value)
			}
		}
	default:
		if e := elements[a]; e != nil && (e.role == block || e.role == heading || e.role == table) {
			t.paragraph()
		}
	}
}

func (t *plainText) end(a atom.Atom) {
	switch a {
	case atom.Tr, atom.Div, atom.Li, atom.Dt, atom.Dd:
		t.freshLine()
	case atom.Pre:
		t.pre = max(0, t.pre-1)
		t.paragraph()
	default:
		if e := elements[a]; e != nil && (e.role == block || e.role == heading || e.role == table) {
			t.paragraph()
		}
	}
}

func (t *plainText) lineEnd() {
	t.out = append(bytes.TrimRight(t.out, " \t"), '\n')
	t.blank = false
}

func (t *plainText) freshLine() {
	if n := len(t.out); n > 0 && t.out[n-1] != '\n' {
		t.lineEnd()
	}
	t.blank = false
}

func (t *plainText) paragraph() {
	t.freshLine()
	if n := len(t.out); n > 1 && t.out[n-2] != '\n' {
		t.out = append(t.out, '\n')
	}
}
