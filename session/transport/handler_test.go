package transport_test

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session/transport"
)

// event is what a test's audit log keeps.
type event struct {
	name  string
	attrs map[string]string
}

// journal is an audit log; with fail set it cannot record.
type journal struct {
	events []event
	fail   error
}

func (j *journal) record(_ context.Context, name string, attrs ...slog.Attr) error {
	e := event{name, map[string]string{}}
	for _, a := range attrs {
		e.attrs[a.Key] = a.Value.String()
	}
	j.events = append(j.events, e)
	return j.fail
}

// site is a service behind a Transport.
type site struct {
	journal journal
	exposed int
	reached int
	got     *http.Request
	handler http.Handler
	*transport.Transport
}

func newSite(t *testing.T, c transport.Config) *site {
	t.Helper()
	s := &site{}
	if c.Hosts == nil {
		c.Hosts = []string{"mail.example", "localhost:8443"}
	}
	c.Audit = s.journal.record
	c.OnInsecure = func(*http.Request) { s.exposed++ }
	var err error
	s.Transport, err = transport.New(c)
	require.NoError(t, err)
	s.handler = s.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.reached++
		s.got = r
		http.SetCookie(w, &http.Cookie{Name: "__Host-s", Value: "1", Secure: true})
		_, _ = w.Write([]byte("inside"))
	}))
	return s
}

func (s *site) serve(r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w.Result()
}

// request has a scheme and host from target, and pairs of headers.
func request(method, target string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

const page = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

func TestOverTLSTheHostDecides(t *testing.T) {
	for _, c := range []struct {
		name, host string
		status     int
	}{
		{"ours", "mail.example", 200},
		{"ours in capitals", "MAIL.Example", 200},
		{"ours with the default port", "mail.example:443", 200},
		{"ours for development", "localhost:8443", 200},
		{"another port", "mail.example:8443", 421},
		{"development without its port", "localhost", 421},
		{"another name", "evil.example", 421},
		{"a subdomain", "x.mail.example", 421},
		{"ours as a prefix", "mail.example.evil.example", 421},
		{"ours as a suffix", "evilmail.example", 421},
		{"trailing dot", "mail.example.", 400},
		{"none", "", 400},
		{"with a user", "evil@mail.example", 400},
		{"with a path", "mail.example/x", 400},
		{"with a space", "mail.example ", 400},
		{"with a NUL", "mail.example\x00", 400},
		{"a port that is no number", "mail.example:https", 400},
		{"a port with a zero in front", "mail.example:0443", 400},
		{"a port too high", "mail.example:65979", 400}, // 443 modulo 2^16
		{"an empty port", "mail.example:", 400},
		{"two ports", "mail.example:443:443", 400},
		{"two hosts", "mail.example,evil.example", 400},
		{"percent-encoded", "mail%2eexample", 400},
		{"Kelvin sign", "\u212aelvin.example", 400},
		{"dot that is not ASCII", "mail\u3002example", 400},
		{"long", strings.Repeat("a", 100000), 400},
		{"address that is not listed", "[::1]:8443", 421},
		{"open bracket", "[::1", 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, transport.Config{})
			r := request("GET", "https://mail.example/")
			r.Host = c.host
			res := s.serve(r)
			require.Equal(t, c.status, res.StatusCode)
			require.Equal(t, c.status == 200, s.reached == 1)
			if c.status != 200 {
				require.Len(t, s.journal.events, 1)
				require.Equal(t, transport.EventHost, s.journal.events[0].name)
				require.Equal(t, "192.0.2.1", s.journal.events[0].attrs["addr"])
			}
		})
	}
}

