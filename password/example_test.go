package password_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/skans-go/skans/password"
)

func Example() {
	h, err := password.New(password.Config{
		Params: password.OWASP,
		Accept: []password.Legacy{password.Bcrypt, password.MD5},
	})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()

	for _, p := range password.DefaultPolicy().Check("Summer2026!!", password.About{Username: "anna"}) {
		fmt.Println(p.Code, "-", p.In("sv"))
	}
	enc, err := h.Hash(ctx, "anna", "correct horse battery staple")
	fmt.Println(strings.HasPrefix(enc, "$argon2id$v=19$m=19456,t=2,p=1$"), err)

	next, err := h.Verify(ctx, "anna", enc, "correct horse battery staple")
	fmt.Printf("%q %v\n", next, err)
	_, err = h.Verify(ctx, "nobody", "", "correct horse battery staple")
	fmt.Println(errors.Is(err, password.ErrMismatch))
	// Output:
	// common - Lösenordet hör till dem som gissas först.
	// true <nil>
	// "" <nil>
	// true
}

// A table of MD5 hashes is made safe today, and loses its MD5 as people sign in.
func ExampleHasher_Wrap() {
	h, err := password.New(password.Config{Accept: []password.Legacy{password.MD5}})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	row := "5f4dcc3b5aa765d61d8327deb882cf99"
	_, err = h.Verify(ctx, "anna", row, "password")
	fmt.Println(err)

	row, _ = h.Wrap(ctx, "anna", row)
	next, err := h.Verify(ctx, "anna", row, "password")
	fmt.Println(strings.HasPrefix(next, "$argon2id$"), err)
	// Output:
	// password: stored hash is not acceptable
	// true <nil>
}
