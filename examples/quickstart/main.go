package main // a sign-in page and one protected page: go run ./examples/quickstart

import (
	"context"
	"crypto/rand"
	"errors"
	"html/template"
	"log"
	"net/http"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/password"
	"github.com/skans-go/skans/password/throttle"
	"github.com/skans-go/skans/session"
	"github.com/skans-go/skans/session/signin"
	"github.com/skans-go/skans/validate"
)

type login struct { // all that may come in
	Name     string       `in:"form name" rule:"login,max=64"`
	Password skans.Secret `in:"form password" rule:"secret,max=256"`
}

var form = validate.Must[login](validate.Options{})
var page = template.Must(template.New("").Parse(`<!doctype html><title>Sign in</title><form method="post"><input type="hidden" name="csrf" value="{{.}}"><input name="name"><input name="password" type="password"><button>Sign in</button></form>`))

func main() {
	log.Fatal(http.ListenAndServe("localhost:8080", handler("http://localhost:8080", rand.Text())))
}

func handler(origin, plain string) http.Handler {
	keys, err := skans.NewKeyring(skans.GenerateKey("2026"))
	hasher, err1 := password.New(password.Config{Keys: keys})
	hash, err2 := hasher.Hash(context.Background(), "1", plain)
	limiter, err3 := throttle.New(throttle.Config{Keys: keys})
	sessions, err4 := session.New(session.Config{Keys: keys, Origins: []string{origin}})
	demo := signin.User{ID: "1", Name: "demo", PasswordHash: hash}
	flow, err5 := signin.New(signin.Config{Users: signin.MemoryUsers(demo), Passwords: hasher, Throttle: limiter, Sessions: sessions, Keys: keys})
	if err := errors.Join(err, err1, err2, err3, err4, err5); err != nil {
		log.Fatal(err)
	}
	log.Println(origin, "name: demo, password:", plain)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) { _ = page.Execute(w, session.From(r.Context()).CSRF("")) })
	mux.Handle("POST /login", form.Handle(func(w http.ResponseWriter, r *http.Request, in login) {
		if granted, ok := flow.Password(w, r, in.Name, in.Password).(signin.Granted); !ok || granted.Commit(w, r) != nil {
			http.Error(w, "That did not work.", http.StatusForbidden)
		} else {
			http.Redirect(w, r, "/", http.StatusSeeOther)
		}
	}))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		if _, signedIn := session.From(r.Context()).User(); !signedIn {
			http.Redirect(w, r, "/login", http.StatusSeeOther)
		} else {
			_, _ = w.Write([]byte("Only whoever signed in sees this."))
		}
	})
	return sessions.Handler(mux)
}
