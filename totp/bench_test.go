package totp_test

import (
	"context"
	"encoding/base32"
	"fmt"
	"testing"
	"time"

	"github.com/pquerna/otp"
	pquerna "github.com/pquerna/otp/totp"
	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/totp"
)

// The core beside pquerna/otp with the same work: two steps, six digits, a code that is of neither.

func BenchmarkCore(b *testing.B) {
	for _, a := range []totp.Algorithm{totp.SHA1, totp.SHA256, totp.SHA512} {
		b.Run(a.String(), func(b *testing.B) {
			code, ok := totp.ParseCode("123456", 6)
			require.True(b, ok)
			b.ReportAllocs()
			for b.Loop() {
				totp.Find(rfcSHA1, a, 6, code, 1000, 1001)
			}
		})
	}
}

func BenchmarkPquerna(b *testing.B) {
	secret := base32.StdEncoding.EncodeToString(rfcSHA1)
	for _, a := range []otp.Algorithm{otp.AlgorithmSHA1, otp.AlgorithmSHA256, otp.AlgorithmSHA512} {
		b.Run(a.String(), func(b *testing.B) {
			opts := pquerna.ValidateOpts{Period: 30, Digits: otp.DigitsSix, Algorithm: a}
			b.ReportAllocs()
			for b.Loop() {
				for step := range int64(2) { // Skew 1 would be three steps
					_, _ = pquerna.ValidateCustom("123456", secret, time.Unix((1000+step)*30, 0), opts)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	keys, err := skans.NewKeyring(skans.GenerateKey("k"))
	require.NoError(b, err)
	s, err := totp.New(totp.Config{Issuer: "Acme", Keys: keys, Store: totp.NewMemoryStore(), Throttle: generous{}})
	require.NoError(b, err)
	at := time.Unix(1_800_000_000, 0)
	totp.SetClock(s, func() time.Time { return at })
	p, err := s.Enroll(b.Context(), anna, "anna")
	require.NoError(b, err)
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(p.Secret().Reveal())
	require.NoError(b, err)
	code := func() string {
		return fmt.Sprintf("%06d", totp.Code(secret, totp.SHA1, 6, uint64(at.Unix()/30)))
	}
	_, err = s.Confirm(b.Context(), anna, code())
	require.NoError(b, err)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(30 * time.Second)
		if err := s.Verify(ctx, anna, code()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSVG(b *testing.B) {
	keys, err := skans.NewKeyring(skans.GenerateKey("k"))
	require.NoError(b, err)
	s, err := totp.New(totp.Config{Issuer: "Acme", Keys: keys, Store: totp.NewMemoryStore()})
	require.NoError(b, err)
	p, err := s.Enroll(b.Context(), anna, "anna@example.com")
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.SVG(); err != nil {
			b.Fatal(err)
		}
	}
}
