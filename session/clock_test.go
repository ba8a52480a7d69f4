package session

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
)

func TestClockNeverGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c clock
		first := c.now()
		time.Sleep(time.Minute)
		require.Equal(t, time.Minute, c.now().Sub(first))
		c.set = -time.Hour
		require.Equal(t, time.Minute, c.now().Sub(first), "set back: nothing is won")
		time.Sleep(30 * time.Minute)
		require.Equal(t, 31*time.Minute, c.now().Sub(first), "and time goes on")
		c.set = 5 * time.Hour
		require.Equal(t, 5*time.Hour+31*time.Minute, c.now().Sub(first), "set ahead: believed")
		c.set = 0
		time.Sleep(time.Minute)
		require.Equal(t, 5*time.Hour+32*time.Minute, c.now().Sub(first), "and back again: what has passed has passed")
	})
}

// visitor signs in and returns how to ask who it is.
func visitor(t *testing.T, m *Manager) func() string {
	t.Helper()
	request := httptest.NewRequest("GET", "https://mail.example/", nil)
	w := httptest.NewRecorder()
	m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		require.NoError(t, From(r.Context()).Login(r.Context(), "anna", Password))
	})).ServeHTTP(w, request)
	request.AddCookie(w.Result().Cookies()[0])
	return func() (user string) {
		m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			user, _ = From(r.Context()).User()
		})).ServeHTTP(httptest.NewRecorder(), request)
		return user
	}
}

func TestClockThatIsSet(t *testing.T) {
	keys, err := skans.NewKeyring(skans.GenerateKey("a"))
	require.NoError(t, err)
	open := func(t *testing.T, store Store) *Manager {
		m, err := New(Config{Keys: keys, Store: store, Origins: []string{"https://mail.example"}})
		require.NoError(t, err)
		return m
	}
	t.Run("back extends nothing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := open(t, nil)
			who := visitor(t, m)
			m.clock.set = -6 * time.Hour
			time.Sleep(20*time.Minute - time.Millisecond)
			require.Equal(t, "anna", who())
			time.Sleep(20 * time.Minute)
			require.Empty(t, who())
		})
	})
	t.Run("ahead ends early", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := open(t, nil)
			who := visitor(t, m)
			m.clock.set = 21 * time.Minute
			require.Empty(t, who())
		})
	})
	// Another process has its own clock, and starts with it: there is nothing to compare but what it wrote.
	t.Run("written a little ahead is taken back", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := NewMemoryStore()
			m := open(t, store)
			m.clock.set = 10 * time.Minute
			who := visitor(t, m)
			m.clock = clock{} // the process starts again, and its clock is right now
			require.Equal(t, "anna", who())
			time.Sleep(20 * time.Minute)
			require.Empty(t, who(), "idle for 20 minutes since the last request")
		})
	})
	t.Run("written far ahead is not believed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store := NewMemoryStore()
			ahead := open(t, store)
			ahead.clock.set = 3 * time.Hour
			_ = visitor(t, ahead)
			m := open(t, store)
			n := 0
			for range m.Sessions(t.Context(), "anna") {
				n++
			}
			require.Zero(t, n, "it would outlive its user's absence by three hours")
		})
	})
}
