package session_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/session"
)

var visits = session.NewKey[int]("visits")

func Example() {
	keys, err := skans.NewKeyring(skans.GenerateKey("2026a"))
	if err != nil {
		panic(err)
	}
	sessions, err := session.New(session.Config{Keys: keys, Origins: []string{"https://mail.example"}})
	if err != nil {
		panic(err)
	}
	handler := sessions.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := session.From(r.Context())
		if err := visits.Update(r.Context(), s, func(n int) int { return n + 1 }); err != nil {
			http.Error(w, "not stored", http.StatusInternalServerError)
			return
		}
		n, _, _ := visits.Get(s)
		fmt.Fprintf(w, "visit %d", n)
	}))

	first := httptest.NewRecorder()
	handler.ServeHTTP(first, httptest.NewRequest("GET", "https://mail.example/", nil))
	fmt.Println(first.Body)

	again := httptest.NewRequest("GET", "https://mail.example/", nil)
	for _, c := range first.Result().Cookies() {
		fmt.Println(c.Name, "Secure:", c.Secure, "HttpOnly:", c.HttpOnly)
		again.AddCookie(c)
	}
	second := httptest.NewRecorder()
	handler.ServeHTTP(second, again)
	fmt.Println(second.Body)
	// Output:
	// visit 1
	// __Host-session Secure: true HttpOnly: true
	// visit 2
}
