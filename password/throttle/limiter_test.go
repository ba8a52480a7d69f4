package throttle_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/password/throttle"
)

func newLimiter(t testing.TB, change func(*throttle.Config)) *throttle.Limiter {
	t.Helper()
	keys, err := skans.NewKeyring(skans.GenerateKey("k1"))
	require.NoError(t, err)
	cfg := throttle.Config{Keys: keys}
	if change != nil {
		change(&cfg)
	}
	l, err := throttle.New(cfg)
	require.NoError(t, err)
	return l
}

var home = netip.MustParseAddr("192.0.2.1")

func reserve(t testing.TB, l *throttle.Limiter, a throttle.Attempt) throttle.Decision {
	t.Helper()
	d, err := l.Reserve(context.Background(), a)
	require.NoError(t, err)
	return d
}

func TestCaptchaIsDueFromTheFourthAttempt(t *testing.T) {
	l := newLimiter(t, nil)
	a := throttle.Attempt{Name: "anna", Addr: home}
	for range 3 {
		require.Equal(t, throttle.Decision{Allowed: true}, reserve(t, l, a))
	}
	require.Equal(t, throttle.Decision{CaptchaDue: true}, reserve(t, l, a))
	a.Captcha = true
	require.Equal(t, throttle.Decision{Allowed: true}, reserve(t, l, a))
}

func TestFailuresOfOthersDoNotLockTheOwnerOut(t *testing.T) {
	l := newLimiter(t, nil)
	cookie := l.NewDevice("Anna")
	for range 10_000 {
		reserve(t, l, throttle.Attempt{Name: "anna", Addr: home, Captcha: true})
	}
	require.False(t, reserve(t, l, throttle.Attempt{Name: "anna", Addr: home, Captcha: true}).Allowed)
	require.True(t, reserve(t, l, throttle.Attempt{Name: "anna", Addr: home, Device: cookie}).Allowed)
	require.False(t, reserve(t, l, throttle.Attempt{Name: "bo", Addr: netip.Addr{}, Device: cookie}).RetryAfter > 0)
}

func TestQuota(t *testing.T) {
	l := newLimiter(t, func(c *throttle.Config) {
		c.Quotas = map[string]throttle.Quota{"mail": {Limit: 50, Per: time.Hour}}
	})
	for range 50 {
		ok, _, err := l.Take(context.Background(), "mail", "anna")
		require.NoError(t, err)
		require.True(t, ok)
	}
	ok, wait, err := l.Take(context.Background(), "mail", "anna")
	require.NoError(t, err)
	require.False(t, ok)
	require.InDelta(t, time.Hour, wait, float64(time.Minute))
}

func BenchmarkReserve(b *testing.B) {
	l := newLimiter(b, nil)
	a := throttle.Attempt{Name: "anna", Addr: home, Captcha: true}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = l.Reserve(context.Background(), a)
	}
}

func BenchmarkReserveAllowed(b *testing.B) {
	l := newLimiter(b, func(c *throttle.Config) {
		c.Pair = throttle.Limit{Stop: 1 << 40, Forget: time.Hour}
		c.Name, c.Address = c.Pair, c.Pair
	})
	a := throttle.Attempt{Name: "anna", Addr: home, Captcha: true}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = l.Reserve(context.Background(), a)
	}
}
