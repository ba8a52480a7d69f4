package session_test

import (
	"context"
	"flag"
	"iter"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestDescribe(t *testing.T) {
	for name, cfg := range map[string]session.Config{
		"default": {},
		"strict": {
			Origins: []string{"https://b.example", "https://a.example:8443"}, Idle: 15 * time.Minute, Absolute: 12 * time.Hour, PerUser: 1,
			Bind: session.Bind{Address: session.AddressExact, Agent: session.AgentExact}, Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
			Refuse: func(http.ResponseWriter, *http.Request, error) {}, Audit: (&journal{}).record,
		},
		"insecure": {
			Idle: 2 * time.Hour, Absolute: 30 * 24 * time.Hour, InsecureOriginCheckOnly: true,
			Bind: session.Bind{Address: session.InsecureAddressOff, Agent: session.AgentObserve},
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", "describe-"+name+".txt")
			got := newManager(t, cfg).Describe()
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}

func TestConfigErrorsSayWhatToDo(t *testing.T) {
	keys := ring(t)
	good := []string{origin}
	for name, test := range map[string]struct {
		cfg  session.Config
		says string
	}{
		"no keys":         {session.Config{Origins: good}, "keyring"},
		"no origins":      {session.Config{Keys: keys}, "https://"},
		"no scheme":       {session.Config{Keys: keys, Origins: []string{"mail.example"}}, "not an origin"},
		"path":            {session.Config{Keys: keys, Origins: []string{origin + "/"}}, "more than"},
		"capitals":        {session.Config{Keys: keys, Origins: []string{"https://Mail.example"}}, "capital"},
		"default port":    {session.Config{Keys: keys, Origins: []string{origin + ":443"}}, "default port"},
		"plain":           {session.Config{Keys: keys, Origins: []string{"http://mail.example"}}, "not https"},
		"user info":       {session.Config{Keys: keys, Origins: []string{"https://a@mail.example"}}, "more than"},
		"wildcard scheme": {session.Config{Keys: keys, Origins: []string{"*"}}, "not an origin"},
		"short idle":      {session.Config{Keys: keys, Origins: good, Idle: time.Second}, "Idle"},
		"negative idle":   {session.Config{Keys: keys, Origins: good, Idle: -1}, "Idle"},
		"short absolute":  {session.Config{Keys: keys, Origins: good, Absolute: time.Minute}, "Absolute"},
		"long absolute":   {session.Config{Keys: keys, Origins: good, Absolute: 999 * time.Hour}, "Absolute"},
		"negative limit":  {session.Config{Keys: keys, Origins: good, PerUser: -1}, "PerUser"},
		"address binding": {session.Config{Keys: keys, Origins: good, Bind: session.Bind{Address: 9}}, "Bind.Address"},
		"agent binding":   {session.Config{Keys: keys, Origins: good, Bind: session.Bind{Agent: -1}}, "Bind.Agent"},
		"proxy":           {session.Config{Keys: keys, Origins: good, Proxies: make([]netip.Prefix, 1)}, "Proxies"},
		"any proxy":       {session.Config{Keys: keys, Origins: good, Proxies: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}, "everybody"},
		"mapped proxy":    {session.Config{Keys: keys, Origins: good, Proxies: []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}}, "never matches"},
		"timeout":         {session.Config{Keys: keys, Origins: good, Timeout: -1}, "Timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := session.New(test.cfg)
			require.ErrorContains(t, err, test.says)
			require.Nil(t, m)
		})
	}
	for _, host := range []string{"http://localhost:8080", "http://127.0.0.1", "http://[::1]:3000", "https://mail.example:8443"} {
		_, err := session.New(session.Config{Keys: keys, Origins: []string{host}})
		require.NoError(t, err)
	}
	origins := []string{origin}
	m, err := session.New(session.Config{Keys: keys, Origins: origins})
	require.NoError(t, err)
	origins[0] = "https://evil.test"
	require.NotContains(t, m.Describe(), "evil", "the configuration is copied")
}

// Each event comes once, says whose session it is, and holds nothing by which somebody could use it.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &journal{}
		m := newManager(t, session.Config{Audit: log.record, PerUser: 1})
		b := newBrowser(nil)
		secrets := map[string]bool{}
		next := func(name string) map[string]any {
			t.Helper()
			events := log.take()
			require.Len(t, events, 1, "%v", events)
			require.Equal(t, name, events[0].name)
			secrets[b.cookie[22:]] = true
			for _, value := range events[0].attrs {
				for secret := range secrets {
					if text, ok := value.(string); ok && secret != "" {
						require.NotContains(t, text, secret)
					}
				}
			}
			require.Equal(t, "192.0.2.7", events[0].attrs["addr"])
			require.Equal(t, firefox, events[0].attrs["agent"])
			return events[0].attrs
		}
		token := b.csrf(m, "")
		require.Equal(t, b.cookie[:22], next(session.EventCreated)["session"])
		b.signIn(t, m, "anna", session.Password, session.OTP)
		e := next(session.EventLogin)
		require.Equal(t, "anna", e["user"])
		require.Equal(t, "pwd otp", e["methods"])
		in := func(f func(ctx context.Context, s *session.Session) error) {
			b.in(m, func(_ http.ResponseWriter, r *http.Request) {
				require.NoError(t, f(r.Context(), session.From(r.Context())))
			})
		}
		in(func(ctx context.Context, s *session.Session) error { return s.Elevate(ctx, session.HardwareKey) })
		require.Equal(t, "hwk", next(session.EventElevated)["methods"])
		in(func(ctx context.Context, s *session.Session) error { return s.Rotate(ctx) })
		require.Equal(t, b.cookie[:22], next(session.EventRotated)["session"])

		b.handler = m.Handler(http.NotFoundHandler())
		require.Equal(t, 403, b.post("/", form("csrf", token)).Code)
		e = next(session.EventCSRF)
		require.Equal(t, "token", e["reason"])
		require.Contains(t, b.last.Body.String(), e["ref"])

		in(func(ctx context.Context, s *session.Session) error { return m.End(ctx, s.ID()) })
		log.mu.Lock()
		require.Equal(t, "revoked", log.events[0].attrs["reason"])
		log.mu.Unlock()
		log.take()
		require.Empty(t, b.cookie)

		b.signIn(t, m, "anna")
		first := b.cookie[:22]
		other := newBrowser(nil)
		log.take()
		other.signIn(t, m, "anna")
		require.Equal(t, first, log.one(t, session.EventLimit)["session"])

		other.addr = "203.0.113.9:1"
		require.Equal(t, 401, other.in(m, nil).StatusCode)
		events := log.take()
		require.Equal(t, []string{session.EventMismatch, session.EventEnded}, []string{events[0].name, events[1].name})
		require.Equal(t, "mismatch", events[1].attrs["reason"])
		require.NotEmpty(t, events[0].attrs["ref"])
	})
}

