package sanitize

import (
	"strings"
	"unicode/utf8"
)

// maxLine is the number of characters that a line may have.
const maxLine = 1000

// Line returns s as one line to be shown: line ends, tabs and other controls become a blank, runs of blanks one, and
// what is invisible or turns the direction of writing is dropped, so that "invoice\u202Efdp.exe" shows what it is.
// Bytes that are not UTF-8 become U+FFFD. A line of more than 1,000 characters is cut and ends in "…". It is not
// escaped for HTML: that is the template's task.
func Line(s string) string { return oneLine(s, maxLine) }

// HeaderValue returns s as the value of a header of HTTP or mail: one line, without CR, LF, NUL and other controls,
// at most 1,000 characters. What is not ASCII stays and must be encoded (RFC 2047, RFC 8187) by what writes the
// header.
func HeaderValue(s string) string { return oneLine(s, maxLine) }

func oneLine(s string, most int) string {
	if isLine(s, most) {
		return s
	}
	var b strings.Builder
	b.Grow(min(len(s), 4*most))
	blank, n := false, 0
	for _, r := range s {
		switch {
		case isHidden(r):
			continue
		case r <= ' ' || isControl(r) || isBlank(r):
			blank = n > 0
			continue
		}
		if blank {
			b.WriteByte(' ')
			n++
			blank = false
		}
		if n >= most-1 {
			b.WriteString("…")
			break
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// isLine reports whether oneLine has nothing to do. Nearly every string is a line already and costs no allocation.
func isLine(s string, most int) bool {
	if len(s) > 0 && (s[0] == ' ' || s[len(s)-1] == ' ') {
		return false
	}
	n := 0
	for i := 0; i < len(s); n++ {
		c := s[i]
		if c < utf8.RuneSelf {
			if c < ' ' || c == 0x7F || c == ' ' && s[i+1] == ' ' {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || isHidden(r) || isControl(r) || isBlank(r) {
			return false
		}
		i += size
	}
	return n <= most
}

// Text returns s as text of several lines to be shown: line ends of every kind become "\n", tabs stay, other
// controls, invisible characters and those that override the direction of writing are dropped. The marks U+200E,
// U+200F and U+061C stay: Hebrew and Arabic need them, and they move only the blanks and signs beside them. Bytes
// that are not UTF-8 become U+FFFD.
func Text(s string) string {
	if isText(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i, r := range s {
		switch {
		case r == '\r':
			if !strings.HasPrefix(s[i+1:], "\n") {
				b.WriteByte('\n')
			}
		case r == '\n', r == 0x85, r == 0x2028, r == 0x2029, r == '\v', r == '\f':
			b.WriteByte('\n')
		case r == '\t', isMark(r):
			b.WriteRune(r)
		case r < ' ', isControl(r), isHidden(r):
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isText(s string) bool {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c < ' ' && c != '\n' && c != '\t' || c == 0x7F {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || isControl(r) || isHidden(r) && !isMark(r) {
			return false
		}
		i += size
	}
	return true
}

// isControl reports DEL and the C1 controls, and the two line ends of Unicode.
func isControl(r rune) bool { return r >= 0x7F && r < 0xA0 || r == 0x2028 || r == 0x2029 }

// isBlank reports the blanks of Unicode but the first, U+0020.
func isBlank(r rune) bool {
	return r == 0xA0 || r == 0x1680 || r >= 0x2000 && r <= 0x200A || r == 0x202F || r == 0x205F || r == 0x3000
}

// isMark reports the directional marks that stay in [Text].
func isMark(r rune) bool { return r == 0x200E || r == 0x200F || r == 0x61C }

// isHidden reports what shows nothing and changes what is shown or compared: Bidi_Control (UAX #9, 2), zero-width
// blanks and the byte order mark, soft hyphens, fillers, interlinear annotations and tags. The joiners U+200C and
// U+200D are not among them: Persian, the scripts of India and emoji need them.
func isHidden(r rune) bool {
	switch {
	case r < 0xAD:
		return false
	case r == 0xAD, r == 0x34F, r == 0x61C, r == 0x115F, r == 0x1160, r == 0x17B4, r == 0x17B5, r == 0x180E:
		return true
	case r == 0x200B, r == 0x200E, r == 0x200F, r >= 0x202A && r <= 0x202E, r >= 0x2060 && r <= 0x206F:
		return true
	case r == 0x3164, r == 0xFEFF, r == 0xFFA0, r >= 0xFFF9 && r <= 0xFFFB, r >= 0xE0000 && r <= 0xE007F:
		return true
	}
	return false
}
