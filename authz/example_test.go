package authz_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing/fstest"
	"time"

	"github.com/skans-go/skans/authz"
)

func Example() {
	const (
		reader = authz.Role("reader")
		editor = authz.Role("editor")
		inbox  = authz.Page("inbox")
		reply  = authz.Func("reply")
	)
	policy := authz.Policy{
		Roles: map[authz.Role]authz.RoleDef{reader: {}, editor: {Includes: []authz.Role{reader}}},
		Pages: map[authz.Page]authz.Rule{inbox: authz.Allow(reader).In("box")},
		Funcs: map[authz.Func]authz.Rule{reply: authz.Allow(editor).In("box").Require(authz.Fresh(10 * time.Minute))},
	}
	files := fstest.MapFS{"inbox.html": {Data: []byte(`<h1>{{.}}</h1>{{if can "reply"}}<a href="#reply">Reply</a>{{end}}`)}}
	templates, err := authz.ParseFS(files, nil, "*.html")
	if err != nil {
		panic(err)
	}
	guard, err := authz.New(policy, authz.Config{
		Templates: templates,
		LoginURL:  "/login",
		Subject: func(r *http.Request) (authz.Subject, error) { // from the session and the database
			return authz.Subject{ID: "anna", Backend: true, Roles: []authz.Grant{{Tenant: "bygglov", Role: reader}}}, nil
		},
	})
	if err != nil {
		panic(err)
	}
	guard.HandleFunc("GET /m/{box}", inbox, func(w http.ResponseWriter, r *http.Request) {
		if err := guard.Render(w, r, inbox, "Building permits"); err != nil {
			guard.Refuse(w, r, err)
		}
	})
	guard.HandleFunc("POST /m/{box}/reply", reply, func(w http.ResponseWriter, r *http.Request) {})
	handler, err := guard.Handler()
	if err != nil {
		panic(err)
	}
	for _, target := range []string{"GET /m/bygglov", "POST /m/bygglov/reply", "GET /m/school", "GET /m/../admin"} {
		method, path, _ := strings.Cut(target, " ")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		fmt.Println(target, w.Code, strings.Split(w.Body.String(), "\n")[0])
	}
	fmt.Print(guard.Matrix())
	// Output:
	// GET /m/bygglov 200 <h1>Building permits</h1>
	// POST /m/bygglov/reply 403 403 Forbidden
	// GET /m/school 404 404 Not Found
	// GET /m/../admin 404 404 Not Found
	// page inbox | GET /m/{box} | role editor | in box
	// page inbox | GET /m/{box} | role reader | in box
	// page inbox | GET /m/{box} | tie | in box
	// func reply | POST /m/{box}/reply | role editor | in box; require fresh 10m0s
	// func reply | POST /m/{box}/reply | tie | in box; require fresh 10m0s
}

func ExampleGuard_Explain() {
	guard, err := authz.New(authz.Policy{
		Roles: map[authz.Role]authz.RoleDef{"editor": {}},
		Funcs: map[authz.Func]authz.Rule{"close": authz.Allow("editor").Require(authz.SecondFactor()).Unrouted()},
	}, authz.Config{Subject: func(*http.Request) (authz.Subject, error) { return authz.Subject{}, nil }})
	if err != nil {
		panic(err)
	}
	anna := authz.Subject{ID: "anna", Backend: true, Roles: []authz.Grant{{Role: "editor"}}}
	why := guard.Explain(anna, authz.Func("close"), authz.Object{})
	fmt.Println(why.Allowed, why.Reason, why.Detail())
	fmt.Println(strings.Join(why.Steps, "\n"))
	// Output:
	// false condition second-factor
	// rule: allow; editor; require second-factor; unrouted
	// yes: signed in
	// yes: member of the backend, or tied
	// yes: holds a role that allows, or is tied
	// no: not met: second-factor
}

func ExampleParsePolicy() {
	_, err := authz.ParsePolicy([]byte(`{"funcs": {"close": {"effect": "alow", "roles": ["editor"]}}}`))
	fmt.Println(err)
	// Output:
	// authz: policy, near byte 37: unknown effect; the effects are allow, public, public-because, public-with-key and inherit
}

func ExampleLocalPath() {
	fmt.Println(authz.LocalPath("/m/bygglov?tab=2"), authz.LocalPath("//evil.example"), authz.LocalPath("https://evil.example"))
	// Output:
	// /m/bygglov?tab=2 / /
}
