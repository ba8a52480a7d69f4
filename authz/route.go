package authz

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// A route is a handler under a rule. The mux holds nothing else, so that whatever it answers by itself (a redirect, a
// 405) can be told from a handler.
type route struct {
	*Right
	guard     *Guard
	pattern   string // empty: Protect
	method    string
	segments  []string // of the path
	wildcards []string
	next      http.Handler
}

// Handle registers a handler under a rule, with a pattern of [http.ServeMux]. The pattern has a method (GET for a page,
// POST, PUT, PATCH or DELETE for a function) and no host. To match everything beneath a path end it in a wildcard such
// as {file...}; to match exactly a path that ends in '/', in {$}. Several routes may have one name. What is wrong with
// a route is returned by [Guard.Handler]; registering after that panics.
func (g *Guard) Handle(pattern string, name Name, handler http.Handler) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ready.Load() {
		panic("authz: Handle after Handler; register every route before the guard starts")
	}
	rt, err := g.newRoute(pattern, name, handler)
	if err == nil {
		err = register(g.mux, pattern, rt)
	}
	if err != nil {
		g.wrong = append(g.wrong, fmt.Errorf("authz: route %q: %w", clip(pattern), err))
		return
	}
	g.routes = append(g.routes, rt)
}

// HandleFunc is Handle for a function.
func (g *Guard) HandleFunc(pattern string, name Name, handler func(http.ResponseWriter, *http.Request)) {
	if handler == nil {
		g.Handle(pattern, name, nil)
		return
	}
	g.Handle(pattern, name, http.HandlerFunc(handler))
}

// Protect returns the handler under the rule, for a route of another router (chi, echo, gin). It decides like a
// registered route: a page by GET and HEAD only, a function by unsafe methods only. It refuses with 503 until
// [Guard.Handler] has found the policy complete. What In and Of name must come out of Config.PathValue. Which spelling
// of a path leads here is the other router's doing; the right is that of the handler, whatever the path was.
func (g *Guard) Protect(name Name, handler http.Handler) http.Handler {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ready.Load() {
		panic("authz: Protect after Handler; protect every route before the guard starts")
	}
	rt := &route{Right: g.Right(name), guard: g, next: handler}
	if handler == nil || rt.kind == fragmentKind {
		g.wrong = append(g.wrong, fmt.Errorf("authz: Protect(%q): needs a page or a function, and a handler", clip(rt.name)))
		rt.next = nil
	}
	g.routes = append(g.routes, rt)
	return rt
}

func (g *Guard) newRoute(pattern string, name Name, handler http.Handler) (*route, error) {
	rt := &route{Right: g.Right(name), guard: g, pattern: pattern, next: handler}
	method, path, ok := strings.Cut(pattern, " ")
	path = strings.TrimLeft(path, " \t")
	switch {
	case handler == nil:
		return nil, errors.New("the handler is nil")
	case rt.kind == fragmentKind:
		return nil, errors.New("a fragment has no route; declare a page")
	case !ok:
		return nil, errors.New("has no method; write GET for a page, POST, PUT, PATCH or DELETE for a function")
	case rt.kind == pageKind && method != http.MethodGet:
		return nil, errors.New("a page is read with GET; what changes data is a function")
	case rt.kind == funcKind && !unsafeMethod(method):
		return nil, errors.New("a function is called with POST, PUT, PATCH or DELETE; what is only read is a page")
	case !strings.HasPrefix(path, "/"):
		return nil, errors.New("has a host; authorisation never depends on what the client writes there")
	case strings.HasSuffix(path, "/"):
		return nil, errors.New("ends in '/', which matches everything beneath; write {$} for the path alone or a wildcard such as {file...}")
	}
	rt.method, rt.segments = method, strings.Split(path[1:], "/")
	for _, s := range rt.segments {
		if strings.HasPrefix(s, "{") && s != "{$}" {
			rt.wildcards = append(rt.wildcards, strings.TrimSuffix(strings.Trim(s, "{}"), "..."))
		}
	}
	return rt, nil
}

