package authz_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/authz"
)

// targetHost has one page and one function that nobody but an admin may use, beside open ones, and wildcards of each
// kind.
func targetHost(t testing.TB) *host {
	t.Helper()
	p := authz.Policy{
		Roles: map[authz.Role]authz.RoleDef{admin: {}},
		Pages: map[authz.Page]authz.Rule{
			"open": authz.Public(), "static": authz.Public(), "admin": authz.Allow(admin), "box": authz.Allow(admin).In("box"), "root": authz.Public(),
		},
		Funcs: map[authz.Func]authz.Rule{"admin.act": authz.Allow(admin), "sign-in": authz.PublicBecause("sign-in form")},
	}
	h := newHost(t, p, func(c *authz.Config) { c.Templates, c.LoginURL = nil, "" })
	h.Handle("GET /{$}", authz.Page("root"), h.done("root"))
	h.Handle("GET /public", authz.Page("open"), h.done("open"))
	h.Handle("GET /static/{file...}", authz.Page("static"), h.done("static"))
	h.Handle("GET /admin", authz.Page("admin"), h.done("admin"))
	h.Handle("GET /admin/users/{$}", authz.Page("admin"), h.done("admin"))
	h.Handle("GET /m/{box}", authz.Page("box"), h.done("box"))
	h.Handle("POST /admin", authz.Func("admin.act"), h.done("admin.act"))
	h.Handle("POST /login", authz.Func("sign-in"), h.done("sign-in"))
	var err error
	h.handler, err = h.Handler()
	require.NoError(t, err)
	return h
}

// raw sends one request as bytes, so that no client cleans it first, and returns the response.
func raw(t testing.TB, addr, method, target string, header ...string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: mail.example\r\nContent-Length: 0\r\nConnection: close\r\n%s\r\n", method, target, strings.Join(append(header, ""), "\r\n"))
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	require.NoError(t, err)
	return res
}

func listen(t testing.TB, h http.Handler) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.DisableGeneralOptionsHandler = true
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.Listener.Addr().String()
}

func TestTargetsThatAreNoRoute(t *testing.T) {
	h := targetHost(t)
	addr := listen(t, h.handler)
	for _, c := range []struct{ method, target string }{
		{"GET", "/public/../admin"}, {"GET", "//admin"}, {"GET", "/%2e%2e/admin"}, {"GET", "/public/%2e%2e/admin"}, {"GET", "/./admin"},
		{"GET", "/%2E/admin"}, {"GET", "/%2Fadmin"}, {"GET", "/static/..%2fadmin"}, {"GET", "/static/..%5cadmin"}, {"GET", `/static/..\admin`},
		{"GET", "/static/%2e%2e/admin"}, {"GET", "/static/%252e%252e/admin"}, {"GET", "/static/%252fadmin"}, {"GET", "/static/a%2fb"}, {"GET", "/m/a%2Fb"}, {"GET", "/m/a%2eb"}, {"GET", "/m/a%5Cb"}, {"GET", "/static//a"}, {"GET", "/static/a/../b"},
		{"GET", "/static/a;x"}, {"GET", "/static/a%3bx"}, {"GET", "/static/a%00.css"}, {"GET", "/static/a%0d%0aX: y"}, {"GET", "/static/%ff"},
		{"GET", "/static/%c2%85"}, {"GET", "/static"}, {"GET", "/public;x"}, {"GET", "/admin;x"}, {"GET", "/admin/"}, {"GET", "/public/"}, {"GET", "/admin/users"},
		{"GET", "/ADMIN"}, {"GET", "/Public"}, {"GET", "/public%20"}, {"GET", "/.public"}, {"GET", "/public/."},
		{"GET", "/debug/pprof/"}, {"GET", "/metrics"}, {"GET", "/m"}, {"GET", "/m/"}, {"GET", "/m/a/b"},
		{"OPTIONS", "*"}, {"OPTIONS", "/admin"}, {"OPTIONS", "/public"}, {"TRACE", "/public"}, {"TRACE", "/admin"}, {"PUT", "/admin"}, {"DELETE", "/public"},
		{"get", "/public"}, {"Get", "/public"}, {"post", "/login"}, {"HEAD", "/login"}, {"GET", "/login"}, {"POST", "/public"}, {"PROPFIND", "/public"},
		{"GETS", "/public"}, {"FOO", "/public"}, {"CONNECT", "/public"}, {"CONNECT", "mail.example:443"}, {"CONNECT", "/admin"}, {"PATCH", "/admin"},
		{"GET", "http://evil.example//admin"}, {"GET", "http://evil.example/public/../admin"}, {"GET", "http://mail.example"},
	} {
		t.Run(c.method+" "+c.target, func(t *testing.T) {
			res := raw(t, addr, c.method, c.target)
			if res.StatusCode == http.StatusBadRequest {
				require.NotContains(t, res.Header, "X-Content-Type-Options", "only net/http's own parser answers 400")
			} else {
				body, err := io.ReadAll(res.Body)
				require.NoError(t, err)
				require.Equal(t, http.StatusNotFound, res.StatusCode)
				require.Equal(t, []string{"text/plain; charset=utf-8"}, res.Header["Content-Type"])
				if c.method != "HEAD" {
					require.Regexp(t, `^404 Not Found\nReference: [A-Z2-7]{12}\n$`, string(body))
				}
			}
			require.NotContains(t, res.Header, "Allow")
			require.NotContains(t, res.Header, "Location")
			require.Empty(t, h.ran)
		})
	}
}

