package sanitize_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/sanitize"
)

func TestMailKeepsWhatAReaderNeeds(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"text":               {"hej & <b>då</b>", "hej &amp; <b>då</b>"},
		"table":              {`<table bgcolor=#FFF width=600><tr><td align=center valign=top>a<td>b</table>`, `<table bgcolor="#fff" width="600"><tbody><tr><td align="center" valign="top">a</td><td>b</td></tr></tbody></table>`},
		"style":              {`<p style="COLOR: Red; position:fixed; margin:0 AUTO">x</p>`, `<p style="color:red;margin:0 auto">x</p>`},
		"link":               {`<a href="https://a.example/x?y=1&z=2">x</a>`, `<a href="https://a.example/x?y=1&amp;z=2" rel="noopener noreferrer nofollow" target="_blank">x</a>`},
		"mailto":             {`<a href="mailto:a@b.example">x</a>`, `<a href="mailto:a@b.example">x</a>`},
		"script":             {`a<script>alert(1)</script>b`, `ab`},
		"handler":            {`<p onclick=x()>a</p>`, `<p>a</p>`},
		"javascript link":    {"<a href=\"java\tscript:alert(1)\">x</a>", "x"},
		"unclosed object":    {`a<object>b`, `ab`},
		"unclosed title":     {`<title>a <p>b`, "a\n\nb"},
		"unclosed style":     {`<p>a</p><style>b <p>c`, "<p>a</p>b\n\nc"},
		"unclosed comment":   {`a<!-- b <b>c</b>`, "ab c"},
		"empty title":        {`<title></title>a<style></style>b<script/>c</script>d`, "abd"},
		"stray noscript":     {`a</noscript><noscript>b</noscript>c`, `abc`},
		"paragraphs":         {`<p><b>a<p>b</b>c`, `<p><b>a</b></p><p><b>b</b>c</p>`},
		"bare item":          {`<li>a<li>b</li>c`, `<ul><li>a</li><li>b</li></ul>c`},
		"bare cell":          {`</td></tr></table><td>a`, `a`},
		"body":               {`<html><head><title>t</title></head><body bgcolor="#eeeeee" style="margin:0">a</body></html>`, `<div style="background-color:#eeeeee;margin:0">a</div>`},
		"blocked picture":    {`<img src="https://t.example/p.gif" alt="a 'b' <c>">`, `<img alt="a &#39;b&#39; &lt;c&gt;">`},
		"text between cells": {`<table>x<tr><td>y</table>`, `<table><tbody><tr><td>x</td></tr><tr><td>y</td></tr></tbody></table>`},
	} {
		t.Run(name, func(t *testing.T) {
			h, _, err := sanitize.NewMail(sanitize.Mail{}).Wash(c.in)
			require.NoError(t, err)
			require.Equal(t, c.want, h.String())
			again, _, err := sanitize.NewMail(sanitize.Mail{}).Wash(h.String())
			require.NoError(t, err)
			require.Equal(t, c.want, again.String())
		})
	}
}
