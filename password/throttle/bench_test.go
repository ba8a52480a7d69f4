package throttle_test

import (
	"context"
	"testing"
	"time"

	"github.com/skans-go/skans/password/throttle"
)

func BenchmarkReserve(b *testing.B) {
	open := throttle.Limit{Stop: 1 << 40, Forget: time.Hour}
	for name, change := range map[string]func(*throttle.Config){
		"refused": nil,
		"allowed": func(c *throttle.Config) { c.Pair, c.Name, c.Address = open, open, open },
	} {
		b.Run(name, func(b *testing.B) {
			l, ctx := newLimiter(b, change), context.Background()
			a := throttle.Attempt{Name: "anna", Addr: home, Captcha: true}
			b.ReportAllocs()
			for b.Loop() {
				_, _ = l.Reserve(ctx, a)
			}
		})
	}
}

func BenchmarkTake(b *testing.B) {
	l, ctx := newLimiter(b, nil), context.Background()
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = l.Take(ctx, "search", "anna")
	}
}
