package sanitize_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/sanitize"
)

// costly are inputs that have made some washer or parser of HTML or CSS take time or memory that grows faster than
// the input. Each returns about n bytes.
var costly = map[string]func(n int) string{
	"open elements":        func(n int) string { return strings.Repeat("<div>", n/5) },
	"open formatting":      func(n int) string { return strings.Repeat("<b>", n/3) },
	"reopened formatting":  func(n int) string { return "<p>" + distinctFonts(300) + "</p>" + strings.Repeat("<p>x", n/4) },
	"formatting and cells": func(n int) string { return "<table><tr><td>" + distinctFonts(300) + strings.Repeat("<td>x", n/5) },
	"misnested formatting": func(n int) string { return strings.Repeat("<b><i>x</b></i>", n/15) },
	"adoption": func(n int) string {
		return strings.Repeat("<a href=https://x.example><div><b>", 90) + strings.Repeat("</a>", n/4)
	},
	"unmatched ends when deep": func(n int) string { return strings.Repeat("<div>", 390) + strings.Repeat("</p>", n/4) },
	"ends behind a barrier": func(n int) string {
		return "<b><table><td>" + strings.Repeat("<div>", 380) + strings.Repeat("</b>", n/4)
	},
	"paragraphs when deep": func(n int) string { return strings.Repeat("<div>", 390) + strings.Repeat("<p>", n/3) },
	"items when deep":      func(n int) string { return "<ul>" + strings.Repeat("<div>", 390) + strings.Repeat("<li>", n/4) },
	"nested tables":        func(n int) string { return strings.Repeat("<table><tr><td>", n/15) },
	"text in tables":       func(n int) string { return "<table>" + strings.Repeat("x<tr>", n/5) },
	"one long attribute":   func(n int) string { return `<p title="` + strings.Repeat("&amp;", n/5) + `">x` },
	"many attributes":      func(n int) string { return "<p " + strings.Repeat("a=b ", n/4) + ">x" },
	"many like attributes": func(n int) string { return "<p " + strings.Repeat("id=b ", n/5) + ">x" },
	"one long style":       func(n int) string { return `<p style="` + strings.Repeat("color:red;", n/10) + `">x` },
	"style of parentheses": func(n int) string { return `<p style="color:` + strings.Repeat("(", n) + `">x` },
	"style of escapes":     func(n int) string { return `<p style="color:` + strings.Repeat(`\61 `, n/4) + `">x` },
	"style of urls":        func(n int) string { return `<p style="` + strings.Repeat("x:url(//a.b);", n/13) + `">x` },
	"many styles":          func(n int) string { return strings.Repeat(`<p style="color:red;margin:0 auto">`, n/36) },
	"one long address":     func(n int) string { return `<a href="https://` + strings.Repeat("a.", n/2) + `">x</a>` },
	"many hosts": func(n int) string {
		var b strings.Builder
		for i := 0; b.Len() < n; i++ {
			fmt.Fprintf(&b, "<img src=//h%d.example/x>", i)
		}
		return b.String()
	},
	"comments":                 func(n int) string { return strings.Repeat("<!--", n/4) },
	"open tags":                func(n int) string { return strings.Repeat("<", n) },
	"open raw text":            func(n int) string { return strings.Repeat("<style>", n/7) },
	"raw text with ends":       func(n int) string { return "<title>" + strings.Repeat("</titl", n/6) },
	"references":               func(n int) string { return strings.Repeat("&#x41;", n/6) },
	"open references":          func(n int) string { return strings.Repeat("&", n) },
	"case of foreign elements": func(n int) string { return strings.Repeat("<svg><foreignObject>", n/20) },
	"quotes":                   func(n int) string { return strings.Repeat("'\"", n/2) },
	"data picture":             func(n int) string { return `<img src="data:image/png;base64,` + strings.Repeat("A", n) + `">` },
	"long link text":           func(n int) string { return "<a href=https://x.example>" + strings.Repeat("x<i></i>", n/8) },
	"implied lists":            func(n int) string { return strings.Repeat("<li>x</li>y", n/11) },
}

func distinctFonts(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "<font size=%d color=#%06x>", i, i)
	}
	return b.String()
}

// TestCostGrowsWithTheInput allows far more than the aim (half a second for a megabyte, 2.3 times for twice of it),
// because test machines are shared; what is quadratic takes minutes here.
func TestCostGrowsWithTheInput(t *testing.T) {
	w := sanitize.NewMail(sanitize.Mail{IDPrefix: "m1-", DataBytes: 1 << 30, MaxBytes: 4 << 20})
	for name, make := range costly {
		t.Run(name, func(t *testing.T) {
			source := make(512 << 10 / everyNth)
			start := time.Now()
			h, _, _ := w.Wash(source)
			took := time.Since(start)
			require.Less(t, took, time.Minute)
			require.Less(t, len(h.String()), 8*len(source), "the output is not in proportion")
			t.Logf("%d KB in %v, %d bytes out", len(source)>>10, took.Round(time.Millisecond), len(h.String()))
		})
	}
}
