package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/examples/mail/internal/message"
	"github.com/skans-go/skans/examples/mail/internal/smtpin"
	"github.com/skans-go/skans/examples/mail/internal/store"
)

// A postOffice is a mail server that takes letters to anybody but those that it is told to refuse.
type postOffice struct {
	address string
	relay   *relay
	mu      sync.Mutex
	got     []string
	broken  bool
}

func newPostOffice(t *testing.T, secure bool) *postOffice {
	t.Helper()
	dir := t.TempDir()
	pair, err := certificate(dir)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	o := &postOffice{address: strings.Replace(listener.Addr().String(), "127.0.0.1", "localhost", 1)}
	cfg := smtpin.Config{
		Domain: "relay.example",
		Mailbox: func(_ context.Context, address string) (string, bool, error) {
			o.mu.Lock()
			defer o.mu.Unlock()
			if o.broken {
				return "", false, errors.New("full")
			}
			return "any", !strings.HasPrefix(address, "nobody@"), nil
		},
		Deliver: func(_ context.Context, _ string, trace, raw []byte, _ message.Message) error {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.got = append(o.got, string(raw))
			return nil
		},
		Refused: func(context.Context, int, string) {},
	}
	if secure {
		cfg.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	}
	server := smtpin.New(cfg)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		require.NoError(t, server.Shutdown(context.Background()))
		require.NoError(t, <-done)
	})
	o.relay, err = newRelay(o.address)
	require.NoError(t, err)
	o.relay.tls = &tls.Config{RootCAs: (&running{dir: dir}).roots(t), ServerName: "localhost"}
	return o
}

func (o *postOffice) letters() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.got...)
}

func (o *postOffice) breakDown(broken bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.broken = broken
}

func letterTo(t *testing.T, to string) []byte {
	t.Helper()
	raw, err := message.Compose(message.Outgoing{
		MessageID: "1@localhost", From: "noreply@localhost", FromName: "Mailbox, \"shared\"", To: to, Subject: "Å", Text: "Hello.\n.\n..\n", Date: time.Now(),
	})
	require.NoError(t, err)
	return raw
}

func TestRelay(t *testing.T) {
	o := newPostOffice(t, true)
	t.Run("the letter as it is", func(t *testing.T) {
		raw := letterTo(t, "anna@example.org")
		require.NoError(t, o.relay.send(t.Context(), "1", raw))
		require.Equal(t, []string{string(raw)}, o.letters())
	})
	t.Run("refused for good", func(t *testing.T) {
		require.ErrorIs(t, o.relay.send(t.Context(), "2", letterTo(t, "nobody@example.org")), store.ErrGivenUp)
	})
	t.Run("refused for now", func(t *testing.T) {
		o.breakDown(true)
		defer o.breakDown(false)
		err := o.relay.send(t.Context(), "3", letterTo(t, "anna@example.org"))
		require.Error(t, err)
		require.NotErrorIs(t, err, store.ErrGivenUp)
	})
	t.Run("a certificate that nobody vouches for", func(t *testing.T) {
		stranger := *o.relay
		stranger.tls = nil
		err := stranger.send(t.Context(), "4", letterTo(t, "anna@example.org"))
		require.ErrorContains(t, err, "certificate")
		require.ErrorIs(t, err, store.ErrUnreachable)
	})
	t.Run("no TLS, no letter", func(t *testing.T) {
		plain := newPostOffice(t, false)
		err := plain.relay.send(t.Context(), "5", letterTo(t, "anna@example.org"))
		require.ErrorContains(t, err, "STARTTLS")
		require.ErrorIs(t, err, store.ErrUnreachable)
		require.Empty(t, plain.letters())
	})
	t.Run("broken off", func(t *testing.T) {
		silent, err := newRelay(listenFree(t).Addr().String())
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.Error(t, silent.send(ctx, "6", letterTo(t, "anna@example.org")))
	})
	t.Run("no letter at all", func(t *testing.T) {
		for _, raw := range []string{"", "Subject: x\r\n\r\nx", "From: a@example.org\r\nTo: b@example.org, c@example.org\r\n\r\nx"} {
			require.ErrorIs(t, o.relay.send(t.Context(), "7", []byte(raw)), store.ErrGivenUp)
		}
	})
	require.Len(t, o.letters(), 1)
}

func TestRelayAddress(t *testing.T) {
	for _, bad := range []string{"", "mail.example", "mail.example:", ":25", "mail.example:0", "mail.example:smtp", "mail.example:99999"} {
		_, err := newRelay(bad)
		require.ErrorContains(t, err, "host:port", bad)
	}
}

// A letter that was taken into the outbox goes out after a restart, when the relay works again.
func TestTheOutboxOutlivesTheRelayAndTheProgram(t *testing.T) {
	dir, o := t.TempDir(), newPostOffice(t, true)
	o.breakDown(true)
	r := start(t, dir, false)
	b := r.browser(t)
	b.activate(r.link(t, firstAdministrator))
	r.letter(t, firstAdministrator, "A password was set") // gone by way of a file
	send := o.relay.send
	r.courier.Store(&send)
	require.NoError(t, r.post(t.Context(), firstAdministrator, "Notice", "first"))
	require.Equal(t, http.StatusOK, b.submit("/forgot", "/forgot", url.Values{"email": {firstAdministrator}}).status)
	r.stop()

	ctx := t.Context()
	keys, err := keyring(dir + "/keys")
	require.NoError(t, err)
	s, err := store.Open(ctx, dir+"/mail.db", keys, r.vault(keys))
	require.NoError(t, err)
	defer s.Close()
	take := func(id string, raw []byte) error { return o.relay.send(ctx, id, raw) }
	later := time.Now().Add(time.Hour)
	require.Error(t, s.Unsent(ctx, later, take))
	require.Empty(t, o.letters())
	o.breakDown(false)
	require.NoError(t, s.Unsent(ctx, later.Add(time.Hour), take))
	require.Contains(t, strings.Join(o.letters(), ""), "\r\n\r\nfirst")
	sent := len(o.letters())
	require.NoError(t, s.Unsent(ctx, later.Add(100*time.Hour), take))
	require.Len(t, o.letters(), sent, "once")
}
