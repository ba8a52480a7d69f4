package sanitize

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

var (
	// ErrTooLong says that the source has more than MaxBytes. The value beside it holds the beginning as plain text.
	ErrTooLong = errors.New("sanitize: the text is too long to be shown with its formatting")
	// ErrTooDeep says that more than 400 elements stood inside each other. The value beside it holds the plain text.
	ErrTooDeep = errors.New("sanitize: the text is nested too deep to be shown with its formatting")
	// ErrDisagree says that the second judge would not have let the washed markup pass as it is. That is a mistake in
	// this package; please report it. The value beside it holds the plain text.
	ErrDisagree = errors.New("sanitize: the washed text was not confirmed and is shown without its formatting")
)

// A Washer makes markup harmless. It is safe for concurrent use if the functions in its configuration are.
type Washer struct {
	mail    Mail
	comment bool
}

// Wash returns what may be shown of source, and a report of what was taken out. It never fails to return something to
// read: beside [ErrTooLong], [ErrTooDeep] and [ErrDisagree] the value holds the text as escaped plain text.
//
// Washing twice changes nothing (with CID and Leave nil: an address that they returned is the host's and not judged
// again). Time and memory grow linearly with the source.
func (w *Washer) Wash(source string) (HTML, Report, error) {
	if len(source) > w.mail.MaxBytes {
		return w.asText(source), Report{}, ErrTooLong
	}
	run := &washing{Washer: w, source: source, pre: -1, tokens: html.NewTokenizer(strings.NewReader(source))}
	run.b.out = make([]byte, 0, len(source)+len(source)/8+64)
	run.b.budget = len(source)/4 + 4096
	if err := run.all(); err != nil {
		return w.asText(source), run.report, err
	}
	judge := mailJudge
	if w.comment {
		judge = commentJudge
	}
	if run.disputed || !confirms(judge(), run.b.out) {
		return w.asText(source), run.report, ErrDisagree
	}
	return HTML{markup: string(run.b.out), remote: run.remote}, run.report, nil
}

// asText is the letter of last resort: its text, or where there is none, its source. At most MaxBytes of it.
func (w *Washer) asText(source string) HTML {
	text := TextFromHTML(source)
	if text == "" {
		text = Text(source)
	}
	if len(text) > w.mail.MaxBytes {
		n := w.mail.MaxBytes
		for n > 0 && !utf8.RuneStart(text[n]) {
			n--
		}
		text = text[:n] + "…"
	}
	out := appendEscaped(make([]byte, 0, len(text)+len(text)/8), []byte(text))
	return HTML{markup: strings.ReplaceAll(string(out), "\n", "<br>\n")}
}

// A washing is one run of a Washer.
type washing struct {
	*Washer
	source   string
	tokens   *html.Tokenizer
	b        builder
	report   Report
	link     linkText
	remote   bool              // a remote picture was kept
	disputed bool              // the second judge of styles did not agree
	styles   map[string]string // what styles became: letters repeat them for every cell
	body     bool              // the body's attributes have been taken over
	pre      int               // where the last <pre> begins: parsers drop the first line end there, and the next one when it is written again
	tag      tag
	spans    int               // what all spans add up to
	pictures map[string]string // addresses of attached pictures, by content id; "" for none
	// what their addresses add up to, each as often as it is written
	attachedBytes int
	buf           []byte
	style         []byte
}

func (w *washing) all() error {
	for {
		switch w.tokens.Next() {
		case html.ErrorToken: // the end: reading from memory has no other error
			w.b.closeTo(0)
			w.link.finish(&w.report)
			if w.b.tooDeep {
				return ErrTooDeep
			}
			return nil
		case html.TextToken:
			w.text(w.tokens.Text())
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := w.tokens.TagName()
			w.start(atom.Lookup(name), more)
			if w.b.tooDeep {
				return ErrTooDeep
			}
		case html.EndTagToken:
			name, _ := w.tokens.TagName()
			w.end(atom.Lookup(name))
		case html.CommentToken:
			raw := w.tokens.Raw()
			if bytes.HasPrefix(raw, []byte("<!--")) && !bytes.HasSuffix(raw, []byte("-->")) && !bytes.HasSuffix(raw, []byte("--!>")) {
				w.remainder(len(raw) - len("<!--"))
			}
		}
	}
}

func (w *washing) text(text []byte) {
	if len(bytes.Trim(text, " \t\r\n\f")) > 0 {
		w.b.text()
	}
	w.link.add(text)
	if len(w.b.out) == w.pre {
		text = bytes.TrimLeft(text, "\r\n")
	}
	w.b.out = appendEscaped(w.b.out, text)
}

