package authz_test

import (
	"context"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/authz"
)

func TestDecidingDoesNotAllocate(t *testing.T) {
	g := bigGuard(t, 1000, 64)
	right, name := g.Right(bigFunc(10)), bigFunc(10)
	who, at := person("anna", "bygglov", bigRole(10)), authz.Object{Tenant: "bygglov"}
	require.Zero(t, testing.AllocsPerRun(100, func() { right.Decide(context.Background(), &who, at) }))
	require.Zero(t, testing.AllocsPerRun(100, func() { g.Decide(context.Background(), who, name, at) }))
}

// TestRenderingDoesNotClone: a clone would allocate every node of every template again.
func TestRenderingDoesNotClone(t *testing.T) {
	g, plain := listGuard(t)
	data, r := pageData(), httptest.NewRequest("GET", "/", nil)
	unguarded := testing.AllocsPerRun(20, func() { _ = plain.ExecuteTemplate(io.Discard, "list", data) })
	guarded := testing.AllocsPerRun(20, func() { require.NoError(t, g.Render(discard{}, r, "list", data)) })
	require.Less(t, guarded, 1.2*unguarded)
}

// listGuard renders pageFiles; the set beside it does the same without guard.
func listGuard(t testing.TB) (*authz.Guard, *template.Template) {
	t.Helper()
	plain, err := authz.ParseFS(pageFiles, template.FuncMap{}, "*.html")
	require.NoError(t, err)
	set, err := plain.Clone()
	require.NoError(t, err)
	g, err := authz.New(authz.Policy{
		Roles: map[authz.Role]authz.RoleDef{reader: {}},
		Pages: map[authz.Page]authz.Rule{"list": authz.Allow(reader).Unrouted()},
		Fragments: map[authz.Fragment]authz.Rule{
			"head": authz.Inherit(), "foot": authz.Inherit(), "row": authz.Allow(reader),
		},
	}, authz.Config{Templates: set, Subject: func(*http.Request) (authz.Subject, error) { return person("anna", "", reader), nil }})
	require.NoError(t, err)
	return g, plain
}

// TestReadersDoNotWaitForAReload: decisions fall while a reload is under way, by the old policy.
func TestReadersDoNotWaitForAReload(t *testing.T) {
	inReload, goOn := make(chan struct{}), make(chan struct{})
	g := decider(t, plainRoles(), authz.Allow(reader), func(c *authz.Config) {
		c.Audit = func(context.Context, string, ...slog.Attr) error { close(inReload); <-goOn; return nil }
	})
	done := make(chan error)
	go func() {
		done <- g.Reload(authz.Policy{Roles: plainRoles(), Funcs: map[authz.Func]authz.Rule{act: authz.Allow(editor).Unrouted()}})
	}()
	<-inReload
	anna := person("anna", "", reader)
	require.True(t, g.Decide(context.Background(), anna, act, authz.Object{}).Allowed)
	require.Contains(t, g.May(anna), "act")
	close(goOn)
	require.NoError(t, <-done)
	require.False(t, g.Decide(context.Background(), anna, act, authz.Object{}).Allowed)
}
