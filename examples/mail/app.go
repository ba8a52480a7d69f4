package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/audit"
	"github.com/skans-go/skans/examples/mail/internal/message"
	"github.com/skans-go/skans/examples/mail/internal/smtpin"
	"github.com/skans-go/skans/examples/mail/internal/store"
	"github.com/skans-go/skans/sanitize"
	"github.com/skans-go/skans/validate/upload"
)

// An app is the running mailbox.
type app struct {
	base    string // https://localhost:8443
	sender  string // of the program's own letters
	web     net.Listener
	smtp    net.Listener
	store   *store.Store
	log     *audit.Log
	logDir  string
	uploads string // where files of answers wait until they are stored
	sec     *security
	history history
	outbox  *outbox
	live    *live
	server  *http.Server
	mail    *smtpin.Server
	errors  *log.Logger
	schemas []string // what every handler takes, in the schemas' own words
}

// history keeps every value that the chosen fields ever had.
type history struct {
	conversations *audit.History[store.Conversation]
	people        *audit.History[store.Person]
	members       *audit.History[store.Member]
}

var (
	conversationTable = audit.MustTable[store.Conversation]("conversation")
	personTable       = audit.MustTable[store.Person]("person")
	memberTable       = audit.MustTable[store.Member]("member")
)

// open makes or opens everything in the data folder and listens, but serves nothing yet. On an error nothing stays open.
func open(ctx context.Context, o options) (a *app, err error) {
	a = &app{
		sender: cmp.Or(o.from, defaultFrom), live: newLive(), errors: log.New(os.Stderr, "mail: ", log.LstdFlags), uploads: filepath.Join(o.data, "upload"),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
			a = nil
		}
	}()
	if err := os.MkdirAll(o.data, 0o700); err != nil {
		return a, fmt.Errorf("data folder: %w", err)
	}
	keys, err := keyring(filepath.Join(o.data, "keys"))
	if err != nil {
		return a, err
	}
	pair, err := certificate(o.data)
	if err != nil {
		return a, err
	}
	if a.web, err = net.Listen("tcp", o.http); err != nil {
		return a, fmt.Errorf("-http %s: %w", o.http, err)
	}
	if a.smtp, err = net.Listen("tcp", o.smtp); err != nil {
		return a, fmt.Errorf("-smtp %s: %w", o.smtp, err)
	}
	host := net.JoinHostPort("localhost", fmt.Sprint(a.web.Addr().(*net.TCPAddr).Port))
	a.base = "https://" + host
	if a.store, err = store.Open(ctx, filepath.Join(o.data, "mail.db"), keys, a.vault(keys), audit.HistorySchema(audit.SQLite)); err != nil {
		return a, err
	}
	if err := a.openLog(ctx, filepath.Join(o.data, "audit"), keys); err != nil {
		return a, err
	}
	if a.outbox, err = newOutbox(filepath.Join(o.data, "outbox")); err != nil { // after the log, whose lock keeps a second mailbox out
		return a, err
	}
	if o.relay != "" {
		relay, err := newRelay(o.relay)
		if err != nil {
			return a, err
		}
		a.outbox.send = relay.send
	}
	if a.sec, err = secure(a, host, keys); err != nil {
		return a, err
	}
	if err := a.bootstrap(ctx); err != nil {
		return a, err
	}
	a.server = a.sec.transport.Server(o.http, a.sec.handler)
	a.server.Handler = a.sec.headers.Handler(a.server.Handler) // outermost, so that redirects and refusals carry them too
	a.server.ErrorLog = a.errors
	a.server.TLSConfig.Certificates = []tls.Certificate{pair}
	smtpTLS := a.sec.transport.TLSConfig()
	smtpTLS.NextProtos, smtpTLS.Certificates = nil, []tls.Certificate{pair}
	a.mail = smtpin.New(smtpin.Config{
		Domain: "localhost", TLS: smtpTLS, Mailbox: a.mailboxFor, Deliver: a.deliver, Refused: a.refusedLetter, Log: a.errors,
	})
	return a, nil
}

// keyring opens the key file, and makes it at the first start.
func keyring(path string) (*skans.Keyring, error) {
	ring, err := skans.OpenKeyringFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return skans.CreateKeyringFile(path)
	}
	return ring, err
}

