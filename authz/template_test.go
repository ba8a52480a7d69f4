package authz_test

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/authz"
)

func files(pairs ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		fsys[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return fsys
}

func TestParseFS(t *testing.T) {
	for name, c := range map[string]struct {
		files fstest.MapFS
		funcs template.FuncMap
		says  string
	}{
		"no file":                  {files("a.txt", "x"), nil, "no template file"},
		"defined in two files":     {files("a.html", `{{define "x"}}1{{end}}`, "b.html", `{{define "x"}}2{{end}}`), nil, `"x" is defined in a.html and again in b.html`},
		"defined twice in a file":  {files("a.html", `{{define "x"}}1{{end}}{{define "x"}}2{{end}}`), nil, "multiple definition"},
		"block defined again":      {files("a.html", `{{block "x" .}}1{{end}}`, "b.html", `{{define "x"}}2{{end}}`), nil, `"x" is defined`},
		"file and define":          {files("a.html", `1`, "b.html", `{{define "a"}}2{{end}}`), nil, `"a" is defined`},
		"emptied in another file":  {files("a.html", `{{define "x"}}1{{end}}`, "b.html", `{{define "x"}}{{end}}`), nil, `"x" is defined`},
		"unknown function":         {files("a.html", `{{evil}}`), nil, "evil"},
		"the guard called by name": {files("a.html", `{{_authz_guard_61}}`), nil, "_authz_guard"},
		"can redefined":            {files("a.html", `x`), template.FuncMap{"can": func(string) bool { return true }}, "the guard's own"},
		"menu redefined":           {files("a.html", `x`), template.FuncMap{"menu": func() string { return "" }}, "the guard's own"},
		"syntax":                   {files("a.html", `{{if}}`), nil, "a:1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := authz.ParseFS(c.files, c.funcs, "*.html")
			require.ErrorContains(t, err, c.says)
		})
	}
	t.Run("names are paths", func(t *testing.T) {
		set, err := authz.ParseFS(files("a.html", "1", "x/a.html", "2", "y/a.html", "3", "only.html", `{{define "d"}}4{{end}} `), nil, "*.html", "*/*.html")
		require.NoError(t, err)
		for name, want := range map[string]string{"a": "1", "x/a": "2", "y/a": "3", "d": "4"} {
			var out bytes.Buffer
			require.NoError(t, set.ExecuteTemplate(&out, name, nil))
			require.Equal(t, want, out.String())
		}
		require.Nil(t, set.Lookup("only"))
	})
	t.Run("outside Render the guard's functions fail", func(t *testing.T) {
		set, err := authz.ParseFS(files("a.html", `x{{if can "a"}}y{{end}}`, "b.html", `{{range menu}}y{{end}}`), nil, "*.html")
		require.NoError(t, err)
		require.Error(t, set.ExecuteTemplate(&bytes.Buffer{}, "a", nil))
		require.Error(t, set.ExecuteTemplate(&bytes.Buffer{}, "b", nil))
	})
}

// renderPolicy has a page with fragments, and a function.
func renderPolicy() authz.Policy {
	return authz.Policy{
		Roles:     map[authz.Role]authz.RoleDef{reader: {}, editor: {Includes: []authz.Role{reader}}},
		Pages:     map[authz.Page]authz.Rule{"page": authz.Allow(reader).Unrouted(), "other": authz.Allow(editor).Unrouted()},
		Funcs:     map[authz.Func]authz.Rule{"act": authz.Allow(editor).Unrouted(), "tied": authz.Allow(reader).Tied().In("box").Of("id").Unrouted()},
		Fragments: map[authz.Fragment]authz.Rule{"part": authz.Allow(editor), "frame": authz.Inherit()},
	}
}

