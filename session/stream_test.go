package session_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session"
)

// Server-sent events over a real connection stop when the user signs out in another tab.
func TestStreamStopsAtLogout(t *testing.T) {
	m := newManager(t, session.Config{})
	mux := http.NewServeMux()
	cause := make(chan error, 1)
	mux.Handle("GET /events", session.Passive(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: hello\n\n")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		<-r.Context().Done()
		cause <- context.Cause(r.Context())
		_, _ = io.WriteString(w, "data: bye\n\n")
	})))
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		if err := session.From(r.Context()).Logout(r.Context()); err != nil {
			t.Error(err)
		}
	})
	var token string
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		s := session.From(r.Context())
		if err := s.Login(r.Context(), "anna", session.Password); err != nil {
			t.Error(err)
		}
		token = s.CSRF("")
	})
	server := httptest.NewTLSServer(m.Handler(mux))
	defer server.Close()
	client := server.Client()
	send := func(method, path string, cookies []*http.Cookie) *http.Response {
		r, err := http.NewRequest(method, server.URL+path, nil)
		require.NoError(t, err)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.Header.Set("X-CSRF-Token", token)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		res, err := client.Do(r)
		require.NoError(t, err)
		t.Cleanup(func() { res.Body.Close() })
		require.Equal(t, 200, res.StatusCode)
		return res
	}
	cookies := send("GET", "/login", nil).Cookies()
	stream := bufio.NewReader(send("GET", "/events", cookies).Body)
	line, err := stream.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "data: hello\n", line)

	out := send("POST", "/logout", cookies)
	require.Equal(t, `"cache", "storage"`, out.Header.Get("Clear-Site-Data"))
	require.Equal(t, -1, out.Cookies()[0].MaxAge, "Max-Age=0 in the header")
	rest, err := io.ReadAll(stream)
	require.NoError(t, err)
	require.Equal(t, "\ndata: bye\n\n", string(rest))
	require.ErrorIs(t, <-cause, session.ErrEnded)
}

// A login in mid-answer: CSRF tokens of the same request belong to the new session.
func TestTokenAfterLoginInOneRequest(t *testing.T) {
	m := newManager(t, session.Config{})
	b := newBrowser(nil)
	var before, after string
	b.in(m, func(_ http.ResponseWriter, r *http.Request) {
		s := session.From(r.Context())
		before = s.CSRF("")
		require.NoError(t, s.Login(r.Context(), "anna", session.Password))
		after = s.CSRF("")
	})
	b.handler = m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	require.Equal(t, 403, b.post("/", form("csrf", before)).Code)
	require.Equal(t, 200, b.post("/", form("csrf", after)).Code)
}

// Handlers may be nested by accident; the inner one must not load, check and commit once more.
func TestNestedHandlers(t *testing.T) {
	spy := newSpy()
	m := newManager(t, session.Config{Store: spy})
	b := newBrowser(nil)
	b.signIn(t, m, "anna")
	spy.total()
	b.handler = m.Handler(m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.NoError(t, counter.Set(session.From(r.Context()), 1))
	})))
	b.get("/")
	require.Equal(t, 2, spy.total(), "one Load, one Patch")
}
