package sanitize

import (
	"strings"
	"unicode/utf8"
)

// Cell returns s as one cell of a table that is exported for a spreadsheet (CSV, TSV): as [Text], with an apostrophe
// before what a spreadsheet would take for a formula: = + - @, their full-width forms, a tab or a line end (OWASP,
// CSV Injection). A plain number keeps its sign. Quoting is the task of encoding/csv.
func Cell(s string) string {
	s = Text(s)
	first, _ := utf8.DecodeRuneInString(strings.TrimLeft(s, " \u00a0\u3000"))
	switch first {
	case '+', '-':
		if isNumber(s[1:]) {
			return s
		}
	case '=', '@', '\t', '\n', '|', '\uff1d', '\uff0b', '\uff0d', '\uff20':
	default:
		return s
	}
	return "'" + s
}

// isNumber reports digits with points, commas and blanks among them: -1 200,50.
func isNumber(s string) bool {
	return s != "" && s[0] >= '0' && s[0] <= '9' && strings.Trim(s, "0123456789., ") == ""
}
