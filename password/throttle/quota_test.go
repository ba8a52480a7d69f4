package throttle_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/password/throttle"
)

func mailQuota(c *throttle.Config) {
	c.Quotas = map[string]throttle.Quota{"mail": {Limit: 50, Per: time.Hour}}
}

// ASVS 5.0, 2.3.2.
func TestTheFiftyFirstMailOfAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, ctx := newLimiter(t, mailQuota), context.Background()
		for range 50 {
			ok, _, err := l.Take(ctx, "mail", "anna")
			require.NoError(t, err)
			require.True(t, ok)
			time.Sleep(time.Minute)
		}
		ok, wait, err := l.Take(ctx, "mail", "anna")
		require.NoError(t, err)
		require.False(t, ok)
		require.Equal(t, 10*time.Minute, wait)
		ok, _, _ = l.Take(ctx, "mail", "bo")
		require.True(t, ok, "another key")
		ok, _, _ = l.Take(ctx, "other", "anna")
		require.True(t, ok, "another purpose")
		require.NoError(t, l.Return(ctx, "mail", "anna"))
		ok, _, _ = l.Take(ctx, "mail", "anna")
		require.True(t, ok, "one was given back")
		time.Sleep(10 * time.Minute)
		ok, _, _ = l.Take(ctx, "mail", "anna")
		require.True(t, ok, "a new hour")
	})
}

func TestUndeclaredPurposeIsLimitedToo(t *testing.T) {
	l := newLimiter(t, nil)
	n := 0
	for range 100 {
		if ok, _, _ := l.Take(context.Background(), "anything", "anna"); ok {
			n++
		}
	}
	require.Equal(t, 10, n)
}

func TestHandler(t *testing.T) {
	ok := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	get := func(h http.Handler, addr string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "/search", nil)
		r.RemoteAddr = addr
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	two := func(c *throttle.Config) {
		c.Quotas = map[string]throttle.Quota{"search": {Limit: 2, Per: 90 * time.Second}}
	}
	h := newLimiter(t, two).Handler("search", throttle.ByAddr(), ok)
	require.Equal(t, 204, get(h, "[2001:db8::1]:1").Code)
	require.Equal(t, 204, get(h, "[2001:db8::2]:2").Code)
	w := get(h, "[2001:db8::3]:3")
	require.Equal(t, 429, w.Code)
	require.Equal(t, "90", w.Header().Get("Retry-After"))
	require.Contains(t, w.Body.String(), "Reference: ")
	require.Equal(t, 204, get(h, "192.0.2.1:1").Code, "another user is unaffected")

	var refusal *throttle.Refusal
	own := newLimiter(t, func(c *throttle.Config) {
		two(c)
		c.Store = broken{}
		c.Timeout = time.Millisecond
		c.Refuse = func(w http.ResponseWriter, _ *http.Request, err error) {
			require.True(t, errors.As(err, &refusal))
			w.WriteHeader(refusal.Status)
		}
	}).Handler("search", throttle.ByAddr(), ok)
	require.Equal(t, 503, get(own, "192.0.2.1:1").Code)
	require.ErrorIs(t, refusal, throttle.ErrStore)
	require.NotEmpty(t, refusal.Ref)
}

func TestByAddrBehindAProxy(t *testing.T) {
	key := throttle.ByAddr(netip.MustParsePrefix("10.0.0.0/8"))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "10.0.0.1:80"
	r.Header.Set("X-Forwarded-For", "1.2.3.4, 2001:db8:0:1:2:3:4:5")
	require.Equal(t, "2001:db8:0:1::/64", key(r))
	r.RemoteAddr = "192.0.2.9:80"
	require.Equal(t, "192.0.2.9", key(r), "a stranger's header does not count")
}

// ASVS 5.0, 2.4.2: a form that comes back in 5 ms was not filled in by a person.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, nil)
		stamp := l.Stamp("register")
		time.Sleep(5 * time.Millisecond)
		require.ErrorIs(t, l.Pace("register", stamp, 2*time.Second), throttle.ErrTooFast)
		time.Sleep(2 * time.Second)
		require.NoError(t, l.Pace("register", stamp, 2*time.Second))
		require.ErrorIs(t, l.Pace("order", stamp, 0), throttle.ErrStamp)
		require.ErrorIs(t, newLimiter(t, nil).Pace("register", stamp, 0), throttle.ErrStamp)
		for _, s := range []string{"", stamp[1:], stamp + "A", "B" + stamp[1:], stamp[:len(stamp)-1] + "\n"} {
			require.ErrorIs(t, l.Pace("register", s, 0), throttle.ErrStamp)
		}
		time.Sleep(25 * time.Hour)
		require.ErrorIs(t, l.Pace("register", stamp, 0), throttle.ErrStamp)
	})
}
