package sanitize

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestJudgesRefuseWhatTheWasherShouldNeverWrite goes at the second belt alone: no input is known that makes the washer write any of this.
func TestJudgesRefuseWhatTheWasherShouldNeverWrite(t *testing.T) {
	for _, bad := range []string{
		`<script>x()</script>`, `<p onclick="x()">a</p>`, `<a href="javascript:x()">a</a>`, `<a href="//evil.example/">a</a>`, `<a href="data:text/html,x">a</a>`, `<img src="http://a.example/">`,
		`<img src="data:image/svg+xml;base64,AA">`, `<img srcset="https://a.example/ 2x">`, `<iframe></iframe>`, `<svg></svg>`, `<math></math>`, `<style>p{}</style>`, `<form></form>`, `<input>`,
		`<p class="x">a</p>`, `<p name="x">a</p>`, `<p id="1&#39;x">a</p>`, `<table background="https://a.example/"></table>`, `<font color="url(x)">a</font>`, `<td colspan="99999"></td>`,
		`<a rel="opener">a</a>`, `<a target="_top">a</a>`, `<title>a</title>`, `<!-- a -->`, `<p title=a>a</p>`, `<P>a</P>`, `a<b`, `&lt`, `<meta charset="utf-7">`, `<object></object>`, `<template></template>`,
	} {
		require.False(t, confirms(mailJudge(), []byte(bad)), bad)
		require.False(t, confirms(commentJudge(), []byte(bad)), bad)
	}
	for _, mailOnly := range []string{`<img src="https://a.example/x">`, `<p style="color:red">a</p>`, `<p id="m-x">a</p>`, `<font color="red">a</font>`, `<div>a</div>`} {
		require.True(t, confirms(mailJudge(), []byte(mailOnly)), mailOnly)
		require.False(t, confirms(commentJudge(), []byte(mailOnly)), mailOnly)
	}
	require.True(t, confirms(commentJudge(), []byte(`<p>a &lt; <a href="https://a.example/" rel="noopener noreferrer nofollow" target="_blank">b</a></p>`)))
}

func TestSecondJudgeOfStyles(t *testing.T) {
	for _, bad := range []string{`background:url(x)`, `color:\72 ed`, `color:red/**/`, `color:"x"`, `color:var(x)`, `width:calc(1px)`, `a{b}`, `@import`, `width:expression(x)`, "color:\x00", `a:b<c`, `color:é`} {
		require.False(t, confirmsStyle([]byte(bad)), bad)
	}
	for _, good := range []string{``, `color:red`, `color:rgb(1, 2, 3)`, `color:hsla(1 2% 3% / .5)`, `margin:0 -1px;font-family:Segoe UI,sans-serif`, `background-color:#fff`} {
		require.True(t, confirmsStyle([]byte(good)), good)
	}
}

// TestTablesAgree sees to it that the second judge knows every element that the washer may write, and no other.
func TestTablesAgree(t *testing.T) {
	for _, e := range elements {
		markup := "<" + e.name + ">"
		require.True(t, confirms(mailJudge(), []byte(markup)), e.name)
		require.Equal(t, e.comment, confirms(commentJudge(), []byte(markup)), e.name)
	}
}
