package session_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session"
)

func TestStoreThatCannotLoad(t *testing.T) {
	for name, fault := range map[string]error{"error": errStore, "hang": errHang} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spy := newSpy()
				m := newManager(t, session.Config{Store: spy})
				b := newBrowser(nil)
				b.signIn(t, m, "anna")
				spy.breakDown(fault, "Load")
				start := time.Now()
				res := b.in(m, func(http.ResponseWriter, *http.Request) { t.Error("the handler must not run") })
				require.Equal(t, 503, res.StatusCode)
				require.NotEmpty(t, res.Header.Get("Retry-After"))
				require.Empty(t, res.Header["Set-Cookie"], "the cookie is kept")
				require.LessOrEqual(t, time.Since(start), 3*time.Second)
				spy.breakDown(nil)
				require.Equal(t, "anna", b.user(m), "recovered without a restart")
			})
		})
	}
}

// What the handler wanted stored is not: the visitor must not see an answer that says it was.
func TestStoreThatCannotCommit(t *testing.T) {
	set := func(t *testing.T, s *session.Session) { require.NoError(t, counter.Set(s, 2)) }
	for _, test := range []struct {
		op       string
		signedIn bool
		handler  func(t *testing.T, s *session.Session)
	}{
		{"Create", false, set},
		{"Create", false, func(t *testing.T, s *session.Session) { require.NotEmpty(t, s.CSRF("")) }},
		{"Patch", true, set},
		{"Touch", true, func(*testing.T, *session.Session) {}},
	} {
		for name, fault := range map[string]error{"error": errStore, "hang": errHang} {
			t.Run(test.op+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					spy := newSpy()
					var refused error
					m := newManager(t, session.Config{Store: spy, Refuse: func(w http.ResponseWriter, _ *http.Request, err error) {
						refused = err
						w.WriteHeader(500)
						_, _ = io.WriteString(w, "sorry")
					}})
					b := newBrowser(nil)
					if test.signedIn {
						b.signIn(t, m, "anna")
					}
					time.Sleep(5 * time.Minute)
					spy.breakDown(fault, test.op)
					res := b.in(m, func(w http.ResponseWriter, r *http.Request) {
						test.handler(t, session.From(r.Context()))
						w.Header().Set("Location", "/done")
						w.Header().Set("Content-Length", "4")
						http.SetCookie(w, &http.Cookie{Name: "other", Value: "x"})
						_, err := io.WriteString(w, "done")
						require.ErrorIs(t, err, session.ErrUnavailable)
						w.WriteHeader(200)
						require.Error(t, http.NewResponseController(w).Flush())
						_, _, err = http.NewResponseController(w).Hijack()
						require.ErrorIs(t, err, session.ErrUnavailable)
					})
					body, _ := io.ReadAll(res.Body)
					require.Equal(t, 500, res.StatusCode)
					require.Equal(t, "sorry", string(body), "not one byte of the handler's")
					for _, name := range []string{"Location", "Content-Length", "Set-Cookie"} {
						require.Empty(t, res.Header[name])
					}
					var e *session.Refusal
					require.ErrorAs(t, refused, &e)
					require.Equal(t, 500, e.Status)
					require.NotEmpty(t, e.Ref)
					if name == "error" {
						require.ErrorIs(t, refused, errStore)
					}
					spy.breakDown(nil)
					if test.signedIn {
						require.Equal(t, "anna", b.user(m))
						require.Zero(t, b.count(t, m))
					}
				})
			})
		}
	}
}

