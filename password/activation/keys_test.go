package activation_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/password/activation"
)

func newKeys(t testing.TB, change func(*activation.Config)) *activation.Keys {
	t.Helper()
	ring, err := skans.NewKeyring(skans.GenerateKey("k1"))
	require.NoError(t, err)
	cfg := activation.Config{Keys: ring}
	if change != nil {
		change(&cfg)
	}
	k, err := activation.New(cfg)
	require.NoError(t, err)
	return k
}

func is(state string) func(string) (string, error) {
	return func(string) (string, error) { return state, nil }
}

func TestKeyWorksOnce(t *testing.T) {
	k, ctx := newKeys(t, nil), context.Background()
	key, err := k.Issue(ctx, activation.Reset, "anna", "hash 1")
	require.NoError(t, err)
	for range 2 {
		user, err := k.Peek(ctx, activation.Reset, key)
		require.NoError(t, err)
		require.Equal(t, "anna", user)
	}
	user, err := k.Redeem(ctx, activation.Reset, key, is("hash 1"))
	require.NoError(t, err)
	require.Equal(t, "anna", user)
	_, err = k.Redeem(ctx, activation.Reset, key, is("hash 1"))
	require.ErrorIs(t, err, activation.ErrKey)
}
