package validate

import "time"

// A DKCPR is a Danish personnummer (CPR-kontoret, "Personnummeret i CPR-systemet"): day, month, two digits of the year and four digits, the first
// of which tells the century. There is no check digit: since October 2007 numbers are issued that do not satisfy modulus
// 11, and CPR-kontoret asks that they be accepted. Read with or without the hyphen before the last four; String gives it with the hyphen.
type DKCPR struct{ identity }

// UnmarshalText reads a number; the empty text is the zero value.
func (n *DKCPR) UnmarshalText(text []byte) error { return n.unmarshal(text, n) }

// Born returns the date of birth that the number is made of.
func (n DKCPR) Born() Date {
	if n.IsZero() {
		return Date{}
	}
	return danishBirth(n.text[:6] + n.text[7:])
}

func (n *DKCPR) parse(s string) string {
	d, ok := strip(s, '-', 6)
	if !ok || len(d) != 10 || !danishBirth(d).exists() {
		return "format"
	}
	n.identity = identity{text: d[:6] + "-" + d[6:]}
	return ""
}

// danishBirth follows the table of CPR-kontoret for the seventh digit and the year.
func danishBirth(d string) Date {
	year, seventh := number(d[4:6]), d[6]
	switch {
	case seventh <= '3':
		year += 1900
	case seventh == '4' || seventh == '9':
		if year += 1900; year < 1937 {
			year += 100
		}
	default:
		if year += 1800; year < 1858 {
			year += 200
		}
	}
	return Date{Year: year, Month: time.Month(number(d[2:4])), Day: number(d[:2])}
}