func TestStoreThatFailsInLoginAndLogout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spy := newSpy()
		m := newManager(t, session.Config{Store: spy})
		b := newBrowser(nil)
		b.csrf(m, "")
		anonymous := b.cookie
		spy.breakDown(errHang, "Create", "Rotate", "End")
		b.in(m, func(w http.ResponseWriter, r *http.Request) {
			s := session.From(r.Context())
			require.ErrorIs(t, s.Login(r.Context(), "anna", session.Password), session.ErrUnavailable)
			_, ok := s.User()
			require.False(t, ok, "nobody is signed in")
		})
		require.Equal(t, anonymous, b.cookie)
		spy.breakDown(nil)
		require.Empty(t, b.user(m))

		b.signIn(t, m, "anna")
		token := b.csrf(m, "")
		spy.breakDown(errStore, "End")
		b.handler = m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			err := session.From(r.Context()).Logout(r.Context())
			require.ErrorIs(t, err, session.ErrUnavailable, "it may still be live, and the visitor must be told")
		}))
		w := b.post("/", form("csrf", token))
		require.Empty(t, w.Result().Header["Set-Cookie"], "the cookie is kept for another try")
		spy.breakDown(nil)
		require.Equal(t, "anna", b.user(m))

		spy.breakDown(errStore, "End", "EndUser", "ByUser", "Sweep")
		require.ErrorIs(t, m.End(t.Context(), b.cookie[:22]), session.ErrUnavailable)
		require.ErrorIs(t, m.EndUser(t.Context(), "anna"), session.ErrUnavailable)
		_, err := m.Sweep(t.Context())
		require.ErrorIs(t, err, session.ErrUnavailable)
		for _, err := range m.Sessions(t.Context(), "anna") {
			require.ErrorIs(t, err, session.ErrUnavailable)
		}
		b.addr = "203.0.113.9:1"
		require.Equal(t, 503, b.in(m, nil).StatusCode, "a mismatch that cannot be ended is refused all the same")
	})
}

// A client that hangs up right after asking does not undo what was asked.
func TestClientThatIsGone(t *testing.T) {
	for _, test := range []struct {
		name   string
		method string
		ask    func(t *testing.T, m *session.Manager, s *session.Session, gone context.Context)
		user   string // whose session there is afterwards
		count  int
	}{
		{"a value", "GET", func(t *testing.T, _ *session.Manager, s *session.Session, _ context.Context) {
			require.NoError(t, counter.Set(s, 3))
		}, "anna", 3},
		{"login", "POST", func(t *testing.T, _ *session.Manager, s *session.Session, gone context.Context) {
			require.NoError(t, s.Login(gone, "bo", session.Password))
		}, "bo", 0},
		{"elevation", "POST", func(t *testing.T, _ *session.Manager, s *session.Session, gone context.Context) {
			require.NoError(t, s.Elevate(gone, session.OTP))
		}, "anna", 0},
		{"logout", "POST", func(t *testing.T, _ *session.Manager, s *session.Session, gone context.Context) {
			require.NoError(t, s.Logout(gone))
		}, "", 0},
		{"revoke", "POST", func(t *testing.T, m *session.Manager, s *session.Session, gone context.Context) {
			require.NoError(t, m.End(gone, s.ID()))
		}, "", 0},
		{"revoke all", "POST", func(t *testing.T, m *session.Manager, _ *session.Session, gone context.Context) {
			require.NoError(t, m.EndUser(gone, "anna"))
		}, "", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newManager(t, session.Config{Store: newSpy(), InsecureOriginCheckOnly: true})
			b := newBrowser(nil)
			b.signIn(t, m, "anna")
			ctx, hangUp := context.WithCancel(t.Context())
			b.handler = m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				hangUp()
				require.ErrorIs(t, r.Context().Err(), context.Canceled)
				require.NotErrorIs(t, context.Cause(r.Context()), session.ErrEnded)
				test.ask(t, m, session.From(r.Context()), r.Context())
			}))
			require.Equal(t, 200, b.do(b.request(test.method, "/", nil).WithContext(ctx)).Code)
			users := map[string]bool{}
			for _, user := range []string{"anna", "bo"} {
				for _, err := range m.Sessions(t.Context(), user) {
					require.NoError(t, err)
					users[user] = true
				}
			}
			require.Equal(t, test.user != "", users[test.user])
			require.LessOrEqual(t, len(users), 1)
			require.Equal(t, test.user, b.user(m))
			require.Equal(t, test.count, b.count(t, m))
		})
	}
}

