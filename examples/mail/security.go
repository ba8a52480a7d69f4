package main

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/audit"
	"github.com/skans-go/skans/authz"
	"github.com/skans-go/skans/examples/mail/internal/store"
	"github.com/skans-go/skans/password"
	"github.com/skans-go/skans/password/activation"
	"github.com/skans-go/skans/password/throttle"
	"github.com/skans-go/skans/sanitize"
	"github.com/skans-go/skans/sanitize/headers"
	"github.com/skans-go/skans/session"
	"github.com/skans-go/skans/session/signin"
	"github.com/skans-go/skans/session/transport"
	"github.com/skans-go/skans/totp"
)

// This file wires every defence of the mailbox. Read it from top to bottom: each layer stands inside the one before it.
// Who may do what is in policy.go, what may come in is in forms.go.

// security is all that decides.
type security struct {
	transport  *transport.Transport
	headers    *headers.Policy
	sessions   *session.Manager
	guard      *authz.Guard
	flow       *signin.Flow
	hasher     *password.Hasher
	limiter    *throttle.Limiter
	captcha    *throttle.Work
	policy     password.Policy
	activation *activation.Keys
	factors    *totp.Service
	handler    http.Handler
}

// The mailbox's own events. mail.delivered: mailbox, message, bytes. mail.refused: code, reason. mail.replied: mailbox,
// conversation, message, files (how many). mail.given_up: reason. mail.reset_issued, mail.disabled, mail.enabled and
// mail.not_me: user (whose account it is about). admin.exported: format, mailbox (none: of all). admin.erased: mailbox,
// customer, key, erased, letters (how many). customer.exported, sealed under the customer: user (their id), address,
// mailbox, letters.
const (
	eventDelivered = "mail.delivered"
	eventRefused   = "mail.refused"
	eventReplied   = "mail.replied"
	eventGivenUp   = "mail.given_up"
	eventExported  = "admin.exported"
	eventErased    = "admin.erased"
	eventHandedOut = "customer.exported"

	eventResetIssued = "mail.reset_issued"
	eventDisabled    = "mail.disabled"
	eventEnabled     = "mail.enabled"
	eventNotMe       = "mail.not_me"
)

// quotaForgot is for what one network may ask on the page for a forgotten password; captchaScript is an asset.
const (
	quotaForgot   = "forgot"
	captchaScript = "altcha.js"
)

// auditConfig says what is recorded, for how long, and what happens if it cannot be. Everything that is not named here
// has the library's defaults.
func auditConfig(dir string, keys *skans.Keyring, vault *skans.Vault) audit.Config {
	return audit.Config{
		Dir: dir, Keys: keys, Vault: vault, Server: "mail", Version: "1",
		Classes: []audit.Class{
			{Name: "session", Keep: audit.Months(3), OnFailure: audit.Reject},
			{Name: "signin", Events: []string{"password", "activation", "totp", "onetime"}, Keep: audit.Months(3), OnFailure: audit.Reject},
			{Name: "authz", Keep: audit.Months(3), OnFailure: audit.Reject},
			{Name: "mail", Keep: audit.Months(3), OnFailure: audit.Reject},
			{Name: "customer", Keep: audit.Months(3), OnFailure: audit.Reject, Personal: true},
			{Name: "mail.refused", Keep: audit.Months(1), OnFailure: audit.Alert, PerSecond: 20}, // whoever can reach the port can cause it
		},
	}
}

// vault seals what concerns a customer under a key of their own, so that they can be erased. Its events go to the log,
// which is opened after it, because the log seals with it.
func (a *app) vault(keys *skans.Keyring) func(skans.KeyStore) (*skans.Vault, error) {
	return func(store skans.KeyStore) (*skans.Vault, error) {
		return skans.NewVault(skans.VaultConfig{Keys: keys, Store: store, Audit: func(ctx context.Context, event string, attrs ...slog.Attr) error {
			return a.log.Record(ctx, event, attrs...)
		}})
	}
}

