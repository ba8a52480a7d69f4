package bench

import (
	"fmt"
	"strings"
	"testing"

	"github.com/microcosm-cc/bluemonday"
	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/sanitize"
)

// newsletter is a letter of about that many bytes with a style on nearly every element, as inlining tools write them.
func newsletter(size int) string {
	const item = `<tr><td align="left" width="280" style="padding: 12px 16px; font-family: Arial, Helvetica, sans-serif; font-size: 14px; line-height: 21px; color: #333333;">` +
		`<h3 style="margin: 0 0 8px 0; font-size: 18px; color: #003366;">Vecka %d på museet</h3>` +
		`<p style="margin: 0 0 12px 0; color: #555555; text-align: left;">Guidade turer på lördag och söndag. Barn under 12 år går gratis in &amp; får en karta.</p>` +
		`<a href="https://www.example.com/events/%d?utm_source=mail&amp;utm_campaign=week" style="color: #ffffff; background-color: #0066cc; padding: 8px 14px; text-decoration: none; font-weight: bold;">Läs mer</a></td>` +
		`<td width="280" style="padding: 12px 16px; text-align: center;"><img src="https://cdn.example.com/%d.jpg" alt="Bild" width="260" height="180" style="width: 260px; height: 180px;"></td></tr>`
	var b strings.Builder
	b.WriteString(`<div style="margin: 0; padding: 0; background-color: #f4f4f4;"><table width="600" align="center">`)
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, item, i, i, i)
	}
	b.WriteString(`</table></div>`)
	return b.String()
}

func ugcWithStyles() *bluemonday.Policy {
	p := bluemonday.UGCPolicy()
	p.AllowStyles("color", "background-color", "font-family", "font-size", "font-weight", "line-height", "text-align",
		"text-decoration", "padding", "margin", "width", "height").Globally()
	return p
}

func washer() *sanitize.Washer { return sanitize.NewMail(sanitize.Mail{IDPrefix: "m1-"}) }

func TestWashersDoTheSame(t *testing.T) {
	source := newsletter(2000) + `<script>alert(1)</script><p onclick="alert(2)" style="color: #123456">Hej</p><a href="javascript:alert(3)">x</a><iframe src="https://evil.example"></iframe>`
	h, _, err := washer().Wash(source)
	require.NoError(t, err)
	for name, out := range map[string]string{"skans": h.String(), "bluemonday": ugcWithStyles().Sanitize(source)} {
		for _, kept := range []string{"Vecka 0 på museet", "Guidade turer på lördag", "https://www.example.com/events/0", "#003366", "#0066cc", "#123456", "18px", "<table", "Hej"} {
			require.Contains(t, out, kept, name)
		}
		for _, gone := range []string{"alert", "onclick", "javascript", "<script", "<iframe", "evil"} {
			require.NotContains(t, out, gone, name)
		}
	}
}

func BenchmarkWash(b *testing.B) {
	source, w, p := newsletter(60<<10), washer(), ugcWithStyles()
	beside(b,
		side{"skans", func() {
			if _, _, err := w.Wash(source); err != nil {
				b.Fatal(err)
			}
		}},
		side{"bluemonday", func() { p.Sanitize(source) }})
}

// hostile holds what makes washers slow, to be repeated to any length.
var hostile = map[string]string{
	"nesting": "<b>", "unclosed": "<a href=\"https://x.example/", "tables": "<table><tr><td>", "formatting": "<b><i></b></i>",
	"styles": `<p style="color:red;background:url(x);;a:b">`, "entities": "&lt;&#x6a;&amp;", "comments": "<!--<p>--><!", "quotes": `<p title='"`,
}

func BenchmarkWashHostile(b *testing.B) {
	for name, part := range hostile {
		b.Run(name, func(b *testing.B) {
			w, one := washer(), strings.Repeat(part, 1<<20/len(part))
			two := one + one
			b.Run("skans", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					_, _, _ = w.Wash(one)
				}
			})
			// Not two sides: how much longer twice the text takes.
			b.Run("vs-half", func(b *testing.B) {
				inTurns(b, func() { _, _, _ = w.Wash(two) }, func() { _, _, _ = w.Wash(one) })
			})
		})
	}
}
