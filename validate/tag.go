package validate

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// rules reads the rule tag: a class (or, for a type that is its own rule, nothing), then parameters.
func (f *field) rules(v *vocabulary, tag string) error {
	f.ruleText = tag
	items := []string{}
	if tag != "" {
		items = strings.Split(tag, ",")
	}
	var err error
	switch f.kind {
	case kindString, kindSecret, kindText:
		items, err = f.classRule(v, items)
	case kindBool:
		items, err = f.boolRule(items)
	case kindFile:
		items, err = f.fileRule(items)
	case kindObject:
		f.maxBytes = math.MaxInt
	}
	if err != nil {
		return err
	}
	given := map[string]bool{}
	for _, item := range items {
		key, arg, hasArg := strings.Cut(item, "=")
		if given[key] {
			return fmt.Errorf("has the rule %q twice", key)
		}
		given[key] = true
		if err := f.parameter(v, key, arg, hasArg); err != nil {
			return err
		}
	}
	return f.complete(given)
}

// classRule takes the class from the front of the rule.
func (f *field) classRule(v *vocabulary, items []string) ([]string, error) {
	if len(items) == 0 || items[0] == "" {
		return nil, fmt.Errorf(`has no rule; say which characters and how many, as in rule:"line,max=100" (classes: %s)`, v.names())
	}
	name, arg, hasArg := strings.Cut(items[0], "=")
	c, err := v.class(name, arg, hasArg)
	if err != nil {
		return nil, err
	}
	switch {
	case name == "secret" && f.kind != kindSecret:
		return nil, errors.New("has the class secret in a type that prints; use skans.Secret")
	case name != "secret" && f.kind == kindSecret:
		return nil, fmt.Errorf(`is a skans.Secret with the class %q; use rule:"secret,max=256"`, name)
	}
	f.class, f.min, f.max = c, -1, c.length
	if c.choice {
		f.choices = strings.Split(arg, "|")
	}
	return items[1:], nil
}

func (f *field) boolRule(items []string) ([]string, error) {
	if len(items) != 1 || items[0] != "bool" && items[0] != "checkbox" {
		return nil, errors.New(`is a bool; say how it is written: rule:"bool" takes exactly true or false, rule:"checkbox" takes "on" or nothing`)
	}
	f.checkbox = items[0] == "checkbox"
	if f.checkbox && f.source == sourceJSON {
		return nil, errors.New(`is a checkbox in JSON, which has true and false; use rule:"bool"`)
	}
	return nil, nil
}

func (f *field) fileRule(items []string) ([]string, error) {
	if len(items) == 0 || items[0] == "" || strings.Contains(items[0], "=") {
		return nil, errors.New(`is a file without a list of types; write as in rule:"pdf|png,max=5MB,count=3"`)
	}
	f.choices = strings.Split(items[0], "|")
	return items[1:], nil
}

func (f *field) parameter(v *vocabulary, key, arg string, hasArg bool) (err error) {
	switch key {
	case "max", "min":
		return f.bound(key == "max", arg)
	case "maxbytes":
		if f.class == nil {
			return errors.New("has maxbytes, which is for text")
		}
		f.maxBytes, err = positive(key, arg, 4*maxCharacters)
		return err
	case "count":
		if !f.list {
			return errors.New("has count, which is for slices")
		}
		f.count, err = positive(key, arg, maxCount)
		return err
	case "atleast":
		if !f.list {
			return errors.New("has atleast, which is for slices")
		}
		f.few, err = positive(key, arg, maxCount)
		return err
	case "scale":
		if f.typ != decimalType {
			return errors.New("has scale, which is for validate.Decimal")
		}
		f.scale, err = positive(key, arg, maxDecimalDigits)
		return err
	case "past", "future":
		if hasArg || f.typ != dateType && f.kind != kindTime {
			return fmt.Errorf("has %s, which stands alone and is for validate.Date and time.Time", key)
		}
		f.past, f.future = f.past || key == "past", f.future || key == "future"
		return nil
	case "kind":
		return f.kindRule(arg)
	}
	return f.extraRule(v, key, arg, hasArg)
}

func (f *field) kindRule(arg string) error {
	k, ok := reflectNew(f).(interface{ kindNames() []string })
	if !ok {
		return errors.New("has kind, which is for numbers of persons")
	}
	f.kinds = strings.Split(arg, "|")
	for _, name := range f.kinds {
		if !slices.Contains(k.kindNames(), name) {
			return fmt.Errorf("has the unknown kind %q; known are %s", name, strings.Join(k.kindNames(), ", "))
		}
	}
	return nil
}

func (f *field) extraRule(v *vocabulary, key, arg string, hasArg bool) error {
	if f.class == nil {
		return fmt.Errorf("has the rule %q, which is not for values of type %s", key, f.typ)
	}
	r, err := v.rule(key, arg, hasArg)
	if err != nil {
		return err
	}
	f.extra = append(f.extra, r)
	return nil
}

// bound reads min and max: characters of text, values of numbers and dates, bytes of files.
func (f *field) bound(isMax bool, arg string) (err error) {
	if isMax {
		f.high = arg
	} else {
		f.low = arg
	}
	switch f.kind {
	case kindString, kindSecret, kindText:
		n, err := strconv.Atoi(arg)
		if err != nil || n < 0 || n > maxCharacters || isMax && n == 0 {
			return fmt.Errorf("has min or max %q; write a number of characters up to %d", arg, maxCharacters)
		}
		if !isMax {
			f.min = n
		} else if f.max != 0 && n > f.max {
			return fmt.Errorf("has max=%d, but its class allows at most %d characters", n, f.max)
		} else {
			f.max = n
		}
		return nil
	case kindInt, kindUint, kindFloat:
		return f.numberBound(isMax, arg)
	case kindFile:
		if !isMax {
			return errors.New("has min, which files do not have")
		}
		f.fileSize, err = parseSize(arg)
		return err
	case kindParsed:
		return f.parsedBound(isMax, arg)
	}
	return fmt.Errorf("has a min or max, which values of type %s do not have", f.typ)
}

