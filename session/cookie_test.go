package session_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/session"
)

func TestCookieAttributes(t *testing.T) {
	b := newBrowser(nil)
	res := b.in(newManager(t, session.Config{}), func(w http.ResponseWriter, r *http.Request) { session.From(r.Context()).CSRF("") })
	require.Len(t, res.Header["Set-Cookie"], 1)
	name, rest, _ := strings.Cut(res.Header["Set-Cookie"][0], "=")
	value, attributes, _ := strings.Cut(rest, "; ")
	require.Equal(t, "__Host-session", name)
	require.Len(t, value, 22+43, "128 bits of id and 256 of secret in base64url")
	require.ElementsMatch(t, []string{"Path=/", "Secure", "HttpOnly", "SameSite=Lax"}, strings.Split(attributes, "; "))
}

// What cannot be a token never gets to the store, and the visitor is anonymous.
func TestCookiesThatAreNoTokens(t *testing.T) {
	good := strings.Repeat("a", 65)
	for name, cookie := range map[string]string{
		"empty":             "__Host-session=",
		"no value":          "__Host-session",
		"one short":         "__Host-session=" + good[1:],
		"one long":          "__Host-session=" + good + "a",
		"100 kB":            "__Host-session=" + strings.Repeat("a", 100_000),
		"NUL":               "__Host-session=" + good[1:] + "\x00",
		"standard base64":   "__Host-session=" + good[1:] + "+",
		"padding":           "__Host-session=" + good[1:] + "=",
		"blank inside":      "__Host-session=" + good[:30] + " " + good[31:],
		"CRLF":              "__Host-session=" + good[:30] + "\r\n" + good[32:],
		"not ASCII":         "__Host-session=" + good[2:] + "é",
		"quoted":            `__Host-session="` + good + `"`,
		"percent":           "__Host-session=" + good[3:] + "%61",
		"no prefix":         "session=" + good,
		"other case":        "__host-session=" + good,
		"$Version":          `$Version=1; $Path="/"`,
		"two, one bad":      "__Host-session=" + good + "; __Host-session=x",
		"two alike":         "__Host-session=" + good + "; a=b; __Host-session=" + good,
		"two, spaced":       "__Host-session=" + good + ";__Host-session =" + good,
		"name in the value": "a=__Host-session=" + good,
	} {
		t.Run(name, func(t *testing.T) {
			spy := newSpy()
			m := newManager(t, session.Config{Store: spy})
			r := httptest.NewRequest("GET", origin, nil)
			r.Header["Cookie"] = []string{cookie}
			w := httptest.NewRecorder()
			m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				require.Empty(t, session.From(r.Context()).ID())
			})).ServeHTTP(w, r)
			require.Equal(t, 200, w.Code)
			require.Zero(t, spy.total())
			require.Empty(t, w.Header()["Set-Cookie"])
			m.EndExposed(r)
			if !strings.HasPrefix(name, "two") {
				require.Zero(t, spy.total())
			}
		})
	}
}

func TestDuplicateCookiesAreNobody(t *testing.T) {
	log := &journal{}
	m := newManager(t, session.Config{Audit: log.record})
	b := newBrowser(nil)
	b.signIn(t, m, "anna")
	stranger := newBrowser(nil)
	stranger.signIn(t, m, "mallory")
	log.take()
	b.handler = m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, ok := session.From(r.Context()).User()
		require.False(t, ok)
	}))
	for _, cookies := range [][]string{
		{"__Host-session=" + b.cookie + "; __Host-session=" + stranger.cookie},
		{"__Host-session=" + stranger.cookie, "__Host-session=" + b.cookie},
	} {
		r := b.request("GET", "/", nil)
		r.Header["Cookie"] = cookies
		require.Equal(t, 200, b.do(r).Code)
		require.EqualValues(t, 2, log.one(t, session.EventDuplicate)["cookies"])
		r.Method = "POST"
		r.Header.Del("Sec-Fetch-Site")
		require.Equal(t, 403, b.do(r).Code, "a session cookie, and no sign of the origin")
		log.take()
	}
	require.Equal(t, "anna", b.user(m))
}

