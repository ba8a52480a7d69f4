package upload

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxName is how long a name may be: what the common file systems take.
const maxName = 255

// cleanName returns the last element of the client's name, or the code name. What would deceive a reader or another program
// (controls, NUL, bidi controls, hidden characters) is refused rather than repaired; what only some system dislikes
// (device names, leading dots, blanks at the end) is changed, because the file itself is good.
func cleanName(s string) (name, code string) {
	if len(s) > 4*maxName || !utf8.ValidString(s) {
		return "", "name"
	}
	s = norm.NFC.String(s)
	for _, r := range s {
		if !unicode.IsGraphic(r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || r == utf8.RuneError {
			return "", "name"
		}
	}
	if i := strings.LastIndexAny(s, `/\`); i >= 0 {
		s = s[i+1:]
	}
	if i := strings.LastIndexByte(s, ':'); i >= 0 { // a drive letter, or a stream of NTFS
		s = s[i+1:]
	}
	s = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`<>"|?*`, r) {
			return '_'
		}
		return r
	}, s)
	s = strings.TrimLeft(s, ". ")
	s = strings.TrimRight(s, ". ")
	if s == "" || len(s) > maxName {
		return "", "name"
	}
	if device(s) {
		s = "_" + s
	}
	return s, ""
}

// device reports whether Windows takes the name for a device, whatever its extension.
func device(s string) bool {
	base, _, _ := strings.Cut(s, ".")
	base = strings.ToUpper(strings.TrimRight(base, " "))
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	if number, ok := strings.CutPrefix(base, "COM"); ok || strings.HasPrefix(base, "LPT") {
		if !ok {
			number = base[3:]
		}
		return len(number) == 1 && number >= "0" && number <= "9" || number == "¹" || number == "²" || number == "³"
	}
	return false
}

// extension returns what stands after the last dot, in lower case.
func extension(name string) string {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return ""
	}
	return strings.ToLower(name[i+1:])
}
