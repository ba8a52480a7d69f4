package bench

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pquerna/otp"
	pquerna "github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/totp"
)

// Here is the whole check on both sides: this library's also loads the record, opens the sealed secret and counts the try.
// The core alone, without those, is measured beside pquerna/otp by the benchmarks Core and Pquerna of package totp.

// generous lets every try through.
type generous struct{}

func (generous) Take(context.Context, string, string) (bool, time.Duration, error) {
	return true, 0, nil
}

// enrolled returns a service in which anna has a factor, and her secret.
func enrolled(tb testing.TB) (*totp.Service, string) {
	tb.Helper()
	s, err := totp.New(totp.Config{Issuer: "Acme", Keys: keyring(tb), Store: totp.NewMemoryStore(), Throttle: generous{}})
	require.NoError(tb, err)
	p, err := s.Enroll(tb.Context(), "anna", "anna@example.com")
	require.NoError(tb, err)
	secret := p.Secret().Reveal()
	code, err := pquerna.GenerateCode(secret, time.Now())
	require.NoError(tb, err)
	_, err = s.Confirm(tb.Context(), "anna", code)
	require.NoError(tb, err)
	return s, secret
}

// twoSteps asks pquerna/otp about the steps that this library accepts: the current one and the one before.
func twoSteps(code, secret string, now time.Time) bool {
	opts := pquerna.ValidateOpts{Period: 30, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}
	for _, at := range []time.Time{now, now.Add(-30 * time.Second)} {
		if ok, err := pquerna.ValidateCustom(code, secret, at, opts); err == nil && ok {
			return true
		}
	}
	return false
}

func TestTOTPDoesTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, secret := enrolled(t)
		for _, tt := range []struct {
			name string
			off  time.Duration
			want bool
		}{
			{"this step", 0, true},
			{"the step before", -30 * time.Second, true},
			{"too old", -90 * time.Second, false},
			{"the next", 30 * time.Second, false},
			{"of another hour", time.Hour, false},
		} {
			time.Sleep(5 * time.Minute)
			code, err := pquerna.GenerateCode(secret, time.Now().Add(tt.off))
			require.NoError(t, err)
			require.Equal(t, tt.want, twoSteps(code, secret, time.Now()), "pquerna: %s", tt.name)
			require.Equal(t, tt.want, s.Verify(t.Context(), "anna", code) == nil, "skans: %s", tt.name)
		}
	})
}

// BenchmarkTOTP refuses a code that is right at no time near: the same work on both sides however often it is done.
func BenchmarkTOTP(b *testing.B) {
	s, secret := enrolled(b)
	wrong := ""
	for _, code := range []string{"123456", "654321", "111111"} {
		if !twoSteps(code, secret, time.Now()) && !twoSteps(code, secret, time.Now().Add(30*time.Second)) {
			wrong = code
		}
	}
	ctx := context.Background()
	beside(b,
		side{"skans", func() { _ = s.Verify(ctx, "anna", wrong) }},
		side{"pquerna", func() { twoSteps(wrong, secret, time.Now()) }})
}
