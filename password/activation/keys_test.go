package activation_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/password/activation"
	"github.com/skans-go/skans/password/activation/activationtest"
)

func newRing(t testing.TB, older ...skans.Key) (*skans.Keyring, skans.Key) {
	t.Helper()
	key := skans.GenerateKey("k" + string(rune('0'+len(older))))
	ring, err := skans.NewKeyring(key, older...)
	require.NoError(t, err)
	return ring, key
}

func newKeys(t testing.TB, change func(*activation.Config)) *activation.Keys {
	t.Helper()
	ring, _ := newRing(t)
	cfg := activation.Config{Keys: ring}
	if change != nil {
		change(&cfg)
	}
	k, err := activation.New(cfg)
	require.NoError(t, err)
	return k
}

func is(state string) func(string) (string, error) {
	return func(string) (string, error) { return state, nil }
}

func issue(t testing.TB, k *activation.Keys, purpose activation.Purpose, subject, state string) string {
	t.Helper()
	key, err := k.Issue(context.Background(), purpose, subject, state)
	require.NoError(t, err)
	return key
}

func redeem(k *activation.Keys, purpose activation.Purpose, key, state string) error {
	user, err := k.Redeem(context.Background(), purpose, key, is(state))
	if (err == nil) != (user != "") {
		return errors.New("a subject without success, or the other way round")
	}
	return err
}

func TestMemoryStore(t *testing.T) {
	activationtest.TestStore(t, func(*testing.T) activation.Store { return activation.NewMemoryStore() })
}

func TestKeyWorksOnce(t *testing.T) {
	k, ctx := newKeys(t, nil), context.Background()
	key := issue(t, k, activation.Reset, "anna", "hash 1")
	require.Len(t, key, 43)
	for range 3 { // by GET, as link scanners do
		user, err := k.Peek(ctx, activation.Reset, key)
		require.NoError(t, err)
		require.Equal(t, "anna", user)
	}
	user, err := k.Redeem(ctx, activation.Reset, key, is("hash 1"))
	require.NoError(t, err)
	require.Equal(t, "anna", user)
	require.ErrorIs(t, redeem(k, activation.Reset, key, "hash 1"), activation.ErrKey)
	_, err = k.Peek(ctx, activation.Reset, key)
	require.ErrorIs(t, err, activation.ErrKey)
}

func TestOfFiftyParallelRedemptionsOneSucceeds(t *testing.T) {
	k := newKeys(t, nil)
	key := issue(t, k, activation.Reset, "anna", "hash 1")
	var won atomic.Int64
	var all sync.WaitGroup
	begin := make(chan struct{})
	for range 50 {
		all.Go(func() {
			<-begin
			if redeem(k, activation.Reset, key, "hash 1") == nil {
				won.Add(1)
			}
		})
	}
	close(begin)
	all.Wait()
	require.EqualValues(t, 1, won.Load())
}

