package onetime_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/totp/onetime"
)

const (
	purpose = "verify-address"
	anna    = "anna"
)

// A fixture is a service with a clock that the test moves and a log that the test reads.
type fixture struct {
	*onetime.Service
	store *onetime.MemoryStore
	mu    sync.Mutex
	at    time.Time
	log   []string // event, or event:reason
	err   error    // what the log returns
}

func newFixture(t *testing.T, change ...func(*onetime.Config)) *fixture {
	t.Helper()
	keys, err := skans.NewKeyring(skans.GenerateKey("2026a"))
	require.NoError(t, err)
	f := &fixture{store: onetime.NewMemoryStore(), at: time.Unix(1_800_000_000, 0)}
	cfg := onetime.Config{Keys: keys, Store: f.store, Audit: f.audit}
	for _, c := range change {
		c(&cfg)
	}
	f.Service, err = onetime.New(cfg)
	require.NoError(t, err)
	onetime.SetClock(f.Service, func() time.Time { return f.at })
	return f
}

func (f *fixture) audit(_ context.Context, event string, attrs ...slog.Attr) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range attrs {
		if a.Key == "reason" || a.Key == "step" {
			event += ":" + a.Value.String()
		}
	}
	f.log = append(f.log, event)
	return f.err
}

func (f *fixture) issue(t *testing.T) (challenge, code string) {
	t.Helper()
	challenge, code, err := f.Issue(t.Context(), purpose, anna)
	require.NoError(t, err)
	return challenge, code
}

// wrong returns a code that is not this one.
func wrong(code string) string {
	return strings.Map(func(r rune) rune { return '0' + (r-'0'+1)%10 }, code)
}

func TestACodeWorksOnce(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	challenge, code := f.issue(t)
	require.Regexp(t, `^[0-9]{6}$`, code)
	require.NoError(t, f.Verify(ctx, purpose, anna, challenge, code[:3]+" "+code[3:]))
	require.ErrorIs(t, f.Verify(ctx, purpose, anna, challenge, code), onetime.ErrCode)
	require.Equal(t, []string{"onetime.issued", "onetime.verified", "onetime.refused:none"}, f.log)
}

func TestOneOfFiftyParallelPostsSucceeds(t *testing.T) {
	f, ctx := newFixture(t, func(c *onetime.Config) { c.Throttle = generous{} }), t.Context()
	challenge, code := f.issue(t)
	var ready, done sync.WaitGroup
	start, results := make(chan struct{}), make(chan error, 50)
	for range 50 {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			results <- f.Verify(ctx, purpose, anna, challenge, code)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	close(results)
	successes := 0
	for err := range results {
		if err == nil {
			successes++
			continue
		}
		require.ErrorIs(t, err, onetime.ErrCode)
	}
	require.Equal(t, 1, successes)
}

// generous is a throttle that never refuses.
type generous struct{}

func (generous) Take(context.Context, string, string) (bool, time.Duration, error) {
	return true, 0, nil
}

func TestACodeIsOfItsChallengePurposeAndUser(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	challenge, code := f.issue(t)
	other, _, err := f.Issue(ctx, "sign-in", anna)
	require.NoError(t, err)
	require.ErrorIs(t, f.Verify(ctx, purpose, anna, other, code), onetime.ErrCode, "another browser's challenge")
	require.ErrorIs(t, f.Verify(ctx, purpose, anna, "", code), onetime.ErrCode, "a browser without one")
	require.ErrorIs(t, f.Verify(ctx, "sign-in", anna, challenge, code), onetime.ErrCode)
	require.ErrorIs(t, f.Verify(ctx, purpose, "bo", challenge, code), onetime.ErrCode)
	require.NoError(t, f.Verify(ctx, purpose, anna, challenge, code), "none of those used up a try or the code")
}

func TestTheSixthTryIsRefusedEvenWithTheRightCode(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	challenge, code := f.issue(t)
	for range 5 {
		require.ErrorIs(t, f.Verify(ctx, purpose, anna, challenge, wrong(code)), onetime.ErrCode)
	}
	require.ErrorIs(t, f.Verify(ctx, purpose, anna, challenge, code), onetime.ErrCode)
}

func TestAskingAnewBuysNoGuesses(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	for range 2 {
		challenge, code := f.issue(t)
		for range 5 {
			require.ErrorIs(t, f.Verify(ctx, purpose, anna, challenge, wrong(code)), onetime.ErrCode)
		}
	}
	challenge, code := f.issue(t)
	err := f.Verify(ctx, purpose, anna, challenge, code)
	require.ErrorIs(t, err, onetime.ErrThrottled)
	var throttled *onetime.Throttled
	require.True(t, errors.As(err, &throttled))
	require.Equal(t, time.Hour, throttled.RetryAfter)
	require.Equal(t, "onetime.throttled:verify", f.log[len(f.log)-1])
}

func TestSendingsHaveABudget(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	for range 5 {
		f.issue(t)
	}
	_, _, err := f.Issue(ctx, purpose, anna)
	require.ErrorIs(t, err, onetime.ErrThrottled)
	_, _, err = f.Issue(ctx, purpose, "bo")
	require.NoError(t, err, "others have their own")
	f.at = f.at.Add(time.Hour)
	f.issue(t)
}

func TestANewerCodeKillsTheOlder(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	old, oldCode := f.issue(t)
	challenge, code := f.issue(t)
	require.ErrorIs(t, f.Verify(ctx, purpose, anna, old, oldCode), onetime.ErrCode)
	require.NoError(t, f.Verify(ctx, purpose, anna, challenge, code))
}

func TestACodeLivesTenMinutes(t *testing.T) {
	for name, c := range map[string]struct {
		after time.Duration
		want  error
	}{
		"just before": {9*time.Minute + 59*time.Second, nil},
		"just after":  {10*time.Minute + time.Second, onetime.ErrCode},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			challenge, code := f.issue(t)
			f.at = f.at.Add(c.after)
			require.ErrorIs(t, f.Verify(t.Context(), purpose, anna, challenge, code), c.want)
		})
	}
}