func TestTargetsThatAreRoutes(t *testing.T) {
	h := targetHost(t)
	h.subject = person("eva", "", admin)
	addr := listen(t, h.handler)
	for _, c := range []struct{ method, target, runs string }{
		{"GET", "/", "root"}, {"GET", "/public", "open"}, {"HEAD", "/public", "open"}, {"GET", "/%70ublic", "open"}, {"GET", "/public?x=/../admin", "open"},
		{"GET", "/static/css/site.css", "static"}, {"GET", "/static/", "static"}, {"GET", "/static/100%25", "static"}, {"GET", "/static/%C3%A5.css", "static"},
		{"GET", "http://evil.example/admin", "admin"}, {"GET", "/admin/users/", "admin"}, {"POST", "/admin", "admin.act"}, {"GET", "/m/a%20b", "box"},
	} {
		t.Run(c.method+" "+c.target, func(t *testing.T) {
			h.ran = nil
			require.Equal(t, 200, raw(t, addr, c.method, c.target).StatusCode)
			require.Equal(t, []string{c.runs}, h.ran)
		})
	}
}

// TestAnotherHostChangesNothing: an absolute-form target, a Host header and what proxies send decide nothing.
func TestWhatClientsClaimDecidesNothing(t *testing.T) {
	h := targetHost(t)
	addr := listen(t, h.handler)
	for _, header := range []string{
		"X-HTTP-Method-Override: GET", "X-Original-URL: /public", "X-Rewrite-URL: /public", "X-Forwarded-For: 10.0.0.1", "X-User: eva", "X-Role: admin",
		"Cookie: role=admin", "Authorization: Basic ZXZhOmV2YQ==", "X-Forwarded-Host: localhost",
	} {
		require.Equal(t, 403, raw(t, addr, "GET", "/admin", header).StatusCode, header)
		require.Equal(t, 403, raw(t, addr, "POST", "/admin?_method=GET", header).StatusCode, header)
	}
	require.Equal(t, 403, raw(t, addr, "GET", "http://localhost/admin").StatusCode)
	require.Equal(t, 200, raw(t, addr, "POST", "/login?_method=DELETE", "X-HTTP-Method-Override: DELETE").StatusCode)
	require.Equal(t, []string{"sign-in"}, h.ran)
}

