package validate

import (
	"slices"
	"strings"
)

// builtinClasses returns the classes in the box. Classes that take a list after "=" are in argumentClasses.
func builtinClasses() map[string]*class {
	const printing = " -~"
	all := []*class{
		{name: "line", about: "one line of text", ascii: set(printing), wide: true},
		{name: "text", about: "text with newlines and tabs", ascii: set(printing + "\n\t"), wide: true, lines: true},
		{name: "secret", about: "any characters but controls, as they were typed", ascii: set(printing), wide: true, raw: true},
		{name: "digits", about: "0-9", ascii: set("0-9")},
		{name: "letters", about: "letters of one script", ascii: set("a-zA-Z"), wide: true, form: oneScript(isLetter)},
		{name: "name", about: "a person's name: letters of one script, space, hyphen, apostrophe, full stop", ascii: set("a-zA-Z '.-"), wide: true, form: oneScript(isNameRune)},
		{name: "login", about: "a-z 0-9 . @ - _, beginning with a letter or digit", ascii: set("a-z0-9.@_-"), form: beginsAlnum},
		{name: "identifier", about: "A-Z a-z 0-9 _ -, beginning with a letter or digit", ascii: set("A-Za-z0-9_-"), form: beginsAlnum},
		{name: "token", about: "A-Z a-z 0-9 - . _ ~ =", ascii: set("A-Za-z0-9._~=-")},
		{name: "slug", about: "words of a-z 0-9, joined by single hyphens", ascii: set("a-z0-9-"), form: slug},
	}
	m := make(map[string]*class, len(all)+len(formats))
	for _, c := range append(all, formats...) {
		m[c.name] = c
	}
	for name := range argumentClasses {
		m[name] = &class{name: name}
	}
	return m
}

func beginsAlnum(s string) (string, string) {
	if s == "" || !isAlnum(s[0]) {
		return "", "format"
	}
	return s, ""
}

func isAlnum(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b >= 'A' && b <= 'Z'
}

func slug(s string) (string, string) {
	if s == "" || s[0] == '-' || s[len(s)-1] == '-' || strings.Contains(s, "--") {
		return "", "format"
	}
	return s, ""
}

// argumentClasses are made from a list in the tag.
var argumentClasses = map[string]func(arg string) (*class, error){
	"oneof":    oneOf,
	"url":      urlClass,
	"postcode": postcodeClass,
}

var argumentExamples = map[string]string{"oneof": "small|large", "url": "example.com|*.example.com,max=200", "postcode": "SE|NO"}

func oneOf(arg string) (*class, error) {
	choices := strings.Split(arg, "|")
	if slices.Contains(choices, "") {
		return nil, errEmptyChoice
	}
	c := &class{name: "oneof", about: "one of a list", ascii: set(" -~"), wide: true, choice: true}
	for _, s := range choices {
		c.length = max(c.length, len([]rune(s)))
	}
	return c, nil
}
