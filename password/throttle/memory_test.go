package throttle_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/password/throttle"
)

// Strangers can fill the store with names and addresses. It stays within its size, and the counts that keep an
// attacker out are the last to go.
func TestFullStoreKeepsTheLargestCounts(t *testing.T) {
	const size = 1000
	store := throttle.NewSmallStore(size)
	l := newLimiter(t, func(c *throttle.Config) { c.Store = store })
	victim := throttle.Attempt{Name: "victim", Addr: home, Captcha: true}
	for range 5 {
		require.Equal(t, allowed, reserve(t, l, victim))
	}
	for i := range 20 * size {
		addr := netip.AddrFrom4([4]byte{100, byte(i >> 16), byte(i >> 8), byte(i)})
		d, err := l.Reserve(context.Background(), throttle.Attempt{Name: fmt.Sprint("user", i), Addr: addr})
		require.NoError(t, err)
		require.True(t, d.Allowed)
		require.LessOrEqual(t, throttle.Len(store), size)
	}
	require.Positive(t, reserve(t, l, victim).RetryAfter)
}

func TestRunSweeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := throttle.NewSmallStore(1000)
		l := newLimiter(t, func(c *throttle.Config) { c.Store = store })
		reserve(t, l, throttle.Attempt{Name: "anna", Addr: home})
		require.Equal(t, 4, throttle.Len(store), "pair, name, address, streak")
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- l.Run(ctx) }()
		time.Sleep(time.Hour + 5*time.Minute)
		synctest.Wait()
		require.Equal(t, 2, throttle.Len(store), "address and streak are forgotten")
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		require.Zero(t, throttle.Len(store))
		stop()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}
