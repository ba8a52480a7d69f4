// Package syslog ships audit events to a log server as syslog messages (RFC 5424) over TLS (RFC 5425).
//
// The server's certificate is always verified. Syslog has no acknowledgement, and what was written to a connection may
// never be read; so every batch has a connection of its own, and counts as delivered once the server has read to its end
// and closed its side. The server tells repeated events by their id, in the structured data "event@32473".
package syslog

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/skans-go/skans/audit"
)

// A Facility is the numerical code of RFC 5424 section 6.2.1.
type Facility int

// Facilities that fit an audit log. The zero value of [Config.Facility] stands for Audit.
const (
	AuthPriv Facility = 10
	Audit    Facility = 13
	Local0   Facility = 16
)

// Config says where messages go.
type Config struct {
	Name     string       // of the shipper, for its cursor; "": "syslog"
	Addr     string       // host:port; RFC 5425 has port 6514
	TLS      *tls.Config  // roots, client certificate, server name; nil: the system's roots. Verification cannot be switched off
	Facility Facility     // zero: Audit
	App      string       // APP-NAME; "": "skans"
	Format   audit.Format // of the message's text; zero: audit.NDJSON
}

// A Shipper is an [audit.Shipper]. It connects for each batch.
type Shipper struct{ cfg Config }

// New checks the configuration and returns a shipper; it does not connect.
func New(cfg Config) (*Shipper, error) {
	host, _, err := net.SplitHostPort(cfg.Addr)
	if err != nil || host == "" {
		return nil, errors.New("syslog: Config.Addr is not host:port")
	}
	if cfg.TLS == nil {
		cfg.TLS = &tls.Config{}
	}
	cfg.TLS = cfg.TLS.Clone()
	if cfg.TLS.InsecureSkipVerify {
		return nil, errors.New("syslog: Config.TLS must not skip verification; give it the server's root certificate")
	}
	cfg.TLS.MinVersion = max(cfg.TLS.MinVersion, tls.VersionTLS12)
	if cfg.TLS.ServerName == "" {
		cfg.TLS.ServerName = host
	}
	if cfg.Name == "" {
		cfg.Name = "syslog"
	}
	if cfg.App == "" {
		cfg.App = "skans"
	}
	if cfg.Facility == 0 {
		cfg.Facility = Audit
	}
	if cfg.Facility < 0 || cfg.Facility > 23 {
		return nil, errors.New("syslog: Config.Facility is not 0 to 23")
	}
	return &Shipper{cfg}, nil
}

// Name returns the configured name.
func (s *Shipper) Name() string { return s.cfg.Name }

// Ship sends one message an event, and one with the witness behind them.
func (s *Shipper) Ship(ctx context.Context, events []audit.Event, witness audit.Witness) error {
	var batch []byte
	for _, e := range events {
		batch = frame(batch, s.message(e))
	}
	batch = frame(batch, s.witness(events, witness))
	if err := s.send(ctx, batch); err != nil {
		return fmt.Errorf("syslog: %w", err)
	}
	return nil
}

func (s *Shipper) send(ctx context.Context, batch []byte) error {
	dialer := tls.Dialer{Config: s.cfg.TLS}
	plain, err := dialer.DialContext(ctx, "tcp", s.cfg.Addr)
	if err != nil {
		return err
	}
	conn := plain.(*tls.Conn)
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.NetConn().SetDeadline(time.Unix(1, 0)) }) // ends what hangs
	defer stop()
	if _, err = conn.Write(batch); err != nil {
		return err
	}
	if err = conn.CloseWrite(); err != nil {
		return err
	}
	// A server that dies with bytes unread resets the connection. One that closes in order has read them all.
	_, err = io.Copy(io.Discard, conn)
	return err
}

// frame counts octets (RFC 5425 section 4.3.1).
func frame(dst []byte, message string) []byte {
	dst = strconv.AppendInt(dst, int64(len(message)), 10)
	return append(append(dst, ' '), message...)
}

// message is SYSLOG-MSG of RFC 5424 section 6, with an event as its text.
func (s *Shipper) message(e audit.Event) string {
	var text strings.Builder
	_ = audit.Write(&text, func(yield func(audit.Event, error) bool) { yield(e, nil) }, s.cfg.Format)
	const notice = 5
	return fmt.Sprintf("<%d>1 %s %s %s %d %s [event@32473 id=\"%s\"] \ufeff%s", int(s.cfg.Facility)*8+notice,
		e.Time.UTC().Format("2006-01-02T15:04:05.000000Z"), header(e.Server, 255), header(s.cfg.App, 48), os.Getpid(), header(e.Name, 32),
		param(e.ID()), strings.TrimSuffix(text.String(), "\n"))
}

func (s *Shipper) witness(events []audit.Event, w audit.Witness) string {
	server, at := "-", time.Now()
	if len(events) > 0 {
		server, at = events[0].Server, events[len(events)-1].Time
	}
	const informational = 6
	return fmt.Sprintf("<%d>1 %s %s %s %d audit.witness - \ufeff%s", int(s.cfg.Facility)*8+informational,
		at.UTC().Format("2006-01-02T15:04:05.000000Z"), header(server, 255), header(s.cfg.App, 48), os.Getpid(), w)
}

// header is PRINTUSASCII without spaces, cut to the field's length; NILVALUE when empty.
func header(s string, longest int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), longest)]
}

// param escapes PARAM-VALUE (RFC 5424 section 6.3.3).
func param(s string) string { return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`).Replace(s) }
