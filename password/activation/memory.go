package activation

import (
	"context"
	"sync"
	"time"
)

// NewMemoryStore returns a Store for one process; a restart kills all keys. It holds one record for each purpose and
// subject, so accounts bound it, not requests.
func NewMemoryStore() Store {
	return &memoryStore{records: map[ID]Record{}, slots: map[ID]ID{}}
}

type memoryStore struct {
	mu      sync.Mutex
	records map[ID]Record
	slots   map[ID]ID // slot to record
}

func (m *memoryStore) Put(ctx context.Context, r Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.slots[r.Slot]; ok {
		delete(m.records, old)
	}
	m.records[r.ID], m.slots[r.Slot] = r, r.ID
	return nil
}

func (m *memoryStore) Get(ctx context.Context, id ID) (Record, bool, error) {
	if err := ctx.Err(); err != nil {
		return Record{}, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.records[id]
	return r, ok, nil
}

func (m *memoryStore) Consume(ctx context.Context, id ID) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.drop(id), nil
}

func (m *memoryStore) Revoke(ctx context.Context, slot ID) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(m.slots[slot])
	return nil
}

func (m *memoryStore) Sweep(ctx context.Context, now time.Time) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for id, r := range m.records {
		if !now.Before(r.Expires) && m.drop(id) {
			n++
		}
	}
	return n, nil
}

func (m *memoryStore) drop(id ID) bool {
	r, ok := m.records[id]
	if ok {
		delete(m.records, id)
		delete(m.slots, r.Slot)
	}
	return ok
}
