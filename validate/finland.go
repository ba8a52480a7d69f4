package validate

import (
	"strings"
	"time"
)

// A FIHetu is a Finnish personal identity code (Digital and Population Data Services Agency; decree 128/2010): day, month, two
// digits of the year, a sign for the century (+ for 1800, - Y X W V U for 1900, A to F for 2000), three digits and a check
// character modulo 31. Letters may be small; String gives capitals.
//
// Its kinds are permanent (002 to 899) and temporary (900 to 999), which hospitals give out and test data use. Without
// a rule kind=, permanent is accepted.
type FIHetu struct{ identity }

func (n *FIHetu) kindNames() []string    { return []string{"permanent", "temporary"} }
func (n *FIHetu) kindDefaults() []string { return []string{"permanent"} }

// UnmarshalText reads a code of any kind; the empty text is the zero value.
func (n *FIHetu) UnmarshalText(text []byte) error { return n.unmarshal(text, n) }

// Born returns the date of birth that the code is made of.
func (n FIHetu) Born() Date {
	if n.IsZero() {
		return Date{}
	}
	return finnishBirth(n.text)
}

func finnishBirth(s string) Date {
	year := 0
	switch {
	case s[6] == '+':
		year = 1800
	case strings.IndexByte("-YXWVU", s[6]) >= 0:
		year = 1900
	case s[6] >= 'A' && s[6] <= 'F':
		year = 2000
	default:
		return Date{}
	}
	return Date{Year: year + number(s[4:6]), Month: time.Month(number(s[2:4])), Day: number(s[:2])}
}

func (n *FIHetu) parse(s string) string {
	if len(s) != 11 || !isASCII(s) || !allDigits(s[:6]) || !allDigits(s[7:10]) {
		return "format"
	}
	s = strings.ToUpper(s)
	if !finnishBirth(s).exists() || s[7:10] < "002" {
		return "format"
	}
	if s[10] != "0123456789ABCDEFHJKLMNPRSTUVWXY"[number(s[:6]+s[7:10])%31] {
		return "checksum"
	}
	kind := "permanent"
	if s[7] == '9' {
		kind = "temporary"
	}
	n.identity = identity{text: s, kind: kind}
	return ""
}
