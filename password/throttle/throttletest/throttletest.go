// Package throttletest is the suite that every throttle.Store must pass.
package throttletest

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/password/throttle"
)

// TestStore runs the suite. open returns an empty store, or one in which nobody has used the keys that begin with the
// test's own random bytes; it is called once for each test, and cleans up through t.Cleanup.
func TestStore(t *testing.T, open func(t *testing.T) throttle.Store) {
	for _, c := range []struct {
		name string
		test func(suite, *testing.T)
	}{
		{"unknown keys are open", suite.unknown},
		{"all are counted or none", suite.allOrNone},
		{"counts are exact in parallel", suite.parallel},
		{"calls in any order of keys end", suite.crossed},
		{"a stop is forgotten", suite.stop},
		{"a window does not slide", suite.window},
		{"delays double", suite.delays},
		{"limits may change", suite.limits},
		{"looking changes nothing", suite.look},
		{"a refund takes back", suite.refund},
		{"a refund is exact in parallel", suite.refundParallel},
		{"sweeping drops what has expired", suite.sweep},
		{"an ended context ends the call", suite.ended},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(suite{open(t), context.Background()}, t) })
	}
}

type suite struct {
	store throttle.Store
	ctx   context.Context
}

// start is a time like any other; the suite's clock begins there.
const start = int64(1_900_000_000) * int64(time.Second)

var nextKey atomic.Uint64

// key returns a key that no other call returns.
func key() (k throttle.Key) {
	binary.BigEndian.PutUint64(k[:], uint64(time.Now().UnixNano()))
	binary.BigEndian.PutUint64(k[8:], nextKey.Add(1))
	k[23] = 0xff
	return k
}

func limit(stop int) throttle.Limit { return throttle.Limit{Stop: stop, Forget: time.Hour} }

func (s suite) take(t *testing.T, at time.Duration, buckets ...throttle.Bucket) bool {
	t.Helper()
	taken, err := s.store.Take(s.ctx, start+int64(at), buckets)
	require.NoError(t, err)
	return taken
}

func (s suite) count(t *testing.T, k throttle.Key) int {
	t.Helper()
	b := []throttle.Bucket{{Key: k, Limit: limit(0)}}
	require.NoError(t, s.store.Look(s.ctx, b))
	return b[0].State.Count
}