func TestTemplatesThatDoNotStart(t *testing.T) {
	for name, c := range map[string]struct {
		files fstest.MapFS
		says  string
	}{
		"neither page nor fragment":    {files("page.html", "x", "ghost.html", "x"), `template "ghost" is neither page nor fragment`},
		"a function's name":            {files("page.html", "x", "act.html", "x"), `template "act" is neither`},
		"a name in other case":         {files("Page.html", "x"), `template "Page" is neither`},
		"missing include":              {files("page.html", `{{template "gone"}}`), `"page" includes "gone"`},
		"include in a branch":          {files("page.html", `{{if .}}a{{else}}{{range .}}{{with .}}{{template "gone"}}{{end}}{{end}}{{end}}`), `includes "gone"`},
		"unknown can":                  {files("page.html", `{{if can "ghost"}}x{{end}}`), `asks can "ghost"`},
		"can in a nested pipe":         {files("page.html", `{{if and .X (can "ghost")}}x{{end}}`), `asks can "ghost"`},
		"can as an include's argument": {files("page.html", `{{template "part" (can "ghost")}}`, "part.html", "x"), `asks can "ghost"`},
		"can in an assignment":         {files("page.html", `{{$x := can "ghost"}}{{$x}}`), `asks can "ghost"`},
		"can of a field of it":         {files("page.html", `{{(can "ghost").X}}`), `asks can "ghost"`},
		"can of data":                  {files("page.html", `{{if can .Name}}x{{end}}`), "can needs a literal name"},
		"can of a variable":            {files("page.html", `{{$n := "act"}}{{if can $n}}x{{end}}`), "can needs a literal name"},
		"can from a pipe":              {files("page.html", `{{if .Name | can}}x{{end}}`), "can needs a literal name"},
		"can from a literal in a pipe": {files("page.html", `{{if "act" | can}}x{{end}}`), "can needs a literal name"},
		"can as a value":               {files("page.html", `{{call can "act"}}`), "can needs a literal name"},
		"can of a call":                {files("page.html", `{{if can (print "act")}}x{{end}}`), "can needs a literal name"},
		"ends in another context":      {files("page.html", `{{template "part"}}x">`, "part.html", `<a href="`), "cannot be escaped"},
	} {
		t.Run(name, func(t *testing.T) {
			set, err := authz.ParseFS(c.files, nil, "*.html")
			require.NoError(t, err)
			_, err = authz.New(renderPolicy(), authz.Config{Subject: nobody, Templates: set})
			require.ErrorContains(t, err, c.says)
		})
	}
	t.Run("executed before", func(t *testing.T) {
		set, err := authz.ParseFS(files("page.html", "x"), nil, "*.html")
		require.NoError(t, err)
		require.NoError(t, set.ExecuteTemplate(&bytes.Buffer{}, "page", nil))
		_, err = authz.New(renderPolicy(), authz.Config{Subject: nobody, Templates: set})
		require.ErrorContains(t, err, "Config.Templates")
	})
}

// renderer is a guard with these templates whose Render the test calls directly.
func renderer(t testing.TB, who *authz.Subject, helpers authz.Helpers, fsys fstest.MapFS) *authz.Guard {
	set, err := authz.ParseFS(fsys, helpers.Funcs(), "*.html")
	require.NoError(t, err)
	g, err := authz.New(renderPolicy(), authz.Config{
		Templates: set, Helpers: helpers,
		Subject: func(*http.Request) (authz.Subject, error) { return *who, nil },
	})
	require.NoError(t, err)
	return g
}

func TestRefusedFragmentYieldsNoByte(t *testing.T) {
	who := authz.Subject{}
	g := renderer(t, &who, nil, files(
		"page.html", `<p>{{template "frame" .}}</p>{{range .}}{{template "part" .}}{{end}}{{template "other" .}}<input value="{{template "part" "in attribute"}}">end`,
		"part.html", `[{{.}}]`, "other.html", `<b>other page</b>`, "frame.html", `frame{{if can "act"}} act{{end}}{{if can "part"}} part{{end}}{{if can "frame"}} frame{{end}}`))
	for _, c := range []struct {
		who  authz.Subject
		want string
	}{
		{person("bo", "", editor), `<p>frame act part frame</p>[&lt;1&gt;][2]<b>other page</b><input value="[in attribute]">end`},
		{person("anna", "", reader), `<p>frame frame</p><input value="">end`},
		{person("bo", "", editor), `<p>frame act part frame</p>[&lt;1&gt;][2]<b>other page</b><input value="[in attribute]">end`},
	} {
		who = c.who
		w := httptest.NewRecorder()
		require.NoError(t, g.Render(w, httptest.NewRequest("GET", "/", nil), "page", []string{"<1>", "2"}))
		require.Equal(t, c.want, w.Body.String())
		require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
		require.Equal(t, fmt.Sprint(len(c.want)), w.Header().Get("Content-Length"))
	}
}