// FuzzTargets: whatever is asked, a handler runs only if Decide allows its name, and the handler is the one that was
// registered for what the mux matched.
func FuzzTargets(f *testing.F) {
	for _, seed := range []string{
		"GET /public", "GET /public/../admin", "GET //admin", "GET /%2e%2e/", "GET /%2Fadmin", "GET /admin;x", "GET /admin/", "GET /ADMIN",
		"GET http://evil.example/admin", "OPTIONS *", "CONNECT mail.example:443", "get /admin", "POST /admin", "HEAD /admin", "GET /m/t1", "GET /m/t2", "GET /static/%2e%2e/admin",
	} {
		method, target, _ := strings.Cut(seed, " ")
		f.Add(method, target, false)
		f.Add(method, target, true)
	}
	h := targetHost(f)
	f.Fuzz(func(t *testing.T, method, target string, signedIn bool) {
		h.ran, h.subject = nil, authz.Subject{}
		if signedIn {
			h.subject = person("bo", "t1", admin)
		}
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(method + " " + target + " HTTP/1.1\r\nHost: mail.example\r\n\r\n")))
		if err != nil {
			return
		}
		w := httptest.NewRecorder()
		h.handler.ServeHTTP(w, r)
		names := map[string]authz.Name{
			"root": authz.Page("root"), "open": authz.Page("open"), "static": authz.Page("static"), "admin": authz.Page("admin"),
			"box": authz.Page("box"), "admin.act": authz.Func("admin.act"), "sign-in": authz.Func("sign-in"),
		}
		for _, ran := range h.ran {
			at := authz.Object{}
			if ran == "box" {
				at.Tenant = strings.TrimPrefix(r.URL.Path, "/m/")
			}
			require.True(t, h.Decide(context.Background(), h.subject, names[ran], at).Allowed, "%s %s ran %s", method, target, ran)
			require.NotContains(t, r.URL.Path, "..")
		}
		require.LessOrEqual(t, len(h.ran), 1)
		require.Equal(t, len(h.ran) == 1, w.Code == 200)
		require.NotContains(t, w.Header(), "Allow")
		require.NotContains(t, w.Header(), "Location")
	})
}

func TestRoutesThatDoNotStart(t *testing.T) {
	ok := http.NotFoundHandler()
	for name, c := range map[string]struct {
		register func(g *authz.Guard)
		says     string
	}{
		"rule without a route": {func(g *authz.Guard) {}, `page "see" has a rule and no route`},
		"route without a rule": {func(g *authz.Guard) { g.Handle("GET /x", authz.Page("ghost"), ok) }, `page "ghost" is not in the policy`},
		"page as a function":   {func(g *authz.Guard) { g.Handle("POST /x", authz.Func("see"), ok) }, `func "see" is not in the policy`},
		"registered twice": {func(g *authz.Guard) {
			g.Handle("GET /see/{box}", authz.Page("see"), ok)
			g.Handle("GET /see/{box}", authz.Page("see"), ok)
		}, "conflicts"},
		"conflicting patterns": {func(g *authz.Guard) {
			g.Handle("GET /a/{box}", authz.Page("see"), ok)
			g.Handle("GET /{box}/a", authz.Page("see"), ok)
		}, "conflicts"},
		"no path value":              {func(g *authz.Guard) { g.Handle("GET /see", authz.Page("see"), ok) }, "needs the path value {box}"},
		"other path value":           {func(g *authz.Guard) { g.Handle("GET /see/{mailbox}", authz.Page("see"), ok) }, "needs the path value {box}"},
		"host pattern":               {func(g *authz.Guard) { g.Handle("GET mail.example/see/{box}", authz.Page("see"), ok) }, "has a host"},
		"no method":                  {func(g *authz.Guard) { g.Handle("/see/{box}", authz.Page("see"), ok) }, "has no method"},
		"page by POST":               {func(g *authz.Guard) { g.Handle("POST /see/{box}", authz.Page("see"), ok) }, "a page is read with GET"},
		"function by GET":            {func(g *authz.Guard) { g.Handle("GET /act", authz.Func("act"), ok) }, "a function is called with"},
		"function by OPTIONS":        {func(g *authz.Guard) { g.Handle("OPTIONS /act", authz.Func("act"), ok) }, "a function is called with"},
		"small method":               {func(g *authz.Guard) { g.Handle("post /act", authz.Func("act"), ok) }, "a function is called with"},
		"everything beneath":         {func(g *authz.Guard) { g.Handle("GET /see/{box}/", authz.Page("see"), ok) }, "write {$}"},
		"nil handler":                {func(g *authz.Guard) { g.Handle("POST /act", authz.Func("act"), nil) }, "nil"},
		"nil function":               {func(g *authz.Guard) { g.HandleFunc("POST /act", authz.Func("act"), nil) }, "nil"},
		"nil name":                   {func(g *authz.Guard) { g.Handle("GET /act", nil, ok) }, "not in the policy"},
		"bad pattern":                {func(g *authz.Guard) { g.Handle("GET /{box", authz.Page("see"), ok) }, "route"},
		"fragment with a route":      {func(g *authz.Guard) { g.Handle("GET /x", authz.Fragment("part"), ok) }, "a fragment has no route"},
		"protected, without a rule":  {func(g *authz.Guard) { g.Protect(authz.Page("ghost"), ok) }, `"ghost" is not in the policy`},
		"protected, without handler": {func(g *authz.Guard) { g.Protect(authz.Page("see"), nil) }, "needs a page or a function, and a handler"},
		"unrouted with a route":      {func(g *authz.Guard) { g.Handle("POST /deep", authz.Func("deep"), ok) }, "is declared Unrouted"},
		"fragment without template":  {func(g *authz.Guard) {}, `fragment "part" has a rule and no template`},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := authz.New(authz.Policy{
				Roles:     map[authz.Role]authz.RoleDef{reader: {}},
				Pages:     map[authz.Page]authz.Rule{"see": authz.Allow(reader).In("box")},
				Funcs:     map[authz.Func]authz.Rule{"act": authz.Allow(reader), "deep": authz.Allow(reader).Unrouted()},
				Fragments: map[authz.Fragment]authz.Rule{"part": authz.Inherit()},
			}, authz.Config{Subject: nobody})
			require.NoError(t, err)
			c.register(g)
			h, err := g.Handler()
			require.ErrorContains(t, err, c.says)
			require.Nil(t, h)
		})
	}
}

