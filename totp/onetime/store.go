package onetime

import (
	"bytes"
	"context"
	"sync"
	"time"
)

// An Entry is what a [Store] keeps of a code that waits.
type Entry struct {
	ID      string    // hash of the challenge, 64 hexadecimal characters
	MAC     []byte    // keyed hash of the code, 32 bytes
	Expires time.Time // UTC, whole seconds
	Tries   int       // how many were counted by Try
}

// A Store keeps at most one entry for each purpose and user. Every method is one atomic operation, honours ctx, and
// may be called by many at once; an error always denies. Package onetimetest has the suite that every Store must pass.
type Store interface {
	// Put makes e, with no tries, the entry of purpose and user, in the place of an earlier one.
	Put(ctx context.Context, purpose, user string, e Entry) error
	// Try counts one try of the entry, if it has this id and fewer than limit tries, and returns it as it is afterwards.
	// Else it changes nothing and returns false. It does not look at Expires.
	Try(ctx context.Context, purpose, user, id string, limit int) (Entry, bool, error)
	// Consume removes the entry, if it has this id, and returns true: to exactly one of those that ask.
	Consume(ctx context.Context, purpose, user, id string) (bool, error)
	// Sweep removes the entries that expired at or before now and returns how many.
	Sweep(ctx context.Context, now time.Time) (int, error)
}

// A MemoryStore is a [Store] in memory, safe for concurrent use. Codes that wait are lost when the process ends, which a
// service of one process can bear.
type MemoryStore struct {
	mu      sync.Mutex
	entries map[slot]Entry
}

type slot struct{ purpose, user string }

// NewMemoryStore returns an empty store.
func NewMemoryStore() *MemoryStore { return &MemoryStore{entries: make(map[slot]Entry)} }

// Put implements [Store].
func (m *MemoryStore) Put(ctx context.Context, purpose, user string, e Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e.MAC, e.Tries = bytes.Clone(e.MAC), 0
	m.entries[slot{purpose, user}] = e
	return nil
}

// Try implements [Store].
func (m *MemoryStore) Try(ctx context.Context, purpose, user, id string, limit int) (Entry, bool, error) {
	if err := ctx.Err(); err != nil {
		return Entry{}, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.entries[slot{purpose, user}]
	if !ok || e.ID != id || e.Tries >= limit {
		return Entry{}, false, nil
	}
	e.Tries++
	m.entries[slot{purpose, user}] = e
	e.MAC = bytes.Clone(e.MAC)
	return e, true, nil
}

// Consume implements [Store].
func (m *MemoryStore) Consume(ctx context.Context, purpose, user, id string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.entries[slot{purpose, user}]
	if !ok || e.ID != id {
		return false, nil
	}
	delete(m.entries, slot{purpose, user})
	return true, nil
}

// Sweep implements [Store].
func (m *MemoryStore) Sweep(ctx context.Context, now time.Time) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for at, e := range m.entries {
		if !now.Before(e.Expires) {
			delete(m.entries, at)
			n++
		}
	}
	return n, nil
}
