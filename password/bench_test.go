package password_test

import (
	"context"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/skans-go/skans/password"
)

func BenchmarkVerify(b *testing.B) {
	keys, _ := newKeys(b)
	h, err := password.New(password.Config{Keys: keys})
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	enc, err := h.Hash(ctx, "anna", "correct horse battery staple")
	if err != nil {
		b.Fatal(err)
	}
	b.Run("raw argon2", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			argon2.IDKey([]byte("correct horse battery staple"), make([]byte, 16), 2, 19456, 1, 32)
		}
	})
	b.Run("verify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := h.Verify(ctx, "anna", enc, "correct horse battery staple"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkVerifyBesideRaw runs both in turns, so that what else the machine does falls on both alike.
func BenchmarkVerifyBesideRaw(b *testing.B) {
	h, err := password.New(password.Config{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, plain := context.Background(), "correct horse battery staple"
	enc, err := h.Hash(ctx, "anna", plain)
	if err != nil {
		b.Fatal(err)
	}
	var raw, verify time.Duration
	for b.Loop() {
		start := time.Now()
		argon2.IDKey([]byte(plain), make([]byte, 16), 2, 19456, 1, 32)
		raw += time.Since(start)
		start = time.Now()
		if _, err := h.Verify(ctx, "anna", enc, plain); err != nil {
			b.Fatal(err)
		}
		verify += time.Since(start)
	}
	b.ReportMetric(float64(verify)/float64(raw), "x-raw")
}

func BenchmarkPolicyCheck(b *testing.B) {
	p := password.DefaultPolicy()
	about := password.About{Username: "anna", Email: "anna@example.com", Names: []string{"Anna Lind"}, Service: "mail"}
	for name, candidate := range map[string]string{"common": "Summer2026!!", "phrase": "correct horse battery staple"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Check(candidate, about)
			}
		})
	}
}
