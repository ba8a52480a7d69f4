package signin_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/password"
	"github.com/skans-go/skans/session/signin"
)

// One address that asks for much hashing at once leaves the rest of the queue to others.
func TestOneAddressDoesNotFillTheQueue(t *testing.T) {
	h := newHall(t, func(c *signin.Config) {
		hasher, err := password.New(password.Config{Params: password.OWASP, MaxMemory: 20 << 20, MaxQueue: 8, Keys: c.Keys})
		require.NoError(t, err)
		c.Passwords = hasher
	})
	const guesses = 20 // one is hashed, eight wait if nobody counts addresses, eleven are turned away
	turnedAway := make(chan struct{}, guesses)
	start := make(chan struct{})
	var done sync.WaitGroup
	for i := range guesses {
		b := h.browser()
		b.addr = "203.0.113.9:1000"
		done.Go(func() {
			<-start
			if out := b.password(fmt.Sprintf("nobody-%d", i), "wrong"); status(out) == http.StatusServiceUnavailable {
				turnedAway <- struct{}{}
			}
		})
	}
	close(start)
	for range guesses - 9 {
		<-turnedAway
	}
	out := h.browser().password("nobody", "wrong")
	require.Equal(t, http.StatusForbidden, status(out), "somebody else was turned away")
	done.Wait()
}

func status(out signin.Outcome) int {
	denied, _ := out.(signin.Denied)
	return denied.Status
}
