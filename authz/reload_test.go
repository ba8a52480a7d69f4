package authz_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/authz"
)

func TestReload(t *testing.T) {
	h := mailHost(t)
	h.subject = person("anna", "bygglov", reader)
	require.Equal(t, 200, h.do("GET", "/m/bygglov").Code)
	p := mailPolicy()
	p.Pages[inbox] = authz.Allow(editor).In("box")
	require.NoError(t, h.Reload(p))
	require.Equal(t, 403, h.do("GET", "/m/bygglov").Code, "the route follows the new policy")
	require.NoError(t, h.Reload(mailPolicy()))
	require.Equal(t, 200, h.do("GET", "/m/bygglov").Code)
}

// TestBrokenReload: a policy that could not start does not replace one that runs, and says so.
func TestBrokenReload(t *testing.T) {
	for name, c := range map[string]struct {
		change func(p *authz.Policy)
		says   string
	}{
		"unknown role":       {func(p *authz.Policy) { p.Pages[inbox] = authz.Allow("ghost").In("box") }, `"ghost"`},
		"no roles at all":    {func(p *authz.Policy) { p.Roles = nil }, "not among Roles"},
		"empty":              {func(p *authz.Policy) { *p = authz.Policy{} }, "neither page nor fragment"},
		"rule taken away":    {func(p *authz.Policy) { delete(p.Funcs, mailDelete) }, "mail.delete"},
		"rule for no route":  {func(p *authz.Policy) { p.Pages["ghost"] = authz.Public() }, `"ghost" has a rule and no route`},
		"other path value":   {func(p *authz.Policy) { p.Pages[inbox] = authz.Allow(reader).In("mailbox") }, "{mailbox}"},
		"fragment undefined": {func(p *authz.Policy) { p.Fragments["ghost"] = authz.Inherit() }, `"ghost" has a rule and no template`},
		"template unruled":   {func(p *authz.Policy) { delete(p.Fragments, "layout") }, "neither page nor fragment"},
		"opened to all":      {func(p *authz.Policy) { p.Funcs[mailDelete] = authz.Public() }, "open to everybody"},
	} {
		t.Run(name, func(t *testing.T) {
			h := mailHost(t)
			before := h.Describe()
			p := mailPolicy()
			c.change(&p)
			require.ErrorContains(t, h.Reload(p), c.says)
			require.Equal(t, before, h.Describe())
			require.Len(t, h.all(), 1)
			require.Contains(t, h.all()[0], "authz.reloaded outcome=refused reason=")
			h.subject = person("anna", "bygglov", reader)
			require.Equal(t, 200, h.do("GET", "/m/bygglov").Code)
		})
	}
}

// TestChangingThePolicyAfterwardsChangesNothing: New and Reload take a copy.
func TestChangingThePolicyAfterwardsChangesNothing(t *testing.T) {
	roles := []authz.Role{reader}
	includes := []authz.Role{reader}
	p := authz.Policy{
		Roles: map[authz.Role]authz.RoleDef{reader: {}, editor: {Includes: includes}, admin: {}},
		Funcs: map[authz.Func]authz.Rule{act: authz.Allow(roles...).Unrouted()},
	}
	g, err := authz.New(p, authz.Config{Subject: nobody})
	require.NoError(t, err)
	roles[0], includes[0] = admin, admin
	p.Funcs[act] = authz.PublicBecause("changed")
	p.Roles[admin] = authz.RoleDef{Includes: []authz.Role{reader}}
	require.Equal(t, []authz.Role{editor, reader}, g.Who(act))
	// A rule that others are made from stays as it was.
	base := authz.Allow(reader).Deny(suspended)
	_, _ = base.Deny(admin), base.Deny(editor)
	require.Equal(t, "allow; reader; deny suspended", base.String())
}

// TestAThousandReloads: every decision is one of the two policies' answers, and both doors are never open together
// within a request.
func TestAThousandReloads(t *testing.T) {
	left, right := authz.Func("left"), authz.Func("right")
	policies := [2]authz.Policy{}
	for i := range policies {
		roles := [2]authz.Role{reader, editor}
		policies[i] = authz.Policy{
			Roles: map[authz.Role]authz.RoleDef{reader: {}, editor: {}},
			Funcs: map[authz.Func]authz.Rule{left: authz.Allow(roles[i]), right: authz.Allow(roles[1-i])},
		}
	}
	g, err := authz.New(policies[0], authz.Config{Subject: func(*http.Request) (authz.Subject, error) { return person("anna", "", reader), nil }})
	require.NoError(t, err)
	g.HandleFunc("POST /left", left, func(w http.ResponseWriter, r *http.Request) {
		if g.Check(r, left, authz.Object{}) != nil || g.Check(r, right, authz.Object{}) == nil {
			t.Error("the policy changed within a request")
		}
	})
	g.Handle("POST /right", right, http.NotFoundHandler())
	handler, err := g.Handler()
	require.NoError(t, err)
	stop := make(chan struct{})
	var deciding sync.WaitGroup
	bound := g.Right(left)
	for range 2 {
		deciding.Go(func() {
			who, either := person("anna", "", reader), person("bo", "", reader, editor)
			for {
				select {
				case <-stop:
					return
				default:
				}
				for range 20 {
					d := bound.Decide(context.Background(), &who, authz.Object{})
					if !d.Allowed && d.Reason != authz.NoRole || !g.Decide(context.Background(), either, right, authz.Object{}).Allowed {
						t.Error("a decision of neither policy")
					}
				}
				handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/left", nil))
				_, _ = g.Matrix(), g.May(who)
			}
		})
	}
	for i := range 1000 {
		if err := g.Reload(policies[(i+1)%2]); err != nil {
			t.Error(err)
		}
		if i%10 == 0 {
			require.Error(t, g.Reload(authz.Policy{}))
		}
	}
	close(stop)
	deciding.Wait()
}
