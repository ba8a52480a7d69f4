package throttle

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// maxName bounds, in bytes, how much of a submitted name counts; no account has a longer one.
const maxName = 512

// CanonicalName returns the one spelling of a name by which attempts are counted and accounts should be looked up:
// trimmed, NFKC (which also folds width), case-folded, and without dots at the end. Without it, "Anna", "anna " and
// "ａｎｎａ" would be three sets of free guesses at one account.
func CanonicalName(name string) string {
	if len(name) > maxName {
		name = strings.ToValidUTF8(name[:maxName], "")
	}
	if plainName(name) {
		return name
	}
	if !utf8.ValidString(name) {
		name = strings.ToValidUTF8(name, "\uFFFD")
	}
	name = norm.NFKC.String(cases.Fold().String(norm.NFKC.String(name)))
	for {
		trimmed := strings.TrimRight(strings.TrimSpace(name), ".\u3002")
		if trimmed == name {
			return name
		}
		name = trimmed
	}
}

// plainName reports whether every byte stands for itself: nearly all names of nearly all services.
func plainName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '@' && c != '-' && c != '_' && (c != '.' || i == len(name)-1) {
			return false
		}
	}
	return true
}