// A token that somebody made up is never adopted, and the right id with a wrong secret neither helps nor harms.
func TestTokensThatTheStoreDoesNotKnow(t *testing.T) {
	spy := newSpy()
	m := newManager(t, session.Config{Store: spy})
	owner := newBrowser(nil)
	owner.signIn(t, m, "anna")
	for name, preset := range map[string]string{
		"made up":                strings.Repeat("A", 65),
		"the id, another secret": owner.cookie[:22] + strings.Repeat("A", 43),
		"the secret, another id": strings.Repeat("A", 22) + owner.cookie[22:],
		"one letter changed":     owner.cookie[:64] + string(owner.cookie[64]^1),
		"what the store has of it": func() string {
			r, _ := spy.Store.Load(t.Context(), owner.cookie[:22], time.Now())
			return r.ID + strings.Repeat("x", 43)
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBrowser(nil)
			b.cookie = preset
			require.Empty(t, b.user(m))
			m.EndExposed(b.request("GET", "/", nil))
			res := b.in(m, func(w http.ResponseWriter, r *http.Request) {
				require.NoError(t, session.From(r.Context()).Login(r.Context(), "mallory", session.Password))
			})
			require.Len(t, res.Cookies(), 1)
			require.NotEqual(t, preset, b.cookie)
			require.NotEqual(t, preset[:22], b.cookie[:22])
			require.Equal(t, "anna", owner.user(m))
		})
	}
}

func TestARotatedTokenComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &journal{}
		m := newManager(t, session.Config{Audit: log.record})
		b := newBrowser(nil)
		b.csrf(m, "")
		anonymous := *b
		b.signIn(t, m, "anna")
		first := *b
		b.in(m, func(w http.ResponseWriter, r *http.Request) {
			require.NoError(t, session.From(r.Context()).Elevate(r.Context(), session.OTP))
		})
		log.take()
		old := func(b browser) *http.Response {
			return b.in(m, func(w http.ResponseWriter, r *http.Request) {
				s := session.From(r.Context())
				_, ok := s.User()
				require.False(t, ok)
				_ = counter.Set(s, 1)
				_ = s.CSRF("")
			})
		}
		for _, stale := range []browser{anonymous, first} {
			require.Empty(t, old(stale).Cookies(), "a cookie would overwrite the new one in the same browser")
		}
		require.Empty(t, log.take(), "other tabs were under way")
		time.Sleep(31 * time.Second)
		for _, stale := range []browser{anonymous, first} {
			require.Len(t, old(stale).Cookies(), 1, "who lost the answer of the login can begin anew")
			require.Equal(t, "anna", log.one(t, session.EventReuse)["user"])
		}
		require.Equal(t, "anna", b.user(m), "who planted a token before the login cannot sign its owner out")
	})
}

func TestKeyRollover(t *testing.T) {
	oldKey, newKey := skans.GenerateKey("old"), skans.GenerateKey("new")
	rings := make([]*skans.Keyring, 3)
	var err error
	for i, keys := range [][]skans.Key{{oldKey}, {newKey, oldKey}, {newKey}} {
		rings[i], err = skans.NewKeyring(keys[0], keys[1:]...)
		require.NoError(t, err)
	}
	store := session.NewMemoryStore()
	managers := make([]*session.Manager, 3)
	for i := range managers {
		managers[i] = newManager(t, session.Config{Keys: rings[i], Store: store})
	}
	stays, moves := newBrowser(nil), newBrowser(nil)
	stays.signIn(t, managers[0], "anna")
	moves.signIn(t, managers[0], "bo")
	token := stays.csrf(managers[0], "")
	require.Equal(t, "anna", stays.user(managers[1]), "old keys verify")
	stays.handler = managers[1].Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.NoError(t, counter.Set(session.From(r.Context()), 1))
	}))
	require.Equal(t, 200, stays.post("/", form("csrf", token)).Code)
	require.Equal(t, "anna", stays.user(managers[1]))
	moves.in(managers[1], func(w http.ResponseWriter, r *http.Request) {
		require.NoError(t, session.From(r.Context()).Rotate(r.Context()))
	})
	require.Equal(t, "bo", moves.user(managers[2]), "a rotation moves to the current key")
	require.Empty(t, stays.user(managers[2]), "a ring without the old key ends its sessions")
}

