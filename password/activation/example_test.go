package activation_test

import (
	"context"
	"fmt"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/password/activation"
)

func Example() {
	ring, err := skans.NewKeyring(skans.GenerateKey("2026a"))
	if err != nil {
		panic(err)
	}
	k, err := activation.New(activation.Config{Keys: ring, BaseURL: "https://mail.example/"})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	hashes := map[string]string{"anna": "old hash"} // the host's table

	key, err := k.Issue(ctx, activation.Reset, "anna", hashes["anna"])
	if err != nil {
		panic(err)
	}
	user, err := k.Peek(ctx, activation.Reset, key) // GET: show the form
	fmt.Println(user, err)

	newHash := "" // POST: all that can be refused, first
	user, err = k.Redeem(ctx, activation.Reset, key, func(user string) (string, error) {
		newHash = "new hash" // password.Policy.Check, then password.Hasher.Hash
		return hashes[user], nil
	})
	if err == nil {
		hashes[user] = newHash // UPDATE ... WHERE hash = old
	}
	fmt.Println(user, err)
	_, err = k.Redeem(ctx, activation.Reset, key, func(user string) (string, error) { return hashes[user], nil })
	fmt.Println(err)
	// Output:
	// anna <nil>
	// anna <nil>
	// activation: key is not valid
}
