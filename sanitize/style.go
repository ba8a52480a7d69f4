package sanitize

import (
	"strings"
)

// kind is a set of what a component of a CSS value may be.
type kind uint8

const (
	kLength   kind = 1 << iota // 12px, 1.5em, 0
	kPercent                   // 50%
	kNumber                    // 1.5
	kColor                     // see color.go
	kNegative                  // lengths below zero too
)

// A property says what the value of one CSS property may be: up to max components, each of one of the kinds or one of
// the words.
type property struct {
	kinds kind
	max   int
	words map[string]bool
}

// A declarations value cleans one style attribute. It reads the source once from left to right. Whatever has a
// backslash, an at sign, a brace or a comment in it is not read at all: those are how CSS filters are fooled, and no
// mail program writes them into an attribute.
type declarations struct {
	blocked func(address string) // hears of every url()
	removed int
}

// appendTo appends the declarations of style that may stay to dst, as "property:value;property:value".
func (d *declarations) appendTo(dst []byte, style string) []byte {
	for style != "" {
		var name, value string
		name, value, style = nextDeclaration(style)
		if name == "" && value == "" {
			continue
		}
		mark := len(dst)
		if mark > 0 {
			dst = append(dst, ';')
		}
		var ok bool
		if dst, ok = d.declaration(dst, name, value); !ok {
			dst = dst[:mark]
			d.refuse(value)
		}
	}
	return dst
}

// nextDeclaration cuts the first declaration off, minding quotes and parentheses.
func nextDeclaration(style string) (name, value, rest string) {
	colon, depth, quote := -1, 0, byte(0)
	i := 0
scan:
	for ; i < len(style); i++ {
		switch c := style[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '(':
			depth++
		case c == ')':
			depth = max(0, depth-1)
		case c == ':' && colon < 0:
			colon = i
		case c == ';' && depth == 0:
			break scan
		}
	}
	whole := style[:i]
	if i < len(style) {
		rest = style[i+1:]
	}
	if colon < 0 {
		return strings.Trim(whole, blanks), "", rest
	}
	return strings.Trim(whole[:colon], blanks), strings.Trim(whole[colon+1:], blanks), rest
}

func (d *declarations) refuse(value string) {
	if !d.countLoads(value) {
		d.removed++
	}
}

// countLoads reports the addresses in a value that a browser would fetch.
func (d *declarations) countLoads(value string) (any bool) {
	for {
		i := strings.IndexByte(value, '(')
		if i < 0 {
			return any
		}
		if i >= 3 && strings.EqualFold(value[i-3:i], "url") {
			address, _, _ := strings.Cut(value[i+1:], ")")
			d.blocked(strings.Trim(address, " \t\r\n\f\"'"))
			any = true
		}
		value = value[i+1:]
	}
}

// blanks is the white space of CSS and HTML. That of Unicode is not white space to a browser.
const blanks = " \t\r\n\f"

const (
	maxProperty = 32
	maxValue    = 512
)

func (d *declarations) declaration(dst []byte, name, value string) ([]byte, bool) {
	var buf [maxProperty]byte
	if len(name) > len(buf) || len(value) > maxValue {
		return dst, false
	}
	low := appendLower(buf[:0], name)
	value = cutImportant(value)
	if strings.ContainsAny(value, "\\@{}<>") || strings.Contains(value, "/*") {
		return dst, false
	}
	switch string(low) {
	case "font":
		return fontShorthand(dst, value)
	case "font-family":
		return fontList(append(dst, "font-family:"...), value)
	case "background":
		out, ok := backgroundShorthand(dst, value)
		if ok {
			d.countLoads(value)
		}
		return out, ok
	}
	p, ok := properties[string(low)]
	if !ok {
		return dst, false
	}
	dst = append(append(dst, low...), ':')
	return p.value(dst, value)
}

// cutImportant drops the flag: it would let a letter win over the page's own style sheet.
func cutImportant(value string) string {
	if i := strings.LastIndexByte(value, '!'); i >= 0 && strings.EqualFold(strings.Trim(value[i+1:], blanks), "important") {
		return strings.Trim(value[:i], blanks)
	}
	return value
}

func (p property) value(dst []byte, value string) ([]byte, bool) {
	n := 0
	for value != "" {
		var part string
		part, value = nextComponent(value)
		if part == "" {
			continue
		}
		if n++; n > p.max {
			return dst, false
		}
		if n > 1 {
			dst = append(dst, ' ')
		}
		var ok bool
		if dst, ok = p.component(dst, part); !ok {
			return dst, false
		}
	}
	return dst, n > 0
}

func (p property) component(dst []byte, part string) ([]byte, bool) {
	var buf [24]byte
	if len(part) <= len(buf) {
		if low := appendLower(buf[:0], part); p.words[string(low)] || string(low) == "inherit" || string(low) == "initial" {
			return append(dst, low...), true
		}
	}
	if c := part[0]; c >= '0' && c <= '9' || c == '.' || c == '-' || c == '+' {
		return p.measure(dst, part)
	}
	if p.kinds&kColor != 0 {
		return color(dst, part)
	}
	return dst, false
}

// nextComponent cuts at blanks and commas outside of parentheses.
func nextComponent(value string) (part, rest string) {
	depth := 0
	for i := range len(value) {
		switch c := value[i]; {
		case c == '(':
			depth++
		case c == ')':
			depth = max(0, depth-1)
		case depth == 0 && isSpace(c):
			return value[:i], value[i+1:]
		}
	}
	return value, ""
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' }

// measure takes a number of at most four digits before and three after the point, with a unit. It bounds what a
// letter can ask a browser to lay out.
func (p property) measure(dst []byte, part string) ([]byte, bool) {
	mark := len(dst)
	s := part
	negative := s[0] == '-'
	if negative || s[0] == '+' {
		s = s[1:]
	}
	whole, s := leadingDigits(s)
	var fraction string
	if after, ok := strings.CutPrefix(s, "."); ok {
		fraction, s = leadingDigits(after)
		if fraction == "" {
			return dst, false
		}
	}
	if whole == "" && fraction == "" || len(whole) > 4 || len(s) > 3 {
		return dst, false
	}
	if negative {
		dst = append(dst, '-')
	}
	if whole == "" {
		whole = "0"
	}
	dst = append(dst, whole...)
	if fraction = fraction[:min(len(fraction), 3)]; fraction != "" {
		dst = append(append(dst, '.'), fraction...)
	}
	zero := strings.Trim(whole+fraction, "0") == ""
	if negative && p.kinds&kNegative == 0 && !zero {
		return dst[:mark], false
	}
	var buf [3]byte
	unit := appendLower(buf[:0], s)
	switch string(unit) {
	case "":
		return dst, zero || p.kinds&kNumber != 0
	case "%":
		return append(dst, '%'), p.kinds&kPercent != 0
	case "px", "pt", "em", "rem", "ex", "ch", "mm", "cm", "in", "pc":
		return append(dst, unit...), p.kinds&kLength != 0
	}
	return dst[:mark], false
}

// backgroundShorthand keeps the colour of a background and nothing else of it.
func backgroundShorthand(dst []byte, value string) ([]byte, bool) {
	for value != "" {
		var part string
		part, value = nextComponent(value)
		if part == "" {
			continue
		}
		if out, ok := color(append(dst, "background-color:"...), part); ok {
			return out, true
		}
	}
	return dst, false
}
