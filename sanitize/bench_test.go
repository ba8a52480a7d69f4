package sanitize_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/microcosm-cc/bluemonday"

	"github.com/skans-go/skans/sanitize"
)

// styledMail is a newsletter of about 60 KB in which nearly every element carries a style, as inlining tools write
// it.
func styledMail(size int) string {
	const item = `<tr><td align="left" valign="top" width="280" style="padding: 12px 16px; font-family: Arial, Helvetica, sans-serif; font-size: 14px; line-height: 21px; color: #333333; border-bottom: 1px solid #dddddd;">` +
		`<h3 style="margin: 0 0 8px 0; font-size: 18px; color: #003366;">Vecka %d på museet</h3>` +
		`<p style="margin: 0 0 12px 0; color: #555555; text-align: left;">Guidade turer på lördag och söndag. Barn under 12 år går gratis in &amp; får en karta.</p>` +
		`<a href="https://www.example.com/events/%d?utm_source=mail&amp;utm_campaign=week" style="color: #ffffff; background-color: #0066cc; padding: 8px 14px; text-decoration: none; font-weight: bold;">Läs mer</a></td>` +
		`<td width="280" style="padding: 12px 16px; text-align: center;"><img src="https://cdn.example.com/pictures/%d.jpg" alt="Bild från vecka %d" width="260" height="180" style="width: 260px; height: 180px; border: 0;"></td></tr>`
	var b strings.Builder
	b.WriteString(`<html><head><title>Nyhetsbrev</title></head><body style="margin: 0; padding: 0; background-color: #f4f4f4;"><table width="600" cellpadding="0" cellspacing="0" border="0" align="center" bgcolor="#ffffff">`)
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, item, i, i, i, i)
	}
	b.WriteString(`</table></body></html>`)
	return b.String()
}

// BenchmarkWash60KB and BenchmarkBluemonday60KB are to be read side by side.
func BenchmarkWash60KB(b *testing.B) {
	source := styledMail(60 << 10)
	w := sanitize.NewMail(sanitize.Mail{IDPrefix: "m1-"})
	b.SetBytes(int64(len(source)))
	b.ReportAllocs()
	for b.Loop() {
		if h, _, err := w.Wash(source); err != nil || h.String() == "" {
			b.Fatal(err)
		}
	}
}

func BenchmarkBluemonday60KB(b *testing.B) {
	source := styledMail(60 << 10)
	p := bluemonday.UGCPolicy()
	p.AllowStyles("color", "background-color", "font-family", "font-size", "font-weight", "line-height", "text-align", "text-decoration", "padding", "margin", "width", "height").Globally()
	b.SetBytes(int64(len(source)))
	b.ReportAllocs()
	for b.Loop() {
		if p.Sanitize(source) == "" {
			b.Fatal("empty")
		}
	}
}

func BenchmarkText(b *testing.B) {
	const s = "Förfrågan om bygglov för altan, Storgatan 3 – ärende 2026-0042"
	for name, f := range map[string]func(string) string{
		"Line": sanitize.Line, "Text": sanitize.Text, "HeaderValue": sanitize.HeaderValue, "Log": sanitize.Log, "TextFromHTML": sanitize.TextFromHTML,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f(s)
			}
		})
	}
}

// BenchmarkHostile washes a megabyte and twice of it: the second is to take at most 2.3 times the first.
func BenchmarkHostile(b *testing.B) {
	w := sanitize.NewMail(sanitize.Mail{IDPrefix: "m1-", DataBytes: 1 << 30, MaxBytes: 4 << 20})
	for _, name := range slices.Sorted(maps.Keys(costly)) {
		for _, size := range []int{1 << 20, 2 << 20} {
			source := costly[name](size)
			b.Run(fmt.Sprintf("%s/%dMB", strings.ReplaceAll(name, " ", "-"), size>>20), func(b *testing.B) {
				b.SetBytes(int64(len(source)))
				b.ReportAllocs()
				for b.Loop() {
					_, _, _ = w.Wash(source)
				}
			})
		}
	}
}