func TestKeysThatAreNotGood(t *testing.T) {
	for name, c := range map[string]struct {
		reason string
		spoil  func(t *testing.T, k *activation.Keys, key string) (activation.Purpose, string, string)
	}{
		"of another purpose": {"unknown", func(_ *testing.T, _ *activation.Keys, key string) (activation.Purpose, string, string) {
			return activation.Activate, key, "hash 1"
		}},
		"after a newer one": {"unknown", func(t *testing.T, k *activation.Keys, key string) (activation.Purpose, string, string) {
			issue(t, k, activation.Reset, "anna", "hash 1")
			return activation.Reset, key, "hash 1"
		}},
		"after a password change": {"state", func(_ *testing.T, _ *activation.Keys, key string) (activation.Purpose, string, string) {
			return activation.Reset, key, "hash 2"
		}},
		"after its time": {"expired", func(_ *testing.T, _ *activation.Keys, key string) (activation.Purpose, string, string) {
			time.Sleep(30 * time.Minute)
			return activation.Reset, key, "hash 1"
		}},
		"revoked": {"unknown", func(t *testing.T, k *activation.Keys, key string) (activation.Purpose, string, string) {
			require.NoError(t, k.Revoke(context.Background(), activation.Reset, "anna"))
			return activation.Reset, key, "hash 1"
		}},
		"of other keys": {"unknown", func(t *testing.T, _ *activation.Keys, _ string) (activation.Purpose, string, string) {
			return activation.Reset, issue(t, newKeys(t, nil), activation.Reset, "anna", "hash 1"), "hash 1"
		}},
		"one letter changed": {"unknown", func(_ *testing.T, _ *activation.Keys, key string) (activation.Purpose, string, string) {
			letter := "A"
			if key[0] == 'A' {
				letter = "B"
			}
			return activation.Reset, letter + key[1:], "hash 1"
		}},
		"cut": {"malformed", func(_ *testing.T, _ *activation.Keys, key string) (activation.Purpose, string, string) {
			return activation.Reset, key[:42], "hash 1"
		}},
		"with a newline": {"malformed", func(_ *testing.T, _ *activation.Keys, key string) (activation.Purpose, string, string) {
			return activation.Reset, key[:42] + "\n", "hash 1"
		}},
		"1 MB": {"malformed", func(_ *testing.T, _ *activation.Keys, key string) (activation.Purpose, string, string) {
			return activation.Reset, strings.Repeat(key, 25_000), "hash 1"
		}},
		"nothing": {"malformed", func(*testing.T, *activation.Keys, string) (activation.Purpose, string, string) {
			return activation.Reset, "", ""
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var reason string
				k := newKeys(t, func(cfg *activation.Config) {
					cfg.Audit = func(_ context.Context, event string, attrs ...slog.Attr) error {
						if event == activation.EventRefused {
							reason = attrs[2].Value.String()
						}
						return nil
					}
				})
				purpose, key, state := c.spoil(t, k, issue(t, k, activation.Reset, "anna", "hash 1"))
				err := redeem(k, purpose, key, state)
				require.Equal(t, activation.ErrKey, err, "the same for all, and nothing of the reason")
				require.Equal(t, c.reason, reason)
			})
		})
	}
}

func TestPurposesAndSubjectsDoNotDisturbEachOther(t *testing.T) {
	k := newKeys(t, nil)
	reset := issue(t, k, activation.Reset, "anna", "s")
	change := issue(t, k, activation.ChangeAddress, "anna", "s")
	bo := issue(t, k, activation.Reset, "bo", "s")
	own := issue(t, k, activation.Purpose("invite"), "anna", "s")
	require.NoError(t, redeem(k, activation.Reset, reset, "s"))
	require.NoError(t, redeem(k, activation.ChangeAddress, change, "s"))
	require.NoError(t, redeem(k, activation.Reset, bo, "s"))
	require.NoError(t, redeem(k, "invite", own, "s"))
}

func TestTimesToLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeys(t, func(c *activation.Config) {
			c.TTL = map[activation.Purpose]time.Duration{activation.ChangeAddress: time.Hour}
		})
		for purpose, ttl := range map[activation.Purpose]time.Duration{
			activation.Activate: 48 * time.Hour, activation.Reset: 30 * time.Minute, activation.ChangeAddress: time.Hour, "own": 30 * time.Minute,
		} {
			key := issue(t, k, purpose, "anna", "s")
			time.Sleep(ttl - time.Nanosecond)
			_, err := k.Peek(context.Background(), purpose, key)
			require.NoError(t, err, purpose)
			time.Sleep(time.Nanosecond)
			require.ErrorIs(t, redeem(k, purpose, key, "s"), activation.ErrKey, purpose)
			n, err := k.Sweep(context.Background())
			require.NoError(t, err)
			require.Equal(t, 1, n)
		}
	})
}

