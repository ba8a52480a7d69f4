package guess

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"unicode"
)

const (
	shortestPart = 3
	maxParts     = 64
)

// split returns the folded parts of words, and each word as a whole, the longest first.
func split(words []string) [][]byte {
	var parts [][]byte
	separator := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
	for _, w := range words {
		if len(w) > 4*longest || len(parts) > maxParts {
			continue
		}
		fields := strings.FieldsFunc(Fold(w), separator)
		for _, f := range append(fields, strings.Join(fields, "")) {
			if len(f) >= shortestPart {
				parts = append(parts, []byte(f))
			}
			if stem, ok := strings.CutSuffix(f, "s"); ok && len(stem) > shortestPart { // the genitive of the Nordic languages
				parts = append(parts, []byte(stem))
			}
		}
	}
	slices.SortFunc(parts, func(a, b []byte) int { return cmp.Or(cmp.Compare(len(b), len(a)), bytes.Compare(a, b)) })
	return slices.CompactFunc(parts, bytes.Equal)
}

// without returns b with every part taken out.
func without(b []byte, parts [][]byte) (rest []byte, found bool) {
	for _, p := range parts {
		if bytes.Contains(b, p) {
			b, found = bytes.ReplaceAll(b, p, nil), true
		}
	}
	return b, found
}
