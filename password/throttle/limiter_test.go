package throttle_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/password/throttle"
	"github.com/skans-go/skans/password/throttle/throttletest"
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

func succeed(t testing.TB, l *throttle.Limiter, a throttle.Attempt) {
	t.Helper()
	require.NoError(t, l.Succeeded(context.Background(), a))
}

var (
	allowed = throttle.Decision{Allowed: true}
	captcha = throttle.Decision{CaptchaDue: true}
)

func TestMemoryStore(t *testing.T) {
	throttletest.TestStore(t, func(*testing.T) throttle.Store { return throttle.NewMemoryStore() })
}

func TestCaptchaIsDueFromTheFourthAttempt(t *testing.T) {
	l := newLimiter(t, nil)
	a := throttle.Attempt{Name: "anna", Addr: home}
	for range 3 {
		require.Equal(t, allowed, reserve(t, l, a))
	}
	for range 10 {
		require.Equal(t, captcha, reserve(t, l, a), "and it is not counted")
		a.Name = "another name"
	}
	d, err := l.Check(context.Background(), a)
	require.NoError(t, err)
	require.Equal(t, captcha, d)
	require.Equal(t, allowed, reserve(t, l, throttle.Attempt{Name: "anna", Addr: netip.MustParseAddr("192.0.2.2")}), "another address")

	a = throttle.Attempt{Name: "anna", Addr: home, Captcha: true}
	require.Equal(t, allowed, reserve(t, l, a))
	succeed(t, l, a)
	a.Captcha = false
	require.Equal(t, allowed, reserve(t, l, a), "a success ends the streak")
}

// Two wrong, one right, again and again: the owner's typing errors never add up to a CAPTCHA or a delay.
func TestSuccessForgetsTheOwnersFailures(t *testing.T) {
	l := newLimiter(t, nil)
	a := throttle.Attempt{Name: "anna", Addr: home}
	for range 40 {
		for range 3 {
			require.Equal(t, allowed, reserve(t, l, a))
		}
		succeed(t, l, a)
	}
}

// An attacker signs in to an account of their own between guesses at another's. That ends the streak of the address,
// and buys nothing else.
func TestOwnSuccessesBuyNoGuessesAtOthers(t *testing.T) {
	l := newLimiter(t, nil)
	victim, own := throttle.Attempt{Name: "victim", Addr: home}, throttle.Attempt{Name: "attacker", Addr: home, Captcha: true}
	guesses := 0
	for range 50 {
		for range 3 {
			if reserve(t, l, victim).Allowed {
				guesses++
			}
		}
		if reserve(t, l, own).Allowed {
			succeed(t, l, own)
		}
	}
	require.Equal(t, 5, guesses, "the free ones of a pair")
}

// 10,000 failures from everywhere: the name is shut for strangers, and its owner comes in from the device that they
// used before.
func TestFailuresOfOthersDoNotLockTheOwnerOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, nil)
		cookie := l.NewDevice("Anna")
		guesses := 0
		for i := range 10_000 {
			from := netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)})
			if reserve(t, l, throttle.Attempt{Name: "anna", Addr: from, Captcha: true}).Allowed {
				guesses++
			}
			time.Sleep(5 * time.Second) // of the bubble
		}
		require.Less(t, guesses, 100, "NIST SP 800-63B-4, 3.2.2")
		require.Positive(t, reserve(t, l, throttle.Attempt{Name: "anna", Addr: home, Captcha: true}).RetryAfter)

		owner := throttle.Attempt{Name: "ANNA ", Addr: home, Device: cookie}
		require.Equal(t, allowed, reserve(t, l, owner))
		succeed(t, l, owner)
		require.Positive(t, reserve(t, l, throttle.Attempt{Name: "anna", Addr: home, Captcha: true}).RetryAfter,
			"that does not open the name for strangers")

		require.NoError(t, l.Forgive(context.Background(), "Anna"))
		require.Equal(t, allowed, reserve(t, l, throttle.Attempt{Name: "anna", Addr: home, Captcha: true}))
	})
}