// What can be refused is refused before the key is used up: a bad password does not cost the user the mail.
func TestErrorOfTheCallbackLeavesTheKey(t *testing.T) {
	k, weak := newKeys(t, nil), errors.New("password too short")
	key := issue(t, k, activation.Reset, "anna", "hash 1")
	user, err := k.Redeem(context.Background(), activation.Reset, key, func(user string) (string, error) {
		require.Equal(t, "anna", user)
		return "hash 1", weak
	})
	require.Equal(t, weak, err)
	require.Empty(t, user)
	require.NoError(t, redeem(k, activation.Reset, key, "hash 1"))
}

func TestKeyringRotation(t *testing.T) {
	store := activation.NewMemoryStore()
	ring1, key1 := newRing(t)
	ring2, _ := newRing(t, key1)
	with := func(ring *skans.Keyring) *activation.Keys {
		return newKeys(t, func(c *activation.Config) { c.Keys, c.Store = ring, store })
	}
	before, after := with(ring1), with(ring2)
	old := issue(t, before, activation.Reset, "anna", "s")
	_, err := after.Peek(context.Background(), activation.Reset, old)
	require.NoError(t, err, "links in the mail survive a rotation")
	newer := issue(t, after, activation.Reset, "anna", "s")
	require.ErrorIs(t, redeem(after, activation.Reset, old, "s"), activation.ErrKey, "and a newer key still kills the older")
	require.NoError(t, redeem(after, activation.Reset, newer, "s"))
	old = issue(t, before, activation.Reset, "anna", "s")
	require.NoError(t, after.Revoke(context.Background(), activation.Reset, "anna"))
	require.ErrorIs(t, redeem(after, activation.Reset, old, "s"), activation.ErrKey)
}

type failing struct {
	activation.Store
	put, get, consume bool
}

func (f failing) Put(ctx context.Context, r activation.Record) error {
	if f.put {
		<-ctx.Done()
		return ctx.Err()
	}
	return f.Store.Put(ctx, r)
}

func (f failing) Get(ctx context.Context, id activation.ID) (activation.Record, bool, error) {
	if f.get {
		<-ctx.Done()
		return activation.Record{}, true, ctx.Err()
	}
	return f.Store.Get(ctx, id)
}

func (f failing) Consume(ctx context.Context, id activation.ID) (bool, error) {
	if f.consume {
		<-ctx.Done()
		return true, ctx.Err()
	}
	return f.Store.Consume(ctx, id)
}

func TestStoreFailuresGrantNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, _ := newRing(t)
		store := activation.NewMemoryStore()
		with := func(f failing) *activation.Keys {
			f.Store = store
			return newKeys(t, func(c *activation.Config) { c.Keys, c.Store = ring, f })
		}
		ctx := context.Background()
		key, err := with(failing{put: true}).Issue(ctx, activation.Reset, "anna", "s")
		require.ErrorIs(t, err, activation.ErrStore)
		require.Empty(t, key)
		key = issue(t, with(failing{}), activation.Reset, "anna", "s")
		_, err = with(failing{get: true}).Peek(ctx, activation.Reset, key)
		require.ErrorIs(t, err, activation.ErrStore)
		require.ErrorIs(t, redeem(with(failing{get: true}), activation.Reset, key, "s"), activation.ErrStore)
		require.ErrorIs(t, redeem(with(failing{consume: true}), activation.Reset, key, "s"), activation.ErrStore)
		require.NoError(t, redeem(with(failing{}), activation.Reset, key, "s"), "nothing was lost")
	})
}

func TestWhatCannotBeRecordedDoesNotHappen(t *testing.T) {
	full := errors.New("disk full")
	var fail atomic.Bool
	k := newKeys(t, func(c *activation.Config) {
		c.Audit = func(context.Context, string, ...slog.Attr) error {
			if fail.Load() {
				return full
			}
			return nil
		}
	})
	key := issue(t, k, activation.Reset, "anna", "s")
	fail.Store(true)
	none, err := k.Issue(context.Background(), activation.Reset, "anna", "s")
	require.ErrorIs(t, err, full)
	require.Empty(t, none)
	require.ErrorIs(t, redeem(k, activation.Reset, key, "s"), activation.ErrKey, "a refusal stays one")
	fail.Store(false)
	key = issue(t, k, activation.Reset, "anna", "s")
	fail.Store(true)
	require.ErrorIs(t, redeem(k, activation.Reset, key, "s"), full)
}

