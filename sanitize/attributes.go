package sanitize

import (
	"strings"
)

// An attr is an attribute that the output may have. An attrSet is a set of them.
type (
	attr    uint8
	attrSet uint64
)

const (
	aAlign attr = iota
	aAlt
	aBgColor
	aBorder
	aBorderColor
	aCellPadding
	aCellSpacing
	aClear
	aColor
	aColSpan
	aDir
	aFace
	aHeight
	aHref
	aHSpace
	aID
	aLang
	aListType
	aName
	aNoShade
	aNoWrap
	aRole
	aRowSpan
	aScope
	aSize
	aSpan
	aSrc
	aStart
	aStyle
	aText
	aTitle
	aVAlign
	aValue
	aVSpace
	aWidth
)

func set(attrs ...attr) attrSet {
	var s attrSet
	for _, a := range attrs {
		s |= 1 << a
	}
	return s
}

func (s attrSet) has(a attr) bool { return s&(1<<a) != 0 }

// attributes says by name what each attribute may hold. check appends the cleaned value to dst, or reports false.
var attributes = map[string]struct {
	attr  attr
	check func(dst []byte, value string) ([]byte, bool)
}{
	"align":       {aAlign, words("left", "right", "center", "justify", "middle", "top", "bottom", "char")},
	"alt":         {aAlt, freeText},
	"bgcolor":     {aBgColor, legacyColor},
	"border":      {aBorder, number},
	"bordercolor": {aBorderColor, legacyColor},
	"cellpadding": {aCellPadding, number},
	"cellspacing": {aCellSpacing, number},
	"clear":       {aClear, words("left", "right", "all", "both", "none")},
	"color":       {aColor, legacyColor},
	"colspan":     {aColSpan, span},
	"dir":         {aDir, words("ltr", "rtl", "auto")},
	"face":        {aFace, fontList},
	"height":      {aHeight, number},
	"href":        {aHref, nil}, // see url.go
	"hspace":      {aHSpace, number},
	"id":          {aID, nil}, // prefixed or dropped
	"lang":        {aLang, language},
	"name":        {aName, nil}, // becomes an id
	"noshade":     {aNoShade, empty},
	"nowrap":      {aNoWrap, empty},
	"role":        {aRole, words("presentation", "none", "article", "heading", "img")},
	"rowspan":     {aRowSpan, span},
	"scope":       {aScope, words("row", "col", "rowgroup", "colgroup")},
	"size":        {aSize, fontSize},
	"span":        {aSpan, span},
	"src":         {aSrc, nil}, // see picture.go
	"start":       {aStart, fontSize},
	"style":       {aStyle, nil}, // see style.go
	"text":        {aText, legacyColor},
	"title":       {aTitle, freeText},
	"type":        {aListType, listType},
	"valign":      {aVAlign, words("top", "middle", "bottom", "baseline", "center")},
	"value":       {aValue, fontSize},
	"vspace":      {aVSpace, number},
	"width":       {aWidth, number},
}

// loads are the attributes that make a browser fetch something, on whatever element.
var loads = map[string]bool{
	"src": true, "srcset": true, "background": true, "poster": true, "data": true, "lowsrc": true, "dynsrc": true,
	"imagesrcset": true, "archive": true, "codebase": true, "classid": true, "manifest": true, "ping": true, "icon": true,
}

func words(list ...string) func([]byte, string) ([]byte, bool) {
	return func(dst []byte, value string) ([]byte, bool) {
		value = strings.Trim(value, blanks)
		for _, w := range list {
			if strings.EqualFold(w, value) {
				return append(dst, w...), true
			}
		}
		return dst, false
	}
}

// freeText takes any text; the builder escapes it.
func freeText(dst []byte, value string) ([]byte, bool) { return append(dst, value...), true }

func empty(dst []byte, _ string) ([]byte, bool) { return dst, true }

// number takes what HTML 4 calls a length: up to four digits, with or without a fraction, "%" or "px".
func number(dst []byte, value string) ([]byte, bool) {
	value = strings.Trim(value, blanks)
	digits, rest := leadingDigits(value)
	if digits == "" || len(digits) > 4 {
		return dst, false
	}
	if after, ok := strings.CutPrefix(rest, "."); ok {
		_, rest = leadingDigits(after)
	}
	switch strings.Trim(rest, blanks) {
	case "", "px", "PX", "Px":
		return append(dst, digits...), true
	case "%":
		return append(append(dst, digits...), '%'), true
	}
	return dst, false
}

// span is bounded to 1000, as the HTML standard bounds colspan (4.9.11).
func span(dst []byte, value string) ([]byte, bool) {
	digits, rest := leadingDigits(strings.Trim(value, blanks))
	if digits == "" || len(digits) > 3 || rest != "" {
		return dst, false
	}
	return append(dst, digits...), true
}

// fontSize takes up to four digits with a sign: <font size="+1">, <ol start="-3">.
func fontSize(dst []byte, value string) ([]byte, bool) {
	value = strings.Trim(value, blanks)
	sign := value
	if value != "" && (value[0] == '+' || value[0] == '-') {
		value = value[1:]
	}
	sign = sign[:len(sign)-len(value)]
	digits, rest := leadingDigits(value)
	if digits == "" || len(digits) > 4 || strings.Trim(rest, "px ") != "" {
		return dst, false
	}
	return append(append(dst, sign...), digits...), true
}

func listType(dst []byte, value string) ([]byte, bool) {
	switch value = strings.Trim(value, blanks); value {
	case "1", "a", "A", "i", "I":
		return append(dst, value...), true
	}
	return words("disc", "circle", "square")(dst, value)
}

// language takes the letters, digits and hyphens of BCP 47.
func language(dst []byte, value string) ([]byte, bool) {
	value = strings.Trim(value, blanks)
	if value == "" || len(value) > 35 {
		return dst, false
	}
	for i := range len(value) {
		if c := value[i]; !isAlnum(c) && c != '-' {
			return dst, false
		}
	}
	return append(dst, value...), true
}

// legacyColor takes the colours of HTML 4: a name, or three or six hexadecimal digits with or without '#'.
func legacyColor(dst []byte, value string) ([]byte, bool) {
	value = strings.Trim(value, blanks)
	if (len(value) == 6 || len(value) == 3) && isHex(value) {
		return append(append(dst, '#'), value...), true
	}
	return color(dst, value)
}

func leadingDigits(s string) (digits, rest string) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return s[:i], s[i:]
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f') {
			return false
		}
	}
	return s != ""
}