func TestPlainHTTPReachesNobody(t *testing.T) {
	for _, c := range []struct {
		name, method, target string
		headers              []string
		status               int
		location             string
	}{
		{"a page", "GET", "http://mail.example/a/b?c=d", []string{"Accept", page}, 308, "https://mail.example/a/b?c=d"},
		{"a page on the development port", "GET", "http://localhost:8080/", []string{"Accept", page}, 308, "https://localhost:8443/"},
		{"HEAD of a page", "HEAD", "http://mail.example/", []string{"Accept", page}, 308, "https://mail.example/"},
		{"browser says so", "GET", "http://mail.example/", []string{"Upgrade-Insecure-Requests", "1"}, 308, "https://mail.example/"},
		{"a page with a cookie", "GET", "http://mail.example/", []string{"Accept", page, "Cookie", "s=1"}, 308, "https://mail.example/"},
		{"two slashes stay on our host", "GET", "http://mail.example//evil.example/", []string{"Accept", page}, 308, "https://mail.example//evil.example/"},
		{"API client", "GET", "http://mail.example/api", []string{"Accept", "*/*"}, 403, ""},
		{"no Accept", "GET", "http://mail.example/api", nil, 403, ""},
		{"script on localhost", "GET", "http://localhost:8080/", []string{"Accept", page, "Sec-Fetch-Mode", "cors"}, 403, ""},
		{"form", "POST", "http://mail.example/login", []string{"Accept", page}, 403, ""},
		{"other method", "DELETE", "http://mail.example/", []string{"Accept", page}, 403, ""},
		{"password in the header", "GET", "http://mail.example/", []string{"Accept", page, "Authorization", "Basic eDp5"}, 403, ""},
		{"another host", "GET", "http://evil.example/", []string{"Accept", page}, 421, ""},
		{"forged scheme", "GET", "http://mail.example/", []string{"X-Forwarded-Proto", "https"}, 403, ""},
		{"forged scheme, RFC 7239", "GET", "http://mail.example/", []string{"Forwarded", "for=192.0.2.1;proto=https"}, 403, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, transport.Config{})
			res := s.serve(request(c.method, c.target, c.headers...))
			require.Equal(t, c.status, res.StatusCode)
			require.Equal(t, c.location, res.Header.Get("Location"))
			require.Zero(t, s.reached)
			require.Empty(t, res.Cookies())
			require.Empty(t, res.Header.Values("Strict-Transport-Security"), "RFC 6797, 7.2: not in clear")
			require.Equal(t, "no-store", res.Header.Get("Cache-Control"))
		})
	}
}

func TestCredentialsInClearAreReported(t *testing.T) {
	for _, c := range []struct {
		name    string
		request *http.Request
		exposed int
		outcome string // of the event
	}{
		{"cookie on a page", request("GET", "http://mail.example/", "Accept", page, "Cookie", "s=1"), 1, "redirected"},
		{"cookie on a form", request("POST", "http://mail.example/", "Cookie", "s=1"), 1, "refused"},
		{"cookie for another host", request("GET", "http://evil.example/", "Cookie", "s=1"), 1, ""},
		{"authorization", request("GET", "http://mail.example/", "Authorization", "Bearer x"), 1, "refused"},
		{"neither", request("POST", "http://mail.example/"), 0, "refused"},
		{"cookie over TLS", request("GET", "https://mail.example/", "Cookie", "s=1"), 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, transport.Config{})
			s.serve(c.request)
			require.Equal(t, c.exposed, s.exposed)
			if c.outcome != "" {
				require.Len(t, s.journal.events, 1)
				require.Equal(t, transport.EventInsecure, s.journal.events[0].name)
				require.Equal(t, c.outcome, s.journal.events[0].attrs["outcome"])
			}
		})
	}
}

func TestAuditThatFailsRefuses(t *testing.T) {
	s := newSite(t, transport.Config{})
	s.journal.fail = errors.New("disk full")
	res := s.serve(request("GET", "http://mail.example/", "Accept", page, "Cookie", "s=1"))
	require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
	require.Equal(t, 1, s.exposed, "the session ends whether or not it can be recorded")
	res = s.serve(request("POST", "http://mail.example/"))
	require.Equal(t, http.StatusForbidden, res.StatusCode, "a refusal stays one")
}

func TestRefuseHookGetsTheReference(t *testing.T) {
	var got error
	s := newSite(t, transport.Config{Refuse: func(w http.ResponseWriter, _ *http.Request, err error) {
		got = err
		w.WriteHeader(http.StatusTeapot)
	}})
	res := s.serve(request("POST", "http://mail.example/"))
	require.Equal(t, http.StatusTeapot, res.StatusCode)
	require.ErrorIs(t, got, transport.ErrInsecure)
	refusal, ok := errors.AsType[*transport.Refusal](got)
	require.True(t, ok)
	require.Equal(t, http.StatusForbidden, refusal.Status)
	require.NotEmpty(t, refusal.Ref)
	require.Equal(t, refusal.Ref, s.journal.events[0].attrs["ref"])
	require.Equal(t, transport.EventInsecure, s.journal.events[0].name)
}