func TestStoreHoldsNoKeyNoState(t *testing.T) {
	var kept []activation.Record
	spy := spyStore{activation.NewMemoryStore(), &kept}
	k := newKeys(t, func(c *activation.Config) { c.Store = spy })
	key := issue(t, k, activation.Reset, "anna", "the password hash")
	require.Len(t, kept, 1)
	flat := string(kept[0].ID[:]) + string(kept[0].Slot[:]) + string(kept[0].State[:]) + kept[0].Subject
	require.NotContains(t, flat, key)
	require.NotContains(t, flat, "password hash")
}

type spyStore struct {
	activation.Store
	kept *[]activation.Record
}

func (s spyStore) Put(ctx context.Context, r activation.Record) error {
	*s.kept = append(*s.kept, r)
	return s.Store.Put(ctx, r)
}

func TestNewAndIssueRefuse(t *testing.T) {
	ring, _ := newRing(t)
	send := func(context.Context, activation.Message) error { return nil }
	for says, cfg := range map[string]activation.Config{
		"Keys":            {},
		"TTL":             {Keys: ring, TTL: map[activation.Purpose]time.Duration{activation.Reset: 31 * 24 * time.Hour}},
		"Timeout":         {Keys: ring, Timeout: -1},
		"BaseURL must":    {Keys: ring, BaseURL: "http://mail.example/"},
		"such as https":   {Keys: ring, BaseURL: "https://mail.example/?a=b"},
		"an https":        {Keys: ring, BaseURL: "//mail.example/"},
		"belong together": {Keys: ring, Send: send, BaseURL: "https://mail.example/"},
	} {
		_, err := activation.New(cfg)
		require.ErrorContains(t, err, says)
	}
	k := newKeys(t, nil)
	for _, c := range [][2]string{{"", "anna"}, {"reset", ""}, {"reset", strings.Repeat("a", 513)}} {
		_, err := k.Issue(context.Background(), activation.Purpose(c[0]), c[1], "s")
		require.Error(t, err)
	}
	_, err := k.Link("reset", "key")
	require.ErrorContains(t, err, "BaseURL")
}

func TestLinkComesFromTheBaseURL(t *testing.T) {
	for base, want := range map[string]string{
		"https://mail.example":          "https://mail.example/reset/k-e_y",
		"https://mail.example/":         "https://mail.example/reset/k-e_y",
		"https://example/mail/":         "https://example/mail/reset/k-e_y",
		"http://localhost:8080":         "http://localhost:8080/reset/k-e_y",
		"https://[2001:db8::1]:8443/m/": "https://[2001:db8::1]:8443/m/reset/k-e_y",
	} {
		k := newKeys(t, func(c *activation.Config) { c.BaseURL = base })
		link, err := k.Link("reset", "k-e_y")
		require.NoError(t, err)
		require.Equal(t, want, link)
	}
}

func FuzzKey(f *testing.F) {
	k := newKeys(f, nil)
	key := issue(f, k, activation.Reset, "anna", "s")
	for _, seed := range []string{"", key[:42], key + "A", strings.Repeat("A", 43), "\x00" + key[1:], strings.ToLower(key), " " + key} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, guess string) {
		user, err := k.Peek(context.Background(), activation.Reset, guess)
		if guess == key {
			require.NoError(t, err)
			return
		}
		require.ErrorIs(t, err, activation.ErrKey)
		require.Empty(t, user)
		require.ErrorIs(t, redeem(k, activation.Reset, guess, "s"), activation.ErrKey)
	})
}

func BenchmarkPeek(b *testing.B) {
	k := newKeys(b, nil)
	key := issue(b, k, activation.Reset, "anna", "s")
	b.ReportAllocs()
	for b.Loop() {
		_, _ = k.Peek(context.Background(), activation.Reset, key)
	}
}
