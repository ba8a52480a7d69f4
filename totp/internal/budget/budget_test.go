package budget

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAFullTableRefusesAndForgetsNothing(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	b := New(1, 5, func() time.Time { return at })
	ctx := context.Background()
	for i := range maxKeys {
		ok, _, err := b.Take(ctx, "p", strconv.Itoa(i))
		require.NoError(t, err)
		require.True(t, ok)
	}
	ok, retry, err := b.Take(ctx, "p", "one more")
	require.NoError(t, err)
	require.False(t, ok)
	require.Greater(t, retry, time.Duration(0))
	ok, _, _ = b.Take(ctx, "p", "0")
	require.False(t, ok, "what was used up stays so")
	at = at.Add(24 * time.Hour)
	ok, _, _ = b.Take(ctx, "p", "one more")
	require.True(t, ok, "ended windows make room")
	require.Len(t, b.keys, 1)
}

func TestTheClockBuysNothing(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	b := New(1, 5, func() time.Time { return at })
	ctx := context.Background()
	take := func() bool { ok, _, _ := b.Take(ctx, "p", "k"); return ok }
	require.True(t, take())
	at = at.Add(-48 * time.Hour)
	require.False(t, take(), "a clock that steps back starts no window anew")
	at = at.Add(time.Hour)
	require.True(t, take(), "nor makes one longer than an hour")
}

func TestPurposesAndKeysAreCountedApart(t *testing.T) {
	b := New(1, 5, time.Now)
	ctx := context.Background()
	for _, c := range [][2]string{{"p", "k"}, {"p", "l"}, {"q", "k"}, {"pk", ""}, {"", "pk"}} {
		ok, _, _ := b.Take(ctx, c[0], c[1])
		require.True(t, ok, "%v", c)
	}
	require.NoError(t, b.Return(ctx, "p", "k"))
	require.NoError(t, b.Return(ctx, "p", "k"), "never below nothing")
	require.NoError(t, b.Return(ctx, "never", "seen"))
	ok, _, _ := b.Take(ctx, "p", "k")
	require.True(t, ok)
	ok, _, _ = b.Take(ctx, "p", "k")
	require.False(t, ok)
}