// maxCharacters is the largest text a schema can allow; larger content is a file.
const maxCharacters = 16 << 20

func (f *field) numberBound(isMax bool, arg string) (err error) {
	bad := fmt.Errorf("has the bound %q, which is not a %s in canonical form", arg, f.typ)
	switch f.kind {
	case kindInt:
		n, err := strconv.ParseInt(arg, 10, f.typ.Bits())
		if err != nil || !canonicalInt(arg) {
			return bad
		}
		if isMax {
			f.maxInt = n
		} else {
			f.minInt = n
		}
	case kindUint:
		n, err := strconv.ParseUint(arg, 10, f.typ.Bits())
		if err != nil || !canonicalInt(arg) {
			return bad
		}
		if isMax {
			f.maxUint = n
		} else {
			f.minUint = n
		}
	default:
		n, err := strconv.ParseFloat(arg, f.typ.Bits())
		if err != nil || !decimalText(arg) {
			return bad
		}
		if isMax {
			f.maxFloat = n
		} else {
			f.minFloat = n
		}
	}
	return nil
}

func (f *field) parsedBound(isMax bool, arg string) error {
	switch f.typ {
	case dateType:
		d, err := ParseDate(arg)
		if err != nil {
			return fmt.Errorf("has the bound %q, which is not a date; write 2026-12-31", arg)
		}
		if isMax {
			f.maxDate = d
		} else {
			f.minDate = d
		}
	case decimalType:
		d, err := ParseDecimal(arg)
		if err != nil {
			return fmt.Errorf("has the bound %q, which is not a decimal; write 100.00", arg)
		}
		if isMax {
			f.maxDec = d
		} else {
			f.minDec = d
		}
	default:
		return fmt.Errorf("has a min or max, which values of type %s do not have", f.typ)
	}
	return nil
}

// complete refuses what was left open and fills in what follows.
func (f *field) complete(given map[string]bool) error {
	if f.list && !given["count"] {
		return errors.New("is a slice without a maximum; add count=10")
	}
	if f.few > f.count {
		return fmt.Errorf("has atleast=%d above count=%d", f.few, f.count)
	}
	both := given["min"] && given["max"]
	switch f.kind {
	case kindString, kindSecret, kindText:
		return f.completeText()
	case kindInt, kindUint, kindFloat:
		if !both {
			return errors.New("is a number without a range; add min=0,max=100")
		}
		if f.minInt > f.maxInt || f.minUint > f.maxUint || f.minFloat > f.maxFloat {
			return errors.New("has a min above its max")
		}
	case kindFile:
		if f.fileSize == 0 {
			return errors.New("is a file without a maximum size; add max=5MB")
		}
	case kindParsed:
		if f.typ == decimalType && (!both || f.minDec.Compare(f.maxDec) > 0) {
			return errors.New("is a decimal without a range; add min=0,max=1000.00,scale=2")
		}
		if f.typ == dateType && given["min"] && given["max"] && f.minDate.Compare(f.maxDate) > 0 {
			return errors.New("has a min above its max")
		}
		if k, ok := reflectNew(f).(interface{ kindDefaults() []string }); ok && f.kinds == nil {
			f.kinds = k.kindDefaults()
		}
	}
	if f.past && f.future {
		return errors.New("must lie in the past and in the future")
	}
	return nil
}

func (f *field) completeText() error {
	if f.max == 0 {
		return errors.New("is text without a maximum; add max=100, in characters")
	}
	if limit := 4 * f.max; f.maxBytes == 0 || f.maxBytes > limit {
		f.maxBytes = limit // four bytes are the longest character in UTF-8
	}
	if f.min < 0 {
		if f.min = 1; f.optional && !f.list {
			f.min = 0
		}
	}
	if f.min > f.max {
		return errors.New("has a min above its max")
	}
	return nil
}

// maxCount is the longest list; a longer one is a file.
const maxCount = 10_000

func positive(key, arg string, most int) (int, error) {
	n, err := strconv.Atoi(arg)
	if err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("has %s=%q; write a whole number from 1 to %d", key, arg, most)
	}
	return n, nil
}

var sizeUnits = []struct {
	name  string
	bytes int64
}{{"GB", 1 << 30}, {"MB", 1 << 20}, {"KB", 1 << 10}, {"B", 1}}

// parseSize reads 5MB, counted in units of 1024.
func parseSize(s string) (int64, error) {
	for _, u := range sizeUnits {
		if digits, ok := strings.CutSuffix(s, u.name); ok {
			n, err := strconv.ParseInt(digits, 10, 32)
			if err == nil && n > 0 && n <= math.MaxInt64/u.bytes/1024 {
				return n * u.bytes, nil
			}
			break
		}
	}
	return 0, fmt.Errorf("has the size %q; write a whole number and B, KB, MB or GB, as 5MB", s)
}

func sizeText(n int64) string {
	for _, u := range sizeUnits {
		if n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + " " + u.name
		}
	}
	return ""
}
