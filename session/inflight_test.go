package session_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session"
)

// A request is in the handler, has written to its session and waits. The session ends. The request must learn of it,
// finish its answer, store nothing and set no cookie, and the session must stay ended.
func TestRequestInFlightWhenItsSessionEnds(t *testing.T) {
	other := func(m *session.Manager, b *browser) *browser { c := *b; c.handler = nil; return &c }
	for _, test := range []struct {
		name  string
		end   func(t *testing.T, m *session.Manager, store session.Store, b *browser)
		lives bool // a rotation ends the token, not the session
	}{
		{"logout", func(t *testing.T, m *session.Manager, _ session.Store, b *browser) {
			c := other(m, b)
			token := c.csrf(m, "")
			c.handler = m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				require.NoError(t, session.From(r.Context()).Logout(r.Context()))
			}))
			require.Equal(t, 200, c.post("/", form("csrf", token)).Code)
		}, false},
		{"revoked by id", func(t *testing.T, m *session.Manager, _ session.Store, b *browser) {
			require.NoError(t, m.End(context.Background(), b.cookie[:22]))
		}, false},
		{"all of the user revoked", func(t *testing.T, m *session.Manager, _ session.Store, b *browser) {
			require.NoError(t, m.EndUser(context.Background(), "anna"))
		}, false},
		{"limit of the user", func(t *testing.T, m *session.Manager, _ session.Store, _ *browser) {
			newBrowser(nil).signIn(t, m, "anna")
		}, false},
		{"mismatch", func(t *testing.T, m *session.Manager, _ session.Store, b *browser) {
			c := other(m, b)
			c.addr = "203.0.113.9:1"
			require.Equal(t, 401, c.in(m, nil).StatusCode)
		}, false},
		{"exposed in the clear", func(t *testing.T, m *session.Manager, _ session.Store, b *browser) {
			m.EndExposed(b.request("GET", "/", nil))
		}, false},
		{"idle, then swept", func(t *testing.T, m *session.Manager, _ session.Store, _ *browser) {
			time.Sleep(20 * time.Minute)
			n, err := m.Sweep(context.Background())
			require.NoError(t, err)
			require.Equal(t, 1, n)
		}, false},
		{"ended by another process", func(t *testing.T, m *session.Manager, store session.Store, b *browser) {
			_, err := store.End(context.Background(), b.cookie[:22], time.Now())
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(context.Background(), 6*time.Second)
			defer cancel()
			require.ErrorIs(t, m.Run(ctx), context.DeadlineExceeded)
		}, false},
		{"rotated by another process", func(t *testing.T, m *session.Manager, store session.Store, b *browser) {
			r, err := store.Load(context.Background(), b.cookie[:22], time.Now())
			require.NoError(t, err)
			r.Generation++
			_, err = store.Rotate(context.Background(), r, r.Version, 0, time.Now())
			require.NoError(t, err)
			_, err = m.Sweep(context.Background())
			require.NoError(t, err)
		}, false},
		{"elevated", func(t *testing.T, m *session.Manager, _ session.Store, b *browser) {
			b.in(m, func(w http.ResponseWriter, r *http.Request) {
				require.NoError(t, session.From(r.Context()).Elevate(r.Context(), session.OTP))
			})
		}, true},
		{"signed in again", func(t *testing.T, m *session.Manager, _ session.Store, b *browser) {
			b.signIn(t, m, "anna")
		}, true},
		{"another user signs in", func(t *testing.T, m *session.Manager, _ session.Store, b *browser) {
			other(m, b).signIn(t, m, "bo")
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := session.NewMemoryStore()
				m := newManager(t, session.Config{Store: store, PerUser: 1})
				b := newBrowser(nil)
				b.signIn(t, m, "anna")

				started, answer := make(chan bool), make(chan *httptest.ResponseRecorder)
				slow := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					s := session.From(r.Context())
					require.NoError(t, counter.Set(s, 666))
					close(started)
					<-r.Context().Done()
					require.ErrorIs(t, context.Cause(r.Context()), session.ErrEnded)
					require.ErrorIs(t, r.Context().Err(), context.Canceled)
					require.ErrorIs(t, counter.Set(s, 667), session.ErrEnded)
					require.ErrorIs(t, s.Login(r.Context(), "mallory", session.Password), session.ErrEnded)
					require.ErrorIs(t, s.Rotate(r.Context()), session.ErrEnded)
					_, ok := s.User()
					require.False(t, ok)
					require.Empty(t, s.CSRF(""))
					_, _ = io.WriteString(w, "late")
				}))
				request := b.request("GET", "/", nil)
				go func() {
					w := httptest.NewRecorder()
					slow.ServeHTTP(w, request)
					answer <- w
				}()
				<-started
				test.end(t, m, store, b)
				w := <-answer
				require.Equal(t, "late", w.Body.String())
				require.Empty(t, w.Result().Header["Set-Cookie"])

				if test.lives {
					require.Equal(t, "anna", b.user(m))
					require.Zero(t, b.count(t, m), "what the old token wrote must not reach the new session")
				} else {
					require.Empty(t, b.user(m))
				}
			})
		})
	}
}

