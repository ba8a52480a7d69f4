// Package smtpin receives letters over SMTP (RFC 5321) for the mailboxes of this server and for nobody else.
//
// A letter is acknowledged with 250 only when [Config.Deliver] has returned, which means that it is on disk; otherwise
// the sender is told to keep it and try again. Nothing is ever relayed and nobody can sign in.
package smtpin

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/textproto"
	"strings"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"
	"golang.org/x/net/netutil"

	"github.com/skans-go/skans/examples/mail/internal/message"
)

// Config says for whom letters are taken and where they go.
type Config struct {
	Domain string      // what this server calls itself
	TLS    *tls.Config // offered as STARTTLS (RFC 3207)
	// Mailbox returns the id of the mailbox that has an address (in lower case), or ok false for an unknown recipient.
	Mailbox func(ctx context.Context, address string) (id string, ok bool, err error)
	// Deliver stores a letter for a mailbox and returns when it is on disk. The trace lines, which differ from one attempt to
	// the next, are apart from the bytes that the client sent.
	Deliver func(ctx context.Context, mailbox string, trace, raw []byte, m message.Message) error
	// Refused is told of every letter that was turned away, if it is not nil: the SMTP code and a word for the reason.
	Refused func(ctx context.Context, code int, reason string)
	Log     *log.Logger // faults of our own
}

// Bounds of what one client, or all of them, may cost.
const (
	maxConnections = 100
	maxRecipients  = 50
	maxUnknown     = 20        // recipients that a client may guess on one connection
	maxMemory      = 256 << 20 // of letters under way, together
	lineTime       = 2 * time.Minute
	dataTime       = 10 * time.Minute // RFC 5321, 4.5.3.2.6
	parseTime      = 10 * time.Second
	deliverTime    = time.Minute
)

// A Server takes letters until it is closed.
type Server struct {
	smtp *smtp.Server
}

// New returns a server that is not listening yet.
func New(config Config) *Server {
	memory := new(atomic.Int64)
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{config: config, conn: c, memory: memory}, nil
	}))
	server.Domain = config.Domain
	server.TLSConfig = config.TLS
	server.MaxMessageBytes = message.MaxBytes
	server.MaxRecipients = maxRecipients
	server.ReadTimeout = lineTime
	server.WriteTimeout = lineTime
	server.EnableSMTPUTF8 = true
	if config.Log != nil {
		server.ErrorLog = config.Log
	}
	return &Server{smtp: server}
}

// Serve takes connections from the listener until [Server.Shutdown] and then returns nil.
func (s *Server) Serve(listener net.Listener) error {
	err := s.smtp.Serve(netutil.LimitListener(newFair(listener), maxConnections))
	if errors.Is(err, smtp.ErrServerClosed) {
		return nil
	}
	return err
}

// Shutdown stops listening and waits for letters under way until ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.smtp.Shutdown(ctx)
	if errors.Is(err, smtp.ErrServerClosed) {
		return nil
	}
	return err
}

// session is one connection's dialogue.
type session struct {
	config     Config
	conn       *smtp.Conn
	memory     *atomic.Int64 // bytes of letters under way on all connections
	from       string
	recipients []recipient
	unknown    int // recipients that do not exist
}

type recipient struct{ mailbox, address string }

func (s *session) Reset() { s.from, s.recipients = "", nil }

func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	ctx, cancel := context.WithTimeout(context.Background(), deliverTime)
	defer cancel()
	address := strings.ToLower(to)
	id, ok, err := s.config.Mailbox(ctx, address)
	switch {
	case err != nil:
		return s.fault("look up a recipient", err)
	case !ok && s.unknown >= maxUnknown:
		conn := s.conn.Conn()
		time.AfterFunc(time.Second, func() { _ = conn.Close() }) // the answer is the last thing said
		return s.refuse(ctx, 421, smtp.EnhancedCode{4, 7, 0}, "guesses recipients", "Too many unknown recipients")
	case !ok:
		s.unknown++
		return s.refuse(ctx, 550, smtp.EnhancedCode{5, 1, 1}, "unknown recipient", "No such mailbox here")
	}
	for _, r := range s.recipients {
		if r.mailbox == id {
			return nil
		}
	}
	s.recipients = append(s.recipients, recipient{id, address})
	return nil
}

