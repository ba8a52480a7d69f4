package headers

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/skans-go/skans/internal/refusal"
)

// staticTypes are the files that [Static] serves, by extension. What is not here is not there: source maps, sources,
// dumps and backups are left in a directory by mistake.
var staticTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".txt": "text/plain; charset=utf-8",
	".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
	".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif",
	".webp": "image/webp", ".avif": "image/avif", ".ico": "image/x-icon",
	".svg": "image/svg+xml", ".woff2": "font/woff2", ".webmanifest": "application/manifest+json",
}

// Static serves the style sheets, scripts, pictures and fonts of an embed.FS or an os.Root's FS by the request's
// path: no listing, no hidden name, no other kind of file, a fixed type for each, no query and no path behind the
// name. Browsers keep them and ask each time whether they changed.
//
//	mux.Handle("GET /static/", http.StripPrefix("/static/", headers.Static(files)))
func Static(files fs.FS) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			refusal.Page(w, http.StatusMethodNotAllowed, refusal.NewRef())
			return
		}
		name := strings.TrimPrefix(r.URL.Path, "/")
		contentType := staticTypes[path.Ext(name)]
		content, err := readStatic(files, name)
		if contentType == "" || err != nil {
			refusal.Page(w, http.StatusNotFound, refusal.NewRef())
			return
		}
		sum := sha256.Sum256(content)
		h := w.Header()
		h.Set("Content-Type", contentType)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:18])+`"`)
		h.Set("Cache-Control", "public, no-cache")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	})
}

func readStatic(files fs.FS, name string) ([]byte, error) {
	if !fs.ValidPath(name) || strings.HasPrefix(name, ".") || strings.Contains(name, "/.") || strings.ContainsAny(name, "\\:\x00") {
		return nil, fs.ErrNotExist
	}
	info, err := fs.Stat(files, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fs.ErrNotExist
	}
	return fs.ReadFile(files, name)
}