// openLog opens the audit log and the field history that it seals.
func (a *app) openLog(ctx context.Context, dir string, keys *skans.Keyring) (err error) {
	a.logDir = dir
	if a.log, err = audit.Open(ctx, auditConfig(dir, keys, a.store.Vault())); err != nil {
		return err
	}
	var errs [3]error
	a.history.conversations, errs[0] = conversationTable.Open(a.log, audit.SQLite)
	a.history.people, errs[1] = personTable.Open(a.log, audit.SQLite)
	a.history.members, errs[2] = memberTable.Open(a.log, audit.SQLite)
	return errors.Join(errs[:]...)
}

func (a *app) smtpAddr() string { return a.smtp.Addr().String() }

// shutdownTime is how long requests and letters under way may take to finish.
const shutdownTime = 10 * time.Second

// serve runs until ctx ends or a server fails, and then lets what is under way finish.
func (a *app) serve(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	start := func(name string, f func() error) {
		wg.Go(func() {
			if err := f(); err != nil && ctx.Err() == nil {
				stop(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	start("https", func() error {
		err := a.server.ServeTLS(a.web, "", "")
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return err
	})
	start("smtp", func() error { return a.mail.Serve(a.smtp) })
	start("sessions", func() error { return a.sec.sessions.Run(ctx) })
	start("audit", func() error { return a.log.Run(ctx) })
	start("history", func() error { return a.log.RunHistory(ctx, a.store.DB(), audit.SQLite) })
	start("throttle", func() error { return a.sec.limiter.Run(ctx) })
	start("letters", func() error { return a.sec.activation.Run(audit.WithActor(ctx, audit.Job("letters"))) })
	start("upkeep", func() error { a.upkeep(ctx); return nil })
	start("outbox", func() error {
		a.outbox.run(ctx, a.store.Unsent, func(err error) { a.unsent(ctx, err) })
		return nil
	})
	<-ctx.Done()
	close(a.live.over)
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	err := errors.Join(a.server.Shutdown(grace), a.mail.Shutdown(grace))
	_ = a.smtp.Close() // for a server that was told to stop before it began: it would listen for ever
	wg.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		err = errors.Join(cause, err)
	}
	return err
}

// uploadTime is how old a waiting file is that only a crash can have left.
const uploadTime = time.Hour

// upkeep forgets every minute what has run out.
func (a *app) upkeep(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		_, errPending := a.sec.flow.Sweep(ctx)
		_, errUploads := upload.Sweep(ctx, a.uploads, uploadTime)
		if err := errors.Join(errPending, errUploads); err != nil && ctx.Err() == nil {
			a.errors.Print(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// close closes whatever is open.
func (a *app) close() error {
	var errs []error
	shut := func(c io.Closer) {
		if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if a.web != nil {
		shut(a.web)
	}
	if a.smtp != nil {
		shut(a.smtp)
	}
	if a.log != nil {
		shut(a.log)
	}
	if a.store != nil {
		shut(a.store)
	}
	return errors.Join(errs...)
}

// mailboxFor says which mailbox has an address.
func (a *app) mailboxFor(ctx context.Context, address string) (string, bool, error) {
	box, err := a.store.MailboxByAddress(ctx, address)
	if errors.Is(err, store.ErrNotFound) {
		return "", false, nil
	}
	return box.ID, err == nil, err
}

// deliver stores a letter and records that it came. The letter is stored first: an event without its letter would be a lie,
// a letter without its event is delivered again by the sender, who was not told 250, and then recorded.
func (a *app) deliver(ctx context.Context, mailbox string, trace, raw []byte, m message.Message) error {
	id, _, err := a.store.Deliver(ctx, mailbox, trace, raw, m)
	if err != nil {
		return err
	}
	a.live.tell(mailbox)
	return a.log.Record(audit.WithActor(ctx, audit.Job("smtp")), eventDelivered,
		slog.String("mailbox", mailbox), slog.String("message", id), slog.Int64("bytes", int64(len(raw))))
}

// unsent tells of letters that could not be sent, and records it when one was given up.
func (a *app) unsent(ctx context.Context, err error) {
	a.errors.Print(sanitize.Log(err.Error()))
	if !errors.Is(err, store.ErrGivenUp) {
		return
	}
	if err := a.log.Record(audit.WithActor(ctx, audit.Job("outbox")), eventGivenUp, slog.String("reason", "given up")); err != nil {
		a.errors.Print(err)
	}
}

// refusedLetter records that a letter was turned away.
func (a *app) refusedLetter(ctx context.Context, code int, reason string) {
	err := a.log.Record(audit.WithActor(ctx, audit.Job("smtp")), eventRefused, slog.Int64("code", int64(code)), slog.String("reason", reason))
	if err != nil {
		a.errors.Print(err)
	}
}
