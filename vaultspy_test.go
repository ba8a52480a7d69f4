package skans_test

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/vaulttest"
)

func newKMS() *vaulttest.KMS { return vaulttest.NewKMS() }

// spy is a store that counts its calls, and that a test can stop, break or deceive.
type spy struct {
	skans.KeyStore
	mu     sync.Mutex
	calls  map[string]int
	before func(method string) error   // runs before the call reaches the store
	after  func(method string)         // runs before its answer reaches the vault
	loaded func(key *skans.SubjectKey) // changes what Load returns
}

func newSpy(store skans.KeyStore) *spy {
	return &spy{KeyStore: store, calls: map[string]int{}}
}

func (s *spy) count(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

func (s *spy) total() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, calls := range s.calls {
		n += calls
	}
	return n
}

func (s *spy) enter(method string) error {
	s.mu.Lock()
	s.calls[method]++
	before := s.before
	s.mu.Unlock()
	if before != nil {
		return before(method)
	}
	return nil
}

func (s *spy) leave(method string) {
	if s.after != nil {
		s.after(method)
	}
}

func (s *spy) Load(ctx context.Context, subject string) (skans.SubjectKey, error) {
	if err := s.enter("Load"); err != nil {
		return skans.SubjectKey{}, err
	}
	defer s.leave("Load")
	key, err := s.KeyStore.Load(ctx, subject)
	if s.loaded != nil && err == nil {
		s.loaded(&key)
	}
	return key, err
}

func (s *spy) Create(ctx context.Context, key skans.SubjectKey) (skans.SubjectKey, error) {
	if err := s.enter("Create"); err != nil {
		return skans.SubjectKey{}, err
	}
	defer s.leave("Create")
	return s.KeyStore.Create(ctx, key)
}

func (s *spy) Replace(ctx context.Context, subject string, old, wrapped []byte) (bool, error) {
	if err := s.enter("Replace"); err != nil {
		return false, err
	}
	defer s.leave("Replace")
	return s.KeyStore.Replace(ctx, subject, old, wrapped)
}

func (s *spy) Erase(ctx context.Context, subject string, at time.Time) (skans.SubjectKey, error) {
	if err := s.enter("Erase"); err != nil {
		return skans.SubjectKey{}, err
	}
	defer s.leave("Erase")
	return s.KeyStore.Erase(ctx, subject, at)
}

func (s *spy) List(ctx context.Context, after string, limit int) ([]skans.SubjectKey, error) {
	if err := s.enter("List"); err != nil {
		return nil, err
	}
	defer s.leave("List")
	return s.KeyStore.List(ctx, after, limit)
}

// journal is an audit log; with fail set it cannot record.
type journal struct {
	mu     sync.Mutex
	events []string // "name key=value ..."
	fail   error
}

func (j *journal) record(_ context.Context, event string, attrs ...slog.Attr) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fail != nil {
		return j.fail
	}
	for _, a := range attrs {
		if a.Key != "key" && a.Key != "erased" { // random, and the time
			event += " " + a.String()
		}
	}
	j.events = append(j.events, event)
	return nil
}
