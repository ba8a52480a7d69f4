package validate

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/validate/upload"
)

// kind says how a value of a field is made.
type kind uint8

const (
	kindString kind = iota
	kindSecret
	kindBool
	kindInt
	kindUint
	kindFloat
	kindTime
	kindParsed // a type of this package
	kindText   // a host's type with UnmarshalText
	kindFile
	kindObject
)

// parser is what the types of this package implement: parse returns the code of what is wrong, or "".
type parser interface {
	parse(text string) (code string)
}

// field is one compiled field. It does not change after the compilation.
type field struct {
	goName, in, name string
	label            string // the name with those of the objects around it, as "address.street"
	index            []int
	order            int // of the field at the top, in the struct
	slot             int // in its own object
	source           int
	typ              reflect.Type // the element's, for slices and pointers
	kind             kind
	list, pointer    bool
	optional         bool
	optText          string
	fallback         reflect.Value // what opt says; invalid means the zero value
	checkbox         bool
	ruleText         string // as Describe shows it

	class              *class
	min, max, maxBytes int // characters, characters, bytes
	count, few         int // how many values at most and at least
	choices            []string
	extra              []Rule

	minInt, maxInt     int64
	minUint, maxUint   uint64
	minFloat, maxFloat float64
	low, high          string // the bounds as they were written
	minDate, maxDate   Date
	minDec, maxDec     Decimal
	scale              int
	past, future       bool
	kinds              []string
	zone               *time.Location

	files    *upload.Receiver
	fileSize int64

	members map[string]*field
	inner   []*field
}

// token says what a value was written as: JSON tells text, numbers and booleans apart, the other sources have text only.
type token uint8

const (
	tokenForm token = iota // text without a type
	tokenString
	tokenNumber
	tokenBool
	tokenNull
)

// fits reports whether a value written so can fill the field: the JSON string "5" is not the number 5.
func (f *field) fits(t token) bool {
	switch {
	case t == tokenForm:
		return true
	case f.kind == kindBool:
		return t == tokenBool
	case f.kind == kindInt || f.kind == kindUint || f.kind == kindFloat:
		return t == tokenNumber
	default:
		return t == tokenString
	}
}

// fill checks the text and puts it into dst, which is of the field's element type. It returns the code of what is wrong, or "".
func (f *field) fill(dst reflect.Value, text string) string {
	if !utf8.ValidString(text) {
		return "encoding"
	}
	switch f.kind {
	case kindString, kindSecret, kindText:
		return f.fillText(dst, text)
	case kindBool:
		return f.fillBool(dst, text)
	case kindInt:
		return f.fillInt(dst, text)
	case kindUint:
		return f.fillUint(dst, text)
	case kindFloat:
		return f.fillFloat(dst, text)
	case kindTime:
		return f.fillTime(dst, text)
	default:
		if len(text) > maxParsed {
			return "long"
		}
		p := dst.Addr().Interface().(parser)
		if code := p.parse(text); code != "" {
			return code
		}
		return f.limit(p)
	}
}

// maxParsed bounds the text of the types of this package; the longest honest one is a number with separators.
const maxParsed = 64

func (f *field) fillText(dst reflect.Value, text string) string {
	if text == "" && (f.min == 0 || f.optional && f.optText == "" && !f.list) {
		return f.store(dst, text) // an empty string stays an empty string, also where a shorter text than min would be wrong
	}
	if text == "" {
		return "missing"
	}
	if f.class.choice {
		if !slices.Contains(f.choices, text) {
			return "choice"
		}
		return f.storeAfterRules(dst, text)
	}
	if len(text) > f.rawLimit() {
		return "long"
	}
	text, code := f.class.apply(text)
	if code != "" {
		return code
	}
	if len(text) > f.maxBytes {
		return "long"
	}
	switch n := utf8.RuneCountInString(text); {
	case n < f.min:
		return "short"
	case n > f.max:
		return "long"
	}
	return f.storeAfterRules(dst, text)
}

