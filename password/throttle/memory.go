package throttle

import (
	"context"
	"sync"
)

// maxKeys bounds what strangers can fill the memory store with: about 50 MB.
const maxKeys = 1 << 18

// NewMemoryStore returns a Store for one process. It holds 262,144 counts; beyond that, a new one displaces the
// smallest of a few old ones, so that the counts which keep an attacker out are the last to go.
func NewMemoryStore() Store { return &memoryStore{counts: map[Key]*count{}, max: maxKeys} }

type memoryStore struct {
	mu     sync.Mutex
	counts map[Key]*count
	max    int
}

// count is a State with the time at which it is forgotten.
type count struct {
	State
	expires int64
}

func (c *count) state() State {
	if c == nil {
		return State{}
	}
	return c.State
}

func (m *memoryStore) Take(ctx context.Context, now int64, buckets []Bucket) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.max-len(m.counts) < len(buckets) && len(m.counts) > 0 {
		m.makeRoom(now) // first, so that it does not hit what is counted below
	}
	var room [8]*count
	found, open := room[:0], true
	for i := range buckets {
		b := &buckets[i]
		c := m.counts[b.Key]
		b.State = c.state()
		open = open && b.Limit.Wait(b.State, now) == 0
		found = append(found, c)
	}
	if !open {
		return false, nil
	}
	for i := range buckets {
		b, c := &buckets[i], found[i]
		if c == nil {
			c = &count{}
			m.counts[b.Key] = c
		}
		c.State = b.Limit.Count(b.State, now)
		c.expires = b.Limit.Expires(c.State)
	}
	return true, nil
}

// makeRoom drops one count: an expired one, or the smallest of eight that the map happens to yield first.
func (m *memoryStore) makeRoom(now int64) {
	var victim Key
	least, seen := -1, 0
	for k, c := range m.counts {
		if c.expires <= now {
			victim = k
			break
		}
		if least < 0 || c.Count < least {
			victim, least = k, c.Count
		}
		if seen++; seen == 8 {
			break
		}
	}
	delete(m.counts, victim)
}

func (m *memoryStore) Look(ctx context.Context, buckets []Bucket) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range buckets {
		buckets[i].State = m.counts[buckets[i].Key].state()
	}
	return nil
}

func (m *memoryStore) Refund(ctx context.Context, r Refund) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	spent := m.counts[r.Source].state().Count
	delete(m.counts, r.Source)
	for _, k := range r.Targets {
		m.subtract(k, spent)
	}
	for _, k := range r.One {
		m.subtract(k, 1)
	}
	for _, k := range r.Clear {
		delete(m.counts, k)
	}
	return nil
}

func (m *memoryStore) subtract(k Key, n int) {
	c, ok := m.counts[k]
	if !ok {
		return
	}
	if c.Count <= n {
		delete(m.counts, k)
		return
	}
	c.Count -= n
}

func (m *memoryStore) Sweep(ctx context.Context, now int64) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for k, c := range m.counts {
		if c.expires <= now {
			delete(m.counts, k)
			n++
		}
	}
	return n, nil
}
