package skans

import (
	"sync"
	"time"
)

// keyCache keeps a bounded number of data keys for a bounded time. The bound on time is kept by a timer and not by
// looking at the clock at each use, so that a key leaves memory even if nobody asks for it again.
type keyCache struct {
	size int
	live time.Duration

	mu       sync.RWMutex
	keys     map[string]cachedKey
	queue    []queued // in the order of their expiry; may name keys that are gone or renewed
	erasures uint64
}

type cachedKey struct {
	key     *dataKey
	expires time.Time
}

type queued struct {
	subject string
	expires time.Time
}

func newKeyCache(size int, live time.Duration) *keyCache {
	return &keyCache{size: size, live: live, keys: map[string]cachedKey{}}
}

func (c *keyCache) get(subject string) *dataKey {
	c.mu.RLock()
	key := c.keys[subject].key
	c.mu.RUnlock()
	return key
}

// seen returns the number of erasures so far, for put.
func (c *keyCache) seen() uint64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.erasures
}

// put remembers a key, unless something was erased since seen: the key may have been read from the store before its
// erasure, and would live on here.
func (c *keyCache) put(subject string, key *dataKey, seen uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.keys[subject]; ok || c.erasures != seen {
		return // one that is there keeps its time: loading again does not prolong it
	}
	if len(c.queue) >= 2*c.size { // erasures and evictions leave names behind
		c.compact()
	}
	if len(c.keys) >= c.size {
		for other := range c.keys { // any: which one, nobody outside can choose
			delete(c.keys, other)
			break
		}
	}
	expires := time.Now().Add(c.live)
	c.keys[subject] = cachedKey{key, expires}
	if c.queue = append(c.queue, queued{subject, expires}); len(c.queue) == 1 {
		time.AfterFunc(c.live, c.expire)
	}
}

// erase forgets a key and every load that is under way.
func (c *keyCache) erase(subject string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erasures++
	delete(c.keys, subject)
}

// expire drops the keys whose time is over and comes back for the next. A timer is set as long as the queue is not
// empty.
func (c *keyCache) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for len(c.queue) > 0 && !now.Before(c.queue[0].expires) {
		if next := c.queue[0]; c.keys[next.subject].expires.Equal(next.expires) {
			delete(c.keys, next.subject)
		}
		c.queue = c.queue[1:]
	}
	if len(c.queue) > 0 {
		time.AfterFunc(c.queue[0].expires.Sub(now), c.expire)
	}
}

// compact removes from the queue what the map no longer has. The first stays, because the timer waits for it.
func (c *keyCache) compact() {
	kept := c.queue[:1]
	for _, next := range c.queue[1:] {
		if c.keys[next.subject].expires.Equal(next.expires) {
			kept = append(kept, next)
		}
	}
	c.queue = append([]queued(nil), kept...)
}
