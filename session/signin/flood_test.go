package signin_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
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

// 500 logins at once over HTTP, known names and unknown ones: what there is no room for hears 503 and when to come again,
// another page answers meanwhile, and memory stays within 100 MB.
func TestFiveHundredLoginsAtOnce(t *testing.T) {
	h := newHall(t, wide(t), func(c *signin.Config) {
		var err error
		c.Passwords, err = password.New(password.Config{Params: password.OWASP, MaxQueue: 40, Keys: c.Keys})
		require.NoError(t, err)
		hash, err := c.Passwords.Hash(t.Context(), anna, "the password")
		require.NoError(t, err)
		c.Users.(*table).change(anna, func(u *signin.User) { u.PasswordHash = hash })
		c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	})
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		denied, _ := h.flow.Password(w, r, r.Header.Get("Name"), skans.NewSecret("not it")).(signin.Denied)
		if denied.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(denied.RetryAfter.Seconds())))
		}
		w.WriteHeader(denied.Status)
	})
	mux.HandleFunc("GET /page", func(http.ResponseWriter, *http.Request) {})
	server := httptest.NewServer(mux)
	defer server.Close()
	send := func(ctx context.Context, method, path, name, from string) string {
		r, err := http.NewRequestWithContext(ctx, method, server.URL+path, nil)
		if err != nil {
			return err.Error()
		}
		r.Header.Set("Name", name)
		r.Header.Set("X-Forwarded-For", from)
		resp, err := server.Client().Do(r)
		if err != nil {
			return err.Error()
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return fmt.Sprint(resp.StatusCode, resp.Header["Retry-After"])
	}

	debug.FreeOSMemory()
	base, peak := resident(), uint64(0)
	const logins = 500
	answers, start := make(chan string, logins), make(chan struct{})
	for i := range logins {
		go func() {
			<-start
			name := []string{"anna", "nobody"}[i%2]
			answers <- send(t.Context(), http.MethodPost, "/login", name, fmt.Sprintf("198.51.%d.%d", i>>8, i&255))
		}()
	}
	close(start)
	pages := 0
	count := map[string]int{}
	for done := 0; done < logins; {
		select {
		case answer := <-answers:
			done++
			count[answer]++
		default:
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			require.Equal(t, "200 []", send(ctx, http.MethodGet, "/page", "", ""))
			cancel()
			pages++
		}
		peak = max(peak, resident())
	}
	require.Positive(t, pages)
	require.Len(t, count, 2, "%v", count)
	require.GreaterOrEqual(t, count["403 []"], 40)
	require.Positive(t, count["503 [5]"])
	grown := int64(peak) - int64(base)
	t.Logf("%v, %d pages, %d MB above base", count, pages, grown/1e6)
	if !raceEnabled { // the detector keeps memory of its own
		require.Less(t, grown, int64(100e6))
	}
}

// resident returns what the Go heap takes from the operating system, garbage included.
func resident() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64() + s[1].Value.Uint64()
}

func status(out signin.Outcome) int {
	denied, _ := out.(signin.Denied)
	return denied.Status
}
