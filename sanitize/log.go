package sanitize

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxLog bounds what one value adds to a log.
const maxLog = 4096

// Log returns s as part of one line of a log: line ends, controls, escape sequences, invisible characters, characters
// that change the direction of writing and bytes that are not UTF-8 stand there as \n, \x1b, \u202e, so that nobody
// can forge a line or paint over one. A text of more than 4,096 bytes is cut and ends in "…".
func Log(s string) string {
	if len(s) <= maxLog && isLogLine(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		if b.Len() >= maxLog-len(`\U000e0001…`) {
			b.WriteString("…")
			break
		}
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r < ' ', r == 0x7F:
			fmt.Fprintf(&b, `\x%02x`, r)
		case isControl(r), isHidden(r):
			if r > 0xFFFF {
				fmt.Fprintf(&b, `\U%08x`, r)
			} else {
				fmt.Fprintf(&b, `\u%04x`, r)
			}
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isLogLine(s string) bool {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c < ' ' || c == 0x7F {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || isControl(r) || isHidden(r) {
			return false
		}
		i += size
	}
	return true
}
