package onetime_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/totp/onetime"
)

func BenchmarkIssueAndVerify(b *testing.B) {
	keys, err := skans.NewKeyring(skans.GenerateKey("k"))
	require.NoError(b, err)
	s, err := onetime.New(onetime.Config{Keys: keys, Store: onetime.NewMemoryStore(), Throttle: generous{}})
	require.NoError(b, err)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		challenge, code, err := s.Issue(ctx, purpose, anna)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Verify(ctx, purpose, anna, challenge, code); err != nil {
			b.Fatal(err)
		}
	}
}
