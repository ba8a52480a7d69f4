package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The README shows this program, and it fits a screen.
func TestREADMEShowsThisProgram(t *testing.T) {
	program, err := os.ReadFile("main.go")
	require.NoError(t, err)
	require.LessOrEqual(t, strings.Count(string(program), "\n"), 60)
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	require.Contains(t, string(readme), "```go\n"+string(program)+"```\n", "README.md and examples/quickstart/main.go differ")
}

var token = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// A browser's whole way: turned away, signed in, let in.
func TestSignInAndProtectedPage(t *testing.T) {
	const plain = "correct horse battery staple"
	server := httptest.NewUnstartedServer(nil)
	server.Config.Handler = handler("https://"+server.Listener.Addr().String(), plain)
	server.StartTLS()
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	client := server.Client()
	client.Jar = jar

	get := func(path string) (*http.Response, string) {
		resp, err := client.Get(server.URL + path)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp, string(body)
	}
	post := func(form url.Values) *http.Response {
		req, err := http.NewRequest(http.MethodPost, server.URL+"/login", strings.NewReader(form.Encode()))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", server.URL)
		resp, err := client.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp
	}

	resp, body := get("/")
	require.Equal(t, "/login", resp.Request.URL.Path, "nobody is let in without signing in")
	require.NotContains(t, body, "Only whoever")
	found := token.FindStringSubmatch(body)
	require.NotNil(t, found, body)

	require.Equal(t, http.StatusForbidden, post(url.Values{"name": {"demo"}, "password": {plain}}).StatusCode, "without the token of the form")
	require.Equal(t, http.StatusForbidden, post(url.Values{"name": {"demo"}, "password": {"wrong"}, "csrf": {found[1]}}).StatusCode)
	resp = post(url.Values{"name": {"demo"}, "password": {plain}, "csrf": {found[1]}})
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "/", resp.Request.URL.Path)
	_, body = get("/")
	require.Contains(t, body, "Only whoever signed in sees this.")
}
