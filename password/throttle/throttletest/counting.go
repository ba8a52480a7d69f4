package throttletest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/password/throttle"
)

func (s suite) unknown(t *testing.T) {
	b := []throttle.Bucket{{Key: key(), Limit: limit(1), State: throttle.State{Count: 7}}}
	taken, err := s.store.Take(s.ctx, start, b)
	require.NoError(t, err)
	require.True(t, taken)
	require.Zero(t, b[0].State, "the state before, not what the caller left there")
	taken, err = s.store.Take(s.ctx, start+1, b)
	require.NoError(t, err)
	require.False(t, taken)
	require.Equal(t, throttle.State{Count: 1, First: start, Last: start}, b[0].State)
}

func (s suite) allOrNone(t *testing.T) {
	a, b, full := key(), key(), key()
	require.True(t, s.take(t, 0, throttle.Bucket{Key: full, Limit: limit(1)}))
	for _, order := range [][]throttle.Bucket{
		{{Key: a, Limit: limit(9)}, {Key: b, Limit: limit(9)}, {Key: full, Limit: limit(1)}},
		{{Key: full, Limit: limit(1)}, {Key: a, Limit: limit(9)}, {Key: b, Limit: limit(9)}},
	} {
		require.False(t, s.take(t, time.Second, order...))
		require.Equal(t, 1, order[0].State.Count+order[1].State.Count+order[2].State.Count, "states are filled in all the same")
	}
	require.Zero(t, s.count(t, a)+s.count(t, b))
	require.Equal(t, 1, s.count(t, full))
	require.True(t, s.take(t, time.Second, throttle.Bucket{Key: a, Limit: limit(9)}, throttle.Bucket{Key: b, Limit: limit(9)}))
	require.Equal(t, 2, s.count(t, a)+s.count(t, b))
}

// Of 300 calls at once, exactly as many as the limit says get through.
func (s suite) parallel(t *testing.T) {
	wide, narrow := key(), key()
	var taken, failed atomic.Int64
	var all sync.WaitGroup
	begin := make(chan struct{})
	for range 300 {
		all.Go(func() {
			<-begin
			ok, err := s.store.Take(s.ctx, start, []throttle.Bucket{{Key: wide, Limit: limit(200)}, {Key: narrow, Limit: limit(7)}})
			if err != nil {
				failed.Add(1)
			}
			if ok {
				taken.Add(1)
			}
		})
	}
	close(begin)
	all.Wait()
	require.Zero(t, failed.Load())
	require.EqualValues(t, 7, taken.Load())
	require.Equal(t, 7, s.count(t, wide))
	require.Equal(t, 7, s.count(t, narrow))
}

// Two callers who name the same keys in opposite order must not wait for each other for ever.
func (s suite) crossed(t *testing.T) {
	a, b := key(), key()
	var taken atomic.Int64
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range 40 {
		buckets := []throttle.Bucket{{Key: a, Limit: limit(1000)}, {Key: b, Limit: limit(1000)}}
		if i%2 == 0 {
			buckets[0], buckets[1] = buckets[1], buckets[0]
		}
		all.Go(func() {
			<-begin
			if ok, err := s.store.Take(s.ctx, start, buckets); ok && err == nil {
				taken.Add(1)
			}
		})
	}
	close(begin)
	all.Wait()
	require.EqualValues(t, 40, taken.Load())
	require.Equal(t, 40, s.count(t, a))
	require.Equal(t, 40, s.count(t, b))
}

func (s suite) stop(t *testing.T) {
	b := throttle.Bucket{Key: key(), Limit: limit(2)}
	require.True(t, s.take(t, 0, b))
	require.True(t, s.take(t, 10*time.Minute, b))
	require.False(t, s.take(t, time.Hour+9*time.Minute, b), "forgotten an hour after the last")
	require.True(t, s.take(t, time.Hour+10*time.Minute, b))
	require.Equal(t, 1, s.count(t, b.Key), "counted from one again")
}

func (s suite) window(t *testing.T) {
	b := throttle.Bucket{Key: key(), Limit: throttle.Limit{Stop: 2, Forget: time.Hour, Fixed: true}}
	require.True(t, s.take(t, 0, b))
	require.True(t, s.take(t, 59*time.Minute, b))
	require.False(t, s.take(t, 59*time.Minute, b))
	require.True(t, s.take(t, time.Hour, b), "an hour after the first")
	require.Equal(t, 1, s.count(t, b.Key))
}

func (s suite) delays(t *testing.T) {
	b := throttle.Bucket{Key: key(), Limit: throttle.Limit{Free: 2, Delay: time.Second, MaxDelay: 3 * time.Second, Forget: time.Hour}}
	require.True(t, s.take(t, 0, b))
	require.True(t, s.take(t, 0, b), "two are free")
	require.False(t, s.take(t, time.Second-1, b))
	require.True(t, s.take(t, time.Second, b))
	require.False(t, s.take(t, 3*time.Second-1, b))
	require.True(t, s.take(t, 3*time.Second, b), "two seconds after the third")
	require.False(t, s.take(t, 6*time.Second-1, b))
	require.True(t, s.take(t, 6*time.Second, b), "three, the longest delay, after the fourth")
	require.False(t, s.take(t, 9*time.Second-1, b))
	require.True(t, s.take(t, 9*time.Second, b))
}

// What counts is the limit of the call, not that of the calls before.
func (s suite) limits(t *testing.T) {
	k := key()
	for range 3 {
		require.True(t, s.take(t, 0, throttle.Bucket{Key: k, Limit: limit(0)}))
	}
	require.False(t, s.take(t, 0, throttle.Bucket{Key: k, Limit: limit(3)}))
	require.True(t, s.take(t, 0, throttle.Bucket{Key: k, Limit: limit(4)}))
}
