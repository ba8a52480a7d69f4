package session

import (
	"context"
	"iter"
	"slices"
	"sync"
	"time"
)

// A MemoryStore keeps sessions in this process. They are gone when it stops.
type MemoryStore struct {
	mu   sync.Mutex
	rows map[string]Record
}

// NewMemoryStore returns an empty store.
func NewMemoryStore() *MemoryStore { return &MemoryStore{rows: make(map[string]Record)} }

func (s *MemoryStore) live(id string, now time.Time) (Record, bool) {
	r, ok := s.rows[id]
	return r, ok && now.Before(r.Expires)
}

// Create is described at [Store].
func (s *MemoryStore) Create(_ context.Context, r Record, limit int, now time.Time) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.rows[r.ID]; ok {
		return nil, ErrConflict
	}
	s.rows[r.ID] = r
	return s.limit(r, limit, now), nil
}

// Load is described at [Store].
func (s *MemoryStore) Load(_ context.Context, id string, now time.Time) (Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.live(id, now); ok {
		return r, nil
	}
	return Record{}, ErrNotFound
}

// Touch is described at [Store].
func (s *MemoryStore) Touch(_ context.Context, id string, generation uint32, seen, expires, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.live(id, now)
	if !ok || r.Generation != generation {
		return ErrNotFound
	}
	r.Seen, r.Expires = seen, expires
	s.rows[id] = r
	return nil
}

// Patch is described at [Store].
func (s *MemoryStore) Patch(_ context.Context, id string, version uint64, c Change, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.live(id, now)
	if !ok {
		return ErrNotFound
	}
	if r.Version != version {
		return ErrConflict
	}
	r.Version, r.Seen, r.Expires, r.Data = version+1, c.Seen, c.Expires, c.Data
	s.rows[id] = r
	return nil
}

// Rotate is described at [Store].
func (s *MemoryStore) Rotate(_ context.Context, r Record, version uint64, limit int, now time.Time) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.live(r.ID, now)
	if !ok {
		return nil, ErrNotFound
	}
	if old.Version != version {
		return nil, ErrConflict
	}
	r.Version = version + 1
	s.rows[r.ID] = r
	return s.limit(r, limit, now), nil
}

func (s *MemoryStore) limit(r Record, limit int, now time.Time) (ended []string) {
	if r.User == "" || limit <= 0 {
		return nil
	}
	others := s.byUser(r.User, now)
	for i, other := range slices.DeleteFunc(others, func(o Record) bool { return o.ID == r.ID }) {
		if i >= limit-1 {
			delete(s.rows, other.ID)
			ended = append(ended, other.ID)
		}
	}
	return ended
}

func (s *MemoryStore) byUser(user string, now time.Time) (all []Record) {
	for _, r := range s.rows {
		if r.User == user && now.Before(r.Expires) {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b Record) int { return b.Since.Compare(a.Since) })
	return all
}

// End is described at [Store].
func (s *MemoryStore) End(_ context.Context, id string, now time.Time) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.live(id, now)
	if !ok {
		return "", ErrNotFound
	}
	delete(s.rows, id)
	return r.User, nil
}

// EndUser is described at [Store].
func (s *MemoryStore) EndUser(_ context.Context, user string, except []string, now time.Time) (ended []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.byUser(user, now) {
		if !slices.Contains(except, r.ID) {
			delete(s.rows, r.ID)
			ended = append(ended, r.ID)
		}
	}
	return ended, nil
}

// ByUser is described at [Store].
func (s *MemoryStore) ByUser(_ context.Context, user string, now time.Time) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		s.mu.Lock()
		all := s.byUser(user, now)
		s.mu.Unlock()
		for _, r := range all {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Sweep is described at [Store].
func (s *MemoryStore) Sweep(_ context.Context, limit int, now time.Time) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for id, r := range s.rows {
		if n < limit && !now.Before(r.Expires) {
			delete(s.rows, id)
			n++
		}
	}
	return n, nil
}
