package session_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session"
)

// crowd sends n requests of one browser that are all in their handler at the same time before the first commits.
func crowd(m *session.Manager, b *browser, n int, f func(i int, s *session.Session, r *http.Request)) (statuses []int) {
	inside, done := sync.WaitGroup{}, sync.WaitGroup{}
	statuses = make([]int, n)
	inside.Add(n)
	for i := range n {
		request := b.request("GET", "/", nil)
		done.Go(func() {
			w := httptest.NewRecorder()
			m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				f(i, session.From(r.Context()), r)
				inside.Done()
				inside.Wait()
			})).ServeHTTP(w, request)
			statuses[i] = w.Code
		})
	}
	done.Wait()
	return statuses
}

func TestHundredIncrements(t *testing.T) {
	m := newManager(t, session.Config{})
	b := newBrowser(nil)
	b.signIn(t, m, "anna")
	for _, status := range crowd(m, b, 100, func(_ int, s *session.Session, r *http.Request) {
		require.NoError(t, counter.Update(r.Context(), s, func(n int) int { return n + 1 }))
	}) {
		require.Equal(t, 200, status)
	}
	require.Equal(t, 100, b.count(t, m))
}

func TestTwoWritersOfTwoKeys(t *testing.T) {
	a, c := session.NewKey[string]("a"), session.NewKey[[]int]("c")
	gone := session.NewKey[bool]("gone")
	m := newManager(t, session.Config{})
	b := newBrowser(nil)
	b.signIn(t, m, "anna")
	b.in(m, func(_ http.ResponseWriter, r *http.Request) {
		require.NoError(t, gone.Set(session.From(r.Context()), true))
	})
	crowd(m, b, 3, func(i int, s *session.Session, _ *http.Request) { // each writes one key and knows the others as they were
		switch i {
		case 0:
			require.NoError(t, a.Set(s, "x"))
		case 1:
			require.NoError(t, c.Set(s, []int{1, 2}))
		case 2:
			require.NoError(t, gone.Delete(s))
		}
	})
	b.in(m, func(_ http.ResponseWriter, r *http.Request) {
		s := session.From(r.Context())
		text, ok, err := a.Get(s)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, "x", text)
		list, ok, err := c.Get(s)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, []int{1, 2}, list)
		_, ok, err = gone.Get(s)
		require.NoError(t, err)
		require.False(t, ok)
	})
}

func TestValues(t *testing.T) {
	m := newManager(t, session.Config{})
	b := newBrowser(nil)
	large := session.NewKey[string]("large")
	b.in(m, func(_ http.ResponseWriter, r *http.Request) {
		s := session.From(r.Context())
		_, ok, err := counter.Get(s)
		require.NoError(t, err)
		require.False(t, ok)
		require.NoError(t, counter.Set(s, 1))
		require.NoError(t, counter.Update(r.Context(), s, func(n int) int { return n + 41 }))
		n, ok, err := counter.Get(s)
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, 42, n, "a request sees what it wrote")
		require.ErrorIs(t, large.Set(s, strings.Repeat("x", 64<<10)), session.ErrTooLarge)
		require.NoError(t, large.Set(s, strings.Repeat("x", 60<<10)))
		_, ok, err = session.NewKey[string]("counter").Get(s)
		require.Error(t, err, "the stored value is a number")
		require.True(t, ok)
		require.Error(t, session.NewKey[func()]("f").Set(s, nil))
		ended, cancel := context.WithCancelCause(r.Context())
		cancel(session.ErrEnded)
		require.ErrorIs(t, counter.Update(ended, s, func(n int) int { return 0 }), session.ErrEnded)
	})
	require.Equal(t, 42, b.count(t, m))
	t.Run("survive login, ", func(t *testing.T) {
		b.signIn(t, m, "anna")
		require.Equal(t, 42, b.count(t, m))
		b.signIn(t, m, "anna")
		require.Equal(t, 42, b.count(t, m))
		before := b.cookie[:22]
		b.signIn(t, m, "bo")
		require.Zero(t, b.count(t, m), "but not another user's")
		require.NotEqual(t, before, b.cookie[:22])
		for range m.Sessions(t.Context(), "anna") {
			t.Error("the other user's session is still live")
		}
	})
	t.Run("without a Handler", func(t *testing.T) {
		s := session.From(t.Context())
		require.NotNil(t, s)
		_, ok := s.User()
		require.False(t, ok)
		require.Empty(t, s.ID())
		require.Empty(t, s.CSRF(""))
		_, _, err := counter.Get(s)
		require.NoError(t, err)
		for _, err := range []error{
			counter.Set(s, 1), counter.Delete(s), counter.Update(t.Context(), s, func(n int) int { return n }),
			s.Login(t.Context(), "anna"), s.Elevate(t.Context(), session.OTP), s.Rotate(t.Context()), s.Logout(t.Context()),
		} {
			require.ErrorIs(t, err, session.ErrNoHandler)
		}
		_, err = s.OneTime("")
		require.ErrorIs(t, err, session.ErrNoHandler)
		_, ok = s.Proved(session.OTP)
		require.False(t, ok)
	})
	t.Run("names", func(t *testing.T) {
		for _, name := range []string{"", "a b", "\x00once", "é", strings.Repeat("x", 65)} {
			require.Panics(t, func() { session.NewKey[int](name) })
		}
	})
}
