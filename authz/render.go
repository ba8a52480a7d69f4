package authz

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"reflect"
	"strconv"
)

const (
	maxRenderers = 64
	maxBuffer    = 1 << 20 // of a renderer that is kept
)

// templates is a pool of escaped clones. Each clone's functions know which request it renders; that is what
// html/template offers no other place for.
type templates struct {
	guard   *Guard
	set     *template.Template // wrapped, never executed
	helpers Helpers
	found   *inspection
	free    chan *renderer
}

type renderer struct {
	set  *template.Template
	out  bytes.Buffer
	page *frame // nil while nothing is rendered
}

// A frame is one page being rendered.
type frame struct {
	*request
	object Object
}

func newTemplates(g *Guard, set *template.Template, helpers Helpers) (*templates, error) {
	set, err := set.Clone()
	if err != nil {
		return nil, fmt.Errorf("authz: Config.Templates: %w", err)
	}
	for name, helper := range helpers {
		if _, ok := TemplateFuncs()[name]; ok || helper == nil {
			return nil, fmt.Errorf("authz: Config.Helpers[%q] is nil or bears a name of the guard's own", clip(name))
		}
	}
	t := &templates{guard: g, set: set, helpers: helpers, free: make(chan *renderer, maxRenderers)}
	set.Funcs(t.funcs(&renderer{}))
	if t.found, err = inspect(set); err != nil {
		return nil, err
	}
	return t, nil
}

// warm escapes every template once, so that one which cannot be is found at start.
func (t *templates) warm() error {
	first, err := t.clone()
	if err != nil {
		return err
	}
	for _, name := range t.found.defined {
		// With no page in it the guard is false: this only escapes, and finds what cannot be.
		if err := first.set.ExecuteTemplate(io.Discard, name, nil); err != nil {
			return fmt.Errorf("authz: template %q cannot be escaped; a template must end in the context in which it began: %w", clip(name), err)
		}
	}
	t.free <- first
	return nil
}

func (t *templates) clone() (*renderer, error) {
	set, err := t.set.Clone()
	if err != nil {
		return nil, fmt.Errorf("authz: templates: %w", err)
	}
	rr := &renderer{set: set}
	set.Funcs(t.funcs(rr))
	return rr, nil
}

func (t *templates) funcs(rr *renderer) template.FuncMap {
	funcs := template.FuncMap{"can": rr.can, "menu": rr.menu}
	for _, t := range t.set.Templates() {
		name := t.Name()
		funcs[guardName(name)] = func() bool { return rr.mayShow(name) }
	}
	for name, helper := range t.helpers {
		funcs[name] = func(args ...any) (string, error) {
			texts := make([]string, len(args))
			for i, arg := range args {
				var err error
				if texts[i], err = plainText(arg); err != nil {
					return "", err
				}
			}
			if rr.page == nil {
				return standIn()
			}
			return helper(rr.page.http, texts...)
		}
	}
	return funcs
}

// mayShow is the guard that stands in every template.
func (rr *renderer) mayShow(name string) bool {
	p := rr.page
	if p == nil {
		return false
	}
	at := p.object
	if r := p.snap.rules[name]; r != nil && (r.kind != fragmentKind || r.in != "") {
		at = p.request.object(r)
	}
	return p.may(name, at)
}

// may decides about a name within the page. A fragment has no route; without In of its own it is decided in the tenant
// of the page that includes it.
func (p *frame) may(name string, at Object) bool {
	r := p.snap.rules[name]
	if r == nil {
		return false
	}
	if r.effect == inherit {
		return true // the page has been allowed, or nothing would be executed
	}
	if r.kind == fragmentKind && r.in == "" && at.Tenant != "" {
		r = r.local
	}
	return p.decide(r, at, r.keyed() && p.key(r, at) != "").Allowed
}

// can answers the templates.
func (rr *renderer) can(name string, about ...any) (bool, error) {
	p := rr.page
	if p == nil {
		_, err := standIn()
		return false, err
	}
	at := p.object
	switch len(about) {
	case 0:
	case 1:
		if object, ok := about[0].(Object); ok {
			at = object
			break
		}
		id, err := plainText(about[0])
		if err != nil {
			return false, err
		}
		at.ID = id
	default:
		return false, errors.New("authz: can takes a name, and an id or an Object")
	}
	r := p.snap.rules[name]
	if r != nil && r.of == "" && len(about) == 0 {
		at.ID = ""
	}
	return p.may(name, at), nil
}

func (rr *renderer) menu() ([]Item, error) {
	if rr.page == nil {
		_, err := standIn()
		return nil, err
	}
	return rr.page.menu(), nil
}

// plainText takes what an id or an argument may be.
func plainText(v any) (string, error) {
	if s, ok := v.(fmt.Stringer); ok {
		return s.String(), nil
	}
	switch rv := reflect.ValueOf(v); {
	case rv.Kind() == reflect.String:
		return rv.String(), nil
	case rv.CanInt():
		return strconv.FormatInt(rv.Int(), 10), nil
	case rv.CanUint():
		return strconv.FormatUint(rv.Uint(), 10), nil
	}
	return "", fmt.Errorf("authz: a template passes a %T where a text or a whole number is needed", v)
}

// Render writes a page with status 200: the template of the page's name, for the object that the request's path names.
// The page's rule is decided first, whatever route the handler has; fragments that the subject may not see are left
// out. Nothing is written unless the whole page could be rendered. It returns a [*Refusal] (already reported) or the
// template's error; pass either to [Guard.Refuse].
func (g *Guard) Render(w http.ResponseWriter, r *http.Request, page Page, data any) error {
	return g.RenderStatus(w, r, http.StatusOK, page, data)
}

// RenderStatus is Render with another status: 422 for a form that comes back with its errors.
func (g *Guard) RenderStatus(w http.ResponseWriter, r *http.Request, status int, page Page, data any) error {
	st := g.pinned(r)
	rule := st.snap.find(pageKind, string(page))
	if rule != nil && (g.templates == nil || !g.templates.has(string(page))) {
		return fmt.Errorf("authz: page %q has no template", clip(string(page)))
	}
	at := st.object(rule)
	if err := st.check(rule, string(page), at, rule != nil && rule.keyed() && st.key(rule, at) != ""); err != nil {
		return err
	}
	rr, err := g.templates.take()
	if err != nil {
		return err
	}
	rr.page = &frame{request: st, object: at}
	err = rr.set.ExecuteTemplate(&rr.out, string(page), data)
	rr.page = nil
	if err != nil {
		g.templates.put(rr)
		return fmt.Errorf("authz: page %q: %w", page, err)
	}
	h := w.Header()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "text/html; charset=utf-8")
	}
	h.Set("Content-Length", strconv.Itoa(rr.out.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(rr.out.Bytes()) // a client that has gone away gets no error page either
	g.templates.put(rr)
	return nil
}

func (t *templates) take() (*renderer, error) {
	select {
	case rr := <-t.free:
		return rr, nil
	default:
		return t.clone()
	}
}

func (t *templates) put(rr *renderer) {
	if rr.out.Cap() > maxBuffer {
		rr.out = bytes.Buffer{}
	}
	rr.out.Reset()
	select {
	case t.free <- rr:
	default: // more were needed at a time than are kept
	}
}
