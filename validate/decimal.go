package validate

import (
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// A Decimal is an exact decimal number, for money and measures: an integer and how many of its digits stand after the
// point. The zero value is 0. It holds up to 18 digits.
type Decimal struct {
	unscaled int64
	scale    uint8
}

// maxDecimalDigits keeps every value within int64.
const maxDecimalDigits = 18

// ParseDecimal reads an integer, perhaps with a point and digits: "-12.50". Exponents, signs other than a minus, leading
// zeros and a negative zero are refused, so that one number has one text for each scale.
func ParseDecimal(s string) (Decimal, error) {
	var d Decimal
	if d.parse(s) != "" {
		return Decimal{}, ErrFormat
	}
	return d, nil
}

func (d *Decimal) parse(s string) string {
	if len(s) > maxDigits || !decimalText(s) {
		return "format"
	}
	whole, fraction, _ := strings.Cut(s, ".")
	digits := strings.TrimPrefix(whole, "-") + fraction
	if len(strings.TrimLeft(digits, "0")) > maxDecimalDigits || len(fraction) > maxDecimalDigits {
		return "format"
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return "format"
	}
	if s[0] == '-' {
		n = -n
	}
	*d = Decimal{unscaled: n, scale: uint8(len(fraction))}
	return ""
}

func (d Decimal) decimals() int { return int(d.scale) }

// Unscaled returns the number as an integer of the scale: 12.5 is 1250 with the scale 2. ok is false if digits would be
// lost or do not fit.
func (d Decimal) Unscaled(scale int) (n int64, ok bool) {
	n = d.unscaled
	for s := int(d.scale); s < scale; s++ {
		if n > math.MaxInt64/10 || n < math.MinInt64/10 {
			return 0, false
		}
		n *= 10
	}
	for s := int(d.scale); s > scale; s-- {
		if n%10 != 0 {
			return 0, false
		}
		n /= 10
	}
	return n, true
}

// Compare returns -1, 0 or 1 as d is less than, equal to or greater than other; 1.0 equals 1.
func (d Decimal) Compare(other Decimal) int {
	if d.unscaled < 0 != (other.unscaled < 0) {
		if d.unscaled < 0 {
			return -1
		}
		return 1
	}
	ah, al := d.magnitude(other.scale)
	bh, bl := other.magnitude(d.scale)
	c := 0
	switch {
	case ah < bh || ah == bh && al < bl:
		c = -1
	case ah != bh || al != bl:
		c = 1
	}
	if d.unscaled < 0 {
		return -c
	}
	return c
}

// magnitude returns |d| times a power of ten, in 128 bits: 18 digits and 18 more fit.
func (d Decimal) magnitude(by uint8) (hi, lo uint64) {
	n := d.unscaled
	if n < 0 {
		n = -n
	}
	return bits.Mul64(uint64(n), uint64(math.Pow10(int(by))))
}

// String returns the number with all the digits after the point that it was written with.
func (d Decimal) String() string {
	s := strconv.FormatInt(d.unscaled, 10)
	if d.scale == 0 {
		return s
	}
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	if missing := int(d.scale) + 1 - len(s); missing > 0 {
		s = strings.Repeat("0", missing) + s
	}
	return sign + s[:len(s)-int(d.scale)] + "." + s[len(s)-int(d.scale):]
}

// MarshalText returns what String does.
func (d Decimal) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (d *Decimal) UnmarshalText(text []byte) error {
	*d = Decimal{}
	if d.parse(string(text)) != "" {
		return ErrFormat
	}
	return nil
}
