package sanitize_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/sanitize"
)

func TestStyles(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"shorthand":                         {`margin: 0 auto 10PX -0`, `margin:0 auto 10px -0`},
		"colours":                           {`color:#FFF;background-color:RGBA(1, 2,3,.5);border-color:red #0000ff transparent`, `color:#fff;background-color:rgba(1, 2,3,.5);border-color:red #0000ff transparent`},
		"unknown colour":                    {`color:reddish`, ``},
		"colour of five digits":             {`color:#12345`, ``},
		"font":                              {`font: italic bold 12px/1.5 "Segoe UI", Arial, sans-serif`, `font-style:italic;font-weight:bold;font-size:12px;line-height:1.5;font-family:Segoe UI,Arial,sans-serif`},
		"unknown font":                      {`font-family:Spy7, 'Helvetica Neue'`, `font-family:Helvetica Neue`},
		"only unknown fonts":                {`font-family:Spy7`, ``},
		"background keeps colour":           {`background:#fff url(x.png) no-repeat`, `background-color:#fff`},
		"important":                         {`color:red!important; width : 10px ! IMPORTANT`, `color:red;width:10px`},
		"negative":                          {`margin:-10px;padding:-1px;text-indent:-18pt;letter-spacing:-.5px`, `text-indent:-18pt;letter-spacing:-0.5px`},
		"huge":                              {`width:99999px;height:1e9px;font-size:9999px`, `font-size:9999px`},
		"unknown unit":                      {`width:10vw;height:10q`, ``},
		"number without a unit":             {`width:10;line-height:1.25`, `line-height:1.25`},
		"position":                          {`position:fixed;top:0;z-index:9;transform:scale(9);opacity:0;pointer-events:none`, ``},
		"url":                               {`list-style:url(x);content:"x";cursor:url(x),auto`, ``},
		"escape":                            {`c\6flor:red;color:r\65 d;color:blue`, `color:blue`},
		"comment":                           {`color:/**/red;width:1px/*;*/`, ``},
		"semicolon in a string":             {`font-family:"a;color:red";color:blue`, `color:blue`},
		"semicolon in parentheses":          {`background:url(a;color:red);color:blue`, `color:blue`},
		"open string":                       {`font-family:"a;color:red`, ``},
		"open parenthesis":                  {`color:rgb(1;color:red`, ``},
		"calc and variables":                {`width:calc(1px + 1px);color:var(--x);--x:red;color:env(x)`, ``},
		"expression":                        {`width:expression(alert(1))`, ``},
		"braces":                            {`}body{color:red`, ``},
		"at sign":                           {`@import "x";color:red`, `color:red`},
		"blanks":                            {" \n color \t: \r\n red ;; ; ", `color:red`},
		"nul":                               {"color:\x00red", ``},
		"too many parts":                    {`margin:1px 1px 1px 1px 1px;color:red red`, ``},
		"colour function with a name in it": {`color:rgb(url(x))`, ``},
		"long value":                        {`color:` + strings.Repeat(" ", 600) + `red;width:` + strings.Repeat("1", 600), `color:red`},
		"repeated":                          {`color:red;color:blue`, `color:red;color:blue`},
		"unicode blanks":                    {"color:\u00a0red", ``},
		"unicode case":                      {"\u212aolor:red;wıdth:1px", ``},
	} {
		t.Run(name, func(t *testing.T) {
			h, _, err := sanitize.NewMail(sanitize.Mail{}).Wash(`<p style='` + strings.ReplaceAll(c.in, "'", "&#39;") + `'>x</p>`)
			require.NoError(t, err)
			want := `<p>x</p>`
			if c.want != "" {
				want = `<p style="` + c.want + `">x</p>`
			}
			require.Equal(t, want, h.String())
		})
	}
}
