package validate

import (
	"io"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep objects and lists may hold each other.
const maxDepth = 16

// json reads a body of application/json (RFC 8259) into the schema's fields. encoding/json is not used: it takes the last
// of two members with one name, ignores case in names, repairs broken UTF-8 and passes over what follows the value, and each of
// these lets two programs see two different documents.
func (in *intake) json(body io.Reader) stop {
	b, err := readAll(body, in.r.ContentLength)
	if err != nil {
		return broken(err)
	}
	if !utf8.Valid(b) {
		return stop{status: http.StatusBadRequest, code: "encoding"}
	}
	p := jsonReader{in: in, text: string(b), copies: in.core.copies(len(b))}
	p.space()
	if p.next() != '{' {
		return stop{status: http.StatusBadRequest, code: "syntax"}
	}
	ok := p.object(in.core.document, in.root, 1)
	if p.space(); !ok || p.at != len(p.text) {
		return stop{status: http.StatusBadRequest, code: "syntax"}
	}
	return fine
}

// jsonReader walks over the text once. Its methods return false where the text is not JSON, or nested too deep.
type jsonReader struct {
	in     *intake
	text   string
	at     int
	copies bool // strings are copied out of the text
}

func (p *jsonReader) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// next returns the next byte without passing it, or 0 at the end.
func (p *jsonReader) next() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *jsonReader) pass(b byte) bool {
	if p.next() != b {
		return false
	}
	p.at++
	return true
}

// object fills dst with the members of an object, which begins here.
func (p *jsonReader) object(o *field, dst reflect.Value, depth int) bool {
	if depth > maxDepth {
		return false
	}
	var few [32]bool
	seen := few[:]
	if len(o.inner) > len(few) {
		seen = make([]bool, len(o.inner))
	}
	ok := p.members(func(name string) bool {
		f := o.members[name]
		switch {
		case f == nil:
			if q := p.in.core.elsewhere(name); q != nil && depth == 1 {
				p.in.fault(q, "source")
			} else {
				p.in.unknown("json")
			}
			return p.skip(depth)
		case seen[f.slot]:
			p.in.fault(f, "duplicate")
			return p.skip(depth)
		}
		seen[f.slot] = true
		return p.member(f, at(dst, f.index), depth)
	})
	if !ok {
		return false
	}
	for _, f := range o.inner {
		if seen[f.slot] {
			continue
		}
		if f.optional {
			f.absent(at(dst, f.index))
		} else {
			p.in.fault(f, "missing")
		}
	}
	return true
}

// members passes over an object and calls each with the value's name when the value comes next.
func (p *jsonReader) members(each func(name string) bool) bool {
	p.at++ // {
	p.space()
	if p.pass('}') {
		return true
	}
	for {
		p.space()
		name, ok := p.string()
		if !ok {
			return false
		}
		if p.space(); !p.pass(':') {
			return false
		}
		if p.space(); !each(name) {
			return false
		}
		if p.space(); p.pass('}') {
			return true
		}
		if !p.pass(',') {
			return false
		}
	}
}

// elements passes over a list and calls each when a value comes next.
func (p *jsonReader) elements(each func() bool) bool {
	p.at++ // [
	p.space()
	if p.pass(']') {
		return true
	}
	for {
		if p.space(); !each() {
			return false
		}
		if p.space(); p.pass(']') {
			return true
		}
		if !p.pass(',') {
			return false
		}
	}
}

// member fills one field with the value that comes next.
func (p *jsonReader) member(f *field, dst reflect.Value, depth int) bool {
	switch {
	case p.next() == 'n':
		if !p.word("null") {
			return false
		}
		if f.optional {
			f.absent(dst)
		} else {
			p.in.fault(f, "missing")
		}
		return true
	case !f.list:
		if f.pointer {
			fresh := reflect.New(f.typ)
			dst.Set(fresh)
			dst = fresh.Elem()
		}
		return p.value(f, dst, depth)
	case p.next() != '[':
		p.in.fault(f, "type")
		return p.skip(depth)
	case depth >= maxDepth:
		return false
	}
	n := 0
	ok := p.elements(func() bool {
		if n++; n > f.count {
			p.in.fault(f, "count")
			return p.skip(depth + 1)
		}
		dst.Grow(1)
		dst.SetLen(n)
		return p.value(f, dst.Index(n-1), depth+1)
	})
	if ok && n < f.few {
		p.in.fault(f, "few")
	}
	return ok
}

