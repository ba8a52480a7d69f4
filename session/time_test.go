package session_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session"
)

func TestIdle(t *testing.T) {
	for _, test := range []struct {
		name  string
		pause time.Duration
		n     int
		live  bool
	}{
		{"just within", 20*time.Minute - time.Millisecond, 1, true},
		{"at the end", 20 * time.Minute, 1, false},
		{"active all the time", 15 * time.Minute, 10, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newManager(t, session.Config{})
				b := newBrowser(nil)
				b.signIn(t, m, "anna")
				for range test.n {
					time.Sleep(test.pause)
					require.Equal(t, test.live, b.user(m) == "anna")
				}
			})
		})
	}
}

// Activity that is not noted may end a session early by what is not noted, and never late.
func TestIdleIsNeverLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t, session.Config{Idle: 16 * time.Minute}) // noted after a minute
		for late := time.Duration(0); late < 3*time.Minute; late += 7 * time.Second {
			b := newBrowser(nil)
			b.signIn(t, m, "anna")
			time.Sleep(late)
			require.Equal(t, "anna", b.user(m))
			time.Sleep(15*time.Minute - time.Millisecond)
			c := *b
			require.Equal(t, "anna", c.user(m), "ended more than a minute early")
			require.NoError(t, m.EndUser(t.Context(), "anna"))
			b.signIn(t, m, "anna")
			time.Sleep(late)
			b.user(m)
			time.Sleep(16 * time.Minute)
			require.Empty(t, b.user(m))
		}
	})
}

func TestAbsolute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t, session.Config{})
		b := newBrowser(nil)
		b.csrf(m, "")
		for range 60 { // 10 hours as nobody, which do not count
			time.Sleep(10 * time.Minute)
			require.NotEmpty(t, b.id(m))
		}
		b.signIn(t, m, "anna")
		signedIn := time.Now()
		for time.Since(signedIn) < 8*time.Hour-10*time.Minute {
			time.Sleep(10 * time.Minute)
			require.Equal(t, "anna", b.user(m))
			b.in(m, func(_ http.ResponseWriter, r *http.Request) { // elevation does not move the deadline
				require.NoError(t, session.From(r.Context()).Elevate(r.Context(), session.OTP))
			})
		}
		time.Sleep(10*time.Minute - time.Millisecond)
		require.Equal(t, "anna", b.user(m))
		time.Sleep(time.Millisecond)
		require.Empty(t, b.user(m))
	})
}

// Expires is the store's to keep, the deadline is sealed: who can write to the store prolongs no session.
func TestDeadlineHoldsAgainstTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := session.NewMemoryStore()
		m := newManager(t, session.Config{Store: store})
		b := newBrowser(nil)
		b.signIn(t, m, "anna")
		id, end := b.cookie[:22], time.Now().Add(8*time.Hour)
		require.NoError(t, store.Touch(t.Context(), id, 1, end, end.Add(time.Hour), time.Now()))
		time.Sleep(8*time.Hour - time.Millisecond)
		require.Equal(t, "anna", b.user(m))
		time.Sleep(time.Millisecond)
		_, err := store.Load(t.Context(), id, time.Now())
		require.NoError(t, err, "to the store it is live")
		require.Empty(t, b.user(m))
		for range m.Sessions(t.Context(), "anna") {
			t.Error("listed though nobody can use it")
		}
	})
}

func TestAThousandRequestsCostOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spy := newSpy()
		m := newManager(t, session.Config{Store: spy})
		b := newBrowser(nil)
		b.signIn(t, m, "anna")
		time.Sleep(2 * time.Minute)
		spy.total()
		for range 1000 {
			require.Equal(t, "anna", b.user(m))
		}
		require.Equal(t, 1001, spy.total(), "one Load each and one Touch")
		time.Sleep(2 * time.Minute)
		crowd(m, b, 100, func(int, *session.Session, *http.Request) {})
		require.Equal(t, 101, spy.total(), "though all came at once")
	})
}

func TestPassive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t, session.Config{})
		b := newBrowser(nil)
		b.signIn(t, m, "anna")
		poll := m.Handler(session.Passive(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s := session.From(r.Context())
			if user, _ := s.User(); user != "" {
				require.NoError(t, counter.Update(r.Context(), s, func(n int) int { return n + 1 }))
				_, _ = io.WriteString(w, user)
			}
		})))
		for range 19 {
			time.Sleep(time.Minute)
			b.handler = poll
			require.Equal(t, "anna", b.get("/").Body.String())
		}
		time.Sleep(time.Minute)
		b.handler = poll
		require.Empty(t, b.get("/").Body.String(), "polling kept it alive")
	})
}

func TestLoginChecksItsArguments(t *testing.T) {
	m := newManager(t, session.Config{})
	b := newBrowser(nil)
	b.in(m, func(_ http.ResponseWriter, r *http.Request) {
		s := session.From(r.Context())
		for _, user := range []string{"", "a\nb", "a\x00", "\xff", string(make([]byte, 300))} {
			require.Error(t, s.Login(r.Context(), user))
		}
		for _, method := range []session.Method{"", "a b", "very-long-name-of-a-method"} {
			require.Error(t, s.Login(r.Context(), "anna", method))
		}
		require.ErrorIs(t, s.Elevate(r.Context(), session.OTP), session.ErrAnonymous)
		require.ErrorIs(t, s.Rotate(r.Context()), session.ErrAnonymous)
		require.NoError(t, s.Logout(context.Background()), "nobody to sign out") // a GET, but with no session
	})
	require.Empty(t, b.cookie)
}

func TestProofs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t, session.Config{})
		b := newBrowser(nil)
		b.signIn(t, m, "anna", session.Password, "face")
		first := time.Now()
		time.Sleep(time.Minute)
		b.in(m, func(_ http.ResponseWriter, r *http.Request) {
			s := session.From(r.Context())
			require.NoError(t, s.Elevate(r.Context(), session.OTP))
			require.NoError(t, s.Elevate(r.Context(), session.OTP))
		})
		b.in(m, func(_ http.ResponseWriter, r *http.Request) {
			s := session.From(r.Context())
			for method, want := range map[session.Method]time.Time{session.Password: first, "face": first, session.OTP: time.Now()} {
				at, ok := s.Proved(method)
				require.True(t, ok)
				require.True(t, at.Equal(want), "%s: %v, not %v", method, at, want)
			}
			_, ok := s.Proved(session.SMS)
			require.False(t, ok)
			n := 0
			for range s.Proofs() {
				n++
			}
			require.Equal(t, 3, n)
		})
		b.signIn(t, m, "anna", session.Recovery)
		b.in(m, func(_ http.ResponseWriter, r *http.Request) {
			_, ok := session.From(r.Context()).Proved(session.OTP)
			require.False(t, ok, "a new login begins with its own proofs")
		})
	})
}
