package password

import (
	"container/list"
	"context"
	"runtime"
	"runtime/metrics"
	"sync"
)

// limiter lets a few hashes run and a few more wait, in the order in which they came. Without it, 500 logins at once
// would take 500 times the memory of one, and everything else in the process would wait for them.
type limiter struct {
	mu       sync.Mutex
	slots    int    // hashes that may still start
	memory   uint64 // KiB that they may still take
	queue    *list.List
	maxQueue int
	waiting  map[string]int // by origin
	litter   litter
}

type waiter struct {
	kib    uint64
	origin string
	ready  chan struct{}
}

type originKey struct{}

// WithOrigin says where the work under ctx comes from: the client's address, or its network. One origin gets a
// quarter of the queue at most, so that a flood from one place leaves others their turn (ASVS 5.0, 15.4.4). Work of
// no origin shares the whole queue.
func WithOrigin(ctx context.Context, origin string) context.Context {
	return context.WithValue(ctx, originKey{}, origin)
}

func newLimiter(slots int, memory uint64, maxQueue int) *limiter {
	return &limiter{
		slots: slots, memory: memory, queue: list.New(), maxQueue: maxQueue, waiting: map[string]int{},
		litter: litter{limit: memory},
	}
}

// acquire waits for a turn and for kib of memory; false means that the queue is full or ctx has ended. What was
// acquired is given back with release.
func (l *limiter) acquire(ctx context.Context, kib uint64) bool {
	if ctx.Err() != nil {
		return false
	}
	l.mu.Lock()
	if l.queue.Len() == 0 && l.fits(kib) {
		l.take(kib)
		l.mu.Unlock()
		return true
	}
	origin, _ := ctx.Value(originKey{}).(string)
	if l.queue.Len() >= l.maxQueue || origin != "" && l.waiting[origin] >= max(1, l.maxQueue/4) {
		l.mu.Unlock()
		return false
	}
	w := &waiter{kib: kib, origin: origin, ready: make(chan struct{})}
	place := l.queue.PushBack(w)
	l.waiting[origin]++
	l.mu.Unlock()

	select {
	case <-w.ready:
		return true
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-w.ready: // the turn came together with the end: pass it on
		l.give(kib)
	default:
		l.leave(place)
	}
	l.wake()
	return false
}

// release ends a turn. The memory of the hash is garbage from here on.
func (l *limiter) release(kib uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.litter.drop(kib)
	l.give(kib)
	l.wake()
}

func (l *limiter) fits(kib uint64) bool { return l.slots > 0 && l.memory >= kib }

func (l *limiter) take(kib uint64) {
	l.slots--
	l.memory -= kib
}

func (l *limiter) give(kib uint64) {
	l.slots++
	l.memory += kib
}

// wake starts those in front while they fit. The first one that does not fit holds up the others: whoever needs more
// memory must not be overtaken for ever.
func (l *limiter) wake() {
	for front := l.queue.Front(); front != nil; front = l.queue.Front() {
		w := front.Value.(*waiter)
		if !l.fits(w.kib) {
			return
		}
		l.take(w.kib)
		l.leave(front)
		close(w.ready)
	}
}

// leave takes a waiter out of the queue.
func (l *limiter) leave(place *list.Element) {
	w := l.queue.Remove(place).(*waiter)
	if l.waiting[w.origin]--; l.waiting[w.origin] == 0 {
		delete(l.waiting, w.origin)
	}
}

// litter counts the memory that finished hashes left behind and the collector has not come for yet. Argon2 takes a
// fresh buffer each time; the collector lets as much garbage gather as there is live heap, which the
// limit on running hashes does nothing about.
type litter struct {
	limit uint64 // KiB in all, running and left behind
	heaps []heap
}

type heap struct{ cycle, kib uint64 }

func (t *litter) drop(kib uint64) {
	cycle, _ := collector()
	if n := len(t.heaps); n > 0 && t.heaps[n-1].cycle == cycle {
		t.heaps[n-1].kib += kib
		return
	}
	t.heaps = append(t.heaps, heap{cycle, kib})
}

// littered is what may always lie about, in KiB: collecting costs a millisecond or so, whatever there is to collect.
const littered = 32 << 10

// full reports whether a hash of kib must be preceded by a collection: more than two buffers and a quarter of the
// live heap lie about, or together with those in use they would exceed the limit. Collecting earlier would cost a
// program with a large heap more than the hashes themselves.
func (t *litter) full(kib, inUse uint64) bool {
	cycle, live := collector()
	left := t.heaps[:0]
	sum := uint64(0)
	for _, h := range t.heaps {
		if cycle < h.cycle+2 { // the cycle that ran at the drop may have seen the buffer in use; the next one has not
			left = append(left, h)
			sum += h.kib
		}
	}
	t.heaps = left
	return sum > 0 && (sum+kib > max(2*kib, live/1024/4, littered) || sum+kib+inUse > t.limit)
}

// collector returns the number of completed cycles and the live bytes that the last one found.
func collector() (cycle, live uint64) {
	s := [2]metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(s[:])
	return s[0].Value.Uint64(), s[1].Value.Uint64()
}

// tidy collects the garbage if too much of it lies about; it is called in a turn, before the hash takes its memory.
func (l *limiter) tidy(kib, total uint64) {
	l.mu.Lock()
	full := l.litter.full(kib, total-l.memory-kib)
	if full {
		l.litter.heaps = nil
	}
	l.mu.Unlock()
	if full {
		runtime.GC()
	}
}