func TestDeviceLaneHasABudgetOfItsOwn(t *testing.T) {
	l := newLimiter(t, nil)
	a := throttle.Attempt{Name: "anna", Addr: home, Device: l.NewDevice("anna")}
	for range 3 {
		require.Equal(t, allowed, reserve(t, l, a))
	}
	require.Equal(t, captcha, reserve(t, l, a))
	a.Captcha = true
	require.Equal(t, allowed, reserve(t, l, a))
	require.Equal(t, allowed, reserve(t, l, a))
	require.Positive(t, reserve(t, l, a).RetryAfter, "a stolen cookie is no licence to guess")
	require.Equal(t, allowed, reserve(t, l, throttle.Attempt{Name: "anna", Addr: home}), "and the other lane is open")
}

func TestDeviceCookies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, other := newLimiter(t, nil), newLimiter(t, nil)
		cookie := l.NewDevice("Anna")
		require.True(t, l.KnownDevice("ａｎｎａ", cookie))
		require.False(t, l.KnownDevice("bo", cookie), "another's name")
		require.False(t, other.KnownDevice("anna", cookie), "other keys")
		for i := range len(cookie) {
			b := []byte(cookie)
			b[i] ^= 1
			require.False(t, l.KnownDevice("anna", string(b)), "byte %d changed", i)
		}
		for _, c := range []string{"", cookie[:len(cookie)-1], cookie + "A", cookie + "\n", "\x00", cookie[1:]} {
			require.False(t, l.KnownDevice("anna", c))
		}
		time.Sleep(l.DeviceTTL())
		require.True(t, l.KnownDevice("anna", cookie))
		time.Sleep(2 * time.Second)
		require.False(t, l.KnownDevice("anna", cookie), "too old")
	})
}

// Parallel guesses cannot pass between check and count: exactly the free ones get through.
func TestParallelGuessesAreCountedExactly(t *testing.T) {
	for name, c := range map[string]struct {
		attempt func(i int) throttle.Attempt
		want    int64
	}{
		"one /64, one name, no CAPTCHA": {func(i int) throttle.Attempt {
			return throttle.Attempt{Name: "anna", Addr: netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1))}
		}, 3},
		"one /64, one name": {func(i int) throttle.Attempt {
			return throttle.Attempt{Name: "anna", Addr: netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i+1)), Captcha: true}
		}, 5},
		"one name, spelled differently": {func(i int) throttle.Attempt {
			return throttle.Attempt{Name: []string{"anna", "ANNA", " Anna ", "ａｎｎａ", "anna."}[i%5], Addr: home, Captcha: true}
		}, 5},
		"one address, 300 names": {func(i int) throttle.Attempt {
			return throttle.Attempt{Name: fmt.Sprint("user", i), Addr: home, Captcha: true}
		}, 100},
		"300 addresses, one name": {func(i int) throttle.Attempt {
			return throttle.Attempt{Name: "anna", Addr: netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}), Captcha: true}
		}, 20},
		"no address, 300 names": {func(i int) throttle.Attempt {
			return throttle.Attempt{Name: fmt.Sprint("user", i), Captcha: true}
		}, 100},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLimiter(t, nil)
			var got atomic.Int64
			var all sync.WaitGroup
			begin := make(chan struct{})
			for i := range 300 {
				all.Go(func() {
					<-begin
					if d, err := l.Reserve(context.Background(), c.attempt(i)); err == nil && d.Allowed {
						got.Add(1)
					}
				})
			}
			close(begin)
			all.Wait()
			require.Equal(t, c.want, got.Load())
		})
	}
}

