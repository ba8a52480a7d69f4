package authz

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const maxName = 128

const nameTail = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/"

var errName = errors.New("a name has a letter first, then letters, digits, '.', '_', '-' or '/', at most 128 bytes, all ASCII")

// checkName refuses names that could be mistaken for another, by a person (Cyrillic letters, zero-width characters,
// trailing blanks) or by a program.
func checkName(name string) error {
	if name == "" || len(name) > maxName || strings.IndexByte(nameTail[:52], name[0]) < 0 {
		return errName
	}
	for i := range len(name) {
		if strings.IndexByte(nameTail, name[i]) < 0 {
			return errName
		}
	}
	return nil
}

// checkNames refuses invalid names and pairs that look alike. what says of what they are the names.
func checkNames(what string, names []string) error {
	var errs []error
	seen := make(map[string]string, len(names))
	capital := slices.ContainsFunc(names, func(name string) bool { return strings.Contains(name, "I") })
	for _, name := range slices.Sorted(slices.Values(names)) {
		if err := checkName(name); err != nil {
			errs = append(errs, fmt.Errorf("authz: %s %q: %w", what, clip(name), err))
			continue
		}
		both := looks(name, capital)
		for _, look := range both {
			if other, ok := seen[look]; ok {
				errs = append(errs, fmt.Errorf("authz: %s names %q and %q can be taken for each other; rename one", what, other, name))
				break
			}
		}
		for _, look := range both {
			seen[look] = name
		}
	}
	return errors.Join(errs...)
}

var alike = strings.NewReplacer("0", "o", "1", "l", "_", "-")

// looks returns what a name looks like: once with a capital I read as i, and where some name has one, once read as l.
func looks(name string, capital bool) []string {
	asI := "i" + alike.Replace(strings.ToLower(name))
	if !capital {
		return []string{asI}
	}
	return []string{asI, "l" + alike.Replace(strings.ToLower(strings.ReplaceAll(name, "I", "l")))}
}

func keysOf[K ~string, V any](m map[K]V) []string {
	out := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, string(k))
	}
	return out
}

func clip(s string) string { return s[:min(len(s), maxName)] }
