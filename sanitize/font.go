package sanitize

import (
	"strings"
)

// fontList appends the families of a comma-separated list that are in fonts, and reports false if none is. An unknown
// family asks a reader's machine what is installed there.
func fontList(dst []byte, value string) ([]byte, bool) {
	any := false
	var buf [32]byte
	for family := range strings.SplitSeq(value, ",") {
		family = strings.Trim(family, " \t\r\n\f\"'")
		if len(family) > len(buf) || !fonts[string(appendLower(buf[:0], family))] {
			continue
		}
		if any {
			dst = append(dst, ',')
		}
		dst = append(dst, family...)
		any = true
	}
	return dst, any
}

var (
	fontStyle  = property{max: 1, words: wordSet("italic oblique")}
	fontWeight = property{max: 1, words: wordSet("bold bolder lighter 100 200 300 400 500 600 700 800 900")}
	fontSizes  = properties["font-size"]
	lineHeight = properties["line-height"]
)

// fontShorthand rewrites "font: italic bold 12px/1.5 Arial" as single declarations.
func fontShorthand(dst []byte, value string) ([]byte, bool) {
	for value != "" {
		part, rest := nextComponent(value)
		value = rest
		if part == "" || strings.EqualFold(part, "normal") || strings.EqualFold(part, "small-caps") {
			continue
		}
		if out, ok := fontStyle.component(append(dst, "font-style:"...), part); ok {
			dst = append(out, ';')
			continue
		}
		if out, ok := fontWeight.component(append(dst, "font-weight:"...), part); ok {
			dst = append(out, ';')
			continue
		}
		points, height, hasHeight := strings.Cut(part, "/")
		out, ok := fontSizes.value(append(dst, "font-size:"...), points)
		if !ok {
			return dst, false
		}
		dst = out
		if hasHeight {
			if out, ok := lineHeight.value(append(dst, ";line-height:"...), height); ok {
				dst = out
			}
		}
		if out, ok := fontList(append(dst, ";font-family:"...), value); ok {
			dst = out
		}
		return dst, true
	}
	return dst, false
}

// fonts are the families that mail is written in: the generic ones, those that come with operating systems, and
// the common web fonts, which show only where they are installed.
var fonts = fontSet(`serif, sans-serif, monospace, cursive, fantasy, system-ui, ui-sans-serif, ui-serif, ui-monospace, inherit,
	-apple-system, blinkmacsystemfont, aptos, arial, arial black, arial narrow, avenir, avenir next, bahnschrift, book antiqua,
	bookman old style, brush script mt, calibri, calibri light, cambria, candara, cantarell, century gothic, comic sans ms,
	consolas, constantia, copperplate, corbel, courier, courier new, dejavu sans, dejavu sans mono, dejavu serif, droid sans,
	fira sans, franklin gothic medium, futura, garamond, geneva, georgia, gill sans, gill sans mt, helvetica, helvetica neue,
	impact, inter, lato, liberation sans, lucida console, lucida grande, lucida sans, lucida sans unicode, menlo, meiryo,
	microsoft yahei, monaco, montserrat, ms gothic, ms sans serif, noto sans, noto serif, nunito, open sans, optima, oswald,
	palatino, palatino linotype, pingfang sc, playfair display, poppins, raleway, roboto, rockwell, segoe ui, segoe ui emoji,
	segoe ui symbol, sf pro display, sf pro text, simsun, source sans pro, symbol, tahoma, times, times new roman, trebuchet ms,
	ubuntu, verdana, webdings, wingdings, work sans`)

func fontSet(list string) map[string]bool {
	families := make(map[string]bool)
	for f := range strings.SplitSeq(list, ",") {
		families[strings.TrimSpace(f)] = true
	}
	return families
}
