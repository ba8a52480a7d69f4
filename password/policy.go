package password

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/skans-go/skans/password/internal/guess"
)

// About is what the service knows of the person who chooses a password, and what others know too.
type About struct {
	Username string
	Email    string
	Names    []string // person, company
	Service  string
}

// words returns all that others know, with the words of the policy.
func (a About) words(policy []string) []string {
	return slices.Concat([]string{a.Username, a.Email, a.Service}, a.Names, policy)
}

// A Rule refuses a candidate, or returns nil. It must be safe for concurrent use, must not keep the candidate, and
// must not repeat it in the Problem. ctx ends with the request; see [Policy.CheckContext].
type Rule interface {
	Check(ctx context.Context, candidate string, about About) *Problem
}

// A Policy says which new passwords are accepted: long ones that nobody guesses. It asks for no digits, capitals or
// symbols and knows no expiry and no hints, as NIST SP 800-63B-4, 3.1.1.2 and ASVS 5.0, 6.2 have it. The zero value
// is [DefaultPolicy].
type Policy struct {
	// MinLength is in characters (code points); 0 means 12, and less than 8 is taken as 8.
	MinLength int
	// Words must not be what the password is made of: the product, the organisation, the town (ASVS 5.0, 6.1.2).
	Words []string
	// Rules are asked after the built-in ones, and only when those found nothing.
	Rules []Rule
}

const (
	defaultLength = 12
	leastLength   = 8
)

// DefaultPolicy asks for 12 characters.
func DefaultPolicy() Policy { return Policy{MinLength: defaultLength} }

// Factors says what else, if anything, a sign-in takes beside the password.
type Factors uint8

const (
	// SingleFactor means that the password alone signs in.
	SingleFactor Factors = iota
	// WithSecondFactor means that no sign-in succeeds without another factor.
	WithSecondFactor
)

// NISTPolicy asks for what NIST SP 800-63B-4, 3.1.1.2 demands: 15 characters where the password is the only factor, 8
// with a second one.
func NISTPolicy(f Factors) Policy {
	if f == WithSecondFactor {
		return Policy{MinLength: leastLength}
	}
	return Policy{MinLength: 15}
}

func (p Policy) minLength() int {
	if p.MinLength == 0 {
		return defaultLength
	}
	return max(p.MinLength, leastLength)
}

// Check returns what is wrong with a new password; nothing means that it is accepted.
func (p Policy) Check(candidate string, about About) []Problem {
	return p.CheckContext(context.Background(), candidate, about)
}

// CheckContext is Check for rules that ask another service; they end with ctx.
func (p Policy) CheckContext(ctx context.Context, candidate string, about About) []Problem {
	if len(candidate) > MaxBytes {
		return []Problem{problem(CodeTooLong, MaxBytes)}
	}
	if !utf8.ValidString(candidate) {
		return []Problem{problem(CodeEncoding, 0)}
	}
	var found []Problem
	if utf8.RuneCountInString(candidate) < p.minLength() {
		found = append(found, problem(CodeTooShort, p.minLength()))
	}
	if guess.Digits(candidate) {
		found = append(found, problem(CodeOnlyDigits, 0))
	}
	if guess.Similar(candidate, about.words(p.Words)) {
		found = append(found, problem(CodeSimilar, 0))
	}
	if guess.Common(candidate) {
		found = append(found, problem(CodeCommon, 0))
	}
	for _, rule := range p.Rules {
		if len(found) > 0 {
			break
		}
		if problem := rule.Check(ctx, candidate, about); problem != nil {
			found = append(found, *problem)
		}
	}
	return found
}

// Describe returns the policy as sorted, stable lines for a golden file.
func (p Policy) Describe() string {
	words := slices.Clone(p.Words)
	slices.Sort(words)
	var rules []string
	for _, r := range p.Rules {
		if d, ok := r.(fmt.Stringer); ok {
			rules = append(rules, d.String())
		} else {
			rules = append(rules, fmt.Sprintf("%T", r))
		}
	}
	lines := []string{
		fmt.Sprintf("common passwords: refused, %d entries, also decorated", guess.Entries),
		"composition rules: none",
		"expiry: none",
		fmt.Sprintf("maximum length: %d bytes", MaxBytes),
		fmt.Sprintf("minimum length: %d characters", p.minLength()),
		"only digits: refused below 20 digits",
		"rules: " + orNone(rules),
		"similar to user name, e-mail, names, service: refused",
		"words: " + orNone(words),
	}
	return strings.Join(lines, "\n") + "\n"
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}
