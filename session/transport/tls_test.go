package transport_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session/transport"
)

// certificates are made at each run: one with an RSA key, which RSA key exchange needs, and one with ECDSA.
var certificates = sync.OnceValue(func() map[string]tls.Certificate {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.example"}, DNSNames: []string{"mail.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
	all := map[string]tls.Certificate{}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &rsaKey.PublicKey, rsaKey)
	if err != nil {
		panic(err)
	}
	all["RSA"] = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: rsaKey}
	if der, err = x509.CreateCertificate(rand.Reader, template, template, &ecKey.PublicKey, ecKey); err != nil {
		panic(err)
	}
	all["ECDSA"] = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: ecKey}
	return all
})

// listen serves on loopback until the test ends and returns the address.
func listen(t *testing.T, server *http.Server, secure bool) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server.ErrorLog = log.New(io.Discard, "", 0)
	done := make(chan error, 1)
	if secure {
		for _, name := range []string{"ECDSA", "RSA"} {
			server.TLSConfig.Certificates = append(server.TLSConfig.Certificates, certificates()[name])
		}
		go func() { done <- server.ServeTLS(listener, "", "") }()
	} else {
		go func() { done <- server.Serve(listener) }()
	}
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-done, http.ErrServerClosed)
	})
	return listener.Addr().String()
}

// dial speaks TLS with the versions and suites given. The certificate is not what these tests are about.
func dial(addr string, c *tls.Config) (*tls.Conn, error) {
	c.InsecureSkipVerify = true
	c.ServerName = "mail.example"
	return tls.DialWithDialer(&net.Dialer{Timeout: 10 * time.Second}, "tcp", addr, c)
}

// get sends one request over the connection and returns the answer with its body.
func get(t *testing.T, conn net.Conn, path string, headers ...string) (*http.Response, string) {
	t.Helper()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	r := request("GET", "https://mail.example"+path, headers...)
	r.RequestURI = ""
	require.NoError(t, r.Write(conn))
	res, err := http.ReadResponse(bufio.NewReader(conn), r)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res, string(body)
}

func TestHandshakes(t *testing.T) {
	s := newSite(t, transport.Config{})
	addr := listen(t, s.Server("", s.handler), true)
	for _, c := range []struct {
		name   string
		config *tls.Config
		ok     bool
	}{
		{"as Go does it", &tls.Config{}, true},
		{"TLS 1.2", &tls.Config{MaxVersion: tls.VersionTLS12}, true},
		{"TLS 1.2, AES-256 and ECDSA", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}}, true},
		{"TLS 1.2, ChaCha20 and RSA certificate", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256}}, true},
		{"P-256 only", &tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP256}}, true},
		{"TLS 1.1", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		{"TLS 1.0", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, false},
		{"RSA key exchange", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384}}, false},
		{"RSA key exchange with CBC", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA}}, false},
		{"CBC", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{
			tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
		}}, false},
		{"3DES", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA}}, false},
		{"RC4", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA, tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := dial(addr, c.config)
			if !c.ok {
				require.ErrorContains(t, err, "remote error: tls:", "the server refuses, not the client")
				return
			}
			require.NoError(t, err)
			defer conn.Close()
			res, text := get(t, conn, "/")
			require.Equal(t, 200, res.StatusCode)
			require.Equal(t, "inside", text)
		})
	}
	t.Run("the hybrid key exchange comes first", func(t *testing.T) {
		conn, err := dial(addr, &tls.Config{CurvePreferences: []tls.CurveID{tls.X25519, tls.X25519MLKEM768}})
		require.NoError(t, err)
		defer conn.Close()
		require.Equal(t, tls.X25519MLKEM768, conn.ConnectionState().CurveID)
	})
	t.Run("HTTP/2", func(t *testing.T) {
		client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true,
		}}
		defer client.CloseIdleConnections()
		r := request("GET", "https://"+addr+"/")
		r.RequestURI, r.Host = "", "mail.example"
		res, err := client.Do(r)
		require.NoError(t, err)
		defer res.Body.Close()
		require.Equal(t, 2, res.ProtoMajor)
		require.Equal(t, 200, res.StatusCode)
		require.Equal(t, "max-age=63072000; includeSubDomains", res.Header.Get("Strict-Transport-Security"))
	})
}

