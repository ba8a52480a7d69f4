package totp_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"
	pquerna "github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/totp"
)

// codeOf is what an app shows that has read the provisioning URI.
func codeOf(t *testing.T, key *otp.Key, at time.Time) string {
	t.Helper()
	code, err := pquerna.GenerateCodeCustom(key.Secret(), at, pquerna.ValidateOpts{
		Period: uint(key.Period()), Digits: key.Digits(), Algorithm: key.Algorithm(),
	})
	require.NoError(t, err)
	return code
}

func TestTheWindow(t *testing.T) {
	const step = 30 * time.Second
	for _, c := range []struct {
		skew     totp.Skew
		name     string
		accepted []int // steps relative to now
	}{
		{totp.SkewPast, "past", []int{-1, 0}},
		{totp.SkewNone, "none", []int{0}},
		{totp.SkewBoth, "both", []int{-1, 0, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for at := -3; at <= 3; at++ {
				f := newFixture(t, func(cfg *totp.Config) { cfg.Skew = c.skew })
				secret, _ := f.enrolled(t)
				f.pass(10 * step)
				now := f.now()
				f.at = now.Add(time.Duration(at) * step)
				code := f.code(t, secret)
				f.at = now
				err := f.Verify(t.Context(), anna, code)
				want := false
				for _, a := range c.accepted {
					want = want || a == at
				}
				if want {
					require.NoError(t, err, "step %d", at)
				} else {
					require.ErrorIs(t, err, totp.ErrCode, "step %d", at)
				}
			}
		})
	}
}

func TestACodeRunsOutToTheSecond(t *testing.T) {
	// ASVS 6.5.5: with SkewNone a code lives for its 30 seconds, 1,800,000,000 being the first second of a step.
	f := newFixture(t, func(cfg *totp.Config) { cfg.Skew = totp.SkewNone })
	secret, _ := f.enrolled(t)
	f.at = time.Unix(1_800_000_300, 0)
	code := f.code(t, secret)
	f.at = time.Unix(1_800_000_330, 0)
	require.ErrorIs(t, f.Verify(t.Context(), anna, code), totp.ErrCode)
	f.at = time.Unix(1_800_000_329, 999_999_999)
	require.NoError(t, f.Verify(t.Context(), anna, code))
}

func TestWrongCodesMoveNothing(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	secret, _ := f.enrolled(t)
	before, err := f.store.Load(ctx, anna)
	require.NoError(t, err)
	code := f.code(t, secret)
	for _, wrong := range []string{
		"", " ", "12345", "1234567", "12345a", "-12345", "+12345", "12345\n", "１２３４５６", "0x1234", strings.Repeat(" ", 1<<20), code + "\x00",
		fmt.Sprintf("%06d", (number(t, code)+1)%1_000_000),
	} {
		require.ErrorIs(t, again(t, f).Verify(ctx, anna, wrong), totp.ErrCode, "%.20q", wrong)
	}
	after, err := f.store.Load(ctx, anna)
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.NoError(t, again(t, f).Verify(ctx, anna, code[:3]+" "+code[3:]))
}

// again opens the same store with a fresh budget.
func again(t *testing.T, f *fixture) *totp.Service {
	t.Helper()
	s, err := totp.New(totp.Config{Issuer: "Acme", Keys: f.keys, Store: f.store, Audit: f.audit})
	require.NoError(t, err)
	totp.SetClock(s, f.now)
	return s
}

func number(t *testing.T, code string) (n int) {
	t.Helper()
	_, err := fmt.Sscanf(code, "%d", &n)
	require.NoError(t, err)
	return n
}

func TestTheBudgetIsTenAnHourAndFiftyADay(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	secret, recovery := f.enrolled(t)
	f.told = nil
	tries := 0
	for hour := range 5 {
		for range 10 {
			require.ErrorIs(t, f.Verify(ctx, anna, "abcdef"), totp.ErrCode)
			tries++
		}
		err := f.Verify(ctx, anna, f.code(t, secret))
		require.ErrorIs(t, err, totp.ErrThrottled, "hour %d: not even the right code", hour)
		var throttled *totp.Throttled
		require.True(t, errors.As(err, &throttled))
		require.Greater(t, throttled.RetryAfter, time.Duration(0))
		require.NoError(t, f.Recover(ctx, anna, recovery[hour]), "recovery has a budget of its own")
		f.pass(time.Hour)
	}
	require.Equal(t, 50, tries)
	require.ErrorIs(t, f.Verify(ctx, anna, f.code(t, secret)), totp.ErrThrottled, "the day's are used up")
	require.ErrorIs(t, f.Verify(ctx, "bo", "123456"), totp.ErrNotEnrolled, "others have their own")
	f.pass(19 * time.Hour)
	require.NoError(t, f.Verify(ctx, anna, f.code(t, secret)))

	notices := 0
	for _, told := range f.told {
		if told == "anna totp.throttled" {
			notices++
		}
	}
	require.Equal(t, 6, notices, "once an hour, not for every try")
}

func TestRightCodesCostNoBudget(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	secret, _ := f.enrolled(t)
	for range 60 {
		f.pass(30 * time.Second)
		require.NoError(t, f.Verify(ctx, anna, f.code(t, secret)))
	}
}

func TestParallelGuessesDoNotSlipPastTheBudget(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	f.enrolled(t)
	require.Equal(t, 0, parallel(300, func() error { return f.Verify(ctx, anna, "abcdef") }, nil))
	looked := 0
	for _, line := range f.log {
		if line == "totp.refused:malformed" {
			looked++
		}
	}
	require.Equal(t, 10, looked)
}

func TestAThrottleOfTheHost(t *testing.T) {
	down := errors.New("down")
	th := &scripted{answer: func() (bool, time.Duration, error) { return false, time.Minute, nil }}
	f, ctx := newFixture(t, func(c *totp.Config) { c.Throttle = th }), t.Context()
	p, err := f.Enroll(ctx, anna, "anna")
	require.NoError(t, err)
	_, err = f.Confirm(ctx, anna, f.code(t, p.Secret()))
	require.ErrorIs(t, err, totp.ErrThrottled)
	th.answer = func() (bool, time.Duration, error) { return true, 0, nil }
	_, err = f.Confirm(ctx, anna, f.code(t, p.Secret()))
	require.NoError(t, err)
	require.Equal(t, []string{"take totp.verify anna", "take totp.verify anna", "return totp.verify anna"}, th.calls)
	f.pass(time.Minute)
	th.answer = func() (bool, time.Duration, error) { return true, 0, down }
	require.ErrorIs(t, f.Verify(ctx, anna, f.code(t, p.Secret())), down, "an error denies, whatever else it says")
	require.Equal(t, "totp.refused:throttle", f.log[len(f.log)-1])
}

// A scripted throttle answers as told.
type scripted struct {
	answer func() (bool, time.Duration, error)
	calls  []string
}

func (s *scripted) Take(_ context.Context, purpose, key string) (bool, time.Duration, error) {
	s.calls = append(s.calls, "take "+purpose+" "+key)
	return s.answer()
}

func (s *scripted) Return(_ context.Context, purpose, key string) error {
	s.calls = append(s.calls, "return "+purpose+" "+key)
	return nil
}

func TestOddUserIDs(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	for _, user := range []string{"", strings.Repeat("x", 257)} {
		_, err := f.Enroll(ctx, user, "anna")
		require.Error(t, err)
		require.ErrorIs(t, f.Verify(ctx, user, "123456"), totp.ErrNotEnrolled)
		require.ErrorIs(t, f.Recover(ctx, user, "123456"), totp.ErrNotEnrolled)
	}
}
