// Package refusal is the plain page that a refused request gets when the host has no page of its own.
package refusal

import (
	"crypto/rand"
	"fmt"
	"net/http"
)

// NewRef returns a fresh reference id: what a person can read out to support, and what the audit event carries under
// the attribute "ref". It says nothing about the reason.
func NewRef() string { return rand.Text()[:12] }

// Page answers with the status, its standard text and the reference id, as plain text that no browser guesses about and
// no cache keeps. For 503 it asks to come back in a few seconds, unless a Retry-After is set already.
func Page(w http.ResponseWriter, status int, ref string) {
	h := w.Header()
	h.Del("Content-Length")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if status == http.StatusServiceUnavailable && h.Get("Retry-After") == "" {
		h.Set("Retry-After", "5")
	}
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "%d %s\nReference: %s\n", status, http.StatusText(status), ref)
}
