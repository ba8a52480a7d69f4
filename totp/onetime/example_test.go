package onetime_test

import (
	"context"
	"fmt"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/totp/onetime"
)

func Example() {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	ctx := context.Background()
	keys, err := skans.NewKeyring(skans.GenerateKey("2026a"))
	must(err)
	var mailbox skans.Secret
	codes, err := onetime.New(onetime.Config{
		Keys: keys, Store: onetime.NewMemoryStore(),
		Send: func(_ context.Context, m onetime.Message) error { mailbox = m.Code; return nil }, // put it into the outbox
	})
	must(err)

	challenge, err := codes.Send(ctx, "verify-address", "u1") // keep the challenge in the visitor's session
	must(err)
	typed := mailbox.Reveal()
	fmt.Println("in another browser:", codes.Verify(ctx, "verify-address", "u1", "", typed))
	fmt.Println("in this one:", codes.Verify(ctx, "verify-address", "u1", challenge, typed))
	fmt.Println("again:", codes.Verify(ctx, "verify-address", "u1", challenge, typed))
	// Output:
	// in another browser: onetime: the code is not right
	// in this one: <nil>
	// again: onetime: the code is not right
}