// A customer with a /48 has 65,536 networks of the size that others have one of.
func TestNetworkBehindManyPrefixes(t *testing.T) {
	l := newLimiter(t, nil)
	got := 0
	for i := range 1200 {
		addr := netip.MustParseAddr(fmt.Sprintf("2001:db8:1:%x::1", i))
		if reserve(t, l, throttle.Attempt{Name: fmt.Sprint("user", i), Addr: addr}).Allowed {
			got++
		}
	}
	require.Equal(t, 1000, got)
	require.True(t, reserve(t, l, throttle.Attempt{Name: "user", Addr: netip.MustParseAddr("2001:db8:2::1")}).Allowed)
}

func TestMappedAddressIsTheSameAddress(t *testing.T) {
	l := newLimiter(t, nil)
	for range 3 {
		reserve(t, l, throttle.Attempt{Name: "anna", Addr: home})
	}
	require.Equal(t, captcha, reserve(t, l, throttle.Attempt{Name: "bo", Addr: netip.MustParseAddr("::ffff:192.0.2.1")}))
}

func TestDelaysGrowAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, nil)
		a := throttle.Attempt{Name: "anna", Addr: home, Captcha: true}
		for range 5 {
			require.Equal(t, allowed, reserve(t, l, a))
		}
		for wait := 2 * time.Second; wait < 15*time.Minute; wait *= 2 {
			require.Equal(t, throttle.Decision{RetryAfter: wait}, reserve(t, l, a))
			time.Sleep(wait - 1)
			require.Equal(t, throttle.Decision{RetryAfter: 1}, reserve(t, l, a), "asking does not make it longer")
			time.Sleep(time.Nanosecond)
			require.Equal(t, allowed, reserve(t, l, a))
		}
		require.Equal(t, 15*time.Minute, reserve(t, l, a).RetryAfter)
		time.Sleep(24 * time.Hour)
		require.Equal(t, allowed, reserve(t, l, a))
		require.Equal(t, allowed, reserve(t, l, a), "all is forgotten")
	})
}

func TestCanonicalName(t *testing.T) {
	for in, want := range map[string]string{
		"anna": "anna", " Anna\t": "anna", "ＡＮＮＡ": "anna", "anna.": "anna", "anna. . ": "anna", "Anna.Lind@Example.COM.": "anna.lind@example.com",
		"STRASSE": "strasse", "Straße": "strasse", "A\u030Ase": "åse", "Åse": "åse", "ﬁa": "fia", "": "", " . ": "", "a b": "a b", "bo\xff": "bo\uFFFD",
		"ǅ": "dž",
	} {
		got := throttle.CanonicalName(in)
		require.Equal(t, want, got, "%q", in)
		require.Equal(t, got, throttle.CanonicalName(got), "%q twice", in)
	}
}

func FuzzCanonicalName(f *testing.F) {
	for _, s := range []string{"anna", " Anna. ", "ＡＮＮＡ", "\u3002.", "ﬃ", "\xff", "ΐ", "ᾳͅ", "\u0345\u1e9e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := throttle.CanonicalName(name)
		if len(name) < 100 {
			require.Equal(t, got, throttle.CanonicalName(got), "one spelling")
		}
	})
}

type broken struct{ throttle.Store }

func (broken) Take(ctx context.Context, _ int64, _ []throttle.Bucket) (bool, error) {
	<-ctx.Done()
	return true, ctx.Err()
}
func (broken) Look(context.Context, []throttle.Bucket) error { return errors.New("down") }
func (broken) Refund(context.Context, throttle.Refund) error { return errors.New("down") }
func (broken) Sweep(context.Context, int64) (int, error)     { return 0, errors.New("down") }

// A store that hangs denies when its time is up.
func TestStoreFailuresDeny(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		l := newLimiter(t, func(c *throttle.Config) { c.Store = broken{} })
		d, err := l.Reserve(ctx, throttle.Attempt{Name: "anna", Addr: home})
		require.ErrorIs(t, err, throttle.ErrStore)
		require.Zero(t, d)
		d, err = l.Check(ctx, throttle.Attempt{Name: "anna", Addr: home})
		require.ErrorIs(t, err, throttle.ErrStore)
		require.Zero(t, d)
		ok, _, err := l.Take(ctx, "mail", "anna")
		require.ErrorIs(t, err, throttle.ErrStore)
		require.False(t, ok)
		require.ErrorIs(t, l.Succeeded(ctx, throttle.Attempt{}), throttle.ErrStore)
		require.ErrorIs(t, l.Forgive(ctx, "anna"), throttle.ErrStore)
		require.ErrorIs(t, l.Return(ctx, "mail", "anna"), throttle.ErrStore)
	})
}

