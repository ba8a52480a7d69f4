package validate

import (
	"fmt"
	"slices"
	"strings"
)

// describe writes the schema line by line, sorted by source and name.
func (c *core) describe() string {
	var b strings.Builder
	fmt.Fprintf(&b, "schema %s\n", c.name)
	fmt.Fprintf(&b, "methods %s\n", c.allow)
	fmt.Fprintf(&b, "body %s, at most %d bytes\n", [...]string{"none but the form field csrf", "form", "json"}[c.body], c.maxBody)
	if c.hasCheck {
		b.WriteString("check between fields\n")
	}
	for _, rule := range c.checkRules {
		fmt.Fprintf(&b, "check %s\n", rule)
	}
	var lines []string
	for _, f := range c.fields {
		lines = f.describe(lines, "")
	}
	slices.Sort(lines)
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
	return b.String()
}

func (f *field) describe(lines []string, parent string) []string {
	parts := []string{f.in + " " + parent + f.name, f.typeText()}
	if f.list {
		parts = append(parts, fmt.Sprintf("%d to %d values", f.few, f.count))
	}
	switch f.kind {
	case kindString, kindSecret, kindText:
		parts = append(parts, fmt.Sprintf("class %s (%s)", f.class.name, f.class.about), fmt.Sprintf("%d to %d characters, at most %d bytes", f.min, f.max, f.maxBytes))
	case kindFile:
		parts = append(parts, f.files.Describe())
	}
	if len(f.kinds) > 0 && !strings.Contains(f.ruleText, "kind=") {
		parts = append(parts, "kinds "+strings.Join(f.kinds, " or "))
	}
	if f.ruleText != "" {
		parts = append(parts, "rule "+f.ruleText)
	}
	switch {
	case f.checkbox:
		parts = append(parts, "missing means false")
	case f.optional:
		parts = append(parts, fmt.Sprintf("missing means %q", f.optText))
	default:
		parts = append(parts, "required")
	}
	lines = append(lines, strings.Join(parts, "; "))
	for _, m := range f.inner {
		lines = m.describe(lines, parent+f.name+".")
	}
	return lines
}

func (f *field) typeText() string {
	switch {
	case f.list:
		return "[]" + f.typ.String()
	case f.pointer:
		return "*" + f.typ.String()
	}
	return f.typ.String()
}
