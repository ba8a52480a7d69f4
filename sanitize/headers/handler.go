package headers

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
)

// Handler sets the headers of every response of next, those of errors and redirects too, if it is the outermost
// handler of the server. They are set before next runs: what next sets itself replaces them (a file server its
// Cache-Control, [github.com/skans-go/skans/sanitize.ServeFrame] and [Download] their own stricter policies). What
// next deletes, as http.ServeContent does with Cache-Control before an error, comes back when the response is
// written.
func (p *Policy) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nonce := newNonce()
		rw := &writer{ResponseWriter: w, policy: p, nonce: nonce}
		rw.fill()
		if p.reports != nil && r.URL.Path == p.config.ReportPath {
			p.reports.serve(rw, r)
			return
		}
		if p.cors != nil && p.cors.answer(rw, r) {
			return
		}
		next.ServeHTTP(rw, r.WithContext(context.WithValue(r.Context(), nonceKey{}, nonce)))
		if !rw.written {
			rw.fill() // net/http will write an empty 200
		}
	})
}

// A writer sees to it that the headers are there when the response is written.
type writer struct {
	http.ResponseWriter
	policy  *Policy
	nonce   string
	written bool
}

// fill sets what is missing. An empty value that next has set counts as there only for Cache-Control, so that no
// handler drops a defence by accident.
func (w *writer) fill() {
	h := w.Header()
	for _, f := range w.policy.fixed {
		if h.Get(f[0]) == "" {
			h[f[0]] = []string{f[1]}
		}
	}
	if h.Get("Content-Security-Policy") == "" && h.Get(w.policy.cspHeader) == "" {
		h[w.policy.cspHeader] = []string{w.policy.csp(w.nonce)}
	}
}

func (w *writer) WriteHeader(status int) {
	if !w.written {
		w.fill()
		w.written = status >= 200 || status == http.StatusSwitchingProtocols
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(b []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(b)
}

func (w *writer) begin() {
	if !w.written {
		w.fill()
		w.written = true
	}
}

// ReadFrom keeps sendfile working for files.
func (w *writer) ReadFrom(src io.Reader) (int64, error) {
	w.begin()
	return io.Copy(w.ResponseWriter, src)
}

// Flush sends what was written so far.
func (w *writer) Flush() { _ = w.FlushError() }

// FlushError is Flush for [http.ResponseController].
func (w *writer) FlushError() error {
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack hands the connection over, to WebSocket libraries that ask for it directly.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.written = true
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// Unwrap is for [http.ResponseController].
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