// A request that answers after its session ended, without having looked at the context.
func TestEndedSessionIsNotRevivedByCommit(t *testing.T) {
	for _, write := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			spy := newSpy()
			m := newManager(t, session.Config{Store: spy})
			b := newBrowser(nil)
			b.signIn(t, m, "anna")
			time.Sleep(5 * time.Minute) // the noted activity is old, so that a commit would touch
			res := b.in(m, func(w http.ResponseWriter, r *http.Request) {
				if write {
					require.NoError(t, counter.Set(session.From(r.Context()), 1))
				}
				// Behind the back of this process: only the store can tell.
				_, err := spy.Store.End(r.Context(), b.cookie[:22], time.Now())
				require.NoError(t, err)
				_, _ = io.WriteString(w, "done")
			})
			require.Equal(t, 200, res.StatusCode)
			require.Empty(t, res.Header["Set-Cookie"])
			_, err := spy.Store.Load(t.Context(), b.cookie[:22], time.Now())
			require.ErrorIs(t, err, session.ErrNotFound)
		})
	}
}

func TestTheRequestThatRotatesGoesOn(t *testing.T) {
	m := newManager(t, session.Config{})
	b := newBrowser(nil)
	b.signIn(t, m, "anna")
	before := b.cookie
	b.in(m, func(w http.ResponseWriter, r *http.Request) {
		s := session.From(r.Context())
		done := r.Context().Done()
		require.NoError(t, s.Elevate(r.Context(), session.OTP))
		select {
		case <-done:
			t.Error("the request that rotates was cancelled")
		default:
		}
		require.NoError(t, counter.Set(s, 1))
	})
	require.NotEqual(t, before, b.cookie)
	require.Equal(t, before[:22], b.cookie[:22], "the public id stays")
	require.Equal(t, 1, b.count(t, m))
}

// Two rotations of one session at once: one wins, the other is told that its session has ended.
func TestTwoRotationsAtOnce(t *testing.T) {
	m := newManager(t, session.Config{})
	b := newBrowser(nil)
	b.signIn(t, m, "anna")
	ready, start, errs := make(chan bool), make(chan bool), make(chan error, 2)
	h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ready <- true
		<-start
		errs <- session.From(r.Context()).Elevate(r.Context(), session.OTP)
	}))
	answers := make(chan *httptest.ResponseRecorder)
	for range 2 {
		request := b.request("GET", "/", nil)
		go func() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, request)
			answers <- w
		}()
	}
	<-ready
	<-ready
	close(start)
	cookies := 0
	for range 2 {
		cookies += len((<-answers).Result().Cookies())
	}
	require.Equal(t, 1, cookies)
	first, second := <-errs, <-errs
	if first == nil {
		first, second = second, first
	}
	require.ErrorIs(t, first, session.ErrEnded)
	require.NoError(t, second)
}