func TestRegisteringTooLate(t *testing.T) {
	h := mailHost(t)
	require.PanicsWithValue(t, "authz: Handle after Handler; register every route before the guard starts", func() { h.Handle("GET /x", home, h.done("x")) })
	require.PanicsWithValue(t, "authz: Protect after Handler; protect every route before the guard starts", func() { h.Protect(home, h.done("x")) })
}

// TestProtect stands for a router that knows path values by itself.
func TestProtect(t *testing.T) {
	p := mailPolicy()
	box := "bygglov"
	h := newHost(t, p, func(c *authz.Config) {
		c.PathValue = func(_ *http.Request, name string) string { return map[string]string{"box": box, "id": "7"}[name] }
	})
	see, act := h.Protect(inbox, h.done("inbox")), h.Protect(mailDelete, h.done("delete"))
	for _, name := range []authz.Name{home, secrets, orderEdit, signIn} {
		h.Protect(name, h.done("other"))
	}
	_, err := h.Handler()
	require.NoError(t, err)
	h.subject = person("anna", "bygglov", editor)
	for _, c := range []struct {
		handler http.Handler
		method  string
		box     string
		status  int
	}{
		{see, "GET", "bygglov", 200}, {see, "HEAD", "bygglov", 200}, {see, "POST", "bygglov", 404}, {see, "get", "bygglov", 404}, {see, "GET", "other", 404}, {see, "GET", "", 404},
		{act, "POST", "bygglov", 200}, {act, "DELETE", "bygglov", 200}, {act, "GET", "bygglov", 404}, {act, "HEAD", "bygglov", 404}, {act, "OPTIONS", "bygglov", 404},
		{act, "TRACE", "bygglov", 404}, {act, "POST", "other", 404},
	} {
		box, h.handler = c.box, c.handler
		require.Equal(t, c.status, h.do(c.method, "/any").Code, "%s %q", c.method, c.box)
	}
}

