package onetime_test

import (
	"context"
	"errors"
	"fmt"
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

func TestSendHandsTheCodeToTheHookOnly(t *testing.T) {
	var sent []onetime.Message
	var failure error
	f := newFixture(t, func(c *onetime.Config) {
		c.Send = func(_ context.Context, m onetime.Message) error { sent = append(sent, m); return failure }
	})
	ctx := t.Context()
	challenge, err := f.Send(ctx, purpose, anna)
	require.NoError(t, err)
	require.Len(t, sent, 1)
	m := sent[0]
	require.Equal(t, purpose, m.Purpose)
	require.Equal(t, anna, m.User)
	require.Equal(t, f.at.Add(10*time.Minute).UTC(), m.Expires)
	require.NotContains(t, fmt.Sprintf("%+v", m), m.Code.Reveal())
	require.NoError(t, f.Verify(ctx, purpose, anna, challenge, m.Code.Reveal()))

	failure = errors.New("relay down")
	_, err = f.Send(ctx, purpose, anna)
	require.ErrorIs(t, err, failure)
	require.Equal(t, "onetime.refused:send", f.log[len(f.log)-1])
	n, err := f.Sweep(ctx)
	require.NoError(t, err)
	require.Zero(t, n)
	f.at = f.at.Add(time.Hour)
	n, err = f.Sweep(ctx)
	require.NoError(t, err)
	require.Zero(t, n, "a code that was not sent does not wait")

	_, err = newFixture(t).Send(ctx, purpose, anna)
	require.ErrorContains(t, err, "Config.Send")
}

func TestSweepRemovesWhatRanOut(t *testing.T) {
	f := newFixture(t)
	f.issue(t)
	f.at = f.at.Add(10 * time.Minute)
	n, err := f.Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

func TestCodesAreUniform(t *testing.T) {
	// 10,000 codes of 6 digits: each digit is expected 1,000 times in each place, with a standard deviation of 30. Six
	// of them are exceeded by chance once in about ten million runs.
	f, ctx := newFixture(t, func(c *onetime.Config) { c.Throttle = generous{} }), t.Context()
	var counts [6][10]int
	for range 10_000 {
		_, code, err := f.Issue(ctx, purpose, anna)
		require.NoError(t, err)
		for place, digit := range code {
			counts[place][digit-'0']++
		}
	}
	for place, digits := range counts {
		for digit, n := range digits {
			require.InDelta(t, 1_000, n, 180, "digit %d in place %d", digit, place)
		}
	}
}

func TestMalformedCodesUseUpNoTryOfTheChallenge(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	challenge, code := f.issue(t)
	for _, malformed := range []string{"", "12345", "1234567", "abcdef", "１２３４５６", strings.Repeat("1", 1<<20), code + "\x00"} {
		require.ErrorIs(t, f.Verify(ctx, purpose, anna, challenge, malformed), onetime.ErrCode, "%.20q", malformed)
	}
	require.ErrorIs(t, f.Verify(ctx, purpose, anna, strings.Repeat("x", 1<<20), code), onetime.ErrCode)
	require.NoError(t, f.Verify(ctx, purpose, anna, challenge, code))
}

func TestCodesSurviveAKeyRotation(t *testing.T) {
	older, newer := skans.GenerateKey("older"), skans.GenerateKey("newer")
	store := onetime.NewMemoryStore()
	service := func(current skans.Key, rest ...skans.Key) *onetime.Service {
		ring, err := skans.NewKeyring(current, rest...)
		require.NoError(t, err)
		s, err := onetime.New(onetime.Config{Keys: ring, Store: store})
		require.NoError(t, err)
		return s
	}
	challenge, code, err := service(older).Issue(t.Context(), purpose, anna)
	require.NoError(t, err)
	require.ErrorIs(t, service(newer).Verify(t.Context(), purpose, anna, challenge, code), onetime.ErrCode)
	require.NoError(t, service(newer, older).Verify(t.Context(), purpose, anna, challenge, code))
}

func TestTheStoreSeesNeitherCodeNorChallenge(t *testing.T) {
	spy := &spyStore{Store: onetime.NewMemoryStore()}
	f := newFixture(t, func(c *onetime.Config) { c.Store = spy })
	challenge, code := f.issue(t)
	dump := fmt.Sprintf("%+v %x %s", spy.seen, spy.seen.MAC, spy.seen.MAC)
	require.NotContains(t, dump, challenge)
	require.NotContains(t, strings.Trim(string(spy.seen.MAC), "\x00"), code)
	require.Len(t, spy.seen.ID, 64)
	require.Len(t, spy.seen.MAC, 32)
}

type spyStore struct {
	onetime.Store
	seen onetime.Entry
}

func (s *spyStore) Put(ctx context.Context, purpose, user string, e onetime.Entry) error {
	s.seen = e
	return s.Store.Put(ctx, purpose, user, e)
}

func TestWhatCannotBeRecordedDoesNotHappen(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	challenge, code := f.issue(t)
	f.err = errors.New("disk full")
	_, _, err := f.Issue(ctx, purpose, anna)
	require.ErrorIs(t, err, f.err)
	err = f.Verify(ctx, purpose, anna, challenge, wrong(code))
	require.ErrorIs(t, err, onetime.ErrCode, "a refusal stays one")
	require.ErrorIs(t, err, f.err)
	require.ErrorIs(t, f.Verify(ctx, purpose, anna, challenge, code), f.err)
}

func TestAHangingStoreDenies(t *testing.T) {
	f := newFixture(t, func(c *onetime.Config) {
		c.Store, c.Timeout = hangingStore{onetime.NewMemoryStore()}, 20*time.Millisecond
	})
	_, _, err := f.Issue(t.Context(), purpose, anna)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, f.Verify(t.Context(), purpose, anna, "c", "123456"), context.DeadlineExceeded)
}

// A hangingStore answers when ctx is over.
type hangingStore struct{ onetime.Store }

func (hangingStore) Put(ctx context.Context, _, _ string, _ onetime.Entry) error {
	<-ctx.Done()
	return ctx.Err()
}

func (hangingStore) Try(ctx context.Context, _, _, _ string, _ int) (onetime.Entry, bool, error) {
	<-ctx.Done()
	return onetime.Entry{}, false, ctx.Err()
}

func TestNewRefusesWhatIsNotSafe(t *testing.T) {
	keys, err := skans.NewKeyring(skans.GenerateKey("k"))
	require.NoError(t, err)
	good := onetime.Config{Keys: keys, Store: onetime.NewMemoryStore()}
	_, err = onetime.New(good)
	require.NoError(t, err)
	for name, change := range map[string]func(*onetime.Config){
		"no keys":    func(c *onetime.Config) { c.Keys = nil },
		"no store":   func(c *onetime.Config) { c.Store = nil },
		"5 digits":   func(c *onetime.Config) { c.Digits = 5 },
		"11 digits":  func(c *onetime.Config) { c.Digits = 11 },
		"11 minutes": func(c *onetime.Config) { c.Life = 11 * time.Minute },
		"negative":   func(c *onetime.Config) { c.Life = -1 },
		"timeout":    func(c *onetime.Config) { c.Timeout = -1 },
	} {
		cfg := good
		change(&cfg)
		_, err := onetime.New(cfg)
		require.ErrorContains(t, err, "onetime: Config.", name)
	}
	f := newFixture(t)
	for _, in := range [][2]string{{"", anna}, {purpose, ""}, {strings.Repeat("p", 65), anna}, {purpose, strings.Repeat("u", 257)}} {
		_, _, err := f.Issue(t.Context(), in[0], in[1])
		require.Error(t, err)
		require.ErrorIs(t, f.Verify(t.Context(), in[0], in[1], "c", "123456"), onetime.ErrCode)
	}
}
