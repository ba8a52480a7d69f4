package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/textproto"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/skans-go/skans/examples/mail/internal/store"
)

// relayTime is how long one letter may take.
const relayTime = 30 * time.Second

// A relay hands letters to the mail server that sends them on, over TLS or not at all: they hold what customers were told
// in confidence, and links that set passwords.
type relay struct {
	host string
	port int
	tls  *tls.Config // nil: the system's certificate authorities
}

func newRelay(address string) (*relay, error) {
	host, digits, err := net.SplitHostPort(address)
	port, errPort := strconv.Atoi(digits)
	if err != nil || errPort != nil || host == "" || port < 1 || port > 65535 {
		return nil, fmt.Errorf("-relay %q: write it as host:port", address)
	}
	return &relay{host: host, port: port}, nil
}

// send hands one letter over as it is, to the one whom its header names. A refusal for good (5xx, RFC 5321, 4.2.1) is
// [store.ErrGivenUp]; anything else is worth another try.
func (r *relay) send(ctx context.Context, _ string, raw []byte) error {
	from, to, err := envelope(raw)
	if err != nil {
		return fmt.Errorf("%w: %w", store.ErrGivenUp, err)
	}
	err = r.deliver(ctx, from, to, raw)
	if refused := (*textproto.Error)(nil); errors.As(err, &refused) && refused.Code >= 500 && refused.Code < 600 {
		return fmt.Errorf("%w: the relay refused it with %d", store.ErrGivenUp, refused.Code)
	}
	return err
}

func (r *relay) deliver(ctx context.Context, from, to string, raw []byte) error {
	var wire net.Conn // closed here in any case: the library keeps one open over which TLS cannot be had
	dial := func(ctx context.Context, network, address string) (_ net.Conn, err error) {
		wire, err = (&net.Dialer{}).DialContext(ctx, network, address)
		return wire, err
	}
	options := []gomail.Option{
		gomail.WithPort(r.port), gomail.WithTLSPolicy(gomail.TLSMandatory), gomail.WithTimeout(relayTime), gomail.WithDialContextFunc(dial),
	}
	if r.tls != nil {
		options = append(options, gomail.WithTLSConfig(r.tls))
	}
	client, err := gomail.NewClient(r.host, options...)
	if err != nil {
		return unreachable(err)
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if wire != nil {
		defer func() { _ = wire.Close() }()
		defer context.AfterFunc(ctx, func() { _ = wire.Close() })() // a relay that hangs does not hold up the end of the program
	}
	if err != nil {
		return unreachable(err)
	}
	if err := conn.Mail("<" + from + ">"); err != nil {
		return err
	}
	if err := conn.Rcpt("<" + to + ">"); err != nil {
		return err
	}
	w, err := conn.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(raw); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_ = conn.Quit() // the relay has the letter, whatever it says now
	return nil
}

// unreachable takes the code away from an error: how the relay greets is about the relay and not about this letter.
func unreachable(err error) error { return fmt.Errorf("%w: %s", store.ErrUnreachable, err) }

// envelope reads from whom and to whom a letter of ours goes.
func envelope(raw []byte) (from, to string, err error) {
	letter, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return "", "", err
	}
	sender, err := mail.ParseAddress(letter.Header.Get("From"))
	if err != nil {
		return "", "", errors.New("its From is not one address")
	}
	recipient, err := mail.ParseAddress(letter.Header.Get("To"))
	if err != nil {
		return "", "", errors.New("its To is not one address")
	}
	return sender.Address, recipient.Address, nil
}
