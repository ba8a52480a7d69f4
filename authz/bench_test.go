package authz_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/authz"
)

// bigPolicy has many functions, each open to one of the roles and to those that include it, and denied to one.
func bigPolicy(rules, roles int) authz.Policy {
	p := authz.Policy{Roles: map[authz.Role]authz.RoleDef{}, Funcs: map[authz.Func]authz.Rule{}}
	for i := range roles {
		def := authz.RoleDef{}
		if i%8 != 0 {
			def.Includes = []authz.Role{bigRole(i - 1)}
		}
		p.Roles[bigRole(i)] = def
	}
	for i := range rules {
		p.Funcs[bigFunc(i)] = authz.Allow(bigRole(i % roles)).Deny(bigRole((i + 8) % roles)).In("box").Unrouted()
	}
	return p
}

func bigRole(i int) authz.Role { return authz.Role(fmt.Sprintf("role-%02d", i)) }
func bigFunc(i int) authz.Func { return authz.Func(fmt.Sprintf("service.function-%06d", i)) }

func nobody(*http.Request) (authz.Subject, error) { return authz.Subject{}, nil }

func bigGuard(b testing.TB, rules, roles int) *authz.Guard {
	g, err := authz.New(bigPolicy(rules, roles), authz.Config{Subject: nobody})
	require.NoError(b, err)
	return g
}

func BenchmarkDecideThroughRight(b *testing.B) {
	g := bigGuard(b, 1000, 64)
	right := g.Right(bigFunc(515))
	ctx, at := context.Background(), authz.Object{Tenant: "bygglov", ID: "42"}
	who := person("anna", "bygglov", bigRole(515%64))
	require.True(b, right.Decide(ctx, &who, at).Allowed)
	b.ReportAllocs()
	for b.Loop() {
		if !right.Decide(ctx, &who, at).Allowed {
			b.Fatal("refused")
		}
	}
}

func BenchmarkDecideByName(b *testing.B) {
	for _, held := range []int{1, 4, 48} {
		b.Run(fmt.Sprintf("rules=1000/roles=64/held=%d", held), func(b *testing.B) {
			g := bigGuard(b, 1000, 64)
			ctx, at := context.Background(), authz.Object{Tenant: "bygglov", ID: "42"}
			// Rule 10 allows roles 10 to 15 and denies roles 18 to 23.
			who := person("anna", "bygglov")
			for i := 0; len(who.Roles) < held-1; i++ {
				if i < 10 || i > 23 {
					who.Roles = append(who.Roles, authz.Grant{Tenant: "bygglov", Role: bigRole(i)})
				}
			}
			who.Roles = append(who.Roles, authz.Grant{Tenant: "bygglov", Role: bigRole(10)})
			name := bigFunc(10)
			b.ReportAllocs()
			for b.Loop() {
				if d := g.Decide(ctx, who, name, at); !d.Allowed {
					b.Fatal(d)
				}
			}
		})
	}
}

// BenchmarkDecideInARequest decides as fragments, menus and Check do, for the same person as by name.
func BenchmarkDecideInARequest(b *testing.B) {
	for _, held := range []int{1, 48} {
		b.Run(fmt.Sprintf("rules=1000/roles=64/held=%d", held), func(b *testing.B) {
			who := person("anna", "bygglov")
			for i := 0; len(who.Roles) < held-1; i++ {
				if i < 10 || i > 23 {
					who.Roles = append(who.Roles, authz.Grant{Tenant: "bygglov", Role: bigRole(i)})
				}
			}
			who.Roles = append(who.Roles, authz.Grant{Tenant: "bygglov", Role: bigRole(10)})
			at, name := authz.Object{Tenant: "bygglov", ID: "42"}, bigFunc(10)
			p := bigPolicy(1000, 64)
			p.Funcs["enter"] = authz.PublicBecause("to be in a request")
			g, err := authz.New(p, authz.Config{Subject: func(*http.Request) (authz.Subject, error) { return who, nil }})
			require.NoError(b, err)
			h := g.Protect(authz.Func("enter"), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				b.ReportAllocs()
				for b.Loop() {
					if err := g.Check(r, name, at); err != nil {
						b.Fatal(err)
					}
				}
			}))
			_, err = g.Handler()
			require.NoError(b, err)
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", nil))
		})
	}
}

func BenchmarkReload(b *testing.B) {
	g := bigGuard(b, 10, 64)
	p := bigPolicy(100_000, 64)
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, g.Reload(p))
	}
}

func BenchmarkServe(b *testing.B) {
	h := mailHost(b)
	h.subject = person("anna", "bygglov", editor)
	r := httptest.NewRequest("POST", "/m/bygglov/7/delete", nil)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /m/{box}/{id}/delete", func(http.ResponseWriter, *http.Request) {})
	for name, handler := range map[string]http.Handler{"guarded": h.handler, "mux alone": mux} {
		b.Run(name, func(b *testing.B) {
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				w.Body.Reset()
				handler.ServeHTTP(w, r)
				h.ran = h.ran[:0]
			}
		})
	}
}

// pageFiles is a page as a list usually is: a layout in two parts and fifty rows of a fragment.
var pageFiles = fstest.MapFS{
	"head.html": {Data: []byte(`<!doctype html><html><head><title>{{.Title}}</title></head><body><nav><a href="/">Home</a></nav><main>`)},
	"foot.html": {Data: []byte(`</main><footer>{{.Title}}</footer></body></html>`)},
	"row.html":  {Data: []byte(`<tr><td><a href="/m/box/{{.ID}}">{{.Subject}}</a></td><td>{{.From}}</td><td>{{.Date}}</td><td title="{{.Note}}">{{.Note}}</td></tr>`)},
	"list.html": {Data: []byte(`{{template "head" .}}<table>{{range .Rows}}{{template "row" .}}{{end}}</table>{{template "foot" .}}`)},
}

type pageRow struct{ ID, Subject, From, Date, Note string }

func pageData() any {
	rows := make([]pageRow, 50)
	for i := range rows {
		rows[i] = pageRow{fmt.Sprint(i), "Bygglov för altan & carport", "anna@example.com", "2026-03-01 10:00", "the <neighbour> objects"}
	}
	return struct {
		Title string
		Rows  []pageRow
	}{"Inbox", rows}
}

func BenchmarkRender(b *testing.B) {
	g, plain := listGuard(b)
	data, r := pageData(), httptest.NewRequest("GET", "/", nil)
	b.Run("guarded", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			require.NoError(b, g.Render(discard{}, r, "list", data))
		}
	})
	b.Run("unguarded", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			require.NoError(b, plain.ExecuteTemplate(io.Discard, "list", data))
		}
	})
}

type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
