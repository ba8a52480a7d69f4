package validate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-playground/validator/v10"
)

// A Class is a set of characters that the host names for its rule tags. Make it with [NewClass].
type Class struct {
	name string
	ok   func(rune) bool
}

// NewClass names a set of characters. It narrows the class line: what line refuses (controls, bidi controls, hidden
// and unassigned characters) never reaches ok. Pass it in Options.Classes and use it as rule:"name,max=20".
func NewClass(name string, ok func(rune) bool) Class { return Class{name: name, ok: ok} }

// A Rule is a test of a whole text that the host names for its rule tags. Make it with [NewRule].
type Rule struct {
	name string
	ok   func(string) bool
}

// NewRule names a test. It runs after class and length, so it can only refuse more. The name is the code of its refusals;
// Messages may hold a text for it. A panic in ok refuses the value. Pass it in Options.Rules and use it as
// rule:"line,max=20,name".
func NewRule(name string, ok func(string) bool) Rule { return Rule{name: name, ok: ok} }

func (r Rule) accepts(s string) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return r.ok(s)
}

// class is what a text may consist of.
type class struct {
	name   string
	about  string                             // for Describe and the documentation
	length int                                // characters at most by nature; 0 means that the tag must say
	ascii  *[128]bool                         // characters of the class
	wide   bool                               // takes more than ASCII, under the rules of checkText
	lines  bool                               // takes newlines and tabs
	raw    bool                               // is not normalised (secrets)
	choice bool                               // oneof
	runes  func(rune) bool                    // further narrowing of wide ones
	form   func(s string) (text, code string) // the whole value's form; returns the canonical text
}

// apply checks the characters and the form and returns the canonical text.
func (c *class) apply(s string) (string, string) {
	if c.lines {
		s = unixNewlines(s)
	}
	plain := isASCII(s)
	if !plain {
		if !c.wide {
			return "", "character"
		}
		// Normalising may make ASCII of something else (U+037E is ";", U+1FEF is "`"), so the class is asked afterwards.
		clean := c.raw && cleanSecret(s)
		if !c.raw {
			s, clean = normalise(s)
			clean = clean && cleanText(s)
		}
		if !clean {
			return "", "character"
		}
	}
	for i := range len(s) {
		if b := s[i]; b < utf8.RuneSelf && !c.ascii[b] {
			return "", "character"
		}
	}
	if c.runes != nil {
		for _, r := range s {
			if !c.runes(r) {
				return "", "character"
			}
		}
	}
	if c.form != nil {
		if c.length > 0 && utf8.RuneCountInString(s) > c.length {
			return "", "long"
		}
		return c.form(s)
	}
	return s, ""
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// unixNewlines turns the CRLF that browsers send for a line break (HTML, section 4.10.21.4) into LF.
func unixNewlines(s string) string {
	if strings.IndexByte(s, '\r') < 0 {
		return s
	}
	return strings.ReplaceAll(s, "\r\n", "\n")
}

// set makes a table from ranges and single characters, as "a-z0-9_" with a leading or trailing hyphen for itself.
func set(spec string) *[128]bool {
	var t [128]bool
	for i := 0; i < len(spec); i++ {
		if i+2 < len(spec) && spec[i+1] == '-' {
			for b := spec[i]; b <= spec[i+2]; b++ {
				t[b] = true
			}
			i += 2
			continue
		}
		t[spec[i]] = true
	}
	return &t
}

// vocabulary is what rule tags of one schema may say.
type vocabulary struct {
	classes map[string]*class
	rules   map[string]Rule

	validator *validator.Validate // made when a tag needs it
}

func newVocabulary(o Options) (*vocabulary, error) {
	v := &vocabulary{classes: builtinClasses(), rules: map[string]Rule{}}
	taken := func(name string) bool {
		return v.classes[name] != nil || v.rules[name].ok != nil || keywords[name] || banned[name] != "" || closedTable[name] != 0
	}
	for _, c := range o.Classes {
		if !plainName(c.name) || c.ok == nil {
			return nil, fmt.Errorf("validate: Options.Classes has %q; a class needs a function and a name of a-z, 0-9 and _", c.name)
		}
		if taken(c.name) {
			return nil, fmt.Errorf("validate: Options.Classes has %q, a name that means something already; a host's class may only narrow, so take another name", c.name)
		}
		v.classes[c.name] = &class{name: c.name, about: "of the host", ascii: set(" -~"), wide: true, runes: guarded(c.ok)}
	}
	for _, r := range o.Rules {
		if !plainName(r.name) || r.ok == nil {
			return nil, fmt.Errorf("validate: Options.Rules has %q; a rule needs a function and a name of a-z, 0-9 and _", r.name)
		}
		if taken(r.name) {
			return nil, fmt.Errorf("validate: Options.Rules has %q, a name that means something already; take another name", r.name)
		}
		v.rules[r.name] = r
	}
	return v, nil
}

// guarded makes a host's panic a refusal.
func guarded(ok func(rune) bool) func(rune) bool {
	return func(r rune) (in bool) {
		defer func() {
			if recover() != nil {
				in = false
			}
		}()
		return ok(r)
	}
}

func plainName(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' {
			return false
		}
	}
	return s != ""
}

// keywords are the parameters of rule tags.
var keywords = map[string]bool{
	"min": true, "max": true, "maxbytes": true, "count": true, "atleast": true, "scale": true,
	"past": true, "future": true, "kind": true, "bool": true, "checkbox": true,
}

func (v *vocabulary) names() string {
	return strings.Join(slices.Sorted(maps.Keys(v.classes)), ", ")
}

func (v *vocabulary) class(name, arg string, hasArg bool) (*class, error) {
	if make := argumentClasses[name]; make != nil {
		if !hasArg || arg == "" {
			return nil, fmt.Errorf("has the class %s without its list; write as in rule:\"%s=%s\"", name, name, argumentExamples[name])
		}
		return make(arg)
	}
	c := v.classes[name]
	switch {
	case c == nil:
		return nil, fmt.Errorf("has the unknown class %q; the rule begins with one of: %s", name, v.names())
	case hasArg:
		return nil, fmt.Errorf("has the class %s with an argument, which it does not take", name)
	}
	return c, nil
}
