package bench

import (
	"context"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/casbin/casbin/v3"
	"github.com/casbin/casbin/v3/model"
	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/authz"
)

// Role-based access control as all three write it: each function is open to one role, roles come in chains of eight in
// which each has the rights of the one before, and a person holds one role.

func roleName(i int) string { return fmt.Sprintf("role-%02d", i) }
func funcName(i int) string { return fmt.Sprintf("service.function-%06d", i) }

func policyOf(rules, roles int) authz.Policy {
	p := authz.Policy{Roles: map[authz.Role]authz.RoleDef{}, Funcs: map[authz.Func]authz.Rule{}}
	for i := range roles {
		var def authz.RoleDef
		if i%8 != 0 {
			def.Includes = []authz.Role{authz.Role(roleName(i - 1))}
		}
		p.Roles[authz.Role(roleName(i))] = def
	}
	for i := range rules {
		p.Funcs[authz.Func(funcName(i))] = authz.Allow(authz.Role(roleName(i % roles))).Unrouted()
	}
	return p
}

func guardOf(tb testing.TB, rules, roles int) *authz.Guard {
	tb.Helper()
	g, err := authz.New(policyOf(rules, roles), authz.Config{Subject: func(*http.Request) (authz.Subject, error) { return authz.Subject{}, nil }})
	require.NoError(tb, err)
	return g
}

func holder(role int) authz.Subject {
	return authz.Subject{ID: "anna", Backend: true, Roles: []authz.Grant{{Role: authz.Role(roleName(role))}}}
}

const rbacModel = `
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act
`

func casbinOf(tb testing.TB, rules, roles int) *casbin.Enforcer {
	tb.Helper()
	m, err := model.NewModelFromString(rbacModel)
	require.NoError(tb, err)
	e, err := casbin.NewEnforcer(m)
	require.NoError(tb, err)
	lines := make([][]string, rules)
	for i := range lines {
		lines[i] = []string{roleName(i % roles), funcName(i), "call"}
	}
	ok, err := e.AddPolicies(lines)
	require.NoError(tb, err)
	require.True(tb, ok)
	for i := range roles {
		if i%8 != 0 {
			must(e.AddGroupingPolicy(roleName(i), roleName(i-1)))
		}
		must(e.AddGroupingPolicy("holder-of-"+roleName(i), roleName(i)))
	}
	return e
}

type cedarEngine struct {
	policies *cedar.PolicySet
	entities types.EntityMap
}

func cedarOf(tb testing.TB, rules, roles int) cedarEngine {
	tb.Helper()
	var text strings.Builder
	for i := range rules {
		fmt.Fprintf(&text, "permit(principal in Role::%q, action == Action::%q, resource);\n", roleName(i%roles), funcName(i))
	}
	set, err := cedar.NewPolicySetFromBytes("rbac.cedar", []byte(text.String()))
	require.NoError(tb, err)
	entities := types.EntityMap{}
	add := func(kind types.EntityType, name string, parents ...types.EntityUID) {
		uid := types.NewEntityUID(kind, types.String(name))
		entities[uid] = types.Entity{UID: uid, Parents: types.NewEntityUIDSet(parents...)}
	}
	for i := range roles {
		var parents []types.EntityUID
		if i%8 != 0 {
			parents = append(parents, types.NewEntityUID("Role", types.String(roleName(i-1))))
		}
		add("Role", roleName(i), parents...)
		add("User", "holder-of-"+roleName(i), types.NewEntityUID("Role", types.String(roleName(i))))
	}
	return cedarEngine{set, entities}
}

func cedarRequest(role, rule int) cedar.Request {
	return cedar.Request{
		Principal: types.NewEntityUID("User", types.String("holder-of-"+roleName(role))),
		Action:    types.NewEntityUID("Action", types.String(funcName(rule))),
		Resource:  types.NewEntityUID("Service", "mail"),
	}
}

func TestAuthzDoTheSame(t *testing.T) {
	const rules, roles = 40, 16
	g, e, c := guardOf(t, rules, roles), casbinOf(t, rules, roles), cedarOf(t, rules, roles)
	allowed := 0
	for role := range roles {
		for rule := range rules + 1 { // the last is declared nowhere
			// A role has the rights of those before it in its chain of eight.
			needs := rule % roles
			want := rule < rules && needs/8 == role/8 && needs <= role
			d := g.Decide(t.Context(), holder(role), authz.Func(funcName(rule)), authz.Object{})
			require.Equal(t, want, d.Allowed, "skans: role %d, rule %d", role, rule)
			ok, err := e.Enforce("holder-of-"+roleName(role), funcName(rule), "call")
			require.NoError(t, err)
			require.Equal(t, want, ok, "casbin: role %d, rule %d", role, rule)
			decision, diagnostic := cedar.Authorize(c.policies, c.entities, cedarRequest(role, rule))
			require.Empty(t, diagnostic.Errors)
			require.Equal(t, want, bool(decision), "cedar: role %d, rule %d", role, rule)
			if want {
				allowed++
			}
		}
	}
	require.Positive(t, allowed)
}

