package validate

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// A Date is a day of the proleptic Gregorian calendar, without time and zone, from 0001-01-01 to 9999-12-31. The zero
// value is no date. Dates compare with ==.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ErrFormat is what the parsers of this package's types return for a text that is none of their values.
var ErrFormat = errors.New("validate: not in the form of this type")

// ParseDate reads a calendar date of ISO 8601-1, section 5.2.2.1, in the extended format: 2026-02-28.
func ParseDate(s string) (Date, error) {
	var d Date
	if d.parse(s) != "" {
		return Date{}, ErrFormat
	}
	return d, nil
}

// DateOf returns the day of t in t's zone.
func DateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{Year: y, Month: m, Day: d}
}

func (d *Date) parse(s string) string {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' || !allDigits(s[:4]) || !allDigits(s[5:7]) || !allDigits(s[8:]) {
		return "format"
	}
	n := Date{Year: number(s[:4]), Month: time.Month(number(s[5:7])), Day: number(s[8:])}
	if !n.exists() {
		return "format"
	}
	*d = n
	return ""
}

// number reads digits that were proven to be some.
func number(s string) int {
	n := 0
	for i := range len(s) {
		n = 10*n + int(s[i]-'0')
	}
	return n
}

func (d Date) exists() bool {
	if d.Year < 1 || d.Year > 9999 || d.Month < 1 || d.Month > 12 || d.Day < 1 {
		return false
	}
	return d.Day <= time.Date(d.Year, d.Month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// String returns the date as 2026-02-28, and "" for the zero value.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}

// IsZero reports whether there is no date.
func (d Date) IsZero() bool { return d == Date{} }

// Time returns the day's first instant in loc.
func (d Date) Time(loc *time.Location) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, loc)
}

// Compare returns -1, 0 or 1 as d is before, at or after other.
func (d Date) Compare(other Date) int {
	return cmp.Or(cmp.Compare(d.Year, other.Year), cmp.Compare(d.Month, other.Month), cmp.Compare(d.Day, other.Day))
}

// MarshalText returns what String does.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Date) UnmarshalText(text []byte) error {
	*d = Date{}
	if len(text) != 0 && d.parse(string(text)) != "" {
		return ErrFormat
	}
	return nil
}
