package signin

import (
	"context"
	"sync"
)

// MemoryUsers returns a table of accounts in memory, for a first program and for tests. Names are compared exactly. What
// SwapHash stores is gone when the process ends.
func MemoryUsers(users ...User) Users {
	m := &memoryUsers{byID: make(map[string]User, len(users)), idOf: make(map[string]string, len(users))}
	for _, u := range users {
		m.byID[u.ID], m.idOf[u.Name] = u, u.ID
	}
	return m
}

type memoryUsers struct {
	mu   sync.Mutex
	byID map[string]User
	idOf map[string]string
}

func (m *memoryUsers) ByName(ctx context.Context, name string) (User, error) {
	m.mu.Lock()
	id, ok := m.idOf[name]
	m.mu.Unlock()
	if !ok {
		return User{}, ErrNoUser
	}
	return m.ByID(ctx, id)
}

func (m *memoryUsers) ByID(ctx context.Context, id string) (User, error) {
	if err := ctx.Err(); err != nil {
		return User{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	u, ok := m.byID[id]
	if !ok {
		return User{}, ErrNoUser
	}
	return u, nil
}

func (m *memoryUsers) SwapHash(ctx context.Context, id, old, next string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	u, ok := m.byID[id]
	if !ok || u.PasswordHash != old {
		return false, nil
	}
	u.PasswordHash = next
	m.byID[id] = u
	return true, nil
}
