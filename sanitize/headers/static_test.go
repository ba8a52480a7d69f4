package headers_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/sanitize/headers"
)

func TestStaticServesWhatItShouldAndNothingElse(t *testing.T) {
	file := &fstest.MapFile{Data: []byte("x")}
	h := headers.Static(fstest.MapFS{
		"app.css": file, "js/app.js": file, "app.js.map": file, "main.go": file, "dump.sql": file, ".env": file, ".git/HEAD": file, "js/.x.css": file, "README": file, "index.html": file, "dir.css/x": file,
	})
	ask := func(method, path, etag string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/", nil)
		r.URL.Path = path
		r.Header.Set("If-None-Match", etag)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	for path, want := range map[string]string{"/app.css": "text/css; charset=utf-8", "/js/app.js": "text/javascript; charset=utf-8"} {
		w := ask("GET", path, "")
		require.Equal(t, 200, w.Code)
		require.Equal(t, want, w.Header().Get("Content-Type"))
		require.Equal(t, "x", w.Body.String())
		require.Equal(t, 304, ask("GET", path, w.Header().Get("ETag")).Code)
		require.Empty(t, ask("HEAD", path, "").Body.String())
		require.Equal(t, 405, ask("POST", path, "").Code)
	}
	for _, path := range []string{
		"/", "", "/js", "/js/", "/dir.css", "/app.js.map", "/main.go", "/dump.sql", "/.env", "/.git/HEAD", "/js/.x.css", "/README", "/index.html", "/../app.css", "/js/../app.css",
		"//app.css", "/app.css/", "/app.css/x.js", "/./app.css", "/app.css;x.css", `/js\app.js`, "/app.css\x00.css", "/APP.CSS", "/app.css.", "/app.css::$DATA",
	} {
		require.Equal(t, 404, ask("GET", path, "").Code, "%q", path)
	}
}

func TestIsolate(t *testing.T) {
	p, err := headers.New(headers.Config{CORS: headers.CORS{Origins: []string{"https://app.example"}}})
	require.NoError(t, err)
	h := p.Isolate(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) }))
	for name, c := range map[string]struct {
		method, site, mode, dest, origin string
		status                           int
	}{
		"typed":                    {"GET", "none", "navigate", "document", "", 204},
		"same origin":              {"POST", "same-origin", "navigate", "document", "", 204},
		"own picture":              {"GET", "same-origin", "no-cors", "image", "", 204},
		"no metadata":              {"GET", "", "", "", "", 204},
		"link":                     {"GET", "cross-site", "navigate", "document", "", 204},
		"link from a subdomain":    {"GET", "same-site", "navigate", "document", "", 204},
		"picture":                  {"GET", "cross-site", "no-cors", "image", "", 403},
		"script":                   {"GET", "cross-site", "no-cors", "script", "", 403},
		"frame":                    {"GET", "cross-site", "navigate", "iframe", "", 403},
		"object":                   {"GET", "cross-site", "navigate", "object", "", 403},
		"form":                     {"POST", "cross-site", "navigate", "document", "https://evil.example", 403},
		"fetch":                    {"GET", "cross-site", "cors", "empty", "https://evil.example", 403},
		"fetch of a subdomain":     {"GET", "same-site", "cors", "empty", "https://x.mail.example", 403},
		"fetch of a listed origin": {"GET", "cross-site", "cors", "empty", "https://app.example", 204},
		"unknown word":             {"GET", "next-door", "no-cors", "image", "", 403},
	} {
		r := httptest.NewRequest(c.method, "/", nil)
		for key, value := range map[string]string{"Sec-Fetch-Site": c.site, "Sec-Fetch-Mode": c.mode, "Sec-Fetch-Dest": c.dest, "Origin": c.origin} {
			if value != "" {
				r.Header.Set(key, value)
			}
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, c.status, w.Code, name)
	}
}