func (s *session) Data(r io.Reader) error {
	_ = s.conn.Conn().SetReadDeadline(time.Now().Add(dataTime)) // a command's two minutes are too few for a long letter
	raw, err := s.read(r)
	defer s.memory.Add(-int64(cap(raw)))
	ctx, cancel := context.WithTimeout(context.Background(), deliverTime)
	defer cancel()
	if refusal := (*smtp.SMTPError)(nil); errors.As(err, &refusal) {
		s.told(ctx, refusal.Code, refusal.Message)
		return err
	}
	if errors.Is(err, smtp.ErrTooLongLine) {
		return s.refuse(ctx, 554, smtp.EnhancedCode{5, 6, 0}, "line too long", "Message has too long a line")
	}
	if err != nil { // the connection's fault, so the sender keeps the letter
		s.told(ctx, 451, "cut short")
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 4, 2}, Message: "Message did not arrive whole, try again later"}
	}
	for _, to := range s.recipients {
		if err := s.deliver(ctx, to, raw); err != nil {
			return err
		}
	}
	return nil
}

// read takes the letter into memory. The size of one is the protocol server's to bound (552); all together, and the time
// of a client that trickles, are bounded here.
func (s *session) read(r io.Reader) (raw []byte, err error) {
	deadline := time.Now().Add(dataTime)
	for {
		if len(raw) == cap(raw) {
			more := max(64<<10, cap(raw))
			if s.memory.Add(int64(more)) > maxMemory || time.Now().After(deadline) {
				s.memory.Add(-int64(more))
				return raw, &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "Too much mail under way, try again later"}
			}
			grown := make([]byte, len(raw), cap(raw)+more)
			copy(grown, raw)
			raw = grown
		}
		n, err := r.Read(raw[len(raw):cap(raw)])
		raw = raw[:len(raw)+n]
		if errors.Is(err, io.EOF) {
			return raw, nil
		}
		if err != nil {
			return raw, err
		}
	}
}

func (s *session) deliver(ctx context.Context, to recipient, raw []byte) error {
	parseCtx, done := context.WithTimeout(ctx, parseTime)
	m, err := message.Parse(parseCtx, raw)
	done()
	switch {
	case errors.Is(err, message.ErrLimit):
		return s.refuse(ctx, 554, smtp.EnhancedCode{5, 6, 0}, "over the limits", "Message has too many parts or too large a header")
	case err != nil:
		return s.refuse(ctx, 554, smtp.EnhancedCode{5, 6, 0}, "too long to read", "Message takes too long to read")
	}
	if m.From == "" {
		m.From = strings.ToLower(s.from)
	}
	if m.Date.IsZero() {
		m.Date = time.Now()
	}
	if err := s.config.Deliver(ctx, to.mailbox, s.trace(to.address), raw, m); err != nil {
		return s.fault("deliver", err)
	}
	return nil
}

// trace returns the lines that RFC 5321, 4.4 asks the last server to put on top.
func (s *session) trace(to string) []byte {
	var b bytes.Buffer
	peer := "unknown"
	if addr, ok := s.conn.Conn().RemoteAddr().(*net.TCPAddr); ok {
		peer = addr.IP.String()
	}
	with := "ESMTP"
	if _, ok := s.conn.TLSConnectionState(); ok {
		with = "ESMTPS"
	}
	fmt.Fprintf(&b, "Return-Path: <%s>\r\n", textproto.TrimString(oneLine(s.from)))
	fmt.Fprintf(&b, "Received: from [%s] by %s with %s for <%s>; %s\r\n", peer, s.config.Domain, with, oneLine(to), time.Now().Format(time.RFC1123Z))
	return b.Bytes()
}

// oneLine keeps an address from becoming a header of its own.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

// refuse tells the client for good.
func (s *session) refuse(ctx context.Context, code int, enhanced smtp.EnhancedCode, reason, text string) error {
	s.told(ctx, code, reason)
	return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: text}
}

func (s *session) told(ctx context.Context, code int, reason string) {
	if s.config.Refused != nil {
		s.config.Refused(ctx, code, reason)
	}
}

// fault asks the client to keep the letter and come back; what went wrong here is not theirs to know.
func (s *session) fault(doing string, err error) error {
	if s.config.Log != nil {
		s.config.Log.Printf("smtp: %s: %v", doing, err)
	}
	return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "Cannot take the message now, try again later"}
}
