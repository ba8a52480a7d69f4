package headers_test

import (
	"html/template"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/sanitize"
	"github.com/skans-go/skans/sanitize/headers"
)

func handler(t *testing.T, config headers.Config, next http.HandlerFunc) http.Handler {
	t.Helper()
	p, err := headers.New(config)
	require.NoError(t, err)
	return p.Handler(next)
}

func get(h http.Handler, path string) *http.Response {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Result()
}

// TestEveryResponseCarriesTheHeaders goes through the ways a handler can end, because those that nobody wrote a line
// for are the ones that go out bare.
func TestEveryResponseCarriesTheHeaders(t *testing.T) {
	files := http.FileServerFS(emptyFS{})
	for name, next := range map[string]http.HandlerFunc{
		"page":         func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "x") },
		"nothing":      func(w http.ResponseWriter, r *http.Request) {},
		"not found":    http.NotFound,
		"error":        func(w http.ResponseWriter, r *http.Request) { http.Error(w, "x", 500) },
		"redirect":     func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusSeeOther) },
		"no such file": files.ServeHTTP,
		"deleted": func(w http.ResponseWriter, r *http.Request) {
			clear(w.Header())
			w.WriteHeader(200)
		},
		"early hints": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(103)
			clear(w.Header())
			w.WriteHeader(200)
		},
		"flushed": func(w http.ResponseWriter, r *http.Request) { w.(http.Flusher).Flush() },
		"read from": func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.(io.ReaderFrom).ReadFrom(strings.NewReader("x"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := get(handler(t, headers.Config{}, next), "/x").Header
			require.Contains(t, h.Get("Content-Security-Policy"), "default-src 'none'")
			require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
			require.Equal(t, "same-origin", h.Get("Referrer-Policy"))
			require.Equal(t, "same-origin", h.Get("Cross-Origin-Opener-Policy"))
			require.Equal(t, "same-origin", h.Get("Cross-Origin-Resource-Policy"))
			require.Equal(t, "no-store", h.Get("Cache-Control"))
			require.Equal(t, "DENY", h.Get("X-Frame-Options"))
			require.Contains(t, h.Get("Permissions-Policy"), "camera=()")
		})
	}
}

func TestNonceIsNewForEveryResponseAndReachesTheTemplate(t *testing.T) {
	page := template.Must(template.New("").Funcs(headers.Funcs()).Parse(`<script nonce="{{nonce .}}"></script>`))
	h := handler(t, headers.Config{}, func(w http.ResponseWriter, r *http.Request) {
		_ = page.Execute(w, r.Context())
	})
	seen := map[string]bool{}
	for range 100 {
		res := get(h, "/")
		m := regexp.MustCompile(`script-src 'nonce-([A-Za-z0-9_-]{22,})'`).FindStringSubmatch(res.Header.Get("Content-Security-Policy"))
		require.Len(t, m, 2)
		require.False(t, seen[m[1]])
		seen[m[1]] = true
		body, _ := io.ReadAll(res.Body)
		require.Equal(t, `<script nonce="`+m[1]+`"></script>`, string(body))
	}
	require.Empty(t, headers.Nonce(t.Context()))
}

func TestFrameAndDownloadWinOverTheOuterPolicy(t *testing.T) {
	washed, _, err := sanitize.NewMail(sanitize.Mail{}).Wash("<b>x</b>")
	require.NoError(t, err)
	res := get(handler(t, headers.Config{}, func(w http.ResponseWriter, r *http.Request) { sanitize.ServeFrame(w, washed) }), "/")
	require.Len(t, res.Header.Values("Content-Security-Policy"), 1)
	require.Contains(t, res.Header.Get("Content-Security-Policy"), "sandbox allow-popups allow-popups-to-escape-sandbox")
	require.Contains(t, res.Header.Get("Content-Security-Policy"), "frame-ancestors 'self'")
	require.Equal(t, "SAMEORIGIN", res.Header.Get("X-Frame-Options"))

	res = get(handler(t, headers.Config{}, func(w http.ResponseWriter, r *http.Request) {
		headers.Download(w, "a\"; filename=x.html\r\nX: y", "text/html")
	}), "/")
	require.Equal(t, "application/octet-stream", res.Header.Get("Content-Type"))
	require.Contains(t, res.Header.Get("Content-Security-Policy"), "sandbox;")
	require.Empty(t, res.Header.Get("X"))
}
