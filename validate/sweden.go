package validate

import "time"

// A SEPersonID is a Swedish personnummer or samordningsnummer (Skatteverket, SKV 704 and SKV 707): a date of birth, three
// digits and a Luhn check digit; a samordningsnummer has 60 added to the day. Read are YYYYMMDDNNNN and YYMMDDNNNN, with
// a hyphen before the last four digits or, from the year in which the person becomes 100 and without the century, a plus sign. String gives
// the twelve digits.
//
// Its kinds are person, coordination and test; test are the birth numbers 980 to 999, from which Skatteverket makes its test data
// today. Older test numbers of Skatteverket, such as 191212121212, look like those of persons. Without a rule kind=, person and
// coordination are accepted.
type SEPersonID struct{ identity }

func (n *SEPersonID) kindNames() []string    { return []string{"person", "coordination", "test"} }
func (n *SEPersonID) kindDefaults() []string { return []string{"person", "coordination"} }

// UnmarshalText reads a number of any kind; the empty text is the zero value.
func (n *SEPersonID) UnmarshalText(text []byte) error { return n.unmarshal(text, n) }

// Born returns the date of birth that the number is made of.
func (n SEPersonID) Born() Date {
	if n.IsZero() {
		return Date{}
	}
	d := Date{Year: number(n.text[:4]), Month: time.Month(number(n.text[4:6])), Day: number(n.text[6:8])}
	if d.Day > 60 {
		d.Day -= 60
	}
	return d
}

func (n *SEPersonID) parse(s string) string {
	return n.parseAt(s, DateOf(time.Now()))
}

func (n *SEPersonID) parseAt(s string, today Date) string {
	var head, tail string
	plus := false
	switch len(s) {
	case 10, 12:
		head, tail = s[:len(s)-4], s[len(s)-4:]
	case 11, 13:
		head, tail = s[:len(s)-5], s[len(s)-4:]
		if plus = s[len(s)-5] == '+'; s[len(s)-5] != '-' && (!plus || len(s) == 13) {
			return "format"
		}
	default:
		return "format"
	}
	if !allDigits(head) || !allDigits(tail) || tail[:3] == "000" { // birth numbers begin with 001
		return "format"
	}
	short := head[len(head)-6:]
	if len(head) == 6 {
		head = century(short, plus, today) + short
	}
	born := Date{Year: number(head[:4]), Month: time.Month(number(head[4:6])), Day: number(head[6:8])}
	kind := "person"
	if born.Day > 60 {
		born.Day -= 60
		kind = "coordination"
	}
	if born.Year < 1800 || !born.exists() || born.Compare(today) > 0 {
		return "format"
	}
	if !luhn(short + tail) {
		return "checksum"
	}
	if tail[:3] >= "980" {
		kind = "test"
	}
	n.identity = identity{text: head + tail, kind: kind}
	return ""
}

// century finds the first two digits of the year: the latest that is not in the future, and with a plus sign the latest that
// makes its person 100 in this year or before (18 § of folkbokföringslagen, 1991:481: the sign changes with the year, not with
// the birthday). The day of a samordningsnummer is compared without its 60.
func century(short string, plus bool, today Date) string {
	day := number(short[4:])
	if day > 60 {
		day -= 60
	}
	born := Date{Year: today.Year/100*100 + number(short[:2]), Month: time.Month(number(short[2:4])), Day: day}
	if !plus && born.Compare(today) > 0 || plus && born.Year > today.Year {
		born.Year -= 100
	}
	if plus {
		born.Year -= 100
	}
	return string([]byte{byte('0' + born.Year/1000%10), byte('0' + born.Year/100%10)})
}

// A SEOrgNo is a Swedish organisationsnummer (law 1974:174; Skatteverket, SKV 709): ten digits, the first for the kind of body (not 0
// or 4), the third at least 2 to tell it from a date of birth, with a Luhn check digit. Read with or without the hyphen before the last four; String gives it with the hyphen.
type SEOrgNo struct{ identity }

// UnmarshalText reads a number; the empty text is the zero value.
func (n *SEOrgNo) UnmarshalText(text []byte) error { return n.unmarshal(text, n) }

func (n *SEOrgNo) parse(s string) string {
	d, ok := strip(s, '-', 6)
	if !ok || len(d) != 10 || d[0] == '0' || d[0] == '4' || d[2] < '2' {
		return "format"
	}
	if !luhn(d) {
		return "checksum"
	}
	n.identity = identity{text: d[:6] + "-" + d[6:]}
	return ""
}
