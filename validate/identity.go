package validate

import (
	"database/sql/driver"
	"log/slog"
	"slices"
)

// identity is a national number that passed its authority's rules. Only the parsers of this package make one, so a value
// that is not zero is one that could have been issued; whether it was, only the register knows. It embeds in the
// exported types, whose methods these are.
type identity struct {
	text string
	kind string
}

// String returns the number in the canonical form that its type names, and "" for the zero value.
func (n identity) String() string { return n.text }

// IsZero reports whether there is no number.
func (n identity) IsZero() bool { return n.text == "" }

// Kind says what sort of number it is, in the words of the rule kind=; "" for numbers that come in one kind.
func (n identity) Kind() string { return n.kind }

// LogValue hides all but the length: the numbers are personal data that no log needs.
func (n identity) LogValue() slog.Value {
	if n.text == "" {
		return slog.StringValue("")
	}
	return slog.StringValue("[number]")
}

// MarshalText returns what String does.
func (n identity) MarshalText() ([]byte, error) { return []byte(n.text), nil }

// Value returns what String does, for a database.
func (n identity) Value() (driver.Value, error) { return n.text, nil }

func (n identity) kindName() string { return n.kind }

// unmarshal reads text into a number by its type's parser; the empty text is the zero value.
func (n *identity) unmarshal(text []byte, p parser) error {
	*n = identity{}
	if len(text) != 0 && (len(text) > maxParsed || p.parse(string(text)) != "") {
		return ErrFormat
	}
	return nil
}

// strip returns the digits of a number that may be written with sep after some of the places. ok is false when sep
// stands elsewhere or something else is in it.
func strip(s string, sep byte, places ...int) (string, bool) {
	if allDigits(s) {
		return s, true
	}
	out := make([]byte, 0, len(s))
	for i := range len(s) {
		switch {
		case s[i] >= '0' && s[i] <= '9':
			out = append(out, s[i])
		case s[i] != sep || !slices.Contains(places, i):
			return "", false
		}
	}
	return string(out), len(out) > 0
}

// weighted is the sum of the digits times the weights.
func weighted(digits string, weights ...int) int {
	sum := 0
	for i, w := range weights {
		sum += w * int(digits[i]-'0')
	}
	return sum
}

// luhn is the check of ISO/IEC 7812-1, annex B, over all digits with the check digit last.
func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