func TestOutdatedPage(t *testing.T) {
	const sorry = "<!doctype html><title>Please update</title>"
	s := newSite(t, transport.Config{OutdatedPage: sorry})
	addr := listen(t, s.Server("", s.handler), true)
	old := &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	cbc := &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}}
	for name, config := range map[string]*tls.Config{"TLS 1.1": old, "CBC": cbc} {
		for _, path := range []string{"/", "/login", "/*"} {
			t.Run(name+path, func(t *testing.T) {
				s.journal.events = nil
				conn, err := dial(addr, config)
				require.NoError(t, err)
				defer conn.Close()
				res, text := get(t, conn, path, "Cookie", "__Host-s=1")
				require.Equal(t, 403, res.StatusCode)
				require.Equal(t, sorry, text)
				require.Empty(t, res.Cookies())
				require.Empty(t, res.Header.Values("Strict-Transport-Security"))
				require.True(t, res.Close, "the connection is not kept")
				require.Zero(t, s.reached)
				require.Len(t, s.journal.events, 1)
				require.Equal(t, transport.EventOutdated, s.journal.events[0].name)
				require.Contains(t, s.journal.events[0].attrs["reason"], "TLS 1.")
			})
		}
	}
	t.Run("a browser of today is not moved to the old way", func(t *testing.T) {
		for _, config := range []*tls.Config{{}, {MaxVersion: tls.VersionTLS12}} {
			conn, err := dial(addr, config)
			require.NoError(t, err)
			res, text := get(t, conn, "/")
			require.NoError(t, conn.Close())
			require.Equal(t, 200, res.StatusCode)
			require.Equal(t, "inside", text)
		}
	})
	t.Run("RSA key exchange stays refused", func(t *testing.T) {
		_, err := dial(addr, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{
			tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA, tls.TLS_RSA_WITH_AES_128_GCM_SHA256,
		}})
		require.ErrorContains(t, err, "remote error: tls:")
	})
}

// A host that serves with a configuration of its own, without TLSConfig, is noticed by the Handler.
func TestForeignTLSConfig(t *testing.T) {
	s := newSite(t, transport.Config{})
	server := &http.Server{Handler: s.handler, TLSConfig: &tls.Config{MinVersion: tls.VersionTLS10}}
	addr := listen(t, server, true)
	conn, err := dial(addr, &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	require.NoError(t, err)
	defer conn.Close()
	res, _ := get(t, conn, "/")
	require.Equal(t, 403, res.StatusCode)
	require.Zero(t, s.reached)
}

func TestPlainServer(t *testing.T) {
	s := newSite(t, transport.Config{})
	addr := listen(t, s.PlainServer(""), false)
	for raw, status := range map[string]int{
		"GET /a HTTP/1.1\r\nHost: mail.example\r\nAccept: text/html\r\n\r\n":                   308,
		"GET /a HTTP/1.1\r\nHost: mail.example\r\n\r\n":                                        403,
		"POST /a HTTP/1.1\r\nHost: mail.example\r\nContent-Length: 1\r\n\r\nx":                 403,
		"OPTIONS * HTTP/1.1\r\nHost: mail.example\r\n\r\n":                                     403,
		"GET http://evil.example/ HTTP/1.1\r\nHost: mail.example\r\nAccept: text/html\r\n\r\n": 421,
		"GET / HTTP/1.0\r\nAccept: text/html\r\n\r\n":                                          400,
		"GET / HTTP/1.1\r\nHost: mail.example\r\nHost: evil.example\r\n\r\n":                   400,
		"CONNECT mail.example:443 HTTP/1.1\r\nHost: mail.example:443\r\n\r\n":                  403,
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":                                                     400,
	} {
		conn, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
		_, err = io.WriteString(conn, raw)
		require.NoError(t, err)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err, "%q", raw)
		require.Equal(t, status, res.StatusCode, "%q", raw)
		require.Equal(t, status == 308, res.Header.Get("Location") == "https://mail.example/a", "%q", raw)
		require.Empty(t, res.Cookies())
		require.NoError(t, conn.Close())
	}
	require.Zero(t, s.reached)
}

func TestServerHandsOptionsToTheHandler(t *testing.T) {
	s := newSite(t, transport.Config{})
	addr := listen(t, s.Server("", s.handler), true)
	conn, err := dial(addr, &tls.Config{})
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(conn, "OPTIONS * HTTP/1.1\r\nHost: mail.example\r\n\r\n")
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.Equal(t, 400, res.StatusCode, "net/http alone would say 200")
}

// A second Transport around the same handler, as when Server gets what Handler returned, changes nothing.
func TestHandlerTwice(t *testing.T) {
	s := newSite(t, transport.Config{})
	s.handler = s.Handler(s.handler)
	res := s.serve(request("GET", "https://mail.example/"))
	require.Equal(t, 200, res.StatusCode)
	require.Len(t, res.Header.Values("Strict-Transport-Security"), 1)
	res = s.serve(request("POST", "http://mail.example/", "Cookie", "s=1"))
	require.Equal(t, 403, res.StatusCode)
	require.Equal(t, 1, s.exposed)
	require.Len(t, s.journal.events, 1)
}

func TestTLSConfigIsOnesOwn(t *testing.T) {
	s := newSite(t, transport.Config{})
	mine := s.TLSConfig()
	mine.MinVersion = tls.VersionTLS10
	mine.CipherSuites[0] = tls.TLS_RSA_WITH_AES_128_CBC_SHA
	require.Equal(t, uint16(tls.VersionTLS12), s.TLSConfig().MinVersion)
	require.NotContains(t, s.TLSConfig().CipherSuites, uint16(tls.TLS_RSA_WITH_AES_128_CBC_SHA))
}
