package validate

import (
	"sync"
	"unicode"
	"unicode/utf8"
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
		if r < utf8.RuneSelf {
			marks, prev = 0, r
			continue
		}
		switch t := traitOf(r); {
		case t.flags&isPlain != 0:
			marks = 0
		case t.flags&isMark != 0:
			if marks++; marks > maxMarks || i == 0 {
				return false
			}
		case r == zwj || r == zwnj:
			next, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
			if !joins(r, prev, next) {
				return false
			}
		case !unicode.Is(unicode.Variation_Selector, r) || !varies(r, prev):
			return false
		}
		prev = r
	}
	return true
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
	if traitOf(prev).ccc == 9 {
		return true
	}
	if cursive(prev) && cursive(next) {
		return true
	}
	return joiner == zwj && (emoji(prev) || prev == 0xFE0F) && emoji(next)
}

// A special is a script that some rule above or below names.
type special uint8

const (
	cursiveScript special = 1 << iota // letters take their forms from their neighbours
	hanScript
	mongolianScript
	kanaScript
	hangulScript
	bopomofoScript
)

var specials = sync.OnceValue(func() *[256]special {
	var set [256]special
	for _, name := range []string{"Arabic", "Syriac", "Mongolian", "Nko", "Mandaic", "Adlam", "Hanifi_Rohingya"} {
		set[scriptID(name)] = cursiveScript
	}
	set[scriptID("Mongolian")] |= mongolianScript
	set[scriptID("Han")] = hanScript
	set[scriptID("Hiragana")], set[scriptID("Katakana")] = kanaScript, kanaScript
	set[scriptID("Hangul")] = hangulScript
	set[scriptID("Bopomofo")] = bopomofoScript
	return &set
})

func cursive(r rune) bool {
	t := traitOf(r)
	return t.flags&isWord != 0 && specials()[t.script]&cursiveScript != 0
}

// emoji is wider than the property of UTS 51: symbols and the skin tones. The joiner between two symbols harms nobody.
func emoji(r rune) bool {
	return traitOf(r).flags&isSymbol != 0 || r >= 0x1F3FB && r <= 0x1F3FF
}

// varies reports whether a variation selector follows something that has variants. Elsewhere a run of them hides a message.
func varies(selector, prev rune) bool {
	t := traitOf(prev)
	switch {
	case selector == 0xFE0E || selector == 0xFE0F:
		return t.flags&isSymbol != 0 || unicode.Is(unicode.Sm, prev) || unicode.Is(unicode.Po, prev) && prev > unicode.MaxASCII ||
			prev >= '0' && prev <= '9' || prev == '#' || prev == '*' || prev == 0xA9 || prev == 0xAE
	case selector >= 0xFE00 && selector <= 0xFE02, selector >= 0xE0100 && selector <= 0xE01EF:
		return specials()[t.script]&hanScript != 0
	case selector >= 0x180B && selector <= 0x180F:
		return specials()[t.script]&mongolianScript != 0 && t.flags&isAlpha != 0
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
func isLetter(r rune) bool { return traitOf(r).flags&isWord != 0 || r == zwnj || r == zwj }

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
		script, east := scriptNone, scriptAny
		letters, isEast := false, false
		for _, r := range s {
			t := traitOf(r)
			if t.flags&isWord == 0 && !ok(r) { // every letter is fit for both classes
				return "", "character"
			}
			letters = letters || t.flags&isAlpha != 0
			if t.script == scriptShared {
				continue
			}
			if e := eastAsian(t.script); e != 0 {
				if east &= e; east == 0 || script != scriptNone {
					return "", "character"
				}
				isEast = true
				continue
			}
			if isEast || t.script == scriptNone || script != scriptNone && script != t.script {
				return "", "character"
			}
			script = t.script
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

func eastAsian(script uint8) uint8 {
	switch specials()[script] {
	case hanScript:
		return scriptAny
	case kanaScript:
		return japanese
	case hangulScript:
		return korean
	case bopomofoScript:
		return chinese
	}
	return 0
}
