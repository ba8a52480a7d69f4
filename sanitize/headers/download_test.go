package headers_test

import (
	"mime"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/sanitize/headers"
)

func TestDownloadNames(t *testing.T) {
	for name, want := range map[string]string{
		"ritning.pdf":                  `attachment; filename="ritning.pdf"`,
		"Ritning A 40.pdf":             `attachment; filename="Ritning A 40.pdf"`,
		"åtgärd 100%.pdf":              `attachment; filename="_tg_rd 100_.pdf"; filename*=UTF-8''%C3%A5tg%C3%A4rd%20100%25.pdf`,
		"a\"; filename=x.html\r\nX: y": `attachment; filename="a_; filename=x.htmlX_ y"`,
		`..\..\x.exe`:                  `attachment; filename="x.exe"`,
		"€ rates.txt":                  `attachment; filename="_ rates.txt"; filename*=UTF-8''%E2%82%AC%20rates.txt`, // RFC 6266, 5
		"":                             `attachment; filename="file"`,
		"photo_\u202egpj.exe":          `attachment; filename="photo_gpj.exe"`,
		"a'b(c)*.txt":                  `attachment; filename="a'b(c)_.txt"`,
	} {
		w := httptest.NewRecorder()
		headers.Download(w, name, "application/pdf")
		got := w.Header().Get("Content-Disposition")
		require.Equal(t, want, got)
		kind, params, err := mime.ParseMediaType(got)
		require.NoError(t, err)
		require.Equal(t, "attachment", kind)
		require.Len(t, params, 1, "one name")
	}
}

func TestDownloadTypes(t *testing.T) {
	const unknown = "application/octet-stream"
	for in, want := range map[string]string{
		"application/pdf":                "application/pdf",
		"image/png":                      "image/png",
		"IMAGE/PNG; x=y":                 "image/png",
		"text/plain":                     "text/plain; charset=utf-8",
		"text/plain; charset=ISO-8859-1": "text/plain; charset=ISO-8859-1",
		"text/plain; charset=utf-7":      "text/plain; charset=utf-8",
		"text/csv":                       "text/csv; charset=utf-8",
		"text/html":                      unknown,
		"text/html; charset=utf-8":       unknown,
		"image/svg+xml":                  unknown,
		"application/xhtml+xml":          unknown,
		"text/xml":                       unknown,
		"application/rss+xml":            unknown,
		"text/javascript":                unknown,
		"application/x-shockwave-flash":  unknown,
		"text/css":                       unknown,
		"text/rtf":                       unknown,
		"multipart/x-mixed-replace":      unknown,
		"message/rfc822":                 unknown,
		"*/*":                            unknown,
		"":                               unknown,
		"image/png\r\nX: y":              unknown,
		"image":                          unknown,
	} {
		w := httptest.NewRecorder()
		headers.Download(w, "x", in)
		require.Equal(t, want, w.Header().Get("Content-Type"), in)
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		require.Equal(t, "default-src 'none'; sandbox; frame-ancestors 'none'; base-uri 'none'; form-action 'none'", w.Header().Get("Content-Security-Policy"))
	}
}

func TestClearSiteData(t *testing.T) {
	w := httptest.NewRecorder()
	headers.ClearSiteData(w)
	require.Equal(t, `"cache", "cookies", "storage"`, w.Header().Get("Clear-Site-Data"))
}
