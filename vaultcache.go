package skans

import (
	"sync"
	"time"
)

// keyCache keeps a bounded number of data keys for a bounded time.
type keyCache struct {
	size int
	live time.Duration

	mu       sync.RWMutex
	keys     map[string]cachedKey
	erasures uint64
	sweeping bool // a timer is set
}

type cachedKey struct {
	key     *dataKey
	expires time.Time
}

func newKeyCache(size int, live time.Duration) *keyCache {
	return &keyCache{size: size, live: live, keys: map[string]cachedKey{}}
}

func (c *keyCache) get(subject string) *dataKey {
	c.mu.RLock()
	cached, ok := c.keys[subject]
	c.mu.RUnlock()
	if !ok || !time.Now().Before(cached.expires) {
		return nil
	}
	return cached.key
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
	if c.erasures != seen {
		return
	}
	if _, ok := c.keys[subject]; !ok && len(c.keys) >= c.size {
		for other := range c.keys { // any: which one, nobody outside can choose
			delete(c.keys, other)
			break
		}
	}
	c.keys[subject] = cachedKey{key, time.Now().Add(c.live)}
	if !c.sweeping {
		c.sweeping = true
		time.AfterFunc(c.live, c.sweep)
	}
}

// erase forgets a key and every load that is under way.
func (c *keyCache) erase(subject string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erasures++
	delete(c.keys, subject)
}

// sweep drops expired keys, so that a key leaves memory even if nobody asks again, and comes back while any is left.
func (c *keyCache) sweep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for subject, cached := range c.keys {
		if !now.Before(cached.expires) {
			delete(c.keys, subject)
		}
	}
	if c.sweeping = len(c.keys) > 0; c.sweeping {
		time.AfterFunc(c.live, c.sweep)
	}
}