// value fills dst, of the field's element type, with one value.
func (p *jsonReader) value(f *field, dst reflect.Value, depth int) bool {
	if b := p.next(); b == '{' || b == '[' {
		if b == '{' && f.kind == kindObject {
			return p.object(f, dst, depth+1)
		}
		p.in.fault(f, "type")
		return p.skip(depth)
	}
	text, t, ok := p.scalar()
	if !ok {
		return false
	}
	if f.kind == kindObject || !f.fits(t) {
		p.in.fault(f, "type")
	} else if code := f.fill(dst, text); code != "" {
		p.in.fault(f, code)
	}
	return true
}

// scalar reads a string, number, true, false or null.
func (p *jsonReader) scalar() (text string, t token, ok bool) {
	switch b := p.next(); {
	case b == '"':
		text, ok = p.string()
		if p.copies {
			text = strings.Clone(text)
		}
		return text, tokenString, ok
	case b == 't':
		return "true", tokenBool, p.word("true")
	case b == 'f':
		return "false", tokenBool, p.word("false")
	case b == 'n':
		return "", tokenNull, p.word("null")
	}
	text, ok = p.number()
	return text, tokenNumber, ok
}

func (p *jsonReader) word(w string) bool {
	if !strings.HasPrefix(p.text[p.at:], w) {
		return false
	}
	p.at += len(w)
	return true
}

// number reads the grammar of RFC 8259, section 6.
func (p *jsonReader) number() (string, bool) {
	start := p.at
	p.pass('-')
	if !p.pass('0') && !p.digits() {
		return "", false
	}
	if p.pass('.') && !p.digits() {
		return "", false
	}
	if p.pass('e') || p.pass('E') {
		if !p.pass('+') {
			p.pass('-')
		}
		if !p.digits() {
			return "", false
		}
	}
	return p.text[start:p.at], true
}

func (p *jsonReader) digits() bool {
	start := p.at
	for b := p.next(); b >= '0' && b <= '9'; b = p.next() {
		p.at++
	}
	return p.at > start
}

// string reads a string and decodes its escapes; one without escapes is a part of the text.
func (p *jsonReader) string() (string, bool) {
	if !p.pass('"') {
		return "", false
	}
	start := p.at
	for p.at < len(p.text) {
		switch b := p.text[p.at]; {
		case b == '"':
			p.at++
			return p.text[start : p.at-1], true
		case b == '\\':
			return p.escaped(start)
		case b < ' ':
			return "", false
		}
		p.at++
	}
	return "", false
}

func (p *jsonReader) escaped(start int) (string, bool) {
	out := append(make([]byte, 0, 2*(p.at-start)+16), p.text[start:p.at]...)
	for p.at < len(p.text) {
		b := p.text[p.at]
		p.at++
		switch {
		case b == '"':
			return string(out), true
		case b < ' ':
			return "", false
		case b != '\\':
			out = append(out, b)
			continue
		}
		e := p.next()
		p.at++
		if i := strings.IndexByte(`"\/bfnrt`, e); i >= 0 {
			out = append(out, "\"\\/\b\f\n\r\t"[i])
			continue
		}
		r, ok := p.unit()
		if e != 'u' || !ok {
			return "", false
		}
		if utf16.IsSurrogate(r) { // a lone one is no character; a decoder that repairs it makes two names equal
			if !p.pass('\\') || !p.pass('u') {
				return "", false
			}
			low, ok := p.unit()
			if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
				return "", false
			}
		}
		out = utf8.AppendRune(out, r)
	}
	return "", false
}

// unit reads four hexadecimal digits.
func (p *jsonReader) unit() (rune, bool) {
	if len(p.text)-p.at < 4 {
		return 0, false
	}
	var r rune
	for range 4 {
		b := p.text[p.at] | 0x20
		p.at++
		switch {
		case b >= '0' && b <= '9' && p.text[p.at-1] == b:
			r = r<<4 | rune(b-'0')
		case b >= 'a' && b <= 'f':
			r = r<<4 | rune(b-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// skip passes over a value that nobody wants.
func (p *jsonReader) skip(depth int) bool {
	if depth >= maxDepth {
		return false
	}
	switch p.next() {
	case '{':
		return p.members(func(string) bool { return p.skip(depth + 1) })
	case '[':
		return p.elements(func() bool { return p.skip(depth + 1) })
	}
	_, _, ok := p.scalar()
	return ok
}
