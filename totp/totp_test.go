package totp_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/totp"
	"github.com/skans-go/skans/totp/totptest"
)

const anna = "anna"

// A fixture is a service with a clock that the test moves and a log that the test reads.
type fixture struct {
	*totp.Service
	store    *totp.MemoryStore
	keys     *skans.Keyring
	mu       sync.Mutex
	at       time.Time
	log      []string // event, or event:reason
	auditErr error
	told     []string
}

func newFixture(t *testing.T, change ...func(*totp.Config)) *fixture {
	t.Helper()
	keys, err := skans.NewKeyring(skans.GenerateKey("2026a"))
	require.NoError(t, err)
	f := &fixture{store: totp.NewMemoryStore(), keys: keys, at: time.Unix(1_800_000_000, 0)}
	cfg := totp.Config{
		Issuer: "Acme", Keys: keys, Store: f.store, Audit: f.audit,
		Notify: func(_ context.Context, user, event string) { f.told = append(f.told, user+" "+event) },
	}
	for _, c := range change {
		c(&cfg)
	}
	f.Service, err = totp.New(cfg)
	require.NoError(t, err)
	totp.SetClock(f.Service, f.now)
	return f
}

func (f *fixture) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at
}

func (f *fixture) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = f.at.Add(d)
}

func (f *fixture) audit(_ context.Context, event string, attrs ...slog.Attr) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.auditErr != nil {
		return f.auditErr
	}
	for _, a := range attrs {
		if a.Key == "reason" {
			event += ":" + a.Value.String()
		}
	}
	f.log = append(f.log, event)
	return nil
}

// enrolled confirms a factor for anna, moves the clock past the burnt step, and returns the secret and the recovery codes.
func (f *fixture) enrolled(t *testing.T) (skans.Secret, []string) {
	t.Helper()
	p, err := f.Enroll(t.Context(), anna, "anna@example.com")
	require.NoError(t, err)
	recovery, err := f.Confirm(t.Context(), anna, f.code(t, p.Secret()))
	require.NoError(t, err)
	f.pass(time.Minute)
	f.log = nil
	return p.Secret(), recovery
}

func (f *fixture) code(t *testing.T, secret skans.Secret) string {
	t.Helper()
	return totptest.CodeAt(t, secret, f.now())
}

func TestEnrolConfirmVerify(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	require.ErrorIs(t, f.Verify(ctx, anna, "123456"), totp.ErrNotEnrolled)
	p, err := f.Enroll(ctx, anna, "anna@example.com")
	require.NoError(t, err)
	first := f.code(t, p.Secret())
	require.ErrorIs(t, f.Verify(ctx, anna, first), totp.ErrNotEnrolled, "a pending factor proves nothing")
	recovery, err := f.Confirm(ctx, anna, first)
	require.NoError(t, err)
	require.Len(t, recovery, 10)
	require.ErrorIs(t, f.Verify(ctx, anna, first), totp.ErrReplayed, "the code that confirmed is used up")
	f.pass(30 * time.Second)
	require.NoError(t, f.Verify(ctx, anna, f.code(t, p.Secret())))
	require.Equal(t, []string{
		"totp.refused:not-enrolled", "totp.enrolled", "totp.refused:not-enrolled", "totp.confirmed",
		"totp.refused:replayed", "totp.verified",
	}, f.log)
}

func TestACodeWorksOnceAlsoInterleaved(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	secret, _ := f.enrolled(t)
	a := f.code(t, secret)
	f.pass(30 * time.Second)
	b := f.code(t, secret)
	require.NoError(t, f.Verify(ctx, anna, a), "the step before is still accepted")
	require.NoError(t, f.Verify(ctx, anna, b))
	require.ErrorIs(t, f.Verify(ctx, anna, a), totp.ErrReplayed)
	require.ErrorIs(t, f.Verify(ctx, anna, b), totp.ErrReplayed)
}

func TestOneOfFiftyParallelPostsOfACodeSucceeds(t *testing.T) {
	f, ctx := newFixture(t, func(c *totp.Config) { c.Throttle = generous{} }), t.Context()
	secret, recovery := f.enrolled(t)
	code := f.code(t, secret)
	require.Equal(t, 1, parallel(50, func() error { return f.Verify(ctx, anna, code) }, totp.ErrReplayed))
	require.Equal(t, 1, parallel(50, func() error { return f.Recover(ctx, anna, recovery[3]) }, totp.ErrCode))
}

// parallel runs f n times at once and counts the successes. An error that is not other, if other is given, counts as -1000.
func parallel(n int, f func() error, other error) (successes int) {
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	results := make(chan error, n)
	for range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			results <- f()
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	close(results)
	for err := range results {
		switch {
		case err == nil:
			successes++
		case other != nil && !errors.Is(err, other):
			successes -= 1000
		}
	}
	return successes
}

// generous is a throttle that never refuses.
type generous struct{}

func (generous) Take(context.Context, string, string) (bool, time.Duration, error) {
	return true, 0, nil
}

func TestAClockThatStepsBackKeepsUsedStepsUsed(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	secret, _ := f.enrolled(t)
	old := f.code(t, secret)
	f.pass(5 * time.Minute)
	require.NoError(t, f.Verify(ctx, anna, f.code(t, secret)))
	f.pass(-5 * time.Minute)
	require.ErrorIs(t, f.Verify(ctx, anna, old), totp.ErrReplayed, "right for this clock, but older than one that was used")
	f.pass(-48 * time.Hour)
	require.ErrorIs(t, f.Verify(ctx, anna, f.code(t, secret)), totp.ErrReplayed)
	f.pass(49 * time.Hour)
	require.NoError(t, f.Verify(ctx, anna, f.code(t, secret)))
}
