package sanitize

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	maxFilename  = 200 // bytes; ext4, APFS and NTFS take 255, and a copy gets " (2)" or ".part" behind it
	maxExtension = 20
	maxMarks     = 8 // on one letter; a name that is painted over its neighbours is no name
)

// Filename returns a plain name for a file on every operating system, from one that a stranger chose: the part behind
// the last separator, in Unicode form C, without controls, invisible characters and < > : " | ? *, not hidden by a
// leading dot, not ending in a dot or blank, not a device (CON, nul.txt, COM1), at most 200 bytes with its extension
// kept. An empty rest is "file".
//
// It is a name to show or to offer for saving. What a server stores gets a name of the server's own.
func Filename(s string) string {
	if isPlainName(s) {
		return s
	}
	marks := 0
	s = strings.Map(func(r rune) rune {
		if r = plainRune(r); !unicode.Is(unicode.M, r) {
			marks = 0
		} else if marks++; marks > maxMarks {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = norm.NFC.String(s) // now: what was dropped may have kept a letter from its accent
	s = s[strings.LastIndexByte(s, '/')+1:]
	s = strings.Trim(s, " .")
	if isDevice(s) {
		s = "_" + s
	}
	if s = shorten(s); s == "" {
		return "file"
	}
	return s
}

// plainRune maps to '/' what separates on some system, and also what Windows maps to a separator when a program asks
// for the file in an 8-bit code page ("best fit"): the yen and won signs among them.
func plainRune(r rune) rune {
	switch r {
	case '\\', 0x2044, 0x2215, 0x2216, 0x29F5, 0x29F8, 0xFE68, 0xFF0F, 0xFF3C, 0xA5, 0x20A9, 0xFFE5, 0xFFE6:
		return '/'
	case '<', '>', ':', '"', '|', '?', '*', 0xFF1A, 0xFF1C, 0xFF1E, 0xFF02, 0xFF5C, 0xFF1F, 0xFF0A, 0x2236, 0xA789:
		return '_'
	case 0x2024, 0xFF0E:
		return '.'
	}
	switch {
	case isBlank(r):
		return ' '
	case r < ' ', isControl(r), isHidden(r):
		return -1
	}
	return r
}

// shorten cuts the middle of a long name, so that its extension still says what it is.
func shorten(s string) string {
	if len(s) <= maxFilename {
		return s
	}
	extension := ""
	if i := strings.LastIndexByte(s, '.'); i > 0 && len(s)-i <= maxExtension {
		s, extension = s[:i], s[i:]
	}
	n := min(len(s), maxFilename-len(extension))
	for n > 0 && n < len(s) && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.TrimRight(s[:n], " .") + extension
}

// isDevice reports the names that Windows reserves, with any extension.
func isDevice(s string) bool {
	base, _, _ := strings.Cut(s, ".")
	base = strings.TrimRight(base, " ")
	for _, device := range []string{"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"} {
		if strings.EqualFold(base, device) {
			return true
		}
	}
	if len(base) < 4 || !strings.EqualFold(base[:3], "COM") && !strings.EqualFold(base[:3], "LPT") {
		return false
	}
	number := base[3:]
	return len(number) == 1 && number[0] >= '0' && number[0] <= '9' || number == "¹" || number == "²" || number == "³"
}

// isPlainName reports the names that need nothing done: ASCII letters, digits and a few signs.
func isPlainName(s string) bool {
	if s == "" || len(s) > maxFilename || strings.Trim(s, " .") != s {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isAlnum(c) && !strings.ContainsRune(" ._-+(),=@[]", rune(c)) {
			return false
		}
	}
	return !isDevice(s)
}
