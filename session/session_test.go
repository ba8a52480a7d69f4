package session_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/session"
)

const origin = "https://mail.example"

func ring(t testing.TB) *skans.Keyring {
	t.Helper()
	keys, err := skans.NewKeyring(skans.GenerateKey("a"))
	require.NoError(t, err)
	return keys
}

// newManager returns a Manager over cfg with what is required filled in.
func newManager(t testing.TB, cfg session.Config) *session.Manager {
	t.Helper()
	if cfg.Keys == nil {
		cfg.Keys = ring(t)
	}
	if cfg.Origins == nil {
		cfg.Origins = []string{origin}
	}
	m, err := session.New(cfg)
	require.NoError(t, err)
	return m
}

// A browser keeps the session cookie as browsers do and calls handlers directly.
type browser struct {
	handler http.Handler
	cookie  string
	agent   string
	addr    string
	last    *httptest.ResponseRecorder
}

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

func newBrowser(h http.Handler) *browser {
	return &browser{handler: h, agent: firefox, addr: "192.0.2.7:5000"}
}

func (b *browser) request(method, path string, body io.Reader) *http.Request {
	r := httptest.NewRequest(method, origin+path, body)
	r.RemoteAddr = b.addr
	r.Header.Set("User-Agent", b.agent)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if b.cookie != "" {
		r.Header.Set("Cookie", "__Host-session="+b.cookie)
	}
	return r
}

func (b *browser) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	b.last = w
	b.handler.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.Name == "__Host-session" {
			b.cookie = c.Value
		}
	}
	return w
}

func (b *browser) get(path string) *httptest.ResponseRecorder {
	return b.do(b.request("GET", path, nil))
}

func (b *browser) post(path string, form url.Values) *httptest.ResponseRecorder {
	r := b.request("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

var counter = session.NewKey[int]("counter")

func app(m *session.Manager) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, f func(ctx context.Context, s *session.Session, w http.ResponseWriter, r *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := f(r.Context(), session.From(r.Context()), w, r); err != nil {
				http.Error(w, err.Error(), http.StatusTeapot)
			}
		})
	}
	handle("GET /whoami", func(ctx context.Context, s *session.Session, w http.ResponseWriter, r *http.Request) error {
		user, _ := s.User()
		_, err := io.WriteString(w, user)
		return err
	})
	handle("GET /form", func(ctx context.Context, s *session.Session, w http.ResponseWriter, r *http.Request) error {
		_, err := io.WriteString(w, s.CSRF(r.FormValue("action"), r.Form["object"]...))
		return err
	})
	handle("GET /once", func(ctx context.Context, s *session.Session, w http.ResponseWriter, r *http.Request) error {
		token, err := s.OneTime("send", "42")
		if err == nil {
			_, err = io.WriteString(w, token)
		}
		return err
	})
	handle("POST /login", func(ctx context.Context, s *session.Session, w http.ResponseWriter, r *http.Request) error {
		return s.Login(ctx, r.PostFormValue("user"), session.Password)
	})
	handle("POST /elevate", func(ctx context.Context, s *session.Session, w http.ResponseWriter, r *http.Request) error {
		return s.Elevate(ctx, session.OTP)
	})
	handle("POST /logout", func(ctx context.Context, s *session.Session, w http.ResponseWriter, r *http.Request) error {
		return s.Logout(ctx)
	})
	handle("POST /count", func(ctx context.Context, s *session.Session, w http.ResponseWriter, r *http.Request) error {
		return counter.Update(ctx, s, func(n int) int { return n + 1 })
	})
	send := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "sent") })
	object := func(r *http.Request) string { return r.PathValue("id") }
	mux.Handle("POST /send/{id}", session.Once("send", object, send))
	mux.Handle("POST /delete/{id}", session.Action("delete", object, send))
	return m.Handler(mux)
}

func form(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

func TestSignInAndOut(t *testing.T) {
	b := newBrowser(app(newManager(t, session.Config{PerUser: 1})))

	require.Equal(t, 200, b.get("/whoami").Code)
	require.Empty(t, b.cookie, "a visitor who stores nothing gets no session")

	token := b.get("/form?action=").Body.String()
	anonymous := b.cookie
	require.NotEmpty(t, anonymous)
	require.Equal(t, 403, b.post("/login", form("user", "anna")).Code, "no CSRF token")
	require.Equal(t, 200, b.post("/login", form("user", "anna", "csrf", token)).Code)
	require.NotEqual(t, anonymous, b.cookie)
	require.Equal(t, "anna", b.get("/whoami").Body.String())
	require.Equal(t, "no-store", b.last.Header().Get("Cache-Control"))
	require.Equal(t, 403, b.post("/count", form("csrf", token)).Code, "tokens die with rotation")

	token = b.get("/form").Body.String()
	require.Equal(t, 200, b.post("/count", form("csrf", token)).Code)
	require.Equal(t, 403, b.post("/delete/42", form("csrf", token)).Code, "the general token is none of the action")
	token = b.get("/form?action=delete&object=42").Body.String()
	require.Equal(t, 200, b.post("/delete/42", form("csrf", token)).Code)
	require.Equal(t, 403, b.post("/delete/43", form("csrf", token)).Code)

	once := b.get("/once").Body.String()
	require.Equal(t, "sent", b.post("/send/42", form("csrf", once)).Body.String())
	require.Equal(t, 403, b.post("/send/42", form("csrf", once)).Code)

	signedIn := b.cookie
	require.Equal(t, 200, b.post("/logout", form("csrf", token)).Code)
	require.Contains(t, b.last.Header().Get("Clear-Site-Data"), `"cache"`)
	require.Empty(t, b.cookie)
	b.cookie = signedIn
	require.Empty(t, b.get("/whoami").Body.String())
}
