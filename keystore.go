package skans

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// A SubjectKey is what a [KeyStore] keeps for one subject of a [Vault]: the wrapped data key, or the mark that it was
// destroyed.
type SubjectKey struct {
	Subject string    // at most 255 bytes of UTF-8
	ID      string    // 16 hexadecimal digits; names the data key, also after its end
	Wrapped []byte    // under the master key or by the KMS, under 4 KiB; nil when erased
	Erased  time.Time // UTC, whole microseconds; zero while the key lives
}

// A KeyStore keeps the data keys of a [Vault], wrapped. Implementations are safe for concurrent use by several
// processes and pass the suite in package vaulttest. Every method is one atomic step; there is no method that writes
// whatever was there before, because that is how an erased key comes back. Subjects compare byte by byte. What a method
// returns belongs to the caller; what it is given it copies. Any error but those named here means an outage.
type KeyStore interface {
	// Load returns the key or the mark of the subject, and [ErrUnknownKey] when it has neither.
	Load(ctx context.Context, subject string) (SubjectKey, error)

	// Create stores the key if the subject has neither key nor mark, and returns what the store then holds for it: of
	// several calls at once, all get the same. A mark is never replaced.
	Create(ctx context.Context, key SubjectKey) (SubjectKey, error)

	// Replace puts wrapped in the place of old and reports true, if old is what the subject has; otherwise, also for an
	// erased or unknown subject, it changes nothing and reports false. ID stays.
	Replace(ctx context.Context, subject string, old, wrapped []byte) (bool, error)

	// Erase destroys the key, so that no copy of Wrapped remains in the store, and sets the mark with the time. A mark that
	// is there already stays as it is; a subject that has nothing gets one, with an empty ID. It returns the mark.
	Erase(ctx context.Context, subject string, at time.Time) (SubjectKey, error)

	// List returns at most limit keys and marks of the subjects that sort after the given one, in ascending order of
	// their bytes. After the last it returns none.
	List(ctx context.Context, after string, limit int) ([]SubjectKey, error)
}

// A MemoryKeyStore is a [KeyStore] that ends with the process. What was sealed with its keys cannot be opened then.
type MemoryKeyStore struct {
	mu   sync.RWMutex
	keys map[string]SubjectKey
}

// NewMemoryKeyStore returns an empty store.
func NewMemoryKeyStore() *MemoryKeyStore {
	return &MemoryKeyStore{keys: map[string]SubjectKey{}}
}

// Load implements [KeyStore].
func (m *MemoryKeyStore) Load(ctx context.Context, subject string) (SubjectKey, error) {
	if err := ctx.Err(); err != nil {
		return SubjectKey{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	key, ok := m.keys[subject]
	if !ok {
		return SubjectKey{}, ErrUnknownKey
	}
	return key.clone(), nil
}

// Create implements [KeyStore].
func (m *MemoryKeyStore) Create(ctx context.Context, key SubjectKey) (SubjectKey, error) {
	if err := ctx.Err(); err != nil {
		return SubjectKey{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if standing, ok := m.keys[key.Subject]; ok {
		return standing.clone(), nil
	}
	m.keys[key.Subject] = key.clone()
	return key.clone(), nil
}

// Replace implements [KeyStore].
func (m *MemoryKeyStore) Replace(ctx context.Context, subject string, old, wrapped []byte) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key, ok := m.keys[subject]
	if !ok || !key.Erased.IsZero() || !bytes.Equal(key.Wrapped, old) {
		return false, nil
	}
	key.Wrapped = bytes.Clone(wrapped)
	m.keys[subject] = key
	return true, nil
}

// Erase implements [KeyStore].
func (m *MemoryKeyStore) Erase(ctx context.Context, subject string, at time.Time) (SubjectKey, error) {
	if err := ctx.Err(); err != nil {
		return SubjectKey{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key := m.keys[subject]
	if key.Erased.IsZero() {
		clear(key.Wrapped)
		key = SubjectKey{Subject: subject, ID: key.ID, Erased: at}
		m.keys[subject] = key
	}
	return key, nil
}

// List implements [KeyStore].
func (m *MemoryKeyStore) List(ctx context.Context, after string, limit int) ([]SubjectKey, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	var page []SubjectKey
	for _, subject := range slices.Sorted(maps.Keys(m.keys)) {
		if subject > after && len(page) < limit {
			page = append(page, m.keys[subject].clone())
		}
	}
	return page, nil
}

func (k SubjectKey) clone() SubjectKey {
	k.Wrapped = bytes.Clone(k.Wrapped)
	return k
}
