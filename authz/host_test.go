package authz_test

import (
	"context"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/authz"
)

// The host of these tests: a small shared mailbox.
const (
	reader, editor, admin, suspended = authz.Role("reader"), authz.Role("editor"), authz.Role("admin"), authz.Role("suspended")

	home    = authz.Page("front/home")
	inbox   = authz.Page("mail/inbox")
	secrets = authz.Page("admin/secrets")

	mailDelete = authz.Func("mail.delete")
	orderEdit  = authz.Func("order.edit")
	signIn     = authz.Func("sign-in")

	mails = authz.Table("mails")
)

func mailPolicy() authz.Policy {
	return authz.Policy{
		Roles: map[authz.Role]authz.RoleDef{
			reader: {}, suspended: {}, editor: {Includes: []authz.Role{reader}},
			admin: {GrantedBy: admin, Includes: []authz.Role{editor}, Require: []authz.Condition{authz.SecondFactor()}},
		},
		Pages: map[authz.Page]authz.Rule{
			home:    authz.Public().Menu("Home", 1),
			inbox:   authz.Allow(reader).In("box").Menu("Mail", 10),
			secrets: authz.Allow(admin).Hidden(),
		},
		Funcs: map[authz.Func]authz.Rule{
			mailDelete: authz.Allow(editor).Deny(suspended).In("box").Of("id"),
			orderEdit:  authz.PublicWithKey().Of("id"),
			signIn:     authz.PublicBecause("sign-in form"),
		},
		Tables: map[authz.Table]map[authz.Op]authz.Rule{
			mails: {authz.Select: authz.Allow(reader).In("mailbox"), authz.Delete: authz.Allow(editor).In("mailbox")},
		},
		Fragments: map[authz.Fragment]authz.Rule{"layout": authz.Inherit(), "mail/tools": authz.Allow(editor)},
	}
}

var mailFiles = fstest.MapFS{
	"layout.html":     {Data: []byte(`<nav>{{range menu}}<a href="{{.Path}}">{{.Label}}</a>{{end}}</nav>`)},
	"front/home.html": {Data: []byte(`{{template "layout" .}}<h1>Home</h1>`)},
	"mail/inbox.html": {Data: []byte(`{{template "layout" .}}<h1>{{.}}</h1>{{template "mail/tools" .}}{{if can "mail.delete" "7"}}<button>Delete</button>{{end}}<i>end</i>`)},
	"mail/tools.html": {Data: []byte(`<b>tools</b>`)},
}

type recorded struct {
	mu     sync.Mutex
	events []string
}

func (r *recorded) record(_ context.Context, event string, attrs ...slog.Attr) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	line := event
	for _, a := range attrs {
		if a.Key != "ref" && a.Key != "addr" {
			line += fmt.Sprintf(" %s=%s", a.Key, a.Value)
		}
	}
	r.events = append(r.events, line)
	return nil
}

func (r *recorded) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.events...)
}

// host is a guard whose subject the test sets.
type host struct {
	*authz.Guard
	*recorded
	handler http.Handler
	subject authz.Subject
	err     error
	ran     []string
}

func (h *host) done(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { h.ran = append(h.ran, name); fmt.Fprint(w, name) }
}

func newHost(t testing.TB, policy authz.Policy, change func(*authz.Config)) *host {
	t.Helper()
	ring, err := skans.NewKeyring(skans.GenerateKey("t"))
	require.NoError(t, err)
	tmpl, err := authz.ParseFS(mailFiles, template.FuncMap{}, "*.html", "*/*.html")
	require.NoError(t, err)
	h := &host{recorded: &recorded{}}
	cfg := authz.Config{
		Subject:   func(*http.Request) (authz.Subject, error) { return h.subject, h.err },
		Templates: tmpl, Keys: ring, LoginURL: "/login", Audit: h.record,
	}
	if change != nil {
		change(&cfg)
	}
	h.Guard, err = authz.New(policy, cfg)
	require.NoError(t, err)
	return h
}

// mailHost is the whole mailbox with its routes.
func mailHost(t testing.TB) *host {
	t.Helper()
	h := newHost(t, mailPolicy(), nil)
	page := func(p authz.Page) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			h.ran = append(h.ran, string(p))
			if err := h.Render(w, r, p, "<data>"); err != nil {
				h.Refuse(w, r, err)
			}
		}
	}
	h.HandleFunc("GET /{$}", home, page(home))
	h.HandleFunc("GET /m/{box}", inbox, page(inbox))
	h.Handle("GET /secrets", secrets, h.done("secrets"))
	h.Handle("POST /m/{box}/{id}/delete", mailDelete, h.done("delete"))
	h.Handle("POST /order/{id}", orderEdit, h.done("order"))
	h.Handle("POST /login", signIn, h.done("sign-in"))
	var err error
	h.handler, err = h.Handler()
	require.NoError(t, err)
	return h
}

func (h *host) do(method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

func person(id, tenant string, roles ...authz.Role) authz.Subject {
	s := authz.Subject{ID: id, Backend: true}
	for _, r := range roles {
		s.Roles = append(s.Roles, authz.Grant{Tenant: tenant, Role: r})
	}
	return s
}

func lines(s string) []string { return strings.Split(strings.TrimSpace(s), "\n") }
