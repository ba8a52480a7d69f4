package authz

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// A Condition is a demand on the circumstances: a recent proof, a network, a country, or something that the host
// checks. Its text form ("fresh 10m0s", "network 10.0.0.0/8") stands in the JSON policy and in the matrix.
type Condition struct {
	kind  conditionKind
	age   time.Duration
	words string // networks, countries or a name, in canonical form
	nets  []netip.Prefix
	wrong string // what is wrong with the arguments; reported by New
}

type conditionKind uint8

const (
	noCondition conditionKind = iota
	secondFactor
	fresh
	freshSecondFactor
	network
	country
	named
)

var conditionNames = [...]string{"", "second-factor", "fresh", "fresh-second-factor", "network", "country", "named"}

// SecondFactor needs a proof by one-time code ("otp"), hardware key ("hwk", both RFC 8176) or recovery code
// ("recovery") in this session, however old.
func SecondFactor() Condition { return Condition{kind: secondFactor} }

// Fresh needs that the latest proof of any method is at most maxAge old.
func Fresh(maxAge time.Duration) Condition { return aged(fresh, maxAge) }

// FreshSecondFactor needs that the latest proof by a second factor is at most maxAge old.
func FreshSecondFactor(maxAge time.Duration) Condition { return aged(freshSecondFactor, maxAge) }

// Network needs that the client's address lies in one of the CIDR prefixes ("10.0.0.0/8"). An IPv4-mapped address
// counts as IPv4; an address with a zone, or none, lies in no network.
func Network(prefixes ...string) Condition {
	c := Condition{kind: network}
	for _, text := range prefixes {
		p, err := netip.ParsePrefix(text)
		switch {
		case err != nil:
			c.wrong = "network: a prefix is not in the form 10.0.0.0/8"
		case p.Addr().Is4In6():
			c.wrong = "network: write IPv4 prefixes as IPv4"
		case p != p.Masked():
			c.wrong = "network: a prefix has bits set beyond its length; write " + p.Masked().String()
		case slices.Contains(c.nets, p):
			c.wrong = "network: " + p.String() + " stands twice"
		default:
			c.nets = append(c.nets, p)
		}
	}
	if len(prefixes) == 0 {
		c.wrong = "network: needs at least one prefix"
	}
	slices.SortFunc(c.nets, func(a, b netip.Prefix) int { return strings.Compare(a.String(), b.String()) })
	for i, p := range c.nets {
		if i > 0 {
			c.words += " "
		}
		c.words += p.String()
	}
	return c
}

// Country needs that Config.Country places the client's address in one of the countries (ISO 3166-1 alpha-2, "SE").
// Where that is not configured, or does not know, the condition is not met.
func Country(codes ...string) Condition {
	c := Condition{kind: country}
	codes = slices.Clone(codes)
	slices.Sort(codes)
	for i, code := range codes {
		if len(code) != 2 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			c.wrong = "country: a code is not two capital letters (ISO 3166-1 alpha-2)"
		}
		if i > 0 && codes[i-1] == code {
			c.wrong = "country: a code stands twice"
		}
	}
	if len(codes) == 0 {
		c.wrong = "country: needs at least one code"
	}
	c.words = strings.Join(codes, " ")
	return c
}

// Named needs that the function of this name in Config.Conditions returns true.
func Named(name string) Condition {
	c := Condition{kind: named, words: name}
	if err := checkName(name); err != nil {
		c.wrong = "named: " + err.Error()
	}
	return c
}

func aged(kind conditionKind, maxAge time.Duration) Condition {
	c := Condition{kind: kind, age: maxAge}
	if maxAge <= 0 {
		c.wrong = conditionNames[kind] + ": the age must be above zero"
	}
	return c
}

// String returns the text form.
func (c Condition) String() string {
	text := conditionNames[c.kind]
	if c.age != 0 {
		text += " " + c.age.String()
	}
	if c.words != "" {
		text += " " + c.words
	}
	return text
}

// MarshalText returns the text form; it fails for a condition that New would refuse.
func (c Condition) MarshalText() ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("authz: %w", err)
	}
	return []byte(c.String()), nil
}

// UnmarshalText reads exactly the text form.
func (c *Condition) UnmarshalText(text []byte) error {
	word, rest, _ := strings.Cut(string(text), " ")
	var got Condition
	switch word {
	case "second-factor":
		got = SecondFactor()
	case "fresh", "fresh-second-factor":
		age, err := time.ParseDuration(rest)
		if err != nil {
			return errors.New("authz: " + word + ": the age is not a duration such as 10m0s")
		}
		got = aged(conditionKind(slices.Index(conditionNames[:], word)), age)
	case "network":
		got = Network(strings.Split(rest, " ")...)
	case "country":
		got = Country(strings.Split(rest, " ")...)
	case "named":
		got = Named(rest)
	}
	if err := got.check(); err != nil {
		return fmt.Errorf("authz: %w", err)
	}
	if got.String() != string(text) {
		return fmt.Errorf("authz: a condition is not in its canonical form; write %q", got.String())
	}
	*c = got
	return nil
}

func (c *Condition) check() error {
	if c.kind == noCondition {
		return errors.New("unknown condition")
	}
	if c.wrong != "" {
		return errors.New(c.wrong)
	}
	return nil
}
