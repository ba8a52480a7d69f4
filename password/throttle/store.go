package throttle

import (
	"context"
	"time"
)

// A Key names a bucket: parts of keyed hashes, so that no store holds an address or a name.
type Key [24]byte

// A Limit is how a bucket reacts to what it counts.
type Limit struct {
	// Free is how many units pass without delay.
	Free int
	// Delay is how long the bucket stays shut after unit number Free; it doubles with each further unit up to
	// MaxDelay.
	Delay, MaxDelay time.Duration
	// Stop is the count at which the bucket shuts until it is forgotten; 0 means never.
	Stop int
	// Forget is how long a count is remembered after the last unit, or after the first one if Fixed is set.
	Forget time.Duration
	Fixed  bool
}

// A Bucket is a key and the limit that holds for it now. Stores keep no limits, so that changing one takes effect at
// once.
type Bucket struct {
	Key   Key
	Limit Limit
	State State // filled in by the store: what it had before the call
}

// A State is what a store keeps for a key. The zero State is that of a key it does not know.
type State struct {
	Count       int
	First, Last int64 // when the first and the last unit were counted, in nanoseconds of Unix time
}

// Expires returns when the state is forgotten, in nanoseconds of Unix time.
func (l *Limit) Expires(s State) int64 {
	if l.Fixed {
		return s.First + int64(l.Forget)
	}
	return s.Last + int64(l.Forget)
}

// Wait returns how long the bucket is still shut at now (nanoseconds of Unix time); 0 means that it is open. A state
// that has expired counts as none. A clock that was put back shuts nothing for longer than the limit says.
func (l *Limit) Wait(s State, now int64) time.Duration {
	if s.Count == 0 {
		return 0
	}
	left := l.Expires(s) - now
	if left <= 0 {
		return 0
	}
	if l.Stop > 0 && s.Count >= l.Stop {
		return min(time.Duration(left), l.Forget)
	}
	if l.Delay <= 0 || s.Count < l.Free {
		return 0
	}
	delay := l.MaxDelay
	if shift := s.Count - l.Free; shift < 32 && l.Delay < l.MaxDelay>>shift {
		delay = l.Delay << shift
	}
	return min(max(0, time.Duration(s.Last-now)+delay), delay)
}

// Count returns the state after one more unit.
func (l *Limit) Count(s State, now int64) State {
	if s.Count == 0 || now >= l.Expires(s) {
		return State{Count: 1, First: now, Last: now}
	}
	return State{Count: s.Count + 1, First: s.First, Last: now}
}

// A Refund says what a success takes back.
type Refund struct {
	// Source is a bucket that is emptied; what it held is taken from each of Targets.
	Source  Key
	Targets []Key
	// One are buckets that lose a single unit.
	One []Key
	// Clear are buckets that are emptied.
	Clear []Key
}

// A Store keeps the counts. Its methods may be called concurrently, by several processes. Each is one atomic step: no
// two calls see each other's half. A method must return soon after ctx ends. An error means that nothing was counted,
// and the attempt is denied.
type Store interface {
	// Take, at now in nanoseconds of Unix time, fills in the State of each bucket, and counts one unit in every one
	// ([Limit.Count]) if all of them are open ([Limit.Wait] is 0), and otherwise in none. An expired state may be
	// filled in as it is or as zero. buckets has 1 to 8 different keys and belongs to the caller after the call. A
	// state may be dropped when its limit's [Limit.Expires] has passed, not before.
	Take(ctx context.Context, now int64, buckets []Bucket) (taken bool, err error)
	// Look fills in the State of each bucket and changes nothing.
	Look(ctx context.Context, buckets []Bucket) error
	// Refund takes back. Counts do not fall below 0; keys that are not known, and a zero Source, are passed over.
	Refund(ctx context.Context, r Refund) error
	// Sweep drops what has expired by now and returns how many.
	Sweep(ctx context.Context, now int64) (int, error)
}
