package sanitize

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// maxIdentifier bounds an identifier.
const maxIdentifier = 64

// Identifier returns s as a name for machines: an id, a key, a part of a path. It has 1 to 64 ASCII letters, digits,
// '-' and '_' and begins with a letter. Accents are dropped ("Åsa Öst" becomes "Asa-Ost"), every other run becomes
// one '-', and an empty rest is "x". Two different texts can have the same identifier.
func Identifier(s string) string {
	if isIdentifier(s) {
		return s
	}
	if len(s) > 16*maxIdentifier {
		s = s[:16*maxIdentifier]
	}
	out := make([]byte, 0, maxIdentifier)
	gap := false
	for _, r := range norm.NFKD.String(strings.ToValidUTF8(s, " ")) {
		if unicode.Is(unicode.Mn, r) || isHidden(r) {
			continue
		}
		letters := string(r)
		if r >= 0x80 {
			letters = spelled[r]
		}
		if letters == "" || !(r >= 0x80 || isAlnum(byte(r)) || r == '_') {
			gap = true
			continue
		}
		if len(out) == 0 && !isLetter(letters[0]) {
			continue
		}
		if gap && len(out) > 0 {
			out = append(out, '-')
		}
		gap = false
		out = append(out, letters...)
	}
	if out = out[:min(len(out), maxIdentifier)]; len(out) == 0 {
		return "x"
	}
	return strings.TrimRight(string(out), "-")
}

func isIdentifier(s string) bool {
	if s == "" || len(s) > maxIdentifier || !isLetter(s[0]) || s[len(s)-1] == '-' || strings.Contains(s, "--") {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isAlnum(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// spelled are the Latin letters that Unicode does not decompose.
var spelled = map[rune]string{
	'æ': "ae", 'Æ': "Ae", 'ø': "o", 'Ø': "O", 'œ': "oe", 'Œ': "Oe", 'ß': "ss", 'ẞ': "Ss", 'ð': "d", 'Ð': "D", 'þ': "th", 'Þ': "Th",
	'đ': "d", 'Đ': "D", 'ł': "l", 'Ł': "L", 'ħ': "h", 'Ħ': "H", 'ı': "i", 'ŧ': "t", 'Ŧ': "T", 'ŋ': "n", 'Ŋ': "N", 'ſ': "s",
}
