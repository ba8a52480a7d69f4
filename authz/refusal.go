package authz

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/skans-go/skans/internal/refusal"
)

// The events that a guard reports through Config.Audit.
const (
	EventDenied   = "authz.denied"
	EventNotFound = "authz.notfound"
	EventReloaded = "authz.reloaded"
	EventGranted  = "authz.granted"
	EventRevoked  = "authz.revoked"
)

// maxNext bounds the address that a login page carries along.
const maxNext = 2048

// A Refusal is the error of everything that a guard refuses in a request. Its text is fit for a log and tells a client
// nothing that it may not know; what to show is decided by Status.
type Refusal struct {
	Status int    // 403, 404 or 503
	Ref    string // what the page shows and the event carries
	Name   string // of the page, function or table; empty: no route matched
	Object Object
	Decision
	// Login is where a visitor of a page goes to sign in, with the way back; empty: nowhere.
	Login string
	// Cause is why Config.Subject, Config.Spend, Config.Audit or the condition that decided failed, if it did.
	Cause error
}

// Error names the rule and the reason.
func (e *Refusal) Error() string {
	text := "authz: " + http.StatusText(e.Status)
	if e.Name != "" {
		text += ": " + e.Name + ": " + e.Reason.String()
	}
	if e.Detail() != "" {
		text += " " + e.Detail()
	}
	return strings.ToLower(text)
}

// Unwrap returns Cause.
func (e *Refusal) Unwrap() error { return e.Cause }

// refusal makes the refusal of a decision: 404 where even a 403 would tell that something is there.
func (st *request) refusal(r *rule, name string, at Object, v Decision) *Refusal {
	e := &Refusal{Name: clip(name), Object: at, Decision: v, Status: http.StatusForbidden}
	if v.failed != nil {
		e.Cause = v.failed.err
	}
	switch {
	case v.Reason == Unavailable:
		e.Status = http.StatusServiceUnavailable
		if a := st.asked.Load(); a != nil {
			e.Cause = a.err
		}
	case r == nil, r.hidden, v.Reason == Foreign, v.Reason == NoTenant, v.Reason == NotTied:
		e.Status = http.StatusNotFound
	case v.Reason == Anonymous && r.kind == pageKind:
		e.Login = st.guard.login(st.http)
	}
	return e
}

// login returns the login page's address with the way back to the page asked for.
func (g *Guard) login(r *http.Request) string {
	if g.cfg.LoginURL == "" || r.URL.Path == g.cfg.LoginURL || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return ""
	}
	query := r.URL.Query()
	query.Del("key") // a capability key stays on the page that it opens
	next := r.URL.EscapedPath()
	if len(query) > 0 {
		next += "?" + query.Encode()
	}
	if next == "/" || len(next) > maxNext || LocalPath(next) != next {
		return g.cfg.LoginURL
	}
	return g.cfg.LoginURL + "?next=" + url.QueryEscape(next)
}

// LocalPath returns next if a redirect to it stays on this site, and "/" otherwise: for the address that a login page
// got in its query parameter "next", which anybody can write into a link (CWE-601). A scheme, a host ("//evil",
// "/\evil"), control characters and whatever else a browser may read as one are refused.
func LocalPath(next string) string {
	if len(next) == 0 || len(next) > maxNext || next[0] != '/' || strings.HasPrefix(next, "//") || strings.ContainsRune(next, '\\') {
		return "/"
	}
	for i := range len(next) {
		if next[i] <= 0x20 || next[i] == 0x7f {
			return "/"
		}
	}
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || strings.HasPrefix(u.Path, "//") || strings.ContainsRune(u.Path, '\\') {
		return "/"
	}
	return next
}

// NotFound answers that there is nothing here. A handler that does not find an object calls it, so that a missing one
// and another tenant's answer the same.
func (g *Guard) NotFound(w http.ResponseWriter, r *http.Request) {
	g.refuse(w, r, &Refusal{Status: http.StatusNotFound, Decision: Decision{Reason: Undeclared}})
}

// Refuse answers a request with the error of [Guard.Check], [Guard.CheckTable] or [Guard.Render]. Any other error
// answers 500.
func (g *Guard) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	var e *Refusal
	if !errors.As(err, &e) {
		e = &Refusal{Status: http.StatusInternalServerError, Cause: err}
	}
	g.answer(w, r, e)
}

// refuse reports a refusal and answers.
func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, e *Refusal) {
	g.report(r, e)
	g.answer(w, r, e)
}

// report records a refusal. That it cannot be recorded does not turn it into anything else.
func (g *Guard) report(r *http.Request, e *Refusal) {
	if e.Ref == "" {
		e.Ref = refusal.NewRef()
	}
	attrs := make([]slog.Attr, 0, 10)
	text := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	text("ref", e.Ref)
	text("rule", e.Name)
	text("reason", e.Reason.String())
	text("detail", e.Detail())
	if e.failed != nil { // what it said may hold anything, and goes to the host alone
		text("outcome", "failed")
	}
	event := EventDenied
	if e.Name == "" {
		event = EventNotFound
		text("path", loggable(r.URL))
	}
	text("tenant", clip(e.Object.Tenant))
	text("object", clip(e.Object.ID))
	text("method", r.Method[:min(len(r.Method), 16)])
	text("user", g.pinned(r).user())
	if addr := g.cfg.ClientAddr(r); addr.IsValid() {
		text("addr", addr.String())
	}
	e.Cause = errors.Join(e.Cause, g.audit(r.Context(), event, attrs...))
}

// loggable returns a path without what could be a key or a token in it: segments of 20 bytes and more.
func loggable(u *url.URL) string {
	if u == nil {
		return ""
	}
	segments := strings.Split(u.Path[:min(len(u.Path), 256)], "/")
	for i, s := range segments {
		if len(s) >= 20 {
			segments[i] = "-"
		}
	}
	return strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return '?'
		}
		return c
	}, strings.Join(segments, "/"))
}

// answer shows a refusal. While the host's own page is made, a further refusal is shown plainly, so that a page that is
// itself refused does not go round for ever.
func (g *Guard) answer(w http.ResponseWriter, r *http.Request, e *Refusal) {
	if e.Ref == "" {
		e.Ref = refusal.NewRef()
	}
	if e.Login != "" {
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, e.Login, http.StatusSeeOther)
		return
	}
	st := g.pinned(r)
	if g.cfg.Refuse == nil || !st.refusing.CompareAndSwap(false, true) {
		refusal.Page(w, e.Status, e.Ref)
		return
	}
	defer st.refusing.Store(false)
	g.cfg.Refuse(w, st.http, e)
}