// A rotation makes the marks of the binding again too. That of the other address family cannot be, and must not sign
// out whoever has both, once the old key is gone.
func TestKeyRolloverOfBothAddressFamilies(t *testing.T) {
	const four, six = "192.0.2.7:1", "[2001:db8::1]:1"
	oldKey, newKey := skans.GenerateKey("old"), skans.GenerateKey("new")
	store := session.NewMemoryStore()
	manager := func(current skans.Key, older ...skans.Key) *session.Manager {
		keys, err := skans.NewKeyring(current, older...)
		require.NoError(t, err)
		return newManager(t, session.Config{Keys: keys, Store: store})
	}
	before, both, after := manager(oldKey), manager(newKey, oldKey), manager(newKey)
	b := newBrowser(nil)
	b.signIn(t, before, "anna")
	b.addr = six
	require.Equal(t, "anna", b.user(before))
	b.addr = four
	b.in(both, func(_ http.ResponseWriter, r *http.Request) {
		require.NoError(t, session.From(r.Context()).Rotate(r.Context()))
	})
	for _, addr := range []string{six, four, six} {
		b.addr = addr
		require.Equal(t, "anna", b.user(after))
	}
}

// Rows come from a store that others may write to. One that was changed ends instead of granting; so does one that a later
// version of this package sealed, instead of failing for ever.
func TestRowsThatWereChanged(t *testing.T) {
	for name, change := range map[string]func(r, other *session.Record){
		"user":                  func(r, _ *session.Record) { r.User = "admin" },
		"deadline":              func(r, _ *session.Record) { r.Deadline = r.Deadline.Add(time.Hour) },
		"since":                 func(r, _ *session.Record) { r.Since = r.Since.Add(time.Second) },
		"generation":            func(r, _ *session.Record) { r.Generation++ },
		"data cut":              func(r, _ *session.Record) { r.Data = r.Data[:len(r.Data)-1] },
		"data empty":            func(r, _ *session.Record) { r.Data = "" },
		"data of another":       func(r, other *session.Record) { r.Data = other.Data },
		"bit of data flipped":   func(r, _ *session.Record) { r.Data = r.Data[:20] + string(r.Data[20]^1) + r.Data[21:] },
		"all but id of another": func(r, other *session.Record) { id, token := r.ID, r.Token; *r = *other; r.ID, r.Token = id, token },
	} {
		t.Run(name, func(t *testing.T) {
			log := &journal{}
			store := session.NewMemoryStore()
			m := newManager(t, session.Config{Store: store, Audit: log.record})
			b, admin := newBrowser(nil), newBrowser(nil)
			b.signIn(t, m, "anna")
			admin.signIn(t, m, "admin")
			now := time.Now()
			r, err := store.Load(t.Context(), b.cookie[:22], now)
			require.NoError(t, err)
			other, err := store.Load(t.Context(), admin.cookie[:22], now)
			require.NoError(t, err)
			_, err = store.End(t.Context(), r.ID, now)
			require.NoError(t, err)
			change(&r, &other)
			_, err = store.Create(t.Context(), r, 0, now)
			require.NoError(t, err)
			log.take()

			res := b.in(m, func(w http.ResponseWriter, r *http.Request) {
				_, ok := session.From(r.Context()).User()
				require.False(t, ok)
			})
			require.Equal(t, 200, res.StatusCode)
			require.Equal(t, "damaged", log.one(t, session.EventEnded)["reason"])
			_, err = store.Load(t.Context(), r.ID, now)
			require.ErrorIs(t, err, session.ErrNotFound)
			require.Empty(t, b.cookie, "the browser forgets it")
			require.Equal(t, "admin", admin.user(m))
		})
	}
}