func TestRenderWritesAllOrNothing(t *testing.T) {
	who := person("anna", "", reader)
	g := renderer(t, &who, nil, files("page.html", `begin {{.Broken}} end`, "other.html", "x"))
	for name, c := range map[string]struct {
		page authz.Page
		who  authz.Subject
		data any
		code int
	}{
		"error in the middle": {"page", who, struct{}{}, 500},
		"panic in the middle": {"page", who, panicking{}, 500},
		"refused page":        {"other", who, nil, 403},
		"anonymous":           {"page", authz.Subject{}, nil, 403},
		"unknown page":        {"ghost", who, nil, 404},
		"fragment as a page":  {"part", who, nil, 404},
	} {
		t.Run(name, func(t *testing.T) {
			who = c.who
			w := httptest.NewRecorder()
			r := httptest.NewRequest("GET", "/", nil)
			err := g.Render(w, r, c.page, c.data)
			require.Error(t, err)
			require.Zero(t, w.Body.Len())
			require.Empty(t, w.Header())
			g.Refuse(w, r, err)
			require.Equal(t, c.code, w.Code)
			require.NotContains(t, w.Body.String(), "begin")
		})
	}
	who = person("anna", "", reader)
	w := httptest.NewRecorder()
	require.NoError(t, g.RenderStatus(w, httptest.NewRequest("GET", "/", nil), 422, "page", map[string]string{"Broken": "now whole"}))
	require.Equal(t, 422, w.Code)
	require.Equal(t, "begin now whole end", w.Body.String(), "nothing is left of the failed ones")
}

// TestUnknownIsADenialWithAnEvent: whatever a handler asks for that the policy does not name.
func TestUnknownIsADenialWithAnEvent(t *testing.T) {
	h := mailHost(t)
	h.subject = person("eva", "", admin, "root")
	w, r := httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil)
	for _, err := range []error{
		h.Check(r, authz.Func("ghost"), authz.Object{}), h.Check(r, authz.Page("mail.delete"), authz.Object{}), h.Check(r, nil, authz.Object{}),
		h.CheckTable(r, "ghosts", authz.Select, authz.Object{}), h.CheckTable(r, mails, "truncate", authz.Object{}),
		h.Render(w, r, "ghost", nil), h.Render(w, r, "mail/tools", nil),
	} {
		e, ok := errors.AsType[*authz.Refusal](err)
		require.True(t, ok)
		require.Equal(t, authz.Undeclared, e.Reason)
		require.Equal(t, 404, e.Status)
	}
	require.Zero(t, w.Body.Len())
	events := h.all()
	require.Len(t, events, 7)
	for _, event := range events {
		require.Contains(t, event, "reason=undeclared")
	}
}

type panicking struct{}

func (panicking) Broken() string { panic("bug in a page") }

