package main

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An open page hears of a new letter, and of nothing after signing out: the stream ends by itself.
func TestNewsStopAtSignOut(t *testing.T) {
	r := start(t, t.TempDir(), true)
	b := r.member(t, "visitor.skola@kommun.example")
	require.Equal(t, http.StatusNotFound, b.get("/m/bygglov/events").status, "another mailbox's news")

	b.client.Timeout = 0 // the stream's end is the test's
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.base+"/m/skola/events", nil)
	require.NoError(t, err)
	req.Header.Set("User-Agent", userAgent)
	resp, err := b.client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	lines := bufio.NewScanner(resp.Body)
	next := func(prefix string) bool {
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), prefix) {
				return true
			}
		}
		return false
	}
	require.True(t, next(": begun"))
	r.send(t, "bygglov@kommun.example", letterWithFile) // not theirs
	r.send(t, "skola@kommun.example", letterWithFile)
	require.True(t, next("data: letter"))

	require.Equal(t, http.StatusSeeOther, b.submit("/account", "/logout", nil).status)
	require.False(t, next("data:"), "the stream went on after signing out")
}