func (f *field) storeAfterRules(dst reflect.Value, text string) string {
	for _, r := range f.extra {
		if !r.accepts(text) {
			return r.name
		}
	}
	return f.store(dst, text)
}

func (f *field) store(dst reflect.Value, text string) string {
	switch f.kind {
	case kindSecret:
		*dst.Addr().Interface().(*skans.Secret) = skans.NewSecret(text)
	case kindText:
		if text == "" && f.optional {
			dst.SetZero()
			return ""
		}
		if safely(func() error { return dst.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)) }) != nil {
			return "format"
		}
	default:
		dst.SetString(text)
	}
	return ""
}

func (f *field) fillBool(dst reflect.Value, text string) string {
	switch {
	case f.checkbox && text == "on", !f.checkbox && text == "true":
		dst.SetBool(true)
	case !f.checkbox && text == "false":
		dst.SetBool(false)
	default:
		return "type"
	}
	return ""
}

// maxDigits bounds a number's text before it is looked at; 20 digits hold every 64-bit number, and no reader needs more
// than 40 characters of a fraction.
const maxDigits = 40

// canonicalInt reports whether s is the one way to write an integer: "0", or digits without leading zero, after "-" for
// a negative one. strconv alone takes "+1" and "-0", by which two texts become one number.
func canonicalInt(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	if digits == "0" {
		return len(s) == 1
	}
	return allDigits(digits) && digits[0] != '0'
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func (f *field) fillInt(dst reflect.Value, text string) string {
	if len(text) > maxDigits || !canonicalInt(text) {
		return "type"
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil && text[0] == '-', err == nil && n < f.minInt:
		return "low"
	case err != nil, n > f.maxInt:
		return "high"
	}
	dst.SetInt(n)
	return ""
}

func (f *field) fillUint(dst reflect.Value, text string) string {
	if len(text) > maxDigits || !canonicalInt(text) {
		return "type"
	}
	if text[0] == '-' {
		return "low"
	}
	n, err := strconv.ParseUint(text, 10, 64)
	switch {
	case err != nil, n > f.maxUint:
		return "high"
	case n < f.minUint:
		return "low"
	}
	dst.SetUint(n)
	return ""
}

// decimalText reports whether s is a decimal as people write it: an integer, and perhaps a point and digits. Exponents,
// hexadecimal, NaN, Inf and a negative zero are not, though strconv takes them.
func decimalText(s string) bool {
	whole, fraction, point := strings.Cut(s, ".")
	negative := strings.HasPrefix(whole, "-")
	if !canonicalInt(strings.TrimPrefix(whole, "-")) || strings.HasPrefix(whole, "--") || point && !allDigits(fraction) {
		return false
	}
	return !negative || strings.Trim(s, "-0.") != ""
}

// exponent reports whether a number that JSON's grammar has passed has an exponent: programs write small numbers so.
func exponent(s string) bool {
	mantissa, _, ok := strings.Cut(strings.ToLower(s), "e")
	return ok && strings.Trim(mantissa, "-0.") != "" && !strings.ContainsAny(s, "xXpP_nN")
}

func (f *field) fillFloat(dst reflect.Value, text string) string {
	if len(text) > maxDigits || !decimalText(text) && !(f.source == sourceJSON && exponent(text)) {
		return "type"
	}
	n, err := strconv.ParseFloat(text, f.typ.Bits())
	switch {
	case err != nil && text[0] == '-', err == nil && n < f.minFloat:
		return "low"
	case err != nil, n > f.maxFloat:
		return "high"
	}
	dst.SetFloat(n)
	return ""
}

// fillTime takes the profile of ISO 8601 that RFC 3339 describes, with a zone.
func (f *field) fillTime(dst reflect.Value, text string) string {
	if len(text) > len(time.RFC3339Nano) || len(text) < len("2006-01-02T15:04:05Z") || text[10] != 'T' {
		return "format"
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 1 || strings.ContainsRune(text, ',') {
		return "format"
	}
	now := time.Now()
	if f.past && !t.Before(now) {
		return "past"
	}
	if f.future && !t.After(now) {
		return "future"
	}
	*dst.Addr().Interface().(*time.Time) = t
	return ""
}

// limit checks a value of this package against the field's bounds.
func (f *field) limit(p parser) string {
	switch v := p.(type) {
	case *Date:
		return f.limitDate(*v)
	case *Decimal:
		switch {
		case v.decimals() > f.scale:
			return "format"
		case v.Compare(f.minDec) < 0:
			return "low"
		case v.Compare(f.maxDec) > 0:
			return "high"
		}
	case interface{ kindName() string }:
		if len(f.kinds) > 0 && !slices.Contains(f.kinds, v.kindName()) {
			return "kind"
		}
	}
	return ""
}

func (f *field) limitDate(d Date) string {
	switch {
	case !f.minDate.IsZero() && d.Compare(f.minDate) < 0:
		return "low"
	case !f.maxDate.IsZero() && d.Compare(f.maxDate) > 0:
		return "high"
	case f.past && d.Compare(DateOf(time.Now().In(f.zone))) >= 0:
		return "past"
	case f.future && d.Compare(DateOf(time.Now().In(f.zone))) <= 0:
		return "future"
	}
	return ""
}

// defaults proves that the opt tag can be decoded, so that a default cannot be something the rules refuse.
func (f *field) defaults() error {
	if f.checkbox {
		if f.optional {
			return fmt.Errorf("is a checkbox, which browsers leave out when it is off; drop the opt tag")
		}
		f.optional = true
		return nil
	}
	if !f.optional {
		if f.pointer {
			return fmt.Errorf(`is a pointer, which is for values that may be missing; add opt:"" or use %s`, f.typ)
		}
		return nil
	}
	if f.optText == "" && f.hasEmpty() {
		return nil
	}
	if f.list || f.pointer || f.kind == kindFile || f.kind == kindObject || f.kind == kindSecret {
		return fmt.Errorf(`has the default %q, but a slice, pointer, file, object or secret can only be missing; write opt:""`, f.optText)
	}
	f.fallback = reflect.New(f.typ).Elem()
	if code := f.fill(f.fallback, f.optText); code != "" {
		return fmt.Errorf("has the default %q, which its own rules refuse (%s)", f.optText, code)
	}
	return nil
}

// hasEmpty reports whether opt:"" says something: the zero value of a number or bool is one of its values, and has to be written out.
func (f *field) hasEmpty() bool {
	switch f.kind {
	case kindBool, kindInt, kindUint, kindFloat:
		return f.list || f.pointer
	}
	return true
}

// absent fills an optional field that did not come. The value was made at start: a day that lay in the future then still is the
// default when it has passed. Only a host's own type is made afresh, because copies of it could share memory.
func (f *field) absent(dst reflect.Value) {
	switch {
	case !f.fallback.IsValid():
	case f.kind == kindText:
		f.fill(dst, f.optText)
	default:
		dst.Set(f.fallback)
	}
}

func (f *field) bounds() (low, high string) {
	switch f.kind {
	case kindString, kindSecret, kindText:
		return strconv.Itoa(f.min), strconv.Itoa(f.max)
	case kindFile:
		return "", sizeText(f.fileSize)
	}
	return f.low, f.high
}

func (f *field) placeFile(dst reflect.Value, file *upload.File) {
	if f.list {
		dst.Set(reflect.Append(dst, reflect.ValueOf(file)))
		return
	}
	dst.Set(reflect.ValueOf(file))
}

// reflectNew returns a pointer to a fresh element of the field, to ask it what it can.
func reflectNew(f *field) any { return reflect.New(f.typ).Interface() }