// secure builds every layer, from the outermost to the innermost.
func secure(a *app, host string, keys *skans.Keyring) (*security, error) {
	s := &security{policy: password.DefaultPolicy()}
	record := a.log.Record
	var errs [10]error

	// 1. The wire: HTTPS only, this host only.
	s.transport, errs[0] = transport.New(transport.Config{
		Hosts: []string{host}, Refuse: a.refused, Audit: record,
		OnInsecure: func(r *http.Request) { s.sessions.EndExposed(r) },
	})
	// 2. What every answer tells the browser.
	s.headers, errs[1] = headers.New(headers.Config{ReportPath: "/csp-reports", Audit: record})
	// 3. Who is asking: a session that is bound to its browser.
	s.sessions, errs[2] = session.New(session.Config{Keys: keys, Origins: []string{"https://" + host}, Refuse: a.refused, Audit: record})
	// 4. How somebody becomes a user.
	s.hasher, errs[3] = password.New(password.Config{Params: password.OWASP, Keys: keys, Audit: record})
	s.limiter, errs[4] = throttle.New(throttle.Config{Keys: keys, Audit: record, Quotas: map[string]throttle.Quota{
		quotaForgot: {Limit: 20, Per: time.Hour}, "activation.mail": {Limit: 5, Per: time.Hour}, // letters to one account
	}})
	s.captcha, errs[5] = throttle.NewWork(throttle.WorkConfig{Keys: keys, ScriptPath: "/static/" + captchaScript})
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	s.activation, errs[6] = activation.New(activation.Config{
		Keys: keys, BaseURL: a.base, Find: a.recipient, Send: a.sendKey, Throttle: s.limiter, Audit: record,
	})
	s.factors, errs[7] = totp.New(totp.Config{
		Issuer: "Shared mailbox", Keys: keys, Store: a.store.Factors(), Throttle: s.limiter, Notify: a.factorNotice, Audit: record,
	})
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	s.flow, errs[8] = signin.New(signin.Config{
		Users: accounts{a}, Passwords: s.hasher, Throttle: s.limiter, Captcha: s.captcha, Factors: s.factors, Sessions: s.sessions,
		Keys: keys, Require: func(signin.User) signin.Requirement { return signin.SecondFactor }, Notify: a.notice, Audit: record,
	})
	// 5. What they may do: pages, functions, fragments of pages and the menu, from one policy.
	templates, err := authz.ParseFS(webFiles, nil, "web/templates/*.html")
	if err != nil {
		return nil, err
	}
	s.guard, errs[9] = authz.New(policy, authz.Config{
		Subject: a.subject, Templates: templates, Keys: keys, ClientAddr: s.transport.ClientAddr, LoginURL: "/login", Refuse: a.refused, Audit: record,
	})
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	// The handlers, each behind its rule and its schema. A rule without a route, a route without a rule, or a template
	// that nobody answers for: the guard does not start.
	a.sec = s
	a.routes(s.guard)
	guarded, err := s.guard.Handler()
	if err != nil {
		return nil, err
	}
	s.handler = audit.Recover(a.log)(s.sessions.Handler(acting(audit.Access(a.log)(guarded))))
	return s, nil
}

// acting names who does what a handler will do, for the log and the field history.
func acting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := session.From(r.Context())
		user, _ := s.User()
		next.ServeHTTP(w, r.WithContext(audit.WithActor(r.Context(), audit.Actor{User: user, Session: s.ID()})))
	})
}

// subject is what the policy knows of a visitor: asked anew for every request, so that a role that was taken away is
// gone with the next click.
func (a *app) subject(r *http.Request) (authz.Subject, error) {
	s := session.From(r.Context())
	user, ok := s.User()
	if !ok {
		return authz.Subject{}, nil
	}
	person, err := a.store.Person(r.Context(), user)
	if errors.Is(err, store.ErrNotFound) || person.Disabled {
		return authz.Subject{}, nil // nobody any more
	}
	if err != nil {
		return authz.Subject{}, err
	}
	members, err := a.store.Roles(r.Context(), user)
	if err != nil {
		return authz.Subject{}, err
	}
	subject := authz.Subject{ID: user, Backend: person.Backend, Roles: []authz.Grant{{Role: staff}}, Proofs: map[string]time.Time{}}
	for method, at := range s.Proofs() {
		subject.Proofs[string(method)] = at
	}
	if person.System {
		subject.Roles = append(subject.Roles, authz.Grant{Role: system})
	}
	for _, m := range members {
		subject.Roles = append(subject.Roles, authz.Grant{Tenant: m.Mailbox, Role: authz.Role(m.Role)})
	}
	return subject, nil
}

// accounts lets the sign-in hall ask the table of people.
type accounts struct{ *app }

func (u accounts) ByName(ctx context.Context, name string) (signin.User, error) {
	return account(u.store.PersonByName(ctx, strings.ToLower(strings.TrimSpace(name))))
}

func (u accounts) ByID(ctx context.Context, id string) (signin.User, error) {
	return account(u.store.Person(ctx, id))
}

func (u accounts) SwapHash(ctx context.Context, id, old, next string) (done bool, err error) {
	actor := audit.ActorFrom(ctx)
	actor.User = id // by the old password or by a key that only they got: nobody sets it for somebody else
	ctx = audit.WithActor(ctx, actor)
	err = u.store.Tx(ctx, func(tx *sql.Tx) error {
		return u.history.people.Modify(ctx, tx, id, func(p *store.Person) error {
			if done = p.Password == old; done {
				p.Password = next
			}
			return nil
		})
	})
	return done && err == nil, err
}

func account(p store.Person, err error) (signin.User, error) {
	if errors.Is(err, store.ErrNotFound) {
		return signin.User{}, signin.ErrNoUser
	}
	return signin.User{ID: p.ID, Name: p.Name, PasswordHash: p.Password, Disabled: p.Disabled}, err
}

// washer makes a letter's HTML harmless. Remote pictures load only when a reader has asked for them.
func washer(m store.Message, remote bool, cid func(string) (string, bool)) *sanitize.Washer {
	load := sanitize.Block
	if remote {
		load = sanitize.Allow
	}
	return sanitize.NewMail(sanitize.Mail{CID: cid, Remote: load, IDPrefix: "m" + m.ID + "-"})
}
