package signin_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/password"
	"github.com/skans-go/skans/password/throttle"
	"github.com/skans-go/skans/session"
	"github.com/skans-go/skans/session/signin"
	"github.com/skans-go/skans/totp"
	"github.com/skans-go/skans/totp/totptest"
)

// A table is the accounts of a host.
type table struct {
	mu    sync.Mutex
	rows  map[string]signin.User
	err   error
	swaps int
}

func (t *table) ByName(_ context.Context, name string) (signin.User, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, u := range t.rows {
		if strings.EqualFold(u.Name, name) {
			return u, t.err
		}
	}
	return signin.User{}, errors.Join(t.err, signin.ErrNoUser)
}

func (t *table) ByID(_ context.Context, id string) (signin.User, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	u, ok := t.rows[id]
	if !ok {
		return u, errors.Join(t.err, signin.ErrNoUser)
	}
	return u, t.err
}

func (t *table) SwapHash(_ context.Context, id, old, next string) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	u, ok := t.rows[id]
	if !ok || u.PasswordHash != old || t.err != nil {
		return false, t.err
	}
	u.PasswordHash = next
	t.rows[id] = u
	t.swaps++
	return true, nil
}

func (t *table) change(id string, f func(*signin.User)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.rows[id]
	f(&u)
	t.rows[id] = u
}

// A hall is a whole service: the flow, what it stands on, and a handler that runs one step of it.
type hall struct {
	t        *testing.T
	flow     *signin.Flow
	users    *table
	hasher   *password.Hasher
	factors  *totp.Service
	sessions *session.Manager
	limiter  *throttle.Limiter
	keys     *skans.Keyring
	password string // everybody's

	mu       sync.Mutex
	log      []string // event pathway key=value ...
	auditErr map[string]error
	told     []string
	at       time.Time
}

const (
	anna   = "u1" // has a password
	berit  = "u2" // disabled
	cecil  = "u3" // external
	dagny  = "u4" // no password yet
	origin = "https://mail.example"
)

// newHall opens a service; change edits the configuration before. Without change nobody needs a second factor, and who
// has one gives it.
func newHall(t *testing.T, change ...func(*signin.Config)) *hall {
	t.Helper()
	ctx := t.Context()
	keys, err := skans.NewKeyring(skans.GenerateKey("2026a"))
	require.NoError(t, err)
	h := &hall{t: t, keys: keys, auditErr: map[string]error{}, at: time.Now(), password: "horse-" + skans.GenerateKey("x").ID() + fmt.Sprint(time.Now().UnixNano())}
	h.hasher, err = password.New(password.Config{Params: cheap, InsecureParams: true, Keys: keys, MaxQueue: 10_000})
	require.NoError(t, err)
	h.users = &table{rows: map[string]signin.User{}}
	for id, u := range map[string]signin.User{
		anna: {Name: "anna"}, berit: {Name: "berit", Disabled: true}, cecil: {Name: "cecil", External: true}, dagny: {Name: "dagny"},
	} {
		u.ID = id
		if id != dagny {
			u.PasswordHash, err = h.hasher.Hash(ctx, id, h.password)
			require.NoError(t, err)
		}
		h.users.rows[id] = u
	}
	h.limiter, err = throttle.New(throttle.Config{Keys: keys})
	require.NoError(t, err)
	h.factors, err = totp.New(totp.Config{Issuer: "Mail", Keys: keys, Store: totp.NewMemoryStore()})
	require.NoError(t, err)
	h.sessions, err = session.New(session.Config{Keys: keys, Origins: []string{origin}, InsecureOriginCheckOnly: true})
	require.NoError(t, err)
	cfg := signin.Config{
		Users: h.users, Passwords: h.hasher, Throttle: h.limiter, Factors: h.factors, Sessions: h.sessions, Keys: keys,
		Require: func(signin.User) signin.Requirement { return signin.IfEnrolled },
		Notify: func(_ context.Context, n signin.Notice) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.told = append(h.told, n.Event+" "+n.User.ID)
		},
		Audit: h.audit,
	}
	for _, c := range change {
		c(&cfg)
	}
	h.flow, err = signin.New(cfg)
	require.NoError(t, err)
	signin.SetClock(h.flow, func() time.Time {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.at
	})
	return h
}

// cheap costs a hundredth of a millisecond; what is tested here is the order of things, not their price.
const cheap = password.Params("m=32,t=1,p=1")

