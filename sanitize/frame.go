package sanitize

import (
	"io"
	"net/http"
)

// ServeFrame answers with a washed letter as a document of its own, to be shown in a frame:
//
//	<iframe src="/mail/42/body" sandbox="allow-popups allow-popups-to-escape-sandbox" referrerpolicy="no-referrer"></iframe>
//
// It sets the response's Content-Security-Policy, in place of one that outer middleware has set: nothing loads but
// pictures in data: URIs (and over https, if the letter was washed with [Allow]), nothing runs, the document has an
// origin of its own even when it is opened without the frame, and only pages of the same origin may frame it. Washed
// markup would be safe in the page itself; the frame is there so that a mistake in this package harms nobody, and so
// that a letter's styles end at its border.
func ServeFrame(w http.ResponseWriter, h HTML) {
	pictures := "data:"
	if h.remote {
		pictures = "data: https:"
	}
	header := w.Header()
	header.Set("Content-Security-Policy", "default-src 'none'; img-src "+pictures+"; style-src 'unsafe-inline'; "+
		"sandbox allow-popups allow-popups-to-escape-sandbox; form-action 'none'; base-uri 'none'; frame-ancestors 'self'")
	header.Del("Content-Length")
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "SAMEORIGIN")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "private, no-store")
	_, _ = io.WriteString(w, frameStart)
	_, _ = io.WriteString(w, h.markup)
	_, _ = io.WriteString(w, frameEnd)
}

const (
	frameStart = `<!DOCTYPE html><html><head><meta charset="utf-8"><title></title><style>` +
		`body{margin:8px;font-family:sans-serif;overflow-wrap:break-word}img{max-width:100%}table{max-width:100%}</style></head><body>`
	frameEnd = `</body></html>`
)
