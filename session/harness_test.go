package session_test

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session"
)

var errStore = errors.New("disk on fire")

// A spyStore counts calls, and fails or hangs those that broken names.
type spyStore struct {
	session.Store
	mu     sync.Mutex
	calls  map[string]int
	broken map[string]error // errHang waits for the deadline
}

var errHang = errors.New("hang")

func newSpy() *spyStore {
	return &spyStore{Store: session.NewMemoryStore(), calls: map[string]int{}, broken: map[string]error{}}
}

func (s *spyStore) called(ctx context.Context, name string) error {
	s.mu.Lock()
	s.calls[name]++
	err := s.broken[name]
	s.mu.Unlock()
	if errors.Is(err, errHang) {
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx) // as a database driver does
	}
	return err
}

// total returns the calls since the last time.
func (s *spyStore) total() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, calls := range s.calls {
		n += calls
		delete(s.calls, name)
	}
	return n
}

func (s *spyStore) breakDown(err error, names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.broken)
	for _, name := range names {
		s.broken[name] = err
	}
}

func (s *spyStore) Create(ctx context.Context, r session.Record, limit int, now time.Time) ([]string, error) {
	if err := s.called(ctx, "Create"); err != nil {
		return nil, err
	}
	return s.Store.Create(ctx, r, limit, now)
}

func (s *spyStore) Load(ctx context.Context, id string, now time.Time) (session.Record, error) {
	if err := s.called(ctx, "Load"); err != nil {
		return session.Record{}, err
	}
	return s.Store.Load(ctx, id, now)
}

func (s *spyStore) Touch(ctx context.Context, id string, generation uint32, seen, expires, now time.Time) error {
	if err := s.called(ctx, "Touch"); err != nil {
		return err
	}
	return s.Store.Touch(ctx, id, generation, seen, expires, now)
}

func (s *spyStore) Patch(ctx context.Context, id string, version uint64, c session.Change, now time.Time) error {
	if err := s.called(ctx, "Patch"); err != nil {
		return err
	}
	return s.Store.Patch(ctx, id, version, c, now)
}

func (s *spyStore) Rotate(ctx context.Context, r session.Record, version uint64, limit int, now time.Time) ([]string, error) {
	if err := s.called(ctx, "Rotate"); err != nil {
		return nil, err
	}
	return s.Store.Rotate(ctx, r, version, limit, now)
}

func (s *spyStore) End(ctx context.Context, id string, now time.Time) (string, error) {
	if err := s.called(ctx, "End"); err != nil {
		return "", err
	}
	return s.Store.End(ctx, id, now)
}

func (s *spyStore) EndUser(ctx context.Context, user string, except []string, now time.Time) ([]string, error) {
	if err := s.called(ctx, "EndUser"); err != nil {
		return nil, err
	}
	return s.Store.EndUser(ctx, user, except, now)
}

func (s *spyStore) ByUser(ctx context.Context, user string, now time.Time) iter.Seq2[session.Record, error] {
	if err := s.called(ctx, "ByUser"); err != nil {
		return func(yield func(session.Record, error) bool) { yield(session.Record{}, err) }
	}
	return s.Store.ByUser(ctx, user, now)
}

func (s *spyStore) Sweep(ctx context.Context, limit int, now time.Time) (int, error) {
	if err := s.called(ctx, "Sweep"); err != nil {
		return 0, err
	}
	return s.Store.Sweep(ctx, limit, now)
}

// A journal is an Audit hook that remembers.
type journal struct {
	mu     sync.Mutex
	events []event
	err    error
	calls  atomic.Int32
}

type event struct {
	name  string
	attrs map[string]any
}

func (j *journal) record(ctx context.Context, name string, attrs ...slog.Attr) error {
	session.From(ctx).User() // must not wait for the session that reports
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calls.Add(1)
	e := event{name, map[string]any{}}
	for _, a := range attrs {
		e.attrs[a.Key] = a.Value.Any()
	}
	j.events = append(j.events, e)
	return j.err
}

// take returns the events since the last time.
func (j *journal) take() []event {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := j.events
	j.events = nil
	return all
}

// one demands exactly one event of that name since the last time, and returns its attributes.
func (j *journal) one(t testing.TB, name string) map[string]any {
	t.Helper()
	var found []map[string]any
	for _, e := range j.take() {
		if e.name == name {
			found = append(found, e.attrs)
		}
	}
	require.Len(t, found, 1, name)
	return found[0]
}

// in runs f as the handler of one request of the browser.
func (b *browser) in(m *session.Manager, f func(w http.ResponseWriter, r *http.Request)) *http.Response {
	old := b.handler
	defer func() { b.handler = old }()
	b.handler = m.Handler(http.HandlerFunc(f))
	return b.get("/").Result()
}

// signIn gives the browser a session of the user.
func (b *browser) signIn(t testing.TB, m *session.Manager, user string, methods ...session.Method) {
	t.Helper()
	b.in(m, func(w http.ResponseWriter, r *http.Request) {
		require.NoError(t, session.From(r.Context()).Login(r.Context(), user, methods...))
	})
	require.NotEmpty(t, b.cookie)
}

// csrf returns a token as a page would show it.
func (b *browser) csrf(m *session.Manager, action string, object ...string) (token string) {
	b.in(m, func(w http.ResponseWriter, r *http.Request) {
		token = session.From(r.Context()).CSRF(action, object...)
	})
	return token
}

// user returns who the browser is.
func (b *browser) user(m *session.Manager) (user string) {
	b.in(m, func(w http.ResponseWriter, r *http.Request) { user, _ = session.From(r.Context()).User() })
	return user
}

// id returns the public id of the browser's session.
func (b *browser) id(m *session.Manager) (id string) {
	b.in(m, func(w http.ResponseWriter, r *http.Request) { id = session.From(r.Context()).ID() })
	return id
}

// count returns the value of counter.
func (b *browser) count(t testing.TB, m *session.Manager) (n int) {
	t.Helper()
	b.in(m, func(w http.ResponseWriter, r *http.Request) {
		var err error
		n, _, err = counter.Get(session.From(r.Context()))
		require.NoError(t, err)
	})
	return n
}
