package bench

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	"github.com/gorilla/sessions"
	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session"
)

// One request of somebody signed in, with an idle timeout, bound to network and browser, that reads one number. The peers
// have no binding; a team compares what it put into the session, and so do they here. gorilla/sessions keeps everything
// in the cookie, and for an idle timeout writes it anew with each answer.

const (
	origin  = "https://mail.example"
	idle    = 20 * time.Minute
	firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	home    = "192.0.2.7:5000"
)

// A service answers GET /in by signing in, and every other GET with 204 for who is signed in and 403 for anybody else.
type service func(tb testing.TB) http.Handler

var services = map[string]service{"skans": skansService, "scs": scsService, "gorilla": gorillaService}

var counter = session.NewKey[int]("counter")

func skansService(tb testing.TB) http.Handler { return skansOver(tb, session.NewMemoryStore()) }

func skansOver(tb testing.TB, store session.Store) http.Handler {
	m, err := session.New(session.Config{Keys: keyring(tb), Origins: []string{origin}, Idle: idle, Store: store})
	require.NoError(tb, err)
	return m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := session.From(r.Context())
		if r.URL.Path == "/in" {
			if s.Login(r.Context(), r.URL.RawQuery, session.Password) != nil || counter.Set(s, 7) != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
			return
		}
		_, signedIn := s.User()
		n, ok, err := counter.Get(s)
		answer(w, signedIn && ok && err == nil && n == 7)
	}))
}

func answer(w http.ResponseWriter, ok bool) {
	if ok {
		w.WriteHeader(http.StatusNoContent)
	} else {
		w.WriteHeader(http.StatusForbidden)
	}
}

// network is the part of an IPv4 address and port that stays when a client moves within its network.
func network(r *http.Request) string { return r.RemoteAddr[:strings.LastIndexByte(r.RemoteAddr, '.')] }

func scsService(tb testing.TB) http.Handler {
	return scsOver(tb, memstore.NewWithCleanupInterval(0))
}

func scsOver(_ testing.TB, store scs.Store) http.Handler {
	m := scs.New()
	m.Store, m.IdleTimeout, m.Lifetime = store, idle, 8*time.Hour
	m.Cookie.Name, m.Cookie.Secure = "__Host-session", true
	return m.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if r.URL.Path == "/in" {
			if err := m.RenewToken(ctx); err != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
			m.Put(ctx, "user", r.URL.RawQuery)
			m.Put(ctx, "counter", 7)
			m.Put(ctx, "agent", r.UserAgent())
			m.Put(ctx, "network", network(r))
			return
		}
		answer(w, m.GetString(ctx, "user") != "" && m.GetString(ctx, "agent") == r.UserAgent() &&
			m.GetString(ctx, "network") == network(r) && m.GetInt(ctx, "counter") == 7)
	}))
}

func gorillaService(testing.TB) http.Handler {
	store := sessions.NewCookieStore(random(32), random(32))
	store.Options.Secure, store.Options.HttpOnly = true, true
	store.MaxAge(int(idle.Seconds()))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := store.Get(r, "__Host-session")
		if r.URL.Path == "/in" {
			s.Values["user"], s.Values["counter"] = r.URL.RawQuery, 7
			s.Values["agent"], s.Values["network"] = r.UserAgent(), network(r)
			if s.Save(r, w) != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
			return
		}
		ok := err == nil && !s.IsNew && s.Values["user"] != "" && s.Values["agent"] == r.UserAgent() &&
			s.Values["network"] == network(r) && s.Values["counter"] == 7
		if ok && s.Save(r, w) != nil {
			ok = false
		}
		answer(w, ok)
	})
}

// visit is a request of the browser that has this cookie.
func visit(path, cookie string) *http.Request {
	r := httptest.NewRequest("GET", origin+path, nil)
	r.RemoteAddr = home
	r.Header.Set("User-Agent", firefox)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if cookie != "" {
		r.Header.Set("Cookie", "__Host-session="+cookie)
	}
	return r
}

// signIn returns the cookie that the service gives to a new visitor.
func signIn(tb testing.TB, h http.Handler, user string) string {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, visit("/in?"+user, ""))
	require.Equal(tb, http.StatusOK, w.Code)
	for _, c := range w.Result().Cookies() {
		if c.Name == "__Host-session" {
			return c.Value
		}
	}
	tb.Fatal("no cookie")
	return ""
}

func status(h http.Handler, r *http.Request) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

func TestSessionsDoTheSame(t *testing.T) {
	for name, open := range services {
		t.Run(name, func(t *testing.T) {
			h := open(t) // out here, since scs.New leaves a goroutine running for ever
			synctest.Test(t, func(t *testing.T) {
				refused := func(r *http.Request, msg string) {
					t.Helper()
					require.NotEqual(t, http.StatusNoContent, status(h, r), msg)
				}
				refused(visit("/", ""), "nobody")
				refused(visit("/", strings.Repeat("A", 43)), "made-up token")

				cookie := signIn(t, h, "anna")
				require.Equal(t, http.StatusNoContent, status(h, visit("/", cookie)))
				r := visit("/", cookie)
				r.Header.Set("User-Agent", "curl/8.5.0")
				refused(r, "another browser")
				cookie = signIn(t, h, "anna")
				r = visit("/", cookie)
				r.RemoteAddr = "198.51.100.9:5000"
				refused(r, "another network")

				cookie = signIn(t, h, "anna")
				for range 3 { // visits keep it alive
					time.Sleep(idle / 2)
					w := httptest.NewRecorder()
					h.ServeHTTP(w, visit("/", cookie))
					require.Equal(t, http.StatusNoContent, w.Code)
					for _, c := range w.Result().Cookies() {
						cookie = c.Value
					}
				}
				time.Sleep(idle + time.Minute)
				refused(visit("/", cookie), "idle for too long")
			})
		})
	}
}

// sink is an answer that goes nowhere.
type sink struct {
	header http.Header
	code   int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
func (s *sink) WriteHeader(code int)        { s.code = code }

// fresh returns r for another round. gorilla writes the session that it found into the request itself and would not look
// again, so it gets a copy, which is one of its allocations.
func fresh(name string, r *http.Request) *http.Request {
	if name != "gorilla" {
		return r
	}
	again := *r
	return &again
}

func BenchmarkSession(b *testing.B) {
	var sides []side
	for _, name := range []string{"skans", "scs", "gorilla"} {
		h := services[name](b)
		r, w := visit("/", signIn(b, h, "anna")), &sink{header: http.Header{}}
		sides = append(sides, side{name, func() {
			clear(w.header)
			if h.ServeHTTP(w, fresh(name, r)); w.code != http.StatusNoContent {
				b.Fatal(name, w.code)
			}
		}})
	}
	beside(b, sides[0], sides[1:]...)
}

// BenchmarkSignIn signs in ten thousand people in turn.
func BenchmarkSignIn(b *testing.B) {
	var sides []side
	var people []*url.URL
	for i := range 10_000 {
		people = append(people, must(url.Parse(fmt.Sprintf("%s/in?user-%04d", origin, i))))
	}
	for _, name := range []string{"skans", "scs", "gorilla"} {
		h := services[name](b)
		r, w := visit("/in", ""), &sink{header: http.Header{}}
		next := 0
		sides = append(sides, side{name, func() {
			clear(w.header)
			r.URL = people[next%len(people)]
			next++
			h.ServeHTTP(w, fresh(name, r))
		}})
	}
	beside(b, sides[0], sides[1:]...)
}
