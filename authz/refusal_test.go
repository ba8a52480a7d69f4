package authz_test

import (
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/authz"
)

func TestLoginRedirect(t *testing.T) {
	h := mailHost(t)
	for target, want := range map[string]string{
		"/m/bygglov":                          "/login?next=%2Fm%2Fbygglov",
		"/m/bygglov?tab=2&q=a%26b":            "/login?next=%2Fm%2Fbygglov%3Fq%3Da%2526b%26tab%3D2",
		"/m/bygglov?key=secret":               "/login?next=%2Fm%2Fbygglov",
		"/m/a%20b":                            "/login?next=%2Fm%2Fa%2520b",
		"/m/x?q=" + strings.Repeat("y", 3000): "/login",
	} {
		w := h.do("GET", target)
		require.Equal(t, 303, w.Code)
		require.Equal(t, want, w.Header().Get("Location"))
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		next := must(url.Parse(want)).Query().Get("next")
		if next != "" {
			require.Equal(t, next, authz.LocalPath(next), "what is carried along is taken back")
		}
	}
}

// TestLoginPageThatIsRefused: sending a visitor from the login page to the login page would go round for ever.
func TestLoginPageThatIsRefused(t *testing.T) {
	h := newHost(t, authz.Policy{
		Roles: map[authz.Role]authz.RoleDef{reader: {}}, Pages: map[authz.Page]authz.Rule{"login": authz.Allow(reader)},
	}, func(c *authz.Config) { c.Templates = nil })
	h.Handle("GET /login", authz.Page("login"), h.done("login"))
	var err error
	h.handler, err = h.Handler()
	require.NoError(t, err)
	require.Equal(t, 403, h.do("GET", "/login?next=/x").Code)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestLocalPath(t *testing.T) {
	for _, next := range []string{"/", "/m/bygglov", "/m/a%20b?tab=2&q=%2F%2Fx", "/a#b", "/a?next=https://evil.example/", "/å"} {
		require.Equal(t, next, authz.LocalPath(next))
	}
	for _, next := range []string{
		"", "m", "https://evil.example/", "//evil.example", "///evil.example", `/\evil.example`, `\\evil.example`, "/\t/evil.example", "/\n/evil.example",
		" //evil.example", "/ /evil", "javascript:alert(1)", "/%2f/evil.example", "/%2F%2Fevil.example", "/%5cevil.example", `/a\b`, "/a\x00b", "/a\x7f", "/%zz",
		"//", "/" + strings.Repeat("a", 3000), "?x", "#x", "/a b",
	} {
		require.Equal(t, "/", authz.LocalPath(next), "%q", next)
	}
}

// FuzzLocalPath: whatever is taken stays on the origin under the rules of RFC 3986 and when, as browsers do, tabs and
// new lines are dropped and backslashes are read as slashes (WHATWG URL, "basic URL parser").
func FuzzLocalPath(f *testing.F) {
	for _, seed := range []string{"/", "//evil", `/\evil`, "/\t/evil", "/a?b#c", "/%2f/evil", "https://evil", "/./../x"} {
		f.Add(seed)
	}
	base := must(url.Parse("https://mail.example/login"))
	f.Fuzz(func(t *testing.T, next string) {
		got := authz.LocalPath(next)
		require.Equal(t, got, authz.LocalPath(got))
		browser := strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(got)
		for _, ref := range []string{got, browser} {
			u, err := base.Parse(ref)
			require.NoError(t, err)
			require.Equal(t, "https://mail.example", u.Scheme+"://"+u.Host)
		}
	})
}

// TestRefusalToTheHost: a host's own page knows status, reason and reference, and an own page that is itself refused
// ends in the plain one.
func TestRefusalToTheHost(t *testing.T) {
	var seen []*authz.Refusal
	var h *host
	set, err := authz.ParseFS(files("error.html", `sorry {{.}}{{range menu}} {{.Label}}{{end}}`, "front/home.html", "home"), template.FuncMap{}, "*.html", "*/*.html")
	require.NoError(t, err)
	page := authz.Page("error")
	h = newHost(t, authz.Policy{
		Roles: map[authz.Role]authz.RoleDef{editor: {}},
		Pages: map[authz.Page]authz.Rule{
			"error": authz.Public().Unrouted(), home: authz.Public().Menu("Home", 1), "closed": authz.Allow(editor).Unrouted(), inbox: authz.Allow(editor).In("box"),
		},
		Funcs: map[authz.Func]authz.Rule{act: authz.Allow(editor).Require(authz.SecondFactor())},
	}, func(c *authz.Config) {
		c.Templates = set
		c.Refuse = func(w http.ResponseWriter, r *http.Request, err error) {
			e, ok := errors.AsType[*authz.Refusal](err)
			require.True(t, ok)
			seen = append(seen, e)
			if err := h.RenderStatus(w, r, e.Status, page, e.Ref); err != nil {
				h.Refuse(w, r, err)
			}
		}
	})
	h.Handle("GET /{$}", home, h.done("home"))
	h.Handle("GET /m/{box}", inbox, h.done("inbox"))
	h.Handle("POST /act", act, h.done("act"))
	h.handler, err = h.Handler()
	require.NoError(t, err)
	h.subject = person("bo", "", editor)

	w := h.do("POST", "/act")
	require.Equal(t, 403, w.Code)
	require.Len(t, seen, 1)
	require.Equal(t, authz.Unmet, seen[0].Reason)
	require.Equal(t, "second-factor", seen[0].Detail(), "so that a host can ask for it")
	require.Equal(t, "sorry "+seen[0].Ref+" Home", w.Body.String())
	require.EqualError(t, seen[0], "authz: forbidden: act: condition second-factor")

	w = h.do("GET", "/nothing")
	require.Equal(t, 404, w.Code)
	require.Equal(t, "sorry "+seen[1].Ref+" Home", w.Body.String())

	h.err = errors.New("store is down")
	w = h.do("POST", "/act")
	require.Equal(t, 503, w.Code)
	require.ErrorIs(t, seen[2], h.err)
	require.Equal(t, "sorry "+seen[2].Ref+" Home", w.Body.String(), "an open error page needs no subject")

	page, h.err, h.subject = "closed", nil, authz.Subject{}
	w = h.do("POST", "/act")
	require.Equal(t, 500, w.Code, "the page has no template: the refusal of the refusal is plain")
	require.Contains(t, w.Body.String(), "Reference: ")
}

// TestMissingAndForeignAnswerAlike: what a handler answers for a missing object, byte for byte but for the reference.
func TestMissingAndForeignAnswerAlike(t *testing.T) {
	h := newHost(t, authz.Policy{
		Roles: map[authz.Role]authz.RoleDef{reader: {}},
		Pages: map[authz.Page]authz.Rule{"mail": authz.Allow(reader).In("box").Of("id"), "mine": authz.Allow(reader).Tied().In("box").Of("id")},
	}, func(c *authz.Config) { c.Templates = nil })
	missing := func(w http.ResponseWriter, r *http.Request) { h.NotFound(w, r) }
	h.HandleFunc("GET /m/{box}/{id}", authz.Page("mail"), missing)
	h.HandleFunc("GET /mine/{box}/{id}", authz.Page("mine"), missing)
	var err error
	h.handler, err = h.Handler()
	require.NoError(t, err)
	h.subject = person("anna", "bygglov", reader)
	answer := func(target string) string {
		w := h.do("GET", target)
		body, _, _ := strings.Cut(w.Body.String(), "Reference")
		return fmt.Sprint(w.Code, w.Header(), body)
	}
	want := answer("/m/bygglov/404")
	require.Contains(t, want, "404 Not Found")
	require.Equal(t, want, answer("/m/skola/7"), "another tenant's")
	require.Equal(t, want, answer("/m/nowhere/7"), "a tenant that does not exist")
	require.Equal(t, want, answer("/mine/bygglov/7"), "not tied to it")
	require.Equal(t, want, answer("/no/such/page"))
}

// TestMenuPaths: a page with several routes stands under the first that the request's path values fill.
func TestMenuPaths(t *testing.T) {
	h := newHost(t, authz.Policy{Pages: map[authz.Page]authz.Rule{
		"doc": authz.Public().Menu("Document", 1), "files": authz.Public().Menu("Files", 2), "list": authz.Public().Menu("List", 3),
	}}, func(c *authz.Config) { c.Templates = nil })
	h.Handle("GET /doc/{id}", authz.Page("doc"), h.done("doc"))
	h.Handle("GET /doc/{$}", authz.Page("doc"), h.done("doc"))
	h.Handle("GET /files/{path...}", authz.Page("files"), h.done("files"))
	h.Handle("GET /list/{page}", authz.Page("list"), h.done("list"))
	_, err := h.Handler()
	require.NoError(t, err)
	paths := func(values ...string) (out []string) {
		r := httptest.NewRequest("GET", "/", nil)
		for i := 0; i < len(values); i += 2 {
			r.SetPathValue(values[i], values[i+1])
		}
		for _, item := range h.Menu(r) {
			out = append(out, item.Path)
		}
		return out
	}
	require.Equal(t, []string{"/doc/", "/files/"}, paths(), "a list needs a page that the request does not name")
	require.Equal(t, []string{"/doc/a%2Fb", "/files/x/y%20z", "/list/2"}, paths("id", "a/b", "path", "x/y z", "page", "2"))
}

func TestMenuIsWhatMayBeOpened(t *testing.T) {
	h := mailHost(t)
	menu := func(target string) (out []authz.Item) {
		r := httptest.NewRequest("GET", target, nil)
		if box, ok := strings.CutPrefix(target, "/m/"); ok {
			r.SetPathValue("box", must(url.PathUnescape(box)))
		}
		return h.Menu(r)
	}
	require.Equal(t, []authz.Item{{Label: "Home", Page: home, Path: "/", Current: true}}, menu("/"))
	h.subject = person("anna", "bygg lov", reader)
	require.Equal(t, []authz.Item{{Label: "Home", Page: home, Path: "/"}, {Label: "Mail", Page: inbox, Path: "/m/bygg%20lov", Current: true}}, menu("/m/bygg%20lov"))
	require.Equal(t, []authz.Item{{Label: "Home", Page: home, Path: "/"}}, menu("/m/skola"))
}
