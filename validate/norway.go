package validate

import "time"

// A NOPersonID is a Norwegian fødselsnummer, D-number or H-number (Skatteetaten): day, month, two digits of the year, three digits and
// two check digits modulo 11. A D-number has 40 added to the day, an H-number 40 to the month, and a synthetic
// number for tests 80 to the month. Numbers that only the rule of 2032 allows are read too: the first check digit may then
// leave a remainder of up to 3, and the three digits no longer tell the century; so there is no Born. Read
// with or without a blank after six digits; String gives eleven digits.
//
// Its kinds are birth, d, h and test. Without a rule kind=, birth and d are accepted.
type NOPersonID struct{ identity }

func (n *NOPersonID) kindNames() []string    { return []string{"birth", "d", "h", "test"} }
func (n *NOPersonID) kindDefaults() []string { return []string{"birth", "d"} }

// UnmarshalText reads a number of any kind; the empty text is the zero value.
func (n *NOPersonID) UnmarshalText(text []byte) error { return n.unmarshal(text, n) }

func (n *NOPersonID) parse(s string) string {
	d, ok := strip(s, ' ', 6)
	if !ok || len(d) != 11 {
		return "format"
	}
	day, month, year := number(d[:2]), number(d[2:4]), number(d[4:6])
	kind := "birth"
	if day > 40 {
		day -= 40
		kind = "d"
	}
	switch {
	case month > 80:
		month -= 80
		kind = "test"
	case month > 40:
		month -= 40
		kind = "h"
	}
	// The century is not in the number, so a day exists if it does in either; 1900 had no 29 February, 2000 had.
	if !(Date{1900 + year, time.Month(month), day}).exists() && !(Date{2000 + year, time.Month(month), day}).exists() {
		return "format"
	}
	first := weighted(d, 3, 7, 6, 1, 8, 9, 4, 5, 2, 1) % 11
	second := weighted(d, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1) % 11
	if first > 3 || second != 0 {
		return "checksum"
	}
	n.identity = identity{text: d, kind: kind}
	return ""
}

// A NOOrgNo is a Norwegian organisasjonsnummer (Brønnøysundregistrene): nine digits that begin with 8 or 9, the last a check
// digit modulo 11. Read with or without blanks after three and six digits; String gives nine digits.
type NOOrgNo struct{ identity }

// UnmarshalText reads a number; the empty text is the zero value.
func (n *NOOrgNo) UnmarshalText(text []byte) error { return n.unmarshal(text, n) }

func (n *NOOrgNo) parse(s string) string {
	d, ok := strip(s, ' ', 3, 7)
	if !ok || len(d) != 9 || d[0] < '8' {
		return "format"
	}
	if weighted(d, 3, 2, 7, 6, 5, 4, 3, 2, 1)%11 != 0 {
		return "checksum"
	}
	n.identity = identity{text: d}
	return ""
}
