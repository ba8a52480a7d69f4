package password

import "strconv"

// Codes of the built-in problems.
const (
	CodeTooShort   = "too_short"
	CodeTooLong    = "too_long"
	CodeEncoding   = "not_utf8"
	CodeOnlyDigits = "only_digits"
	CodeSimilar    = "similar"
	CodeCommon     = "common"
	CodeBreached   = "breached"
	CodeUnchecked  = "unchecked"
)

// A Problem is one reason why a new password is not accepted.
type Problem struct {
	Code    string // stable, for programs
	Message string // English, for people; see In
	Limit   int    // the number that the message names, if any
}

func problem(code string, limit int) Problem {
	p := Problem{Code: code, Limit: limit}
	p.Message = p.In("en")
	return p
}

// In returns the message in a language: "en", "sv", "nb" (also "no") or "fr", alone or with a region ("sv-FI"). Other
// languages, and codes of other rules, get Message.
func (p Problem) In(language string) string {
	if len(language) > 2 && (language[2] == '-' || language[2] == '_') {
		language = language[:2]
	}
	texts, ok := messages[p.Code]
	if !ok {
		return p.Message
	}
	n := strconv.Itoa(p.Limit)
	switch language {
	case "sv":
		return texts.sv(n)
	case "nb", "no":
		return texts.nb(n)
	case "fr":
		return texts.fr(n)
	}
	if p.Message != "" {
		return p.Message
	}
	return texts.en(n)
}
