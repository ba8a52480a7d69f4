package signin_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/password"
	"github.com/skans-go/skans/password/throttle"
	"github.com/skans-go/skans/session"
	"github.com/skans-go/skans/session/signin"
)

// One form, one method of the flow, one type switch.
func Example() {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	keys, err := skans.NewKeyring(skans.GenerateKey("2026a"))
	must(err)
	sessions, err := session.New(session.Config{Keys: keys, Origins: []string{"https://mail.example"}})
	must(err)
	hasher, err := password.New(password.Config{Keys: keys})
	must(err)
	limiter, err := throttle.New(throttle.Config{Keys: keys})
	must(err)

	const typed = "a phrase that anna made up"
	hash, err := hasher.Hash(context.Background(), "u1", typed)
	must(err)
	flow, err := signin.New(signin.Config{
		Users:     signin.MemoryUsers(signin.User{ID: "u1", Name: "anna", PasswordHash: hash}),
		Passwords: hasher, Throttle: limiter, Sessions: sessions, Keys: keys,
	})
	must(err)

	login := sessions.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		password := skans.NewSecret(r.PostFormValue("password"))
		switch out := flow.Password(w, r, r.PostFormValue("name"), password, r.PostFormValue(throttle.CaptchaField)).(type) {
		case signin.NeedCaptcha, signin.NeedFactor, signin.NeedEnrolment:
			fmt.Println("the next form")
		case signin.Granted:
			if err := out.Commit(w, r); err != nil {
				http.Error(w, "not now", http.StatusServiceUnavailable)
				return
			}
			user, _ := session.From(r.Context()).User()
			fmt.Println("welcome", user)
		case signin.Denied:
			fmt.Println(out.Status, out.Public())
		}
	}))
	for _, guess := range []string{"a guess", typed} {
		r := httptest.NewRequest(http.MethodPost, "https://mail.example/login", nil)
		r.Header.Set("Origin", "https://mail.example")
		r.PostForm = map[string][]string{"name": {"anna"}, "password": {guess}}
		login.ServeHTTP(httptest.NewRecorder(), r)
	}
	// Output:
	// 403 That did not work. Check what you typed; after several tries, wait a while.
	// welcome u1
}
