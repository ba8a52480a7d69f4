package throttle_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

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
