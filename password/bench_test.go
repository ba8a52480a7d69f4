package password_test

import (
	"context"
	"testing"

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