func TestHandlerThatRevokesItsOwnSession(t *testing.T) {
	for name, end := range map[string]func(ctx context.Context, m *session.Manager, id string) error{
		"End":     func(ctx context.Context, m *session.Manager, id string) error { return m.End(ctx, id) },
		"EndUser": func(ctx context.Context, m *session.Manager, id string) error { return m.EndUser(ctx, "anna") },
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t, session.Config{})
			b := newBrowser(nil)
			b.signIn(t, m, "anna")
			b.in(m, func(w http.ResponseWriter, r *http.Request) {
				s := session.From(r.Context())
				require.NoError(t, end(r.Context(), m, s.ID()))
				require.NoError(t, r.Context().Err(), "the request that ends goes on, as after Logout")
				require.ErrorIs(t, counter.Set(s, 1), session.ErrEnded)
				_, ok := s.User()
				require.False(t, ok)
			})
			require.Empty(t, b.cookie)
		})
	}
}

// Another process rotates the token while a request that came with the old one is about to store. Only the store can
// tell, and what the old token wrote must not reach the new session.
func TestRotationElsewhereDropsWhatTheOldTokenWrote(t *testing.T) {
	keys, store := ring(t), session.NewMemoryStore()
	here := newManager(t, session.Config{Keys: keys, Store: store})
	there := newManager(t, session.Config{Keys: keys, Store: store})
	b := newBrowser(nil)
	b.signIn(t, here, "anna")
	old := *b
	res := old.in(here, func(w http.ResponseWriter, r *http.Request) {
		require.NoError(t, counter.Set(session.From(r.Context()), 666))
		b.in(there, func(_ http.ResponseWriter, r *http.Request) {
			require.NoError(t, session.From(r.Context()).Elevate(r.Context(), session.OTP))
		})
		_, _ = io.WriteString(w, "done")
	})
	require.Equal(t, 200, res.StatusCode)
	require.Empty(t, res.Header["Set-Cookie"])
	require.Equal(t, "anna", b.user(here))
	require.Zero(t, b.count(t, here))
}

// A session ends before the answer that would have told the browser of it: there is nothing to tell.
func TestNoCookieOfASessionThatHasEnded(t *testing.T) {
	for name, begin := range map[string]func(s *session.Session, r *http.Request) error{
		"login":  func(s *session.Session, r *http.Request) error { return s.Login(r.Context(), "anna", session.Password) },
		"rotate": func(s *session.Session, r *http.Request) error { return s.Elevate(r.Context(), session.OTP) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t, session.Config{})
			b := newBrowser(nil)
			if name == "rotate" {
				b.signIn(t, m, "anna")
			}
			res := b.in(m, func(w http.ResponseWriter, r *http.Request) {
				require.NoError(t, begin(session.From(r.Context()), r))
				require.NoError(t, m.EndUser(context.Background(), "anna")) // from another request
				require.ErrorIs(t, context.Cause(r.Context()), session.ErrEnded)
				_, _ = io.WriteString(w, "done")
			})
			require.Equal(t, 200, res.StatusCode)
			require.Empty(t, res.Header["Set-Cookie"])
		})
	}
}

// A gapStore lets something happen between the moment that a session was read and the moment that its request knows.
type gapStore struct {
	session.Store
	between func()
}

func (g *gapStore) Load(ctx context.Context, id string, now time.Time) (session.Record, error) {
	r, err := g.Store.Load(ctx, id, now)
	if f := g.between; f != nil {
		g.between = nil
		f()
	}
	return r, err
}

func TestSessionThatEndsWhileItIsRead(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, m *session.Manager, b *browser){
		"revoked": func(t *testing.T, m *session.Manager, b *browser) {
			require.NoError(t, m.End(context.Background(), b.cookie[:22]))
		},
		"rotated": func(t *testing.T, m *session.Manager, b *browser) {
			other := *b
			other.in(m, func(_ http.ResponseWriter, r *http.Request) {
				require.NoError(t, session.From(r.Context()).Elevate(r.Context(), session.OTP))
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			gap := &gapStore{Store: session.NewMemoryStore()}
			m := newManager(t, session.Config{Store: gap})
			b := newBrowser(nil)
			b.signIn(t, m, "anna")
			gap.between = func() { end(t, m, b) }
			b.in(m, func(_ http.ResponseWriter, r *http.Request) {
				require.ErrorIs(t, context.Cause(r.Context()), session.ErrEnded)
				_, ok := session.From(r.Context()).User()
				require.False(t, ok)
				require.ErrorIs(t, counter.Set(session.From(r.Context()), 1), session.ErrEnded)
			})
		})
	}
}