func TestHelpersKnowTheRequest(t *testing.T) {
	who := person("anna", "", reader)
	helpers := authz.Helpers{
		"csrf": func(r *http.Request, args ...string) (string, error) {
			return r.Header.Get("X-Test") + ":" + strings.Join(args, "/"), nil
		},
		"fails": func(*http.Request, ...string) (string, error) { return "", errors.New("no token") },
	}
	g := renderer(t, &who, helpers, files("page.html", `<input value="{{csrf "mail.delete" .}}">`, "other.html", `a{{fails}}b`))
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Test", `"><script>`)
	w := httptest.NewRecorder()
	require.NoError(t, g.Render(w, r, "page", 42))
	require.Equal(t, `<input value="&#34;&gt;&lt;script&gt;:mail.delete/42">`, w.Body.String())
	require.ErrorContains(t, g.Render(w, r, "page", []byte("x")), "[]uint8")
	who = person("bo", "", editor)
	require.ErrorContains(t, g.Render(w, r, "other", nil), "no token")
}

// TestCanAsksAboutTheObject: the page's own, another id, or a whole Object.
func TestCanAsksAboutTheObject(t *testing.T) {
	who := person("anna", "t1", reader)
	who.Roles = append(who.Roles, authz.Grant{Role: reader})
	who.Ties = []authz.Tie{{Name: "tied", Object: authz.Object{Tenant: "t1", ID: "7"}}}
	g := renderer(t, &who, nil, files("page.html", `{{if can "tied" .}}yes{{else}}no{{end}}`))
	for _, c := range []struct {
		about any
		want  string
	}{
		{boxID("7"), "no"}, {uint8(7), "no"}, {authz.Object{Tenant: "t1", ID: "7"}, "yes"}, {authz.Object{Tenant: "t1", ID: "8"}, "no"}, {authz.Object{Tenant: "t2", ID: "7"}, "no"}, {"7", "no"}, {7, "no"},
	} {
		w := httptest.NewRecorder()
		require.NoError(t, g.Render(w, httptest.NewRequest("GET", "/", nil), "page", c.about))
		require.Equal(t, c.want, w.Body.String(), "%v", c.about)
	}
	require.Error(t, g.Render(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil), "page", 1.5))
}

type boxID string

// TestRenderersDoNotMix: each page under way keeps its own subject, however many are rendered at a time.
func TestRenderersDoNotMix(t *testing.T) {
	set, err := authz.ParseFS(files("page.html", `{{user}}{{call .}}{{user}}{{template "part"}}`, "part.html", "+"), authz.Helpers{"user": nil}.Funcs(), "*.html")
	require.NoError(t, err)
	g, err := authz.New(renderPolicy(), authz.Config{
		Templates: set,
		Helpers:   authz.Helpers{"user": func(r *http.Request, _ ...string) (string, error) { return r.Header.Get("X-Test"), nil }},
		Subject: func(r *http.Request) (authz.Subject, error) {
			if strings.HasPrefix(r.Header.Get("X-Test"), "e") {
				return person("x", "", editor), nil
			}
			return person("x", "", reader), nil
		},
	})
	require.NoError(t, err)
	const n = 100 // more than are kept
	var all, done sync.WaitGroup
	all.Add(n)
	for i := range n {
		done.Go(func() {
			user, want := fmt.Sprintf("r%d", i), ""
			if i%2 == 0 {
				user, want = fmt.Sprintf("e%d", i), "+"
			}
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("X-Test", user)
			w := httptest.NewRecorder()
			// Every page waits in its middle until all are there.
			err := g.Render(w, r, "page", func() string { all.Done(); all.Wait(); return "/" })
			if err != nil || w.Body.String() != user+"/"+user+want {
				t.Errorf("%s: %q, %v", user, w.Body.String(), err)
			}
		})
	}
	done.Wait()
}

// TestFragmentsInATenant: a fragment without In is decided in the tenant of its page, one with In by its own path value.
func TestFragmentsInATenant(t *testing.T) {
	set, err := authz.ParseFS(files(
		"page.html", `{{template "here" .}}{{template "there" .}}{{if can "here"}}h{{end}}{{if can "there"}}t{{end}}{{if can "here" .}}o{{end}}`,
		"here.html", "HERE", "there.html", "THERE"), nil, "*.html")
	require.NoError(t, err)
	who := authz.Subject{}
	g, err := authz.New(authz.Policy{
		Roles: map[authz.Role]authz.RoleDef{reader: {}, editor: {Includes: []authz.Role{reader}}},
		Pages: map[authz.Page]authz.Rule{"page": authz.Allow(reader).In("box")},
		Fragments: map[authz.Fragment]authz.Rule{
			"here": authz.Allow(editor), "there": authz.Allow(editor).In("other"),
		},
	}, authz.Config{Templates: set, Subject: func(*http.Request) (authz.Subject, error) { return who, nil }})
	require.NoError(t, err)
	g.HandleFunc("GET /{box}/{other}", authz.Page("page"), func(w http.ResponseWriter, r *http.Request) {
		if err := g.Render(w, r, "page", authz.Object{Tenant: "t3"}); err != nil {
			g.Refuse(w, r, err)
		}
	})
	handler, err := g.Handler()
	require.NoError(t, err)
	reads := func(s authz.Subject) authz.Subject { return withRole(withRole(s, "t1", reader), "t2", reader) }
	for _, c := range []struct {
		who    authz.Subject
		target string
		want   string
	}{
		{reads(person("a", "t1", editor)), "/t1/t2", "HEREht"}, // can asks about the page's object, also for a rule with In
		{reads(person("a", "t1", editor)), "/t2/t1", "THERE"},
		{reads(person("a", "t2", editor)), "/t1/t2", "THERE"},
		{reads(person("a", "", editor)), "/t1/t2", "HERETHEREhto"},
		{reads(person("a", "t3", editor)), "/t1/t2", "o"},
		{reads(person("a", "t4", editor)), "/t1/t2", ""},
	} {
		who = c.who
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", c.target, nil))
		require.Equal(t, 200, w.Code)
		require.Equal(t, c.want, w.Body.String(), "%s %v", c.target, c.who.Roles)
	}
}
