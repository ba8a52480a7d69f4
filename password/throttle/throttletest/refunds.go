package throttletest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/password/throttle"
)

func (s suite) look(t *testing.T) {
	k := key()
	require.True(t, s.take(t, 0, throttle.Bucket{Key: k, Limit: limit(2)}))
	for range 3 {
		require.Equal(t, 1, s.count(t, k))
	}
	other := key()
	require.Zero(t, s.count(t, other))
	require.True(t, s.take(t, 0, throttle.Bucket{Key: k, Limit: limit(2)}, throttle.Bucket{Key: other, Limit: limit(1)}))
}

func (s suite) fill(t *testing.T, k throttle.Key, n int) {
	t.Helper()
	for range n {
		require.True(t, s.take(t, 0, throttle.Bucket{Key: k, Limit: limit(0)}))
	}
}

func (s suite) refund(t *testing.T) {
	source, target, small, one, clear, other := key(), key(), key(), key(), key(), key()
	s.fill(t, source, 3)
	s.fill(t, target, 5)
	s.fill(t, small, 2)
	s.fill(t, one, 4)
	s.fill(t, clear, 6)
	s.fill(t, other, 7)
	require.NoError(t, s.store.Refund(s.ctx, throttle.Refund{
		Source: source, Targets: []throttle.Key{target, small, key()}, One: []throttle.Key{one, key()}, Clear: []throttle.Key{clear, key()},
	}))
	got := []int{s.count(t, source), s.count(t, target), s.count(t, small), s.count(t, one), s.count(t, clear), s.count(t, other)}
	require.Equal(t, []int{0, 2, 0, 3, 0, 7}, got)

	require.NoError(t, s.store.Refund(s.ctx, throttle.Refund{Source: source, Targets: []throttle.Key{target}}))
	require.Equal(t, 2, s.count(t, target), "the source is empty by now")
	require.NoError(t, s.store.Refund(s.ctx, throttle.Refund{Targets: []throttle.Key{target}}))
	require.Equal(t, 2, s.count(t, target), "a zero source holds nothing")
	require.NoError(t, s.store.Refund(s.ctx, throttle.Refund{}))
}

// One source, refunded by many at once, is taken from its target once.
func (s suite) refundParallel(t *testing.T) {
	source, target, one := key(), key(), key()
	s.fill(t, source, 4)
	s.fill(t, target, 100)
	s.fill(t, one, 100)
	var all sync.WaitGroup
	begin := make(chan struct{})
	errs := make(chan error, 50)
	for range 50 {
		all.Go(func() {
			<-begin
			errs <- s.store.Refund(s.ctx, throttle.Refund{Source: source, Targets: []throttle.Key{target}, One: []throttle.Key{one}})
		})
	}
	close(begin)
	all.Wait()
	for range 50 {
		require.NoError(t, <-errs)
	}
	require.Equal(t, 96, s.count(t, target))
	require.Equal(t, 50, s.count(t, one))
}

func (s suite) sweep(t *testing.T) {
	short, long := key(), key()
	require.True(t, s.take(t, 0, throttle.Bucket{Key: short, Limit: throttle.Limit{Stop: 9, Forget: time.Minute}}))
	require.True(t, s.take(t, 0, throttle.Bucket{Key: long, Limit: limit(9)}))
	_, err := s.store.Sweep(s.ctx, start+int64(time.Minute)-1)
	require.NoError(t, err)
	require.Equal(t, 1, s.count(t, short), "not before its time")
	n, err := s.store.Sweep(s.ctx, start+int64(time.Minute))
	require.NoError(t, err)
	require.GreaterOrEqual(t, n, 1)
	require.Zero(t, s.count(t, short))
	require.Equal(t, 1, s.count(t, long))
}

func (s suite) ended(t *testing.T) {
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	b := throttle.Bucket{Key: key(), Limit: limit(9)}
	taken, err := s.store.Take(ctx, start, []throttle.Bucket{b})
	require.Error(t, err)
	require.False(t, taken)
	require.Error(t, s.store.Look(ctx, []throttle.Bucket{b}))
	require.Error(t, s.store.Refund(ctx, throttle.Refund{Clear: []throttle.Key{b.Key}}))
	require.Zero(t, s.count(t, b.Key))
}
