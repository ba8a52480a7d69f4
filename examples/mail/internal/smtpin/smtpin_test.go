package smtpin_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/smtp"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/examples/mail/internal/message"
	"github.com/skans-go/skans/examples/mail/internal/smtpin"
)

// inbox is what a server delivered.
type inbox struct {
	mu      sync.Mutex
	letters map[string][]string // raw, by mailbox
	fail    error
	refused []int
}

func serve(t *testing.T, in *inbox) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := smtpin.New(smtpin.Config{
		Domain: "kommun.example",
		Mailbox: func(_ context.Context, address string) (string, bool, error) {
			if address == "broken@kommun.example" {
				return "", false, errors.New("database is gone")
			}
			return "bygglov", address == "bygglov@kommun.example", nil
		},
		Deliver: func(_ context.Context, mailbox string, trace, raw []byte, _ message.Message) error {
			in.mu.Lock()
			defer in.mu.Unlock()
			if in.fail != nil {
				return in.fail
			}
			in.letters[mailbox] = append(in.letters[mailbox], string(trace)+string(raw))
			return nil
		},
		Refused: func(_ context.Context, code int, _ string) {
			in.mu.Lock()
			defer in.mu.Unlock()
			in.refused = append(in.refused, code)
		},
	})
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		require.NoError(t, server.Shutdown(context.Background()))
		require.NoError(t, <-done)
	})
	return listener.Addr().String()
}

func send(t *testing.T, addr, to, body string) error {
	t.Helper()
	return smtp.SendMail(addr, nil, "anna@example.com", []string{to}, []byte(body))
}

func code(t *testing.T, err error) int {
	t.Helper()
	var reply *textproto.Error
	require.ErrorAs(t, err, &reply)
	return reply.Code
}

func TestDeliversToKnownRecipients(t *testing.T) {
	in := &inbox{letters: map[string][]string{}}
	addr := serve(t, in)
	require.NoError(t, send(t, addr, "ByggLov@kommun.example", "From: anna@example.com\r\nSubject: hej\r\n\r\n.dot\r\n"))
	require.Len(t, in.letters["bygglov"], 1)
	letter := in.letters["bygglov"][0]
	require.True(t, strings.HasPrefix(letter, "Return-Path: <anna@example.com>\r\nReceived: from [127.0.0.1] by kommun.example with ESMTP"), letter)
	require.Contains(t, letter, "\r\n.dot\r\n", "dot-stuffing is undone")
}

func TestRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		to, body string
		code     int
	}{
		"unknown recipient": {"nobody@kommun.example", "Subject: x\r\n\r\n", 550},
		"relay":             {"bygglov@elsewhere.example", "Subject: x\r\n\r\n", 550},
		"database gone":     {"broken@kommun.example", "Subject: x\r\n\r\n", 451},
		"oversized":         {"bygglov@kommun.example", "Subject: x\r\n\r\n" + strings.Repeat(strings.Repeat("x", 998)+"\r\n", message.MaxBytes/1000+10), 552},
		"too many parts": {"bygglov@kommun.example", "From: a@example.com\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
			strings.Repeat("--b\r\n\r\nx\r\n", 1000) + "--b--\r\n", 554},
	} {
		t.Run(name, func(t *testing.T) {
			in := &inbox{letters: map[string][]string{}}
			err := send(t, serve(t, in), test.to, test.body)
			require.Equal(t, test.code, code(t, err))
			require.Empty(t, in.letters, "nothing is stored")
			if test.code/100 == 5 {
				require.Equal(t, []int{test.code}, in.refused)
			}
		})
	}
}

// A letter that cannot be stored is the sender's to keep: 451, never 250.
func TestAFailedDeliveryIsNotAcknowledged(t *testing.T) {
	in := &inbox{letters: map[string][]string{}, fail: errors.New("disk full")}
	err := send(t, serve(t, in), "bygglov@kommun.example", "From: a@example.com\r\n\r\nx\r\n")
	require.Equal(t, 451, code(t, err))
	require.NotContains(t, err.Error(), "disk", "what went wrong here is not the sender's to know")
}

// One network gets its share of the connections and no more; the others still get in.
func TestOneNetworkDoesNotTakeAllConnections(t *testing.T) {
	in := &inbox{letters: map[string][]string{}}
	addr := serve(t, in)
	var held []net.Conn
	for range 10 {
		conn, err := net.Dial("tcp", addr)
		require.NoError(t, err)
		defer conn.Close()
		_, _, err = textproto.NewConn(conn).ReadResponse(220)
		require.NoError(t, err)
		held = append(held, conn)
	}
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	_, _, err = textproto.NewConn(conn).ReadResponse(421)
	require.NoError(t, err)
	other := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	conn, err = other.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	_, _, err = textproto.NewConn(conn).ReadResponse(220)
	require.NoError(t, err)
	for _, c := range held { // a share that is given back is there for the next
		require.NoError(t, c.Close())
	}
	require.Eventually(t, func() bool {
		return send(t, addr, "bygglov@kommun.example", "From: a@example.org\r\n\r\nx\r\n") == nil
	}, 10*time.Second, time.Millisecond)
}

func TestGuessingRecipientsEnds(t *testing.T) {
	in := &inbox{letters: map[string][]string{}}
	conn, err := net.Dial("tcp", serve(t, in))
	require.NoError(t, err)
	defer conn.Close()
	c, err := smtp.NewClient(conn, "localhost")
	require.NoError(t, err)
	require.NoError(t, c.Mail("a@example.org"))
	for range 20 {
		require.Equal(t, 550, code(t, c.Rcpt("nobody@kommun.example")))
	}
	require.Equal(t, 421, code(t, c.Rcpt("nobody@kommun.example")))
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(20*time.Second)))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "the connection is closed")
}

func TestTooLongALineIsRefusedForGood(t *testing.T) {
	in := &inbox{letters: map[string][]string{}}
	err := send(t, serve(t, in), "bygglov@kommun.example", "Subject: x\r\n\r\n"+strings.Repeat("x", 5000)+"\r\n")
	require.Equal(t, 554, code(t, err))
	require.NotContains(t, err.Error(), "127.0.0.1", "our addresses are not the sender's to know")
	require.Equal(t, []int{554}, in.refused)
}

// A client that leaves in the middle of a letter delivers nothing.
func TestCutConnection(t *testing.T) {
	in := &inbox{letters: map[string][]string{}}
	addr := serve(t, in)
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	c := textproto.NewConn(conn)
	for _, step := range []struct {
		line string
		code int
	}{{"", 220}, {"EHLO x", 250}, {"MAIL FROM:<a@example.com>", 250}, {"RCPT TO:<bygglov@kommun.example>", 250}, {"DATA", 354}} {
		if step.line != "" {
			require.NoError(t, c.PrintfLine("%s", step.line))
		}
		_, _, err := c.ReadResponse(step.code)
		require.NoError(t, err)
	}
	_, err = io.WriteString(conn, "Subject: half\r\n\r\nhalf a let")
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.NoError(t, send(t, addr, "bygglov@kommun.example", "From: a@example.com\r\nSubject: whole\r\n\r\n"))
	require.Len(t, in.letters["bygglov"], 1)
	require.Contains(t, in.letters["bygglov"][0], "Subject: whole")
}
