package guess

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Fold returns s in lower case and without accents, so that "Sommär" and "sommar" are one guess. Letters outside Latin
// stay what they are.
func Fold(s string) string { return string(fold(make([]byte, 0, 64), s)) }

func fold(dst []byte, s string) []byte {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return foldUnicode(dst[:0], s)
		}
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// joined are letters that the Unicode decomposition leaves whole.
var joined = map[rune]string{'ø': "o", 'æ': "ae", 'œ': "oe", 'ß': "ss", 'đ': "d", 'ð': "d", 'þ': "th", 'ł': "l", 'ı': "i"}

// latin1 holds what the letters from U+00C0 on come to; '?' stands for those that take the long way.
const latin1 = "aaaaaa?ceeeeiiiidnooooo?ouuuuy??aaaaaa?ceeeeiiiidnooooo?ouuuuy?y"

func foldUnicode(dst []byte, s string) []byte {
	for _, r := range s {
		switch {
		case r >= 'A' && r <= 'Z':
			r += 'a' - 'A'
		case r < utf8.RuneSelf:
		case r >= 0xC0 && r <= 0xFF && latin1[r-0xC0] != '?':
			r = rune(latin1[r-0xC0])
		default:
			return decompose(dst[:0], s)
		}
		dst = append(dst, byte(r))
	}
	return dst
}

func decompose(dst []byte, s string) []byte {
	for _, r := range norm.NFKD.String(s) {
		if unicode.Is(unicode.Mn, r) {
			continue
		}
		r = unicode.ToLower(r)
		if plain, ok := joined[r]; ok {
			dst = append(dst, plain...)
			continue
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// leet returns b with the digits and symbols that stand for letters replaced by these; one is what '1' and '!' stand
// for.
func leet(dst, b []byte, one byte) []byte {
	for _, c := range b {
		switch c {
		case '@', '4':
			c = 'a'
		case '8':
			c = 'b'
		case '(':
			c = 'c'
		case '3':
			c = 'e'
		case '6', '9':
			c = 'g'
		case '1', '!', '|':
			c = one
		case '0':
			c = 'o'
		case '$', '5':
			c = 's'
		case '7', '+':
			c = 't'
		case '2':
			c = 'z'
		}
		dst = append(dst, c)
	}
	return dst
}

// letter reports whether c is part of a letter: of the folded Latin ones, or of any other script.
func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= utf8.RuneSelf }

func digit(c byte) bool { return c >= '0' && c <= '9' }

// squeeze returns b without what people put between words and digits.
func squeeze(dst, b []byte) []byte {
	for _, c := range b {
		switch c {
		case ' ', '-', '.', '_', ',', '/', ':', ';':
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
