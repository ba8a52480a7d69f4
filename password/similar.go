package password

import "strings"

// similar reports whether little is left of the candidate without the words that others know.
func (f forms) similar(words []string, about About) bool {
	local, domain, _ := strings.Cut(about.Email, "@")
	all := append([]string{about.Username, local, domain, about.Service}, about.Names...)
	rest := f.folded
	for _, w := range append(all, words...) {
		for part := range strings.FieldsSeq(strings.ToLower(w)) {
			if len(part) >= 3 {
				rest = strings.ReplaceAll(rest, part, "")
			}
		}
	}
	return rest != f.folded && len(strings.Trim(rest, "0123456789!.-_?#")) < 8
}
