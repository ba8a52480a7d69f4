package validate

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxMarks is how many combining marks may follow one another. Words of all living scripts need fewer; what needs more
// is drawn over its neighbours.
const maxMarks = 8

// cleanText reports whether every character beyond ASCII is one that a reader sees or that its script needs. Refused are
// controls, bidi controls (CVE-2021-42574), zero-width and other default-ignorable characters, line and paragraph
// separators, private use, noncharacters, unassigned code points and U+FFFD, which stands for text that was lost.
// ASCII is left to the class.
func cleanText(s string) bool {
	var prev rune
	marks := 0
	for i, r := range s {
		switch {
		case r < utf8.RuneSelf || common(r):
			marks = 0
		case r == zwj || r == zwnj:
			next, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
			if !joins(r, prev, next) {
				return false
			}
		case unicode.Is(unicode.Variation_Selector, r):
			if !varies(r, prev) {
				return false
			}
		case !unicode.IsGraphic(r), unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r), hidden(r):
			return false
		case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r):
			if marks++; marks > maxMarks || i == 0 {
				return false
			}
		default:
			marks = 0
		}
		prev = r
	}
	return true
}

// common are blocks of nothing but letters, which need no look into the tables: Latin with its accents, Cyrillic, kana, Han
// and Hangul. (The two signs among the Latin letters, × and ÷, are fit to be seen too.)
func common(r rune) bool {
	return r >= 0xC0 && r <= 0x24F || r >= 0x400 && r <= 0x481 || r >= 0x3041 && r <= 0x3096 || r >= 0x30A1 && r <= 0x30FA ||
		r >= 0x4E00 && r <= 0x9FFF || r >= 0xAC00 && r <= 0xD7A3
}

const (
	zwnj = 0x200C
	zwj  = 0x200D
)

// hidden are graphic by category, and yet nothing to see: the braille blank, the soft hyphen's like, and the two
// replacement characters.
func hidden(r rune) bool {
	switch r {
	case 0x2800, 0xFFFC, 0xFFFD, 0x1D159:
		return true
	}
	return false
}

// joins reports whether a joiner stands where it changes what is seen: after a virama (RFC 5892, appendix A.1 and A.2),
// between letters of a cursive script, or between the parts of an emoji (UTS 51).
func joins(joiner, prev, next rune) bool {
	if prev == 0 {
		return false
	}
	if norm.NFC.PropertiesString(string(prev)).CCC() == 9 {
		return true
	}
	if cursive(prev) && cursive(next) {
		return true
	}
	return joiner == zwj && (emoji(prev) || prev == 0xFE0F) && emoji(next)
}

func cursive(r rune) bool {
	return unicode.In(r, unicode.Arabic, unicode.Syriac, unicode.Mongolian, unicode.Nko, unicode.Mandaic, unicode.Adlam,
		unicode.Hanifi_Rohingya) && (unicode.IsLetter(r) || unicode.IsMark(r))
}

// emoji is wider than the property of UTS 51: symbols and the skin tones. The joiner between two symbols harms nobody.
func emoji(r rune) bool {
	return unicode.Is(unicode.So, r) || r >= 0x1F3FB && r <= 0x1F3FF
}

// varies reports whether a variation selector follows something that has variants. Elsewhere a run of them hides a message.
func varies(selector, prev rune) bool {
	switch {
	case selector == 0xFE0E || selector == 0xFE0F:
		return unicode.Is(unicode.So, prev) || unicode.Is(unicode.Sm, prev) || unicode.Is(unicode.Po, prev) && prev > unicode.MaxASCII ||
			prev >= '0' && prev <= '9' || prev == '#' || prev == '*' || prev == 0xA9 || prev == 0xAE
	case selector >= 0xFE00 && selector <= 0xFE02, selector >= 0xE0100 && selector <= 0xE01EF:
		return unicode.Is(unicode.Han, prev)
	case selector >= 0x180B && selector <= 0x180F:
		return unicode.Is(unicode.Mongolian, prev) && unicode.IsLetter(prev)
	}
	return false
}

// cleanSecret lets a password be what its owner's keyboard makes of it, but for controls, which no keyboard enters, and
// noncharacters.
func cleanSecret(s string) bool {
	for _, r := range s {
		if unicode.IsControl(r) || r&0xFFFE == 0xFFFE || r >= 0xFDD0 && r <= 0xFDEF {
			return false
		}
	}
	return true
}

// isLetter takes the joiners too: cleanText has seen to it that they stand where a script needs them.
func isLetter(r rune) bool { return unicode.IsLetter(r) || unicode.IsMark(r) || r == zwnj || r == zwj }

// isNameRune takes what occurs in names on passports and in registers: besides letters the apostrophes (O’Brien), the
// hyphen, the full stop (Jr.) and the middle dot of Catalan and of transcribed names.
func isNameRune(r rune) bool {
	switch r {
	case ' ', '\'', '-', '.', 0x2019, 0x02BC, 0x00B7, 0x30FB, 0x2010:
		return true
	}
	return isLetter(r)
}

// oneScript makes the form of texts whose letters are all of one script, so that a Cyrillic "а" cannot stand in a Latin
// name (UTS 39, section 5.1, single script). Japanese, Korean and Chinese count their scripts together, as there.
func oneScript(ok func(rune) bool) func(string) (string, string) {
	return func(s string) (string, string) {
		var script *unicode.RangeTable
		east := scriptAny
		letters, isEast := false, false
		for _, r := range s {
			if !ok(r) {
				return "", "character"
			}
			letters = letters || unicode.IsLetter(r)
			if unicode.In(r, unicode.Common, unicode.Inherited) {
				continue
			}
			if e := eastAsian(r); e != 0 {
				if east &= e; east == 0 || script != nil {
					return "", "character"
				}
				isEast = true
				continue
			}
			if isEast {
				return "", "character"
			}
			if script == nil {
				if script = scriptOf(r); script == nil {
					return "", "character"
				}
			} else if !unicode.Is(script, r) {
				return "", "character"
			}
		}
		if !letters {
			return "", "format"
		}
		return s, ""
	}
}

// The writing systems that mix scripts, as a set.
const (
	japanese uint8 = 1 << iota
	korean
	chinese
	scriptAny = japanese | korean | chinese
)

func eastAsian(r rune) uint8 {
	switch {
	case unicode.Is(unicode.Han, r):
		return scriptAny
	case unicode.In(r, unicode.Hiragana, unicode.Katakana):
		return japanese
	case unicode.Is(unicode.Hangul, r):
		return korean
	case unicode.Is(unicode.Bopomofo, r):
		return chinese
	}
	return 0
}

// scriptOf asks the common scripts first: the table of all of them is a map.
func scriptOf(r rune) *unicode.RangeTable {
	for _, t := range []*unicode.RangeTable{unicode.Latin, unicode.Cyrillic, unicode.Greek, unicode.Arabic, unicode.Hebrew} {
		if unicode.Is(t, r) {
			return t
		}
	}
	for _, t := range unicode.Scripts {
		if unicode.Is(t, r) {
			return t
		}
	}
	return nil
}
