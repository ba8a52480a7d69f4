package password

import (
	"strings"
	"unicode"
)

// forms are the candidate's canonical forms: what it is without decoration.
type forms struct {
	folded string // lower case
}

func canonical(candidate string) forms {
	return forms{folded: strings.ToLower(candidate)}
}

func (f forms) digits() bool {
	for _, r := range f.folded {
		if !unicode.IsDigit(r) {
			return false
		}
	}
	return len(f.folded) < 20
}
