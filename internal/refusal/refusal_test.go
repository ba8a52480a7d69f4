package refusal_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/internal/refusal"
)

func TestPage(t *testing.T) {
	for status, text := range map[int]string{400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 421: "Misdirected Request", 429: "Too Many Requests", 503: "Service Unavailable"} {
		w := httptest.NewRecorder()
		w.Header().Set("Content-Length", "4711") // of the page that the handler had begun
		w.Header().Set("Content-Type", "text/html")
		refusal.Page(w, status, "ABC")
		res := w.Result()
		require.Equal(t, status, res.StatusCode)
		require.Equal(t, "text/plain; charset=utf-8", res.Header.Get("Content-Type"))
		require.Equal(t, "nosniff", res.Header.Get("X-Content-Type-Options"))
		require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
		require.Empty(t, res.Header.Values("Content-Length"))
		require.Equal(t, status == 503, res.Header.Get("Retry-After") != "")
		require.Contains(t, w.Body.String(), text)
		require.Contains(t, w.Body.String(), "ABC")
	}
}

func TestPageKeepsRetryAfter(t *testing.T) {
	w := httptest.NewRecorder()
	w.Header().Set("Retry-After", "60")
	refusal.Page(w, http.StatusServiceUnavailable, "ABC")
	require.Equal(t, []string{"60"}, w.Result().Header.Values("Retry-After"))
}

func TestNewRef(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		ref := refusal.NewRef()
		require.Regexp(t, regexp.MustCompile(`^[A-Z2-7]{12}$`), ref, "a person can read it out")
		require.False(t, seen[ref])
		seen[ref] = true
	}
}
