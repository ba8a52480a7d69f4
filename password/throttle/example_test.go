package throttle_test

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/password/throttle"
)

func Example() {
	keys, err := skans.NewKeyring(skans.GenerateKey("2026a"))
	if err != nil {
		panic(err)
	}
	t, err := throttle.New(throttle.Config{
		Keys:   keys,
		Quotas: map[string]throttle.Quota{"mail.send": {Limit: 50, Per: time.Hour}},
	})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	attempt := throttle.Attempt{Name: "Anna", Addr: netip.MustParseAddr("192.0.2.1")}
	for range 4 {
		d, err := t.Reserve(ctx, attempt)
		fmt.Println(d.Allowed, d.CaptchaDue, err) // and, if allowed, verify the password
	}
	attempt.Captcha = true // solved
	d, _ := t.Reserve(ctx, attempt)
	fmt.Println(d.Allowed, t.Succeeded(ctx, attempt))
	// Output:
	// true false <nil>
	// true false <nil>
	// true false <nil>
	// false true <nil>
	// true <nil>
}
