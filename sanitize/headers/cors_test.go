package headers_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/sanitize/headers"
)

func TestCORSAnswersListedOriginsOnly(t *testing.T) {
	reached := 0
	h := handler(t, headers.Config{CORS: headers.CORS{Origins: []string{"https://app.example"}, Methods: []string{"PUT"}, Headers: []string{"X-Token"}, Expose: []string{"ETag"}, Credentials: true}},
		func(w http.ResponseWriter, r *http.Request) { reached++ })
	ask := func(method, origin string, preflight bool) http.Header {
		r := httptest.NewRequest(method, "/", nil)
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		if preflight {
			r.Header.Set("Access-Control-Request-Method", "PUT")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Contains(t, w.Header().Values("Vary"), "Origin")
		require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
		return w.Header()
	}
	got := ask("GET", "https://app.example", false)
	require.Equal(t, "https://app.example", got.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "true", got.Get("Access-Control-Allow-Credentials"))
	require.Equal(t, "ETag", got.Get("Access-Control-Expose-Headers"))
	require.Equal(t, 1, reached)

	got = ask("OPTIONS", "https://app.example", true)
	require.Equal(t, "GET, HEAD, POST, PUT", got.Get("Access-Control-Allow-Methods"))
	require.Equal(t, "X-Token", got.Get("Access-Control-Allow-Headers"))
	require.Equal(t, "300", got.Get("Access-Control-Max-Age"))
	require.Equal(t, 1, reached, "a preflight is answered here")

	for _, origin := range []string{"", "null", "https://app.example.evil.example", "https://evilapp.example", "http://app.example", "https://app.example:8443", "https://APP.example", "https://app.example/", "https://app.example https://evil.example", "*"} {
		for _, preflight := range []bool{false, true} {
			got := ask("OPTIONS", origin, preflight)
			for name := range got {
				require.NotContains(t, name, "Access-Control", "%q", origin)
			}
		}
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header["Origin"] = []string{"https://app.example", "https://evil.example"}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Empty(t, w.Header().Get("Access-Control-Allow-Origin"))
}

func TestWithoutCORSNothingIsSaidOfIt(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Origin", "https://app.example")
	w := httptest.NewRecorder()
	handler(t, headers.Config{}, func(w http.ResponseWriter, r *http.Request) {}).ServeHTTP(w, r)
	require.Empty(t, w.Header().Get("Access-Control-Allow-Origin"))
}