func TestFiftyLoginsUnderALimit(t *testing.T) {
	for _, limit := range []int{1, 3} {
		m := newManager(t, session.Config{PerUser: limit})
		browsers := make([]*browser, 50)
		start, done := make(chan bool), sync.WaitGroup{}
		for i := range browsers {
			b := newBrowser(nil)
			if browsers[i] = b; i%2 == 0 {
				b.csrf(m, "") // half of them had an anonymous session
			}
			done.Go(func() {
				<-start
				b.in(m, func(_ http.ResponseWriter, r *http.Request) {
					if err := session.From(r.Context()).Login(r.Context(), "anna", session.Password); err != nil {
						t.Error(err)
					}
				})
			})
		}
		close(start)
		done.Wait()
		live := 0
		for _, b := range browsers {
			if b.cookie != "" && b.user(m) == "anna" {
				live++
			}
		}
		require.Equal(t, limit, live)
		listed := 0
		for range m.Sessions(t.Context(), "anna") {
			listed++
		}
		require.Equal(t, limit, listed)
	}
}

// Several tabs are one session, and who signs in again in the same browser is not a second one.
func TestTabsDoNotLockOut(t *testing.T) {
	m := newManager(t, session.Config{PerUser: 1})
	b := newBrowser(nil)
	for range 3 {
		b.signIn(t, m, "anna")
	}
	tab := *b
	require.Equal(t, "anna", b.user(m))
	require.Equal(t, "anna", tab.user(m))
}

func TestYourDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t, session.Config{})
		label := session.NewKey[string]("label")
		var ids []string
		for _, name := range []string{"laptop", "phone", "office"} {
			b := newBrowser(nil)
			b.signIn(t, m, "anna", session.Password, session.OTP)
			b.in(m, func(_ http.ResponseWriter, r *http.Request) {
				require.NoError(t, label.Set(session.From(r.Context()), name))
			})
			ids = append(ids, b.id(m))
			time.Sleep(time.Minute)
		}
		newBrowser(nil).signIn(t, m, "bo")
		var names []string
		for info, err := range m.Sessions(t.Context(), "anna") {
			require.NoError(t, err)
			name, ok, err := label.In(info)
			require.NoError(t, err)
			require.True(t, ok)
			names = append(names, name)
			require.Equal(t, "anna", info.User)
			require.Equal(t, []session.Method{session.Password, session.OTP}, info.Methods)
			require.True(t, info.Since.Equal(info.Created))
			require.Equal(t, 20*time.Minute, info.Expires.Sub(info.Seen))
		}
		require.Equal(t, []string{"office", "phone", "laptop"}, names, "the newest first")
		require.NoError(t, m.EndUser(t.Context(), "anna", ids[1]))
		left := []string{}
		for info := range m.Sessions(t.Context(), "anna") {
			left = append(left, info.ID)
		}
		require.Equal(t, ids[1:2], left)
		for _, id := range []string{ids[1], ids[1], ids[0], "", "no id", strings.Repeat("x", 22)} {
			require.NoError(t, m.End(t.Context(), id), "ending twice, or nothing, is no error")
		}
		require.Empty(t, slices.Collect(func(yield func(session.Info) bool) {
			for info := range m.Sessions(t.Context(), "anna") {
				if !yield(info) {
					return
				}
			}
		}))
	})
}

func TestNoStoreForSignedInAnswers(t *testing.T) {
	m := newManager(t, session.Config{})
	b := newBrowser(nil)
	quiet := func(http.ResponseWriter, *http.Request) {}
	require.Empty(t, b.in(m, quiet).Header.Get("Cache-Control"), "nothing of a visitor's is in it")
	b.signIn(t, m, "anna")
	require.Equal(t, "no-store", b.in(m, quiet).Header.Get("Cache-Control"))
	require.Equal(t, "public, max-age=60", b.in(m, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=60")
	}).Header.Get("Cache-Control"), "said on purpose")
	require.Equal(t, "no-store", b.in(m, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public")
		session.From(r.Context()).CSRF("")
	}).Header.Get("Cache-Control"), "a token is in it")
}

func TestExposedCookies(t *testing.T) {
	log := &journal{}
	m := newManager(t, session.Config{Audit: log.record})
	a, b := newBrowser(nil), newBrowser(nil)
	a.signIn(t, m, "anna")
	b.signIn(t, m, "bo")
	log.take()
	r := a.request("GET", "/", nil)
	r.Header["Cookie"] = []string{"x=y; __Host-session=" + a.cookie, "__Host-session=" + b.cookie[:22] + strings.Repeat("A", 43)}
	m.EndExposed(r)
	require.Equal(t, "exposed", log.one(t, session.EventEnded)["reason"])
	require.Empty(t, a.user(m))
	require.Equal(t, "bo", b.user(m), "only the real token ends a session")
}

// A store that mixes users up must not show one of them the sessions of another.
type mixingStore struct{ session.Store }

func (m mixingStore) ByUser(ctx context.Context, _ string, now time.Time) iter.Seq2[session.Record, error] {
	return m.Store.ByUser(ctx, "anna", now)
}

func TestSessionsAreOfTheirUser(t *testing.T) {
	m := newManager(t, session.Config{Store: mixingStore{session.NewMemoryStore()}})
	newBrowser(nil).signIn(t, m, "anna")
	count := func(user string) (n int) {
		for _, err := range m.Sessions(t.Context(), user) {
			require.NoError(t, err)
			n++
		}
		return n
	}
	require.Equal(t, 1, count("anna"))
	require.Zero(t, count("bo"))
}

// What strangers can cause at will, sessions that nobody signed in to, has a name of its own, so that a log can bound it.
func TestEndsOfAnonymousSessionsHaveAnEventOfTheirOwn(t *testing.T) {
	log := &journal{}
	m := newManager(t, session.Config{Audit: log.record})
	b := newBrowser(nil)
	b.csrf(m, "")
	require.Equal(t, session.EventCreated, log.take()[0].name)
	id := b.cookie[:22]
	require.NoError(t, m.End(t.Context(), id))
	events := log.take()
	require.Len(t, events, 1)
	require.Equal(t, session.EventAnonymous, events[0].name)
	require.Equal(t, session.EventEnded, events[0].attrs["event"])
	require.Equal(t, id, events[0].attrs["session"])
	require.Equal(t, "revoked", events[0].attrs["reason"])
}