// TestRolesAreAskedForEachRequest: a role taken away is gone with the next request, and stays within the one under way.
func TestRolesAreAskedForEachRequest(t *testing.T) {
	asked := atomic.Int64{}
	subject := person("anna", "bygglov", editor)
	h := newHost(t, mailPolicy(), func(c *authz.Config) {
		c.Subject = func(*http.Request) (authz.Subject, error) { asked.Add(1); return subject, nil }
	})
	for _, name := range []authz.Name{home, inbox, secrets, orderEdit, signIn} {
		h.Protect(name, h.done("other"))
	}
	h.HandleFunc("POST /m/{box}/{id}/delete", mailDelete, func(w http.ResponseWriter, r *http.Request) {
		subject = authz.Subject{} // revoked while the request runs
		require.NoError(t, h.Check(r, mailDelete, authz.Object{Tenant: "bygglov", ID: "8"}))
		require.NoError(t, h.CheckContext(r.Context(), mailDelete, authz.Object{Tenant: "bygglov", ID: "8"}))
		require.NoError(t, h.CheckTable(r, mails, authz.Delete, authz.Object{Tenant: "bygglov"}))
		err := h.CheckTable(r, mails, authz.Insert, authz.Object{Tenant: "bygglov"})
		e, ok := errors.AsType[*authz.Refusal](err)
		require.True(t, ok)
		require.Equal(t, authz.Undeclared, e.Reason)
		h.Refuse(w, r, h.Check(r, mailDelete, authz.Object{Tenant: "other", ID: "8"}))
	})
	var err error
	h.handler, err = h.Handler()
	require.NoError(t, err)
	require.Equal(t, 404, h.do("POST", "/m/bygglov/7/delete").Code)
	require.EqualValues(t, 1, asked.Load(), "asked once a request")
	require.Equal(t, 403, h.do("POST", "/m/bygglov/7/delete").Code)
	require.EqualValues(t, 2, asked.Load())
	require.Equal(t, []string{
		"authz.denied rule=mails insert reason=undeclared tenant=bygglov method=POST user=anna",
		"authz.denied rule=mail.delete reason=foreign tenant=other object=8 method=POST user=anna",
		"authz.denied rule=mail.delete reason=anonymous tenant=bygglov object=7 method=POST",
	}, h.all())
	require.Error(t, h.CheckContext(context.Background(), mailDelete, authz.Object{Tenant: "bygglov"}), "no request, no subject")
}

// TestSubjectHangs: the host's own function neither lets anybody in nor holds the request.
func TestSubjectBreaks(t *testing.T) {
	never := make(chan struct{})
	defer close(never)
	for name, subject := range map[string]func(*http.Request) (authz.Subject, error){
		"error with a subject": func(*http.Request) (authz.Subject, error) { return person("eva", "", admin), errors.New("half read") },
		"panic":                func(*http.Request) (authz.Subject, error) { panic("bug") },
		"hang":                 func(*http.Request) (authz.Subject, error) { <-never; return person("eva", "", admin), nil },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, authz.Policy{Pages: map[authz.Page]authz.Rule{secrets: authz.Allow(admin)}, Roles: map[authz.Role]authz.RoleDef{admin: {}}},
				func(c *authz.Config) { c.Subject, c.Templates, c.Timeout = subject, nil, 20*time.Millisecond })
			h.Handle("GET /secrets", secrets, h.done("secrets"))
			var err error
			h.handler, err = h.Handler()
			require.NoError(t, err)
			w := h.do("GET", "/secrets")
			require.Equal(t, 503, w.Code)
			require.NotEmpty(t, w.Header().Get("Retry-After"))
			require.Empty(t, h.ran)
			require.Len(t, h.all(), 1)
			require.NotContains(t, w.Body.String()+h.all()[0], "bug", "what a panic says is for Refusal.Cause only")
		})
	}
}

// TestAuditFails: a refusal that cannot be recorded stays a refusal.
func TestAuditFails(t *testing.T) {
	h := newHost(t, mailPolicy(), func(c *authz.Config) {
		c.Audit = func(context.Context, string, ...slog.Attr) error { return errors.New("disk full") }
	})
	for _, name := range []authz.Name{home, inbox, secrets, orderEdit, signIn, mailDelete} {
		h.handler = h.Protect(name, h.done("ran"))
	}
	_, err := h.Handler()
	require.NoError(t, err)
	require.Equal(t, 404, h.do("POST", "/x").Code)
	require.Empty(t, h.ran)
	require.ErrorContains(t, h.Reload(mailPolicy()), "disk full")
	require.ErrorContains(t, h.Granted(context.Background(), withProof(person("eva", "", admin)), admin, "", "bo"), "disk full")
}

func TestNotFoundKeepsTokensOutOfTheLog(t *testing.T) {
	h := mailHost(t)
	token := strings.Repeat("k", 54)
	h.do("GET", "/activate/"+token+"/x?key="+token)
	require.Equal(t, []string{"authz.notfound reason=undeclared path=/activate/-/x method=GET"}, h.all())
}