// registeredAt is where the mux says a pattern comes from, which is always this file.
var registeredAt = regexp.MustCompile(` \(registered at [^)]*\)`)

// register turns the mux's panic (a conflict, a pattern registered twice, bad syntax) into an error.
func register(mux *http.ServeMux, pattern string, h http.Handler) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = errors.New(registeredAt.ReplaceAllString(fmt.Sprint(v), ""))
		}
	}()
	mux.Handle(pattern, h)
	return nil
}

func unsafeMethod(method string) bool {
	switch method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return true
	}
	return false
}

// Handler checks that policy, routes and templates match both ways, and returns the handler that serves the registered
// routes and refuses everything else. A service that only uses [Guard.Protect] calls it too, for the check. The error
// lists every route without a rule, rule without a route, template that is neither page nor fragment, and route that
// lacks what its rule's In and Of name.
//
// Set DisableGeneralOptionsHandler on the [http.Server] (session/transport does), since it would answer "OPTIONS *"
// before any handler.
func (g *Guard) Handler() (http.Handler, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := errors.Join(append(slices.Clone(g.wrong), g.complete(g.snap.Load()))...); err != nil {
		return nil, err
	}
	if !g.ready.Load() {
		byName := map[string][]*route{}
		for _, rt := range g.routes {
			byName[rt.name] = append(byName[rt.name], rt)
		}
		g.byName.Store(&byName)
	}
	g.ready.Store(true)
	return &entrance{g}, nil
}

// routesOf returns the routes of a name, in the order of registration.
func (g *Guard) routesOf(name string) []*route {
	if m := g.byName.Load(); m != nil {
		return (*m)[name]
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []*route
	for _, rt := range g.routes {
		if rt.name == name {
			out = append(out, rt)
		}
	}
	return out
}

// complete compares the policy with the routes.
func (g *Guard) complete(s *snapshot) error {
	var errs []error
	routed := map[string]bool{}
	for _, rt := range g.routes {
		where := rt.pattern
		if where == "" {
			where = "Protect"
		}
		routed[rt.name] = true
		r := s.find(rt.kind, rt.name)
		if r == nil {
			errs = append(errs, fmt.Errorf("authz: route %q: %s %q is not in the policy; add a rule for it", where, rt.kind, clip(rt.name)))
			continue
		}
		for _, word := range []string{r.in, r.of} {
			if word != "" && rt.pattern != "" && !slices.Contains(rt.wildcards, word) {
				errs = append(errs, fmt.Errorf("authz: route %q: the rule of %q needs the path value {%s}", where, rt.name, word))
			}
		}
		if r.unrouted {
			errs = append(errs, fmt.Errorf("authz: route %q: %q is declared Unrouted; drop that or the route", where, rt.name))
		}
	}
	for _, r := range s.sorted {
		if (r.kind == pageKind || r.kind == funcKind) && !routed[r.name] && !r.unrouted {
			errs = append(errs, fmt.Errorf("authz: %s %q has a rule and no route; register it, drop the rule, or say Unrouted", r.kind, r.name))
		}
		if r.kind == fragmentKind && (g.templates == nil || !g.templates.has(r.name)) {
			errs = append(errs, fmt.Errorf("authz: fragment %q has a rule and no template; define it or drop the rule", r.name))
		}
	}
	return sortedErrors(errs)
}

// modernMux refuses GODEBUG=httpmuxgo121=1, under which a pattern's method and wildcards are nothing but path text.
func modernMux() error {
	mux := http.NewServeMux()
	const pattern = "GET /a/{b}"
	mux.Handle(pattern, http.NotFoundHandler())
	r, err := http.NewRequest(http.MethodGet, "/a/b", nil)
	if err != nil {
		return err
	}
	if _, got := mux.Handler(r); got != pattern {
		return errors.New("authz: GODEBUG=httpmuxgo121=1 turns off methods and wildcards in routes; remove it")
	}
	return nil
}