func (h *hall) audit(_ context.Context, event string, attrs ...slog.Attr) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.auditErr[event]; err != nil {
		return err
	}
	line := event
	for _, a := range attrs {
		switch a.Key {
		case "addr", "agent", "session", "ref":
		default:
			line += " " + a.Key + "=" + a.Value.String()
		}
	}
	h.log = append(h.log, line)
	return nil
}

// last returns the newest line of the log.
func (h *hall) last() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.log) == 0 {
		return ""
	}
	return h.log[len(h.log)-1]
}

func (h *hall) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

// enrol gives a user a second factor and returns its secret and recovery codes. The code of the present step stays unused.
func (h *hall) enrol(id string) (skans.Secret, []string) {
	h.t.Helper()
	p, err := h.factors.Enroll(h.t.Context(), id, "anna@example.com")
	require.NoError(h.t, err)
	recovery, err := h.factors.Confirm(h.t.Context(), id, totptest.CodeAt(h.t, p.Secret(), time.Now().Add(-30*time.Second)))
	require.NoError(h.t, err)
	return p.Secret(), recovery
}

// A browser keeps cookies.
type browser struct {
	h       *hall
	cookies map[string]string
	addr    string
	forward string         // X-Forwarded-For
	answer  *http.Response // the last one
	body    string
}

func (h *hall) browser() *browser {
	return &browser{h: h, cookies: map[string]string{}, addr: "192.0.2.1:1000"}
}

// post runs step as the handler of a POST from this browser.
func (b *browser) post(step http.HandlerFunc) { b.request(http.MethodPost, step) }

func (b *browser) request(method string, step http.HandlerFunc) {
	r := httptest.NewRequest(method, origin+"/", nil)
	r.RemoteAddr = b.addr
	r.Header.Set("Origin", origin)
	if b.forward != "" {
		r.Header.Set("X-Forwarded-For", b.forward)
	}
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.h.sessions.Handler(step).ServeHTTP(w, r)
	b.answer, b.body = w.Result(), w.Body.String()
	for _, c := range b.answer.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
			continue
		}
		b.cookies[c.Name] = c.Value
	}
}

// take runs a step of the flow, commits what it grants, and returns the outcome.
func (b *browser) take(step func(w http.ResponseWriter, r *http.Request) signin.Outcome) (out signin.Outcome) {
	b.h.t.Helper()
	b.post(func(w http.ResponseWriter, r *http.Request) {
		out = step(w, r)
		switch out := out.(type) {
		case signin.Granted:
			if err := out.Commit(w, r); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
				return
			}
			_, _ = fmt.Fprint(w, "welcome")
		case signin.Denied:
			w.WriteHeader(out.Status)
			_, _ = fmt.Fprint(w, out.Public())
		default:
			_, _ = fmt.Fprintf(w, "%T", out)
		}
	})
	return out
}

func (b *browser) password(name, pw string, solution ...string) signin.Outcome {
	return b.take(func(w http.ResponseWriter, r *http.Request) signin.Outcome {
		return b.h.flow.Password(w, r, name, skans.NewSecret(pw), solution...)
	})
}

func (b *browser) factor(code string) signin.Outcome {
	return b.take(func(w http.ResponseWriter, r *http.Request) signin.Outcome { return b.h.flow.Factor(w, r, code) })
}

func (b *browser) confirm(code string) signin.Outcome {
	return b.take(func(w http.ResponseWriter, r *http.Request) signin.Outcome { return b.h.flow.Confirm(w, r, code) })
}

func (b *browser) resume() signin.Outcome {
	return b.take(func(w http.ResponseWriter, r *http.Request) signin.Outcome { return b.h.flow.Resume(w, r) })
}

// user returns who is signed in.
func (b *browser) user() string {
	user := ""
	b.post(func(_ http.ResponseWriter, r *http.Request) { user, _ = session.From(r.Context()).User() })
	return user
}

// proved returns the methods of the session.
func (b *browser) proved() (methods []session.Method) {
	b.post(func(_ http.ResponseWriter, r *http.Request) {
		for m := range session.From(r.Context()).Proofs() {
			methods = append(methods, m)
		}
	})
	return methods
}

// code is what the app shows now.
func (h *hall) code(secret skans.Secret) string { return totptest.Code(h.t, secret) }

// wrong is a code that the app does not show in any step near now.
func (h *hall) wrong(secret skans.Secret) string {
	near := map[string]bool{}
	for step := -2; step <= 2; step++ {
		near[totptest.CodeAt(h.t, secret, time.Now().Add(time.Duration(step)*30*time.Second))] = true
	}
	for i := 0; ; i++ {
		if code := fmt.Sprintf("%06d", i); !near[code] {
			return code
		}
	}
}
