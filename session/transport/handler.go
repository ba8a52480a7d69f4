package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/skans-go/skans/internal/clientaddr"
	"github.com/skans-go/skans/internal/refusal"
)

// The events; the package document lists their attributes.
const (
	EventInsecure = "transport.insecure"
	EventHost     = "transport.host"
	EventOutdated = "transport.outdated"
)

var (
	// ErrInsecure says that a request came in clear.
	ErrInsecure = errors.New("transport: request came over plain HTTP")
	// ErrHost says that a request is for a host that is not on the list, or for none.
	ErrHost = errors.New("transport: request is for an unknown host")
	// ErrOutdated says that the connection is below TLS 1.2, or without forward secrecy or authenticated encryption.
	ErrOutdated = errors.New("transport: TLS version or cipher suite is not accepted")
)

// A Refusal is what Config.Refuse gets. It wraps [ErrInsecure], [ErrHost] or [ErrOutdated], or the error of Config.Audit
// when exposed credentials could not be recorded.
type Refusal struct {
	Status int    // of the answer: 403, 421 for a host that is not ours, 400 for none, 503 when the audit log fails
	Ref    string // the reference id, also in the event
	cause  error
}

// Error names the cause and the reference id.
func (r *Refusal) Error() string { return r.cause.Error() + " (reference " + r.Ref + ")" }

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.cause }

// Handler lets requests through to next that came over HTTPS for one of the hosts, and answers the others. It belongs
// outside everything else. It panics when next is nil.
func (t *Transport) Handler(next http.Handler) http.Handler {
	if next == nil {
		panic("transport: Handler without a handler to protect")
	}
	return &guard{t, next}
}

type guard struct {
	t    *Transport
	next http.Handler
}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t := g.t
	https := clientaddr.HTTPS(r, t.proxies)
	if https && r.TLS != nil && weak(r.TLS) {
		t.serveOutdated(w, r)
		return
	}
	name, port, ok := splitHost(r.Host)
	if !ok {
		t.refuse(w, r, http.StatusBadRequest, ErrHost, EventHost, "malformed")
		return
	}
	h := t.lookup(name, port, https)
	if h != nil && https && h.remembers {
		w.Header()["Strict-Transport-Security"] = t.hsts[:1:1] // an Add to it copies; RFC 6797, 7.2: never in clear
	}
	switch {
	case !https:
		t.serveInsecure(w, r, h)
	case h == nil:
		t.refuse(w, r, http.StatusMisdirectedRequest, ErrHost, EventHost, "unknown")
	case !hasPath(r): // OPTIONS *, CONNECT: no route was written with these in mind
		t.refuse(w, r, http.StatusBadRequest, ErrHost, EventHost, "target")
	default:
		g.next.ServeHTTP(w, t.believed(r))
	}
}

// serveInsecure answers a request that came in clear.
func (t *Transport) serveInsecure(w http.ResponseWriter, r *http.Request, h *host) {
	exposed := len(r.Header["Cookie"]) > 0 || len(r.Header["Authorization"]) > 0
	if exposed && t.exposed != nil {
		t.exposed(r)
	}
	switch {
	case h == nil:
		t.refuse(w, r, http.StatusMisdirectedRequest, ErrHost, EventHost, "unknown")
	case len(r.Header["Authorization"]) > 0: // a client that would send it again next time, if this worked
		t.refuse(w, r, http.StatusForbidden, ErrInsecure, EventInsecure, "credentials")
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		t.refuse(w, r, http.StatusForbidden, ErrInsecure, EventInsecure, "method")
	case !navigation(r):
		t.refuse(w, r, http.StatusForbidden, ErrInsecure, EventInsecure, "not a navigation")
	case clientaddr.Trusted(r, t.proxies) && !clientaddr.SaysScheme(r): // a redirect would go round in circles
		t.refuse(w, r, http.StatusForbidden, ErrInsecure, EventInsecure, "proxy says no scheme")
	default:
		t.redirect(w, r, h, exposed)
	}
}

// redirect sends a person who typed or followed http:// to the same page over https, at the host as it is configured.
func (t *Transport) redirect(w http.ResponseWriter, r *http.Request, h *host, exposed bool) {
	if !hasPath(r) { // "GET *" would make https://mail.example*
		t.refuse(w, r, http.StatusBadRequest, ErrHost, EventHost, "target")
		return
	}
	if exposed {
		if err := t.report(r, EventInsecure, "credentials", slog.String("outcome", "redirected")); err != nil {
			t.answer(w, r, &Refusal{http.StatusServiceUnavailable, refusal.NewRef(), err})
			return
		}
	}
	target := "https://" + h.authority() + r.URL.EscapedPath()
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	w.Header().Set("Location", target)
	w.Header().Set("Cache-Control", "no-store") // a 308 is cached for good otherwise, the port of a test day with it
	w.WriteHeader(http.StatusPermanentRedirect)
}

// hasPath accepts paths that begin with a slash, and the empty one of "https://mail.example" (RFC 9110, 4.2.3).
func hasPath(r *http.Request) bool {
	return r.Method != http.MethodConnect && (r.URL.Path == "" || r.URL.Path[0] == '/')
}

// navigation reports whether a person opens a page. Browsers send no Sec-Fetch headers in clear, but to localhost; there
// they decide. Otherwise a browser that opens a page asks for text/html by name or for an upgrade (Upgrade Insecure
// Requests, 3.2.1), which scripts and API clients do not.
func navigation(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return r.Header.Get("Upgrade-Insecure-Requests") == "1" || strings.Contains(strings.Join(r.Header["Accept"], ","), "text/html")
}

// serveOutdated gives a connection that is not safe enough the page, and nothing else; the connection is closed, so
// that a script cannot hold it.
func (t *Transport) serveOutdated(w http.ResponseWriter, r *http.Request) {
	reason := tls.VersionName(r.TLS.Version) + " " + tls.CipherSuiteName(r.TLS.CipherSuite)
	w.Header().Set("Connection", "close")
	if t.outdated == "" {
		t.refuse(w, r, http.StatusForbidden, ErrOutdated, EventOutdated, reason)
		return
	}
	_ = t.report(r, EventOutdated, reason) // the page is a refusal; it stays one
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusForbidden)
	_, _ = fmt.Fprint(w, t.outdated)
}

// refuse reports and answers. An error of Audit changes nothing: a refusal stays one.
func (t *Transport) refuse(w http.ResponseWriter, r *http.Request, status int, cause error, event, reason string) {
	ref := refusal.NewRef()
	attrs := []slog.Attr{slog.String("ref", ref)}
	if event == EventInsecure {
		attrs = append(attrs, slog.String("outcome", "refused"))
	}
	_ = t.report(r, event, reason, attrs...)
	t.answer(w, r, &Refusal{status, ref, cause})
}

func (t *Transport) answer(w http.ResponseWriter, r *http.Request, err *Refusal) {
	if t.refused != nil {
		t.refused(w, r, err)
		return
	}
	refusal.Page(w, err.Status, err.Ref)
}

// maxAgent bounds what a stranger can put into the log with one header.
const maxAgent = 256

func (t *Transport) report(r *http.Request, event, reason string, attrs ...slog.Attr) error {
	if t.record == nil {
		return nil
	}
	agent := r.UserAgent()
	attrs = append(attrs, slog.String("addr", addrText(t.ClientAddr(r))),
		slog.String("agent", agent[:min(len(agent), maxAgent)]), slog.String("reason", reason))
	return t.record(r.Context(), event, attrs...)
}
