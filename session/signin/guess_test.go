package signin_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session/signin"
)

// looked counts the passwords that were looked at.
func (h *hall) looked() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, line := range h.log {
		if strings.Contains(line, "reason=wrong") {
			n++
		}
	}
	return n
}

func TestThreeHundredParallelGuessesFromOneNetwork(t *testing.T) {
	h := newHall(t)
	var done sync.WaitGroup
	start := make(chan struct{})
	for i := range 300 {
		b := h.browser()
		b.addr = fmt.Sprintf("[2001:db8:0:1::%x]:1", i+1)
		done.Go(func() {
			<-start
			b.password("anna", "wrong")
		})
	}
	close(start)
	done.Wait()
	require.LessOrEqual(t, h.looked(), 8, "five are free, and then one every few seconds")
	require.GreaterOrEqual(t, h.looked(), 5)
}

func TestOwnSuccessesBuyNoGuessesAtOthers(t *testing.T) {
	h := newHall(t)
	h.users.change(berit, func(u *signin.User) { u.Disabled = false })
	b := h.browser()
	for range 10 {
		for range 4 {
			b.password("berit", "wrong")
		}
		require.IsType(t, signin.Granted{}, b.password("anna", h.password))
	}
	require.LessOrEqual(t, h.looked(), 8)
}

func TestTheDeviceCookie(t *testing.T) {
	h := newHall(t)
	b := h.browser()
	b.password("anna", h.password)
	var device *http.Cookie
	for _, c := range b.answer.Cookies() {
		if c.Name == "__Host-device" {
			device = c
		}
	}
	require.NotNil(t, device)
	require.True(t, device.Secure)
	require.True(t, device.HttpOnly)
	require.Equal(t, http.SameSiteLaxMode, device.SameSite)
	require.Equal(t, "/", device.Path)
	require.Empty(t, device.Domain)
	require.Positive(t, device.MaxAge)

	refused := h.browser()
	refused.password("anna", "wrong")
	require.Empty(t, refused.answer.Cookies(), "whoever is refused gets none")
}

func TestAForwardedAddressIsBelievedFromAProxyOnly(t *testing.T) {
	for name, c := range map[string]struct {
		proxies []netip.Prefix
		looked  int // of 12 guesses, each with another forwarded address
	}{
		"from anybody": {nil, 5},
		"from a proxy": {[]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, 12},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t, func(cfg *signin.Config) { cfg.Proxies = c.proxies })
			for i := range 12 {
				b := h.browser() // its peer is 192.0.2.1
				b.forward = fmt.Sprintf("198.51.100.%d", i+1)
				b.password("anna", "wrong")
			}
			require.Equal(t, c.looked, h.looked())
		})
	}
}
