package totp_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	pquerna "github.com/pquerna/otp/totp"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/totp"
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
	svc, err := totp.New(totp.Config{Issuer: "Acme", Keys: keys, Store: totp.NewMemoryStore()})
	must(err)

	// The settings page shows pending.SVG() and pending.Secret().Reveal(). Here the app is a few lines.
	pending, err := svc.Enroll(ctx, "u1", "anna@example.com")
	must(err)
	app := func() string {
		code, err := pquerna.GenerateCode(pending.Secret().Reveal(), time.Now())
		must(err)
		return code
	}
	code := app()
	recovery, err := svc.Confirm(ctx, "u1", code)
	must(err)
	fmt.Println("recovery codes to print:", len(recovery))

	fmt.Println("the same code again:", errors.Is(svc.Verify(ctx, "u1", code), totp.ErrReplayed))
	fmt.Println("a recovery code:", svc.Recover(ctx, "u1", recovery[0]))
	fmt.Println("and again:", svc.Recover(ctx, "u1", recovery[0]))
	// Output:
	// recovery codes to print: 10
	// the same code again: true
	// a recovery code: <nil>
	// and again: totp: the code is not right
}