// BenchmarkAuthz asks for the rule in the middle, by a role that includes the one that is allowed.
func BenchmarkAuthz(b *testing.B) {
	for _, roles := range []int{8, 64} {
		for _, rules := range []int{20, 1_000, 100_000} {
			b.Run(fmt.Sprintf("rules=%d/roles=%d", rules, roles), func(b *testing.B) {
				rule := rules / 2 / 8 * 8 // allows the first role of a chain
				role := rule%roles + 1
				g, e, c := guardOf(b, rules, roles), casbinOf(b, rules, roles), cedarOf(b, rules, roles)
				ctx, who, name := context.Background(), holder(role), authz.Func(funcName(rule))
				user, obj, request := "holder-of-"+roleName(role), funcName(rule), cedarRequest(role, rule)
				check := func(ok bool) {
					if !ok {
						b.Fatal("refused")
					}
				}
				beside(b,
					side{"skans", func() { check(g.Decide(ctx, who, name, authz.Object{}).Allowed) }},
					side{"casbin", func() { check(must(e.Enforce(user, obj, "call"))) }},
					side{"cedar", func() { d, _ := cedar.Authorize(c.policies, c.entities, request); check(bool(d)) }})
			})
		}
	}
}

// BenchmarkAuthzRight decides as a registered route does: by a handle that was looked up once.
func BenchmarkAuthzRight(b *testing.B) {
	g := guardOf(b, 1000, 64)
	right, who, ctx := g.Right(authz.Func(funcName(512))), holder(1), context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if !right.Decide(ctx, &who, authz.Object{}).Allowed {
			b.Fatal("refused")
		}
	}
}

// BenchmarkAuthzReload replaces 100,000 rules while decisions go on, and tells the longest of those.
func BenchmarkAuthzReload(b *testing.B) {
	g, p := guardOf(b, 10, 64), policyOf(100_000, 64)
	ctx, who, name := context.Background(), holder(1), authz.Func(funcName(0))
	b.ReportAllocs()
	var decisions []time.Duration
	for b.Loop() {
		decisions = append(decisions, longestRead(
			func() { g.Decide(ctx, who, name, authz.Object{}) },
			func() { require.NoError(b, g.Reload(p)) }))
	}
	b.ReportMetric(micro(percentile(decisions, 0.5)), "µs/longest-decision")
}

var pageFiles = fstest.MapFS{
	"head.html": {Data: []byte(`<!doctype html><html><head><title>{{.Title}}</title></head><body><nav><a href="/">Home</a></nav><main>`)},
	"foot.html": {Data: []byte(`</main><footer>{{.Title}}</footer></body></html>`)},
	"row.html":  {Data: []byte(`<tr><td><a href="/m/box/{{.ID}}">{{.Subject}}</a></td><td>{{.From}}</td><td title="{{.Note}}">{{.Note}}</td></tr>`)},
	"list.html": {Data: []byte(`{{template "head" .}}<table>{{range .Rows}}{{template "row" .}}{{end}}</table>{{template "foot" .}}`)},
}

type pageRow struct{ ID, Subject, From, Note string }

type page struct {
	Title string
	Rows  []pageRow
}

func inbox() page {
	p := page{Title: "Inbox"}
	for i := range 50 {
		p.Rows = append(p.Rows, pageRow{fmt.Sprint(i), "Bygglov för altan & carport", "anna@example.com", "the <neighbour> objects"})
	}
	return p
}

// renderers returns a guard over the page, and the same templates without one.
func renderers(tb testing.TB) (*authz.Guard, *template.Template) {
	tb.Helper()
	guarded, err := authz.ParseFS(pageFiles, template.FuncMap{}, "*.html")
	require.NoError(tb, err)
	plain, err := authz.ParseFS(pageFiles, template.FuncMap{}, "*.html")
	require.NoError(tb, err)
	reader := authz.Role("reader")
	g, err := authz.New(authz.Policy{
		Roles:     map[authz.Role]authz.RoleDef{reader: {}},
		Pages:     map[authz.Page]authz.Rule{"list": authz.Allow(reader).Unrouted()},
		Fragments: map[authz.Fragment]authz.Rule{"head": authz.Inherit(), "foot": authz.Inherit(), "row": authz.Allow(reader)},
	}, authz.Config{Templates: guarded, Subject: func(*http.Request) (authz.Subject, error) {
		return authz.Subject{ID: "anna", Backend: true, Roles: []authz.Grant{{Role: reader}}}, nil
	}})
	require.NoError(tb, err)
	return g, plain
}

func TestRendersTheSame(t *testing.T) {
	g, plain := renderers(t)
	w, want := httptest.NewRecorder(), strings.Builder{}
	require.NoError(t, g.Render(w, httptest.NewRequest("GET", "/", nil), "list", inbox()))
	require.NoError(t, plain.ExecuteTemplate(&want, "list", inbox()))
	require.Equal(t, want.String(), w.Body.String())
	require.Contains(t, w.Body.String(), "the &lt;neighbour&gt; objects")
}

func BenchmarkRender(b *testing.B) {
	g, plain := renderers(b)
	data, r, w := inbox(), httptest.NewRequest("GET", "/", nil), &sink{header: http.Header{}}
	beside(b,
		side{"skans", func() { require.NoError(b, g.Render(w, r, "list", data)) }},
		side{"template", func() { require.NoError(b, plain.ExecuteTemplate(io.Discard, "list", data)) }})
}