func TestForwardingHeaders(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	t.Run("a stranger's are removed", func(t *testing.T) {
		s := newSite(t, transport.Config{Proxies: proxies})
		r := request("GET", "https://mail.example/", "X-Forwarded-For", "10.1.1.1", "X-Forwarded-Host", "evil.example",
			"Forwarded", "for=10.1.1.1", "X-Real-IP", "10.1.1.1", "Accept", page)
		require.Equal(t, 200, s.serve(r).StatusCode)
		require.Equal(t, http.Header{"Accept": {page}}, s.got.Header)
		require.Equal(t, "10.1.1.1", r.Header.Get("X-Forwarded-For"), "the request of others is not changed")
		require.Equal(t, "192.0.2.1", s.ClientAddr(r).String())
	})
	t.Run("a proxy's are kept", func(t *testing.T) {
		s := newSite(t, transport.Config{Proxies: proxies})
		r := request("GET", "http://mail.example/", "X-Forwarded-For", "198.51.100.7", "X-Forwarded-Proto", "https")
		r.RemoteAddr = "10.0.0.1:1234"
		res := s.serve(r)
		require.Equal(t, 200, res.StatusCode)
		require.Equal(t, "198.51.100.7", s.ClientAddr(s.got).String())
		require.NotEmpty(t, res.Header.Get("Strict-Transport-Security"))
	})
	t.Run("a proxy's plain client is not let in through TLS behind it", func(t *testing.T) {
		s := newSite(t, transport.Config{Proxies: proxies})
		r := request("POST", "https://mail.example/", "X-Forwarded-For", "198.51.100.7", "X-Forwarded-Proto", "http")
		r.RemoteAddr = "10.0.0.1:1234"
		require.Equal(t, 403, s.serve(r).StatusCode)
	})
	t.Run("a proxy that says no scheme gets no endless redirect", func(t *testing.T) {
		s := newSite(t, transport.Config{Proxies: proxies})
		r := request("GET", "http://mail.example/", "X-Forwarded-For", "198.51.100.7", "Accept", page)
		r.RemoteAddr = "10.0.0.1:1234"
		require.Equal(t, 403, s.serve(r).StatusCode)
		require.Equal(t, "proxy says no scheme", s.journal.events[0].attrs["reason"])
	})
}

func TestHSTS(t *testing.T) {
	t.Run("two years with subdomains, on refusals too", func(t *testing.T) {
		s := newSite(t, transport.Config{})
		for target, status := range map[string]int{"https://mail.example/": 200, "https://mail.example": 200, "https://mail.example/*": 200} {
			res := s.serve(request("GET", target))
			require.Equal(t, status, res.StatusCode)
			require.Equal(t, []string{"max-age=63072000; includeSubDomains"}, res.Header.Values("Strict-Transport-Security"))
		}
	})
	t.Run("not for localhost", func(t *testing.T) {
		s := newSite(t, transport.Config{})
		res := s.serve(request("GET", "https://localhost:8443/"))
		require.Equal(t, 200, res.StatusCode)
		require.Empty(t, res.Header.Values("Strict-Transport-Security"))
	})
}

func TestConnectionThatTLSConfigWouldRefuse(t *testing.T) {
	for _, c := range []struct {
		name           string
		version, suite uint16
		status         int
	}{
		{"TLS 1.3", tls.VersionTLS13, tls.TLS_AES_128_GCM_SHA256, 200},
		{"TLS 1.2", tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, 200},
		{"CBC", tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, 403},
		{"RSA key exchange", tls.VersionTLS12, tls.TLS_RSA_WITH_AES_128_GCM_SHA256, 403},
		{"TLS 1.1", tls.VersionTLS11, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, transport.Config{})
			r := request("GET", "https://mail.example/")
			r.TLS = &tls.ConnectionState{Version: c.version, CipherSuite: c.suite, HandshakeComplete: true}
			require.Equal(t, c.status, s.serve(r).StatusCode)
			require.Equal(t, c.status == 200, s.reached == 1)
		})
	}
}

func TestTargetsWithoutAPath(t *testing.T) {
	for _, scheme := range []string{"https", "http"} {
		s := newSite(t, transport.Config{})
		r := request("GET", scheme+"://mail.example/", "Accept", page)
		r.URL.Path = "*"
		res := s.serve(r)
		require.Equal(t, http.StatusBadRequest, res.StatusCode)
		require.Empty(t, res.Header.Get("Location"))
		require.Zero(t, s.reached)
	}
}

// What a stranger writes into the log has a bound, and what he should not have sent in clear is not kept there.
func TestEventsHoldLittle(t *testing.T) {
	s := newSite(t, transport.Config{})
	s.serve(request("POST", "http://mail.example/?token=topsecret", "User-Agent", strings.Repeat("a", 60000),
		"Cookie", "s=topsecret", "Authorization", "Bearer topsecret", "X-Forwarded-For", "topsecret"))
	s.serve(request("GET", "http://mail.example/?token=topsecret", "Accept", page, "Cookie", "s=topsecret"))
	r := request("GET", "https://topsecret.example/")
	r.RemoteAddr = "@"
	s.serve(r)
	require.Len(t, s.journal.events, 3)
	for _, e := range s.journal.events {
		total := 0
		for key, value := range e.attrs {
			require.NotContains(t, value, "topsecret", key)
			total += len(value)
		}
		require.Less(t, total, 1000)
	}
	require.Empty(t, s.journal.events[2].attrs["addr"])
}

func TestHandlerNeedsAHandler(t *testing.T) {
	s := newSite(t, transport.Config{})
	require.PanicsWithValue(t, "transport: Handler without a handler to protect", func() { s.Handler(nil) })
	require.PanicsWithValue(t, "transport: Handler without a handler to protect", func() { s.Server(":443", nil) })
}