func (w *washing) end(a atom.Atom) {
	if a == atom.A {
		w.link.finish(&w.report)
	}
	if e := w.known(a); e != nil {
		w.b.end(e)
	}
}

// known returns the row of an element that this washer keeps, or nil.
func (w *washing) known(a atom.Atom) *element {
	e := elements[a]
	if e == nil || w.comment && !e.comment {
		return nil
	}
	return e
}

func (w *washing) start(a atom.Atom, more bool) {
	e := w.known(a)
	if a == atom.Body && !w.body && !w.comment && len(w.b.stack) == 0 {
		w.body = true
		if more {
			w.startBody()
		}
		return
	}
	if e == nil {
		w.drop(a, more)
		return
	}
	if a == atom.A {
		w.startLink(e, more)
		return
	}
	if !w.b.place(e) {
		w.drop(a, more)
		return
	}
	start := len(w.b.out)
	w.b.out = append(append(w.b.out, '<'), e.name...)
	w.attributes(e, more)
	w.b.out = append(w.b.out, '>')
	if a == atom.Pre {
		w.pre = len(w.b.out)
	}
	if e.role != void && e.role != rule && e.role != column {
		w.b.push(e, start)
	}
}

// drop leaves a tag out, with its content if no browser shows it, and counts what it would have fetched.
func (w *washing) drop(a atom.Atom, more bool) {
	for more {
		var key, value []byte
		key, value, more = w.tokens.TagAttr()
		if loads[string(key)] || a == atom.Link && string(key) == "href" {
			w.refuseLoad(string(value))
		}
	}
	if !frameOfDocument[a] {
		w.report.Removed++
	}
	if swallowed[a] && w.tokens.Next() == html.TextToken { // or the end tag of an empty one
		size := len(w.tokens.Raw())
		if w.tokens.Next() == html.ErrorToken {
			w.remainder(size)
		}
	}
}

// remainder shows as plain text what an element or comment without an end has swallowed: the last size bytes of the
// source. A browser would show nothing of it, and a letter would end in the middle for a typing mistake in its head.
func (w *washing) remainder(size int) {
	w.text([]byte(TextFromHTML(w.source[len(w.source)-size:])))
}

func (w *washing) refuseLoad(address string) {
	if host, remote := remoteHost(address); remote {
		w.report.block(host)
	} else {
		w.report.Removed++
	}
}

// startBody keeps the colours and fonts of <body> on a <div>.
func (w *washing) startBody() {
	start := len(w.b.out)
	w.b.out = append(w.b.out, "<div"...)
	w.attributes(bodyElement, true)
	w.b.out = append(w.b.out, '>')
	w.b.push(elements[atom.Div], start)
}

// startLink writes a link that leads somewhere. An anchor without an address becomes an empty one in place: unclosed
// anchors are common in old letters, and a link must not reach from one to the next.
func (w *washing) startLink(e *element, more bool) {
	w.link.finish(&w.report)
	w.buf = w.buf[:0]
	out := w.b.out
	w.b.out = w.buf
	to := w.attributes(e, more)
	w.buf, w.b.out = w.b.out, out
	if to.full == "" {
		if bytes.Contains(w.buf, []byte(` id="`)) && w.b.place(elements[atom.Span]) {
			w.b.out = append(append(append(w.b.out, "<span"...), w.buf...), "></span>"...)
		}
		return
	}
	if !w.b.place(e) {
		return
	}
	start := len(w.b.out)
	w.b.out = append(append(append(w.b.out, "<a"...), w.buf...), '>')
	w.b.push(e, start)
	w.link.start(to)
}

// appendEscaped escapes text for element content and attributes alike, exactly as golang.org/x/net/html does, so that
// the judge can compare bytes. NUL and other controls are dropped, bytes that are not UTF-8 become U+FFFD, and the
// two characters that turn letters around (U+202D and U+202E) go: a link that reads "bank.example" must be spelt so.
func appendEscaped(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			i++
			switch {
			case c == '&':
				dst = append(dst, "&amp;"...)
			case c == '\'':
				dst = append(dst, "&#39;"...)
			case c == '<':
				dst = append(dst, "&lt;"...)
			case c == '>':
				dst = append(dst, "&gt;"...)
			case c == '"':
				dst = append(dst, "&#34;"...)
			case c == '\r':
				dst = append(dst, '\n')
			case c >= ' ' && c != 0x7F, c == '\n', c == '\t', c == '\f':
				dst = append(dst, c)
			}
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 {
			dst = append(dst, "\uFFFD"...)
		} else if r >= 0xA0 && r != 0x202D && r != 0x202E {
			dst = append(dst, text[i:i+n]...)
		}
		i += n
	}
	return dst
}