func TestRefusalsAreRecorded(t *testing.T) {
	var got []string
	l := newLimiter(t, func(c *throttle.Config) {
		c.Audit = func(_ context.Context, event string, attrs ...slog.Attr) error {
			line := event
			for _, a := range attrs {
				line += " " + a.String()
			}
			got = append(got, line)
			return errors.New("disk full")
		}
	})
	a := throttle.Attempt{Name: "hunter2, typed into the wrong field", Addr: home}
	for range 3 {
		require.Equal(t, allowed, reserve(t, l, a), "what is allowed is not recorded here")
	}
	d, err := l.Reserve(context.Background(), a)
	require.EqualError(t, err, "disk full")
	require.Equal(t, captcha, d, "a refusal stays one")
	require.Equal(t, []string{"throttle.refused addr=192.0.2.1 reason=captcha"}, got)
}

func TestNewRefuses(t *testing.T) {
	keys, err := skans.NewKeyring(skans.GenerateKey("k1"))
	require.NoError(t, err)
	for says, cfg := range map[string]throttle.Config{
		"Keys":            {},
		"Forget":          {Keys: keys, Pair: throttle.Limit{Stop: 3}},
		"nothing would":   {Keys: keys, Name: throttle.Limit{Free: 3, Forget: time.Hour}},
		"MaxDelay":        {Keys: keys, Device: throttle.Limit{Free: 3, Delay: time.Minute, Forget: time.Hour}},
		"negative number": {Keys: keys, Address: throttle.Limit{Stop: -1, Forget: time.Hour}},
		"of others":       {Keys: keys, Name: throttle.Limit{Stop: 100, Forget: time.Hour}},
		`Quotas["mail"]`:  {Keys: keys, Quotas: map[string]throttle.Quota{"mail": {Limit: 3}}},
		"Timeout":         {Keys: keys, Timeout: -1},
		"CaptchaAfter":    {Keys: keys, CaptchaAfter: -2},
	} {
		l, err := throttle.New(cfg)
		require.ErrorContains(t, err, says)
		require.Nil(t, l)
	}
	quotas := map[string]throttle.Quota{"mail": {Limit: 1, Per: time.Hour}}
	l, err := throttle.New(throttle.Config{Keys: keys, Quotas: quotas})
	require.NoError(t, err)
	quotas["mail"] = throttle.Quota{Limit: 1000, Per: time.Hour}
	_, _, _ = l.Take(context.Background(), "mail", "")
	ok, _, _ := l.Take(context.Background(), "mail", "")
	require.False(t, ok, "the Config was copied")
}

func TestNoCaptchaWhenSwitchedOff(t *testing.T) {
	l := newLimiter(t, func(c *throttle.Config) { c.CaptchaAfter = -1 })
	for range 5 {
		require.Equal(t, allowed, reserve(t, l, throttle.Attempt{Name: "anna", Addr: home}))
	}
	require.Positive(t, reserve(t, l, throttle.Attempt{Name: "anna", Addr: home}).RetryAfter)
}

func TestDescribe(t *testing.T) {
	l := newLimiter(t, func(c *throttle.Config) {
		c.Quotas = map[string]throttle.Quota{"totp.verify": {Limit: 10, Per: time.Hour}, "mail.send": {Limit: 50, Per: time.Hour}}
	})
	golden, err := os.ReadFile("testdata/limits.golden")
	require.NoError(t, err)
	require.Equal(t, string(golden), l.Describe())
}