func TestTokensAreDistinct(t *testing.T) {
	m := newManager(t, session.Config{})
	ids, secrets := map[string]bool{}, map[string]bool{}
	for range 2000 {
		b := newBrowser(nil)
		b.csrf(m, "")
		ids[b.cookie[:22]], secrets[b.cookie[22:]] = true, true
	}
	require.Len(t, ids, 2000)
	require.Len(t, secrets, 2000)
}

// FuzzCookieHeader: whatever the header says, a visitor is somebody only if it has exactly one session cookie, and that
// is the token.
func FuzzCookieHeader(f *testing.F) {
	keys, err := skans.NewKeyring(skans.GenerateKey("a"))
	if err != nil {
		f.Fatal(err)
	}
	spy := newSpy()
	m := newManager(f, session.Config{Keys: keys, Store: spy})
	b := newBrowser(nil)
	b.signIn(f, m, "anna")
	for _, seed := range []string{
		"", "T", "__Host-session=T", "a=b; __Host-session=T; c=d", "__Host-session=T; __Host-session=T", `__Host-session="T"`,
		"__Host-session= T ", "__Host-session=T,a=b", "$Version=1; __Host-session=T; $Path=/", ";;;=;", "__Host-session", "__Host-session=T\x00", "x__Host-session=T",
	} {
		f.Add(seed, "")
		f.Add("a=b", seed)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		r := httptest.NewRequest("GET", origin, nil)
		r.RemoteAddr = b.addr
		r.Header.Set("User-Agent", b.agent)
		// T stands for the token, so that the fuzzer can place it.
		lines := []string{strings.ReplaceAll(first, "T", b.cookie), strings.ReplaceAll(second, "T", b.cookie)}
		r.Header["Cookie"] = lines
		user, ran := "", false
		spy.total()
		m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			ran = true
			user, _ = session.From(r.Context()).User()
		})).ServeHTTP(httptest.NewRecorder(), r)
		require.True(t, ran)
		calls := spy.total()
		n := 0
		for _, pair := range strings.Split(strings.Join(lines, ";"), ";") {
			if name, _, ok := strings.Cut(pair, "="); ok && strings.Trim(name, " \t") == "__Host-session" {
				n++
			}
		}
		require.LessOrEqual(t, calls, 1)
		if n != 1 {
			require.Zero(t, calls)
			require.Empty(t, user)
		}
		if user != "" {
			require.Contains(t, strings.Join(lines, ";"), b.cookie)
		}
	})
}

// A stolen dump holds nothing by which somebody could sign in, and nothing that tells where the user was.
func TestTheStoreHoldsNoSecrets(t *testing.T) {
	spy := newSpy()
	m := newManager(t, session.Config{Store: spy})
	b := newBrowser(nil)
	csrf := b.csrf(m, "")
	secrets := []string{b.cookie[22:], csrf, "192.0.2", "Firefox", "Linux", "firefox", "linux", "\xc0\x00\x02\x07"}
	b.signIn(t, m, "anna")
	secrets = append(secrets, b.cookie[22:], b.csrf(m, "delete"))
	raw, err := base64.RawURLEncoding.DecodeString(b.cookie[22:])
	require.NoError(t, err)
	secrets = append(secrets, string(raw), string(raw[:16]))
	r, err := spy.Store.Load(t.Context(), b.cookie[:22], time.Now())
	require.NoError(t, err)
	for _, secret := range secrets {
		for _, field := range []string{r.ID, r.User, string(r.Token[:]), r.Data} {
			require.NotContains(t, field, secret)
		}
	}
	require.NotZero(t, r.Token)
}
