package bench

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/argon2"

	"github.com/skans-go/skans/password"
	"github.com/skans-go/skans/password/throttle"
)

// Argon2id with the parameters of the OWASP cheat sheet on all sides: 19 MiB, two passes, one lane.

const (
	passphrase = "correct horse battery staple"
	memoryKiB  = 19456
	passes     = 2
)

var edwards = &argon2id.Params{Memory: memoryKiB, Iterations: passes, Parallelism: 1, SaltLength: 16, KeyLength: 32}

func hasher(tb testing.TB) (*password.Hasher, string) {
	tb.Helper()
	h, err := password.New(password.Config{Keys: keyring(tb), Params: password.OWASP})
	require.NoError(tb, err)
	enc, err := h.Hash(tb.Context(), "anna", passphrase)
	require.NoError(tb, err)
	return h, enc
}

func TestPasswordsDoTheSame(t *testing.T) {
	require.EqualValues(t, "m=19456,t=2,p=1", password.OWASP)
	h, enc := hasher(t)
	other, err := argon2id.CreateHash(passphrase, edwards)
	require.NoError(t, err)
	for candidate, want := range map[string]bool{passphrase: true, passphrase + " ": false, "": false} {
		_, err := h.Verify(t.Context(), "anna", enc, candidate)
		require.Equal(t, want, err == nil, "skans %q", candidate)
		ok, err := argon2id.ComparePasswordAndHash(candidate, other)
		require.NoError(t, err)
		require.Equal(t, want, ok, "argon2id %q", candidate)
	}
}

func BenchmarkPassword(b *testing.B) {
	h, enc := hasher(b)
	other, err := argon2id.CreateHash(passphrase, edwards)
	require.NoError(b, err)
	ctx, salt := context.Background(), random(16)
	beside(b,
		side{"skans", func() { must(h.Verify(ctx, "anna", enc, passphrase)) }},
		side{"argon2", func() { argon2.IDKey([]byte(passphrase), salt, passes, memoryKiB, 1, 32) }},
		side{"argon2id", func() { must(argon2id.ComparePasswordAndHash(passphrase, other)) }})
}

var about = password.About{Username: "anna", Email: "anna@example.com", Names: []string{"Anna Lind"}, Service: "mail"}

func TestCommonPasswordIsFound(t *testing.T) {
	p := password.DefaultPolicy()
	require.NotEmpty(t, p.Check("Summer2026!!", about))
	require.Empty(t, p.Check("seven green umbrellas on a roof", about))
}

// BenchmarkCommonPassword is the whole check of a new password: length, likeness to its owner, common passwords.
func BenchmarkCommonPassword(b *testing.B) {
	p := password.DefaultPolicy()
	for name, candidate := range map[string]string{"common": "Summer2026!!", "phrase": "seven green umbrellas on a roof"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Check(candidate, about)
			}
		})
	}
}

func throttled(tb testing.TB, change func(*throttle.Config)) *throttle.Limiter {
	tb.Helper()
	cfg := throttle.Config{Keys: keyring(tb)}
	if change != nil {
		change(&cfg)
	}
	l, err := throttle.New(cfg)
	require.NoError(tb, err)
	return l
}

var attempt = throttle.Attempt{Name: "anna", Addr: netip.MustParseAddr("192.0.2.1"), Captcha: true}

// never is a limit that no benchmark reaches, so that every Reserve counts and allows.
func never(c *throttle.Config) {
	limit := throttle.Limit{Stop: 1 << 40, Forget: time.Hour}
	c.Pair, c.Name, c.Address, c.Network = limit, limit, limit, limit
}

func TestThrottleAllowsAndRefuses(t *testing.T) {
	open, shut := throttled(t, never), throttled(t, nil)
	var allowed, refused int
	for range 200 {
		d, err := open.Reserve(t.Context(), attempt)
		require.NoError(t, err)
		require.True(t, d.Allowed)
		d, err = shut.Reserve(t.Context(), attempt)
		require.NoError(t, err)
		if d.Allowed {
			allowed++
		} else {
			refused++
		}
	}
	require.Positive(t, allowed)
	require.Greater(t, refused, allowed)
}

func BenchmarkThrottle(b *testing.B) {
	for name, change := range map[string]func(*throttle.Config){"refused": nil, "allowed": never} {
		b.Run(name, func(b *testing.B) {
			l, ctx := throttled(b, change), context.Background()
			b.ReportAllocs()
			for b.Loop() {
				must(l.Reserve(ctx, attempt))
			}
		})
	}
}
