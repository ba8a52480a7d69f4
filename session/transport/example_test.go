package transport_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/skans-go/skans/session/transport"
)

func Example() {
	t, err := transport.New(transport.Config{Hosts: []string{"mail.example"}})
	if err != nil {
		log.Fatal(err)
	}
	handler := t.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "Hello", t.ClientAddr(r))
	}))
	// In a service: t.Server(":443", handler).ListenAndServeTLS("cert.pem", "key.pem").
	for _, target := range []string{"https://mail.example/", "https://evil.example/", "http://mail.example/inbox"} {
		r := httptest.NewRequest("GET", target, nil)
		r.Header.Set("Accept", "text/html")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		fmt.Printf("%d %q\n", w.Code, w.Header().Get("Location"))
	}
	// Output:
	// 200 ""
	// 421 ""
	// 308 "https://mail.example/inbox"
}
