package totp

import (
	"bytes"
	"context"
	"slices"
	"sync"
)

// A MemoryStore is a [Store] in memory: everybody's second factor is gone when the process ends, so it is for tests and
// demonstrations. It is safe for concurrent use.
type MemoryStore struct {
	mu    sync.Mutex
	users map[string]*memoryRecord
}

type memoryRecord struct {
	Record
	recovery [][]byte
}

// NewMemoryStore returns an empty store.
func NewMemoryStore() *MemoryStore { return &MemoryStore{users: make(map[string]*memoryRecord)} }

// Load implements [Store].
func (m *MemoryStore) Load(ctx context.Context, user string) (Record, error) {
	if err := ctx.Err(); err != nil {
		return Record{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.users[user]
	if r == nil {
		return Record{}, nil
	}
	out := r.Record
	out.Active, out.Pending, out.Recovery = r.Active.clone(), r.Pending.clone(), len(r.recovery)
	return out, nil
}

// Begin implements [Store].
func (m *MemoryStore) Begin(ctx context.Context, user string, pending Factor) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.users[user]
	if r == nil {
		r = &memoryRecord{}
		m.users[user] = r
	}
	r.Pending = pending.clone()
	return nil
}

// Confirm implements [Store].
func (m *MemoryStore) Confirm(ctx context.Context, user, id string, step int64, recovery [][]byte) (bool, error) {
	return m.change(ctx, user, func(r *memoryRecord) bool {
		if id == "" || r.Pending.ID != id {
			return false
		}
		r.Active, r.Pending, r.LastStep = r.Pending, Factor{}, step
		r.recovery = cloneAll(recovery)
		return true
	})
}

// Advance implements [Store].
func (m *MemoryStore) Advance(ctx context.Context, user, id string, step int64) (bool, error) {
	return m.change(ctx, user, func(r *memoryRecord) bool {
		if !r.active(id) || r.LastStep >= step {
			return false
		}
		r.LastStep = step
		return true
	})
}

// SetRecovery implements [Store].
func (m *MemoryStore) SetRecovery(ctx context.Context, user, id string, recovery [][]byte) (bool, error) {
	return m.change(ctx, user, func(r *memoryRecord) bool {
		if !r.active(id) {
			return false
		}
		r.recovery = cloneAll(recovery)
		return true
	})
}

// UseRecovery implements [Store].
func (m *MemoryStore) UseRecovery(ctx context.Context, user string, hashes [][]byte) (left int, ok bool, err error) {
	ok, err = m.change(ctx, user, func(r *memoryRecord) bool {
		at := slices.IndexFunc(r.recovery, func(kept []byte) bool {
			return slices.ContainsFunc(hashes, func(h []byte) bool { return bytes.Equal(h, kept) })
		})
		if at >= 0 {
			r.recovery = slices.Delete(r.recovery, at, at+1)
		}
		left = len(r.recovery)
		return at >= 0
	})
	return left, ok, err
}

// Reseal implements [Store].
func (m *MemoryStore) Reseal(ctx context.Context, user, id string, sealed []byte) (bool, error) {
	return m.change(ctx, user, func(r *memoryRecord) bool {
		if !r.active(id) {
			return false
		}
		r.Active.Sealed = bytes.Clone(sealed)
		return true
	})
}

// Remove implements [Store].
func (m *MemoryStore) Remove(ctx context.Context, user string) (bool, error) {
	return m.change(ctx, user, func(*memoryRecord) bool {
		delete(m.users, user)
		return true
	})
}

// change runs f on the record of user under the lock. It returns false when there is none.
func (m *MemoryStore) change(ctx context.Context, user string, f func(*memoryRecord) bool) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.users[user]
	return r != nil && f(r), nil
}

func (r *memoryRecord) active(id string) bool { return id != "" && r.Active.ID == id }

func (f Factor) clone() Factor { return Factor{f.ID, bytes.Clone(f.Sealed)} }

func cloneAll(hashes [][]byte) [][]byte {
	out := make([][]byte, len(hashes))
	for i, h := range hashes {
		out[i] = bytes.Clone(h)
	}
	return out
}
