// Package sessiontest helps to test services that use package session: SignIn gives a test a client that is somebody,
// TestStore is the suite that every implementation of session.Store must pass.
package sessiontest

import (
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/skans-go/skans/session"
)

// A Client is an HTTP client with a signed-in session: it keeps cookies and says of each request, as browsers do, that
// it comes from the same origin.
type Client struct {
	*http.Client
	t      testing.TB
	m      *session.Manager
	server *httptest.Server
}

// SignIn returns a client of server, whose user has signed in by the methods; methods empty is a password. server comes
// from httptest.NewTLSServer, and somewhere in it is m.Handler. No password is asked and no page of the server visited:
// this is for tests of what comes after.
func SignIn(t testing.TB, m *session.Manager, server *httptest.Server, user string, methods ...session.Method) *Client {
	t.Helper()
	if len(methods) == 0 {
		methods = []session.Method{session.Password}
	}
	c := Anonymous(t, m, server)
	c.visit(func(r *http.Request) {
		if err := session.From(r.Context()).Login(r.Context(), user, methods...); err != nil {
			t.Fatalf("sessiontest: SignIn: %v", err)
		}
	})
	return c
}

// Anonymous returns a client of server that is nobody yet.
func Anonymous(t testing.TB, m *session.Manager, server *httptest.Server) *Client {
	t.Helper()
	if !strings.HasPrefix(server.URL, "https:") {
		t.Fatal("sessiontest: the server must come from httptest.NewTLSServer; browsers send session cookies over TLS only")
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	base := server.Client()
	c := &Client{Client: &http.Client{Jar: jar, Transport: sameOrigin{base.Transport}}, t: t, m: m, server: server}
	return c
}

// CSRF returns a token of the client's session, as session.Session.CSRF does for a page: for the form field "csrf" or the
// header X-CSRF-Token.
func (c *Client) CSRF(action string, object ...string) string {
	c.t.Helper()
	token := ""
	c.visit(func(r *http.Request) { token = session.From(r.Context()).CSRF(action, object...) })
	if token == "" {
		c.t.Fatal("sessiontest: CSRF: the client's session has ended")
	}
	return token
}

// OneTime returns a one-time token, as session.Session.OneTime does for a page.
func (c *Client) OneTime(action string, object ...string) string {
	c.t.Helper()
	token, err := "", error(nil)
	c.visit(func(r *http.Request) { token, err = session.From(r.Context()).OneTime(action, object...) })
	if err != nil {
		c.t.Fatalf("sessiontest: OneTime: %v", err)
	}
	return token
}

// visit runs f as the handler of a request of this client, without the server.
func (c *Client) visit(f func(r *http.Request)) {
	c.t.Helper()
	at, err := url.Parse(c.server.URL)
	if err != nil {
		c.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, c.server.URL+"/", nil)
	r.RemoteAddr = net.JoinHostPort(at.Hostname(), "1") // the test's own connections come from the same loopback address
	r.Header.Set("User-Agent", agent)
	for _, cookie := range c.Jar.Cookies(at) {
		r.AddCookie(cookie)
	}
	w := httptest.NewRecorder()
	c.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { f(r) })).ServeHTTP(w, r)
	res := w.Result()
	if res.StatusCode != http.StatusOK {
		c.t.Fatalf("sessiontest: the session was refused with status %d", res.StatusCode)
	}
	c.Jar.SetCookies(at, res.Cookies())
}

const agent = "sessiontest/1"

// sameOrigin adds what a browser would.
type sameOrigin struct{ next http.RoundTripper }

func (s sameOrigin) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for name, value := range map[string]string{"Sec-Fetch-Site": "same-origin", "User-Agent": agent} {
		if r.Header.Get(name) == "" {
			r.Header.Set(name, value)
		}
	}
	return s.next.RoundTrip(r)
}
