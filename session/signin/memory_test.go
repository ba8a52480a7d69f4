package signin_test

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session/signin"
)

func TestMemoryUsers(t *testing.T) {
	ctx := t.Context()
	users := signin.MemoryUsers(signin.User{ID: "u1", Name: "anna", PasswordHash: "old"}, signin.User{ID: "u2", Name: "bo"})
	for _, find := range []func(context.Context, string) (signin.User, error){users.ByName, users.ByID} {
		_, err := find(ctx, "nobody")
		require.ErrorIs(t, err, signin.ErrNoUser)
	}
	u, err := users.ByName(ctx, "anna")
	require.NoError(t, err)
	require.Equal(t, "u1", u.ID)

	var done sync.WaitGroup
	var swapped atomic.Int32
	start := make(chan struct{})
	for i := range 50 {
		done.Go(func() {
			<-start
			if ok, err := users.SwapHash(ctx, "u1", "old", "new"+strconv.Itoa(i)); ok && err == nil {
				swapped.Add(1)
			}
		})
	}
	close(start)
	done.Wait()
	require.Equal(t, int32(1), swapped.Load())
	ok, err := users.SwapHash(ctx, "u1", "old", "x")
	require.NoError(t, err)
	require.False(t, ok)
	u, err = users.ByID(ctx, "u2")
	require.NoError(t, err)
	require.Empty(t, u.PasswordHash)
}
