package validate

import (
	"fmt"
	"strings"

	"github.com/go-playground/validator/v10"
)

// parameterUse says whether a tag of validator/v10 takes a parameter.
type parameterUse uint8

const (
	withoutParameter parameterUse = iota + 1
	withParameter
)

// closedTable lists the tags of validator/v10 that may narrow a text further. Each was read there: it looks at the text
// alone, opens nothing, asks no network, and its cost is linear.
var closedTable = map[string]parameterUse{
	"alpha": withoutParameter, "alphanum": withoutParameter, "alphaunicode": withoutParameter, "alphanumunicode": withoutParameter,
	"ascii": withoutParameter, "printascii": withoutParameter, "numeric": withoutParameter, "number": withoutParameter,
	"hexadecimal": withoutParameter, "lowercase": withoutParameter, "uppercase": withoutParameter,
	"hexcolor": withoutParameter, "rgb": withoutParameter, "rgba": withoutParameter, "hsl": withoutParameter, "hsla": withoutParameter,
	"e164": withoutParameter, "base64": withoutParameter, "base64url": withoutParameter, "base64rawurl": withoutParameter,
	"isbn": withoutParameter, "isbn10": withoutParameter, "isbn13": withoutParameter, "issn": withoutParameter,
	"ip": withoutParameter, "ipv4": withoutParameter, "ipv6": withoutParameter, "cidr": withoutParameter, "cidrv4": withoutParameter,
	"cidrv6": withoutParameter, "mac": withoutParameter, "hostname": withoutParameter, "hostname_rfc1123": withoutParameter, "fqdn": withoutParameter,
	"latitude": withoutParameter, "longitude": withoutParameter, "bic": withoutParameter, "semver": withoutParameter,
	"iso3166_1_alpha3": withoutParameter, "credit_card": withoutParameter, "luhn_checksum": withoutParameter,
	"ulid": withoutParameter, "md5": withoutParameter, "sha256": withoutParameter, "sha384": withoutParameter, "sha512": withoutParameter,
	"contains": withParameter, "containsany": withParameter, "startswith": withParameter, "endswith": withParameter,
}

// banned lists tags that people will try, with what is wrong with them.
var banned = map[string]string{
	"-":             "it switches all checks off",
	"omitempty":     `it lets an empty value pass every rule behind it; use opt:""`,
	"omitnil":       `it lets a missing value pass every rule behind it; use opt:""`,
	"url":           `as an extra rule it accepts javascript:; begin the rule with the class, as in rule:"url=example.com,max=200"`,
	"http_url":      `begin the rule with the class url, as in rule:"url=example.com,max=200"`,
	"uri":           `it accepts javascript: and file:; begin the rule with the class, as in rule:"url=example.com,max=200"`,
	"file":          "it opens the path that the user names",
	"filepath":      "it asks the file system about the path that the user names",
	"dir":           "it opens the path that the user names",
	"dirpath":       "it asks the file system about the path that the user names",
	"image":         `it opens the path that the user names; use the source file, as in in:"file picture"`,
	"excludes":      "it lists what is forbidden; a class lists what is allowed",
	"excludesall":   "it lists what is forbidden; a class lists what is allowed",
	"excludesrune":  "it lists what is forbidden; a class lists what is allowed",
	"startsnotwith": "it lists what is forbidden; a class lists what is allowed",
	"endsnotwith":   "it lists what is forbidden; a class lists what is allowed",
	"ne":            "it lists what is forbidden; a class lists what is allowed",
	"or":            "it widens",
	"required":      "every field without an opt tag is required",
}

// probes are texts that make careless validators panic.
var probes = []string{"", "0", "a", "-1", "\x00", strings.Repeat("9", 100), "æ", "2026-01-01", "%", "[::1]", "..", "é@é"}

// rule finds a rule of the host or of the closed table.
func (v *vocabulary) rule(key, arg string, hasArg bool) (Rule, error) {
	if r, ok := v.rules[key]; ok {
		if hasArg {
			return Rule{}, fmt.Errorf("has the rule %s with an argument, which it does not take", key)
		}
		return r, nil
	}
	for prefix := range strings.SplitSeq("file,dir,excludes", ",") {
		if strings.HasPrefix(key, prefix) && banned[key] == "" {
			return Rule{}, fmt.Errorf("has the banned rule %q: %s", key, banned[prefix])
		}
	}
	if why := banned[key]; why != "" {
		return Rule{}, fmt.Errorf("has the banned rule %q: %s", key, why)
	}
	use := closedTable[key]
	switch {
	case use == 0:
		return Rule{}, fmt.Errorf("has the unknown rule %q", key)
	case hasArg != (use == withParameter) || hasArg && (arg == "" || strings.Contains(arg, "|")):
		return Rule{}, fmt.Errorf("has the rule %q with an argument that does not fit it", key)
	}
	tag := key
	if hasArg {
		tag += "=" + arg
	}
	return v.borrowed(key, tag)
}

// borrowed makes a rule of a tag of validator/v10, after asking it about texts that might make it panic.
func (v *vocabulary) borrowed(key, tag string) (r Rule, err error) {
	if v.validator == nil {
		v.validator = validator.New()
	}
	engine := v.validator
	r = Rule{name: key, ok: func(s string) bool { return engine.Var(s, tag) == nil }}
	defer func() {
		if p := recover(); p != nil {
			r, err = Rule{}, fmt.Errorf("has the rule %q, which panics: %v", tag, p)
		}
	}()
	for _, s := range probes {
		_ = r.ok(s)
	}
	return r, nil
}
