package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// solve does what the page's script does, by ALTCHA's description of its format.
func solve(t testing.TB, page string) string {
	t.Helper()
	found := captchaTask.FindStringSubmatch(page)
	require.NotNil(t, found, "no CAPTCHA on the page: %s", page)
	var task map[string]any
	require.NoError(t, json.Unmarshal([]byte(html.UnescapeString(found[1])), &task))
	for n := 0; n <= int(task["maxnumber"].(float64)); n++ {
		sum := sha256.Sum256([]byte(task["salt"].(string) + strconv.Itoa(n)))
		if hex.EncodeToString(sum[:]) != task["challenge"] {
			continue
		}
		task["number"] = n
		solution, err := json.Marshal(task)
		require.NoError(t, err)
		return base64.StdEncoding.EncodeToString(solution)
	}
	require.FailNow(t, "the task has no solution")
	return ""
}

var taskScript = regexp.MustCompile(`<script src="(/static/altcha.js)" nonce="([^"]+)" defer></script>`)

func TestCaptchaAfterFailures(t *testing.T) {
	r := start(t, t.TempDir(), true)
	b := r.browser(t)
	b.activate(r.link(t, somebody))
	try := func(name, password, solution string) answer {
		return b.submit("/login", "/login", url.Values{"name": {name}, "password": {password}, "altcha": {solution}})
	}
	for range 3 {
		require.NotContains(t, b.page("/login"), "data-altcha")
		require.Contains(t, try("nobody@kommun.example", "wrong password here", "").body, "That did not work")
	}
	got := b.get("/login")
	script := taskScript.FindStringSubmatch(got.body)
	require.NotNil(t, script, got.body)
	require.Contains(t, got.header.Get("Content-Security-Policy"), "script-src 'nonce-"+script[2]+"'", "the script runs under the policy of this very answer")
	file := b.get(script[1])
	require.Equal(t, http.StatusOK, file.status)
	require.Contains(t, file.header.Get("Content-Type"), "text/javascript")

	without := try(somebody, goodPassword, "")
	require.Equal(t, http.StatusForbidden, without.status)
	require.Contains(t, without.body, "solves a small task", "the right password is not even looked at")
	for _, wrong := range []string{"nonsense", base64.StdEncoding.EncodeToString([]byte(`{"number":1}`))} {
		require.Contains(t, try(somebody, goodPassword, wrong).body, "solves a small task")
	}
	solution := solve(t, without.body)
	require.Contains(t, try(somebody, "wrong password here", solution).body, "That did not work")
	require.Contains(t, try(somebody, goodPassword, solution).body, "solves a small task", "a solution works once")
	got = try(somebody, goodPassword, solve(t, b.page("/login")))
	require.Equal(t, http.StatusOK, got.status)
	require.Contains(t, got.body, "Set up your second factor")
}

// The script in a real browser, under the strict policy: the form waits for the solution and then signs in.
func TestCaptchaInChromium(t *testing.T) {
	other := newElsewhere(t)
	ctx := chromium(t, other)
	r := start(t, t.TempDir(), false)
	b := r.browser(t)
	b.activate(r.link(t, firstAdministrator))
	for range 3 {
		b.submit("/login", "/login", url.Values{"name": {"nobody@kommun.example"}, "password": {"wrong password here"}})
	}
	var broken atomic.Int64
	require.NoError(t, chromedp.Listen(ctx, func(ev any) {
		if _, thrown := ev.(*runtime.EventExceptionThrown); thrown {
			broken.Add(1)
		}
	}))
	steps := []chromedp.Action[chromedp.Void]{
		chromedp.Navigate(r.base + "/login"), chromedp.WaitVisible(`[data-altcha]`),
		chromedp.SendKeys(`input[name=name]`, firstAdministrator), chromedp.SendKeys(`input[name=password]`, goodPassword),
		chromedp.Click(`main button`), chromedp.WaitVisible(`img.qr`),
	}
	for i, step := range steps {
		require.NoError(t, withTime(ctx, step), "step %d", i)
	}
	require.Zero(t, broken.Load())
	require.Zero(t, other.hits.Load())
}

// withTime does one step in what a person would wait.
func withTime(ctx context.Context, step chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	return chromedp.Do(ctx, step)
}
