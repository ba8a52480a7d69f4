package syslog_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"math/big"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/skans-go/skans/audit"
	"github.com/skans-go/skans/audit/syslog"
	"github.com/stretchr/testify/require"
)

// certificate makes a self-signed one for 127.0.0.1.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

// receiver is a log server: it reads octet-counted messages from one connection at a time.
type receiver struct {
	net.Listener
	messages chan string
}

func listen(t *testing.T) (*receiver, *tls.Config) {
	t.Helper()
	cert, roots := certificate(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	require.NoError(t, err)
	r := &receiver{l, make(chan string, 1000)}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.read(conn)
			_ = conn.Close()
		}
	}()
	return r, &tls.Config{RootCAs: roots}
}

func (r *receiver) read(conn net.Conn) {
	in := bufio.NewReader(conn)
	for {
		count, err := in.ReadString(' ')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSuffix(count, " "))
		if err != nil {
			return
		}
		message := make([]byte, n)
		if _, err := io.ReadFull(in, message); err != nil {
			return
		}
		r.messages <- string(message)
	}
}

var event = audit.Event{
	Log: "0123456789abcdef0123456789abcdef", Class: "session", Epoch: 1, Seq: 7, Server: "mail-1", Name: "session.login",
	Time:  time.Date(2026, 3, 4, 5, 6, 7, 8000, time.UTC),
	Attrs: []slog.Attr{slog.String("user", "x\n<13>1 forged\u202e")},
}

// form is the ABNF of RFC 5424 section 6, as far as our messages use it.
var form = regexp.MustCompile(`^<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) (-|\[event@32473 id="[^"\\\]]+"\]) \x{feff}(.*)$`)

func TestMessage(t *testing.T) {
	r, cfg := listen(t)
	s, err := syslog.New(syslog.Config{Addr: r.Addr().String(), TLS: cfg})
	require.NoError(t, err)
	require.NoError(t, s.Ship(t.Context(), []audit.Event{event}, audit.Witness{Log: event.Log, Record: 3}))
	m := form.FindStringSubmatch(<-r.messages)
	require.NotNil(t, m)
	require.Equal(t, []string{"109", "2026-03-04T05:06:07.000008Z", "mail-1", "skans"}, m[1:5]) // 13 * 8 + 5
	require.Equal(t, "session.login", m[6])
	require.Equal(t, `[event@32473 id="`+event.ID()+`"]`, m[7])
	var body struct {
		ID    string
		Attrs map[string]string
	}
	require.NoError(t, json.Unmarshal([]byte(m[8]), &body))
	require.Equal(t, event.ID(), body.ID)
	require.Equal(t, "x\n<13>1 forged\u202e", body.Attrs["user"])
	require.NotContains(t, m[8], "\u202e")
	m = form.FindStringSubmatch(<-r.messages)
	require.NotNil(t, m)
	w, err := audit.ParseWitness(m[8])
	require.NoError(t, err)
	require.EqualValues(t, 3, w.Record)
}

// TestNotReadIsNotDelivered is a server that takes the connection and dies with the batch half read. What the kernel took
// for it must not count.
func TestNotReadIsNotDelivered(t *testing.T) {
	cert, roots := certificate(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	require.NoError(t, err)
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.ReadFull(conn, make([]byte, 10))
			_ = conn.(*tls.Conn).NetConn().Close()
		}
	}()
	s, err := syslog.New(syslog.Config{Addr: l.Addr().String(), TLS: &tls.Config{RootCAs: roots}})
	require.NoError(t, err)
	large := event
	large.Attrs = []slog.Attr{slog.String("v", strings.Repeat("x", 1<<20))}
	require.Error(t, s.Ship(t.Context(), []audit.Event{large}, audit.Witness{}))
}

func TestServerMustBeTrusted(t *testing.T) {
	r, _ := listen(t)
	s, err := syslog.New(syslog.Config{Addr: r.Addr().String()})
	require.NoError(t, err)
	require.Error(t, s.Ship(t.Context(), []audit.Event{event}, audit.Witness{}))
	_, err = syslog.New(syslog.Config{Addr: r.Addr().String(), TLS: &tls.Config{InsecureSkipVerify: true}})
	require.ErrorContains(t, err, "verification")
	for _, bad := range []string{"", "host", ":6514"} {
		_, err = syslog.New(syslog.Config{Addr: bad})
		require.ErrorContains(t, err, "Addr")
	}
}

func TestHangingServerEndsWithTheContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts in the kernel and never answers
	require.NoError(t, err)
	defer l.Close()
	s, err := syslog.New(syslog.Config{Addr: l.Addr().String()})
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.Error(t, s.Ship(ctx, []audit.Event{event}, audit.Witness{}))
}
