package authz

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// An entrance serves the routes of a guard's mux, and nothing that is not one.
type entrance struct{ g *Guard }

// ServeHTTP lets the mux find the handler and refuses whatever it finds instead: a redirect, a 405 with its list of
// methods, the server's own answer to "OPTIONS *". All of them look the same, so that they tell nothing of the routes.
func (e *entrance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !servable(r) {
		e.g.NotFound(w, r)
		return
	}
	h, _ := e.g.mux.Handler(r)
	if _, ok := h.(*route); !ok {
		e.g.NotFound(w, r)
		return
	}
	e.g.mux.ServeHTTP(w, r) // again, since only this sets the path values
}

// servable refuses targets that some program on the way could read as another path than we do: dots and slashes in
// disguise, backslashes, path parameters, control characters. Plain dot segments and double slashes are left to the
// mux, which answers them with a redirect, and thus not at all.
func servable(r *http.Request) bool {
	if r.Method == http.MethodConnect || r.RequestURI == "*" || r.URL == nil || r.URL.Opaque != "" {
		return false
	}
	path := r.URL.Path
	if path == "" || path[0] != '/' || !utf8.ValidString(path) || strings.ContainsAny(path, "\\;") {
		return false
	}
	for _, c := range path {
		if c < 0x20 || 0x7f <= c && c < 0xa0 {
			return false
		}
	}
	// A slash in disguise is one segment for the mux and two for a handler that joins paths. Encoded twice it is
	// meant for a program that decodes twice; no link has either.
	return r.URL.RawPath == "" && !strings.Contains(path, "%") ||
		!hasEncoded(r.URL.EscapedPath(), "2f 5c 2e 3b 00") && !hasEncoded(path, "2f 5c 2e 3b 00 25")
}

// hasEncoded reports whether one of the codes follows a percent sign.
func hasEncoded(path, codes string) bool {
	for i := 0; i+2 < len(path); i++ {
		if path[i] == '%' && strings.Contains(codes, strings.ToLower(path[i+1:i+3])) {
			return true
		}
	}
	return false
}

// A request is what is pinned while one request runs: the policy and who asks. It is safe for concurrent use.
type request struct {
	guard    *Guard
	snap     *snapshot
	http     *http.Request
	once     sync.Once
	asked    atomic.Pointer[answer] // nil until the subject has been asked for
	refusing atomic.Bool
}

type answer struct {
	sub   Subject
	roles *holding
	err   error
}

type requestKey struct{ g *Guard }

// pinned returns the state of a request, or a fresh one for a request that did not come through a route.
func (g *Guard) pinned(r *http.Request) *request {
	if st, ok := r.Context().Value(requestKey{g}).(*request); ok {
		return st
	}
	return g.pin(r)
}

// pin gives a request its state.
func (g *Guard) pin(r *http.Request) *request {
	st := &request{guard: g, snap: g.snap.Load()}
	st.http = r.WithContext(context.WithValue(r.Context(), requestKey{g}, st))
	return st
}

// subject asks the host once. An error stays an error for the whole request.
func (st *request) subject() *answer {
	st.once.Do(func() {
		sub, err := call(st.http.Context(), st.guard.asker, func(ctx context.Context) (Subject, error) {
			sub, err := st.guard.cfg.Subject(st.http.WithContext(ctx))
			if !sub.Addr.IsValid() {
				sub.Addr = st.guard.cfg.ClientAddr(st.http)
			}
			return sub, err
		})
		a := &answer{sub: sub, err: err}
		if err == nil {
			a.roles = st.snap.holding(&a.sub)
		}
		st.asked.Store(a)
	})
	return st.asked.Load()
}

// user returns who asks, if that is known by now.
func (st *request) user() string {
	if a := st.asked.Load(); a != nil {
		return a.sub.ID
	}
	return ""
}

// decide answers for the request's subject. Nothing is asked about the person where the rule is open to everybody.
func (st *request) decide(r *rule, at Object, keyed bool) Decision {
	var sub *Subject
	var roles *holding
	if r != nil && !r.plain() {
		a := st.subject()
		if a.err != nil {
			return because(Unavailable)
		}
		sub, roles = &a.sub, a.roles
	}
	return r.decideHolding(st.http.Context(), sub, roles, &at, keyed)
}

// object reads the object of a rule from the path.
func (st *request) object(r *rule) Object {
	var at Object
	if r != nil && r.in != "" {
		at.Tenant = st.guard.cfg.PathValue(st.http, r.in)
	}
	if r != nil && r.of != "" {
		at.ID = st.guard.cfg.PathValue(st.http, r.of)
	}
	return at
}

// ServeHTTP runs the handler if the rule allows, and refuses otherwise.
func (rt *route) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g := rt.guard
	if !g.ready.Load() || rt.next == nil {
		g.refuse(w, r, &Refusal{Status: http.StatusServiceUnavailable, Decision: Decision{Reason: Unavailable}, Name: rt.name})
		return
	}
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	if rt.kind == pageKind && !read || rt.kind == funcKind && !unsafeMethod(r.Method) {
		g.NotFound(w, r)
		return
	}
	st := g.pin(r)
	rule := rt.in(st.snap)
	at := st.object(rule)
	key := ""
	if rule != nil && rule.keyed() {
		key = st.key(rule, at)
	}
	d, err := st.decide(rule, at, key != ""), error(nil)
	if d.Allowed && key != "" {
		noReferrer(w)
		if rule.once {
			d, err = st.spend(key)
		}
	}
	if !d.Allowed {
		e := st.refusal(rule, rt.name, at, d)
		e.Cause = errors.Join(e.Cause, err)
		g.refuse(w, st.http, e)
		return
	}
	rt.next.ServeHTTP(w, st.http)
}