func TestPanicDropsDataAndKeepsEndings(t *testing.T) {
	store := session.NewMemoryStore()
	m := newManager(t, session.Config{Store: store})
	panics := func(b *browser, f func(s *session.Session, ctx context.Context)) {
		require.PanicsWithValue(t, "oops", func() {
			b.in(m, func(w http.ResponseWriter, r *http.Request) {
				f(session.From(r.Context()), r.Context())
				panic("oops")
			})
		})
		require.Empty(t, b.last.Result().Header["Set-Cookie"])
	}
	b := newBrowser(nil)
	b.signIn(t, m, "anna")
	panics(b, func(s *session.Session, _ context.Context) { require.NoError(t, counter.Set(s, 1)) })
	require.Zero(t, b.count(t, m))
	require.Equal(t, "anna", b.user(m))
	id := b.cookie[:22]
	panics(b, func(_ *session.Session, ctx context.Context) { require.NoError(t, m.End(ctx, id)) })
	require.Empty(t, b.user(m))
	// A login whose cookie never leaves would be a session that nobody has: it is ended.
	b.signIn(t, m, "bo")
	panics(b, func(s *session.Session, ctx context.Context) { require.NoError(t, s.Elevate(ctx, session.OTP)) })
	for info := range m.Sessions(t.Context(), "bo") {
		t.Error("still live: ", info.ID)
	}
}

// An event that cannot be recorded must not have happened.
func TestAuditThatFails(t *testing.T) {
	log := &journal{}
	m := newManager(t, session.Config{Audit: log.record})
	b := newBrowser(nil)
	failing := errors.New("audit disk full")

	log.err = failing
	require.Equal(t, 500, b.in(m, func(w http.ResponseWriter, r *http.Request) {
		require.NotEmpty(t, session.From(r.Context()).CSRF(""))
	}).StatusCode)
	require.Empty(t, b.cookie)
	b.in(m, func(w http.ResponseWriter, r *http.Request) {
		require.ErrorIs(t, session.From(r.Context()).Login(r.Context(), "anna", session.Password), failing)
		_, ok := session.From(r.Context()).User()
		require.False(t, ok)
	})
	require.Empty(t, b.cookie)
	for info := range m.Sessions(t.Context(), "anna") {
		t.Error("still live: ", info.ID)
	}

	log.err = nil
	b.signIn(t, m, "anna")
	log.err = failing
	require.ErrorIs(t, m.End(t.Context(), b.cookie[:22]), failing)
	require.Empty(t, b.user(m), "an ending stands though it was not recorded")
}

// A hook that panics in the commit must not leave the request waiting for itself, nor let an answer out.
func TestPanicInTheCommit(t *testing.T) {
	spy := newSpy()
	broken := false
	m := newManager(t, session.Config{Store: spy, Audit: func(context.Context, string, ...slog.Attr) error {
		if broken {
			panic("log")
		}
		return nil
	}})
	b := newBrowser(nil)
	broken = true
	require.PanicsWithValue(t, "log", func() {
		b.in(m, func(w http.ResponseWriter, r *http.Request) {
			require.NoError(t, counter.Set(session.From(r.Context()), 1))
			defer func() {
				_, err := io.WriteString(w, "after all")
				require.Error(t, err)
			}()
			_, _ = io.WriteString(w, "done")
		})
	})
	require.Empty(t, b.last.Body.String())
	require.Empty(t, b.last.Result().Header["Set-Cookie"])
	broken = false
	b.signIn(t, m, "anna")
	require.PanicsWithValue(t, "replayed", func() {
		b.in(m, func(w http.ResponseWriter, r *http.Request) {
			runs := 0
			require.NoError(t, counter.Update(r.Context(), session.From(r.Context()), func(n int) int {
				if runs++; runs > 1 {
					panic("replayed")
				}
				return n + 1
			}))
			other := *b
			other.in(m, func(_ http.ResponseWriter, r *http.Request) {
				require.NoError(t, counter.Set(session.From(r.Context()), 5))
			})
		})
	})
	require.Equal(t, 5, b.count(t, m))
}
