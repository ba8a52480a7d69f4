package signin

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/password"
	"github.com/skans-go/skans/password/throttle"
	"github.com/skans-go/skans/session"
	"github.com/skans-go/skans/totp"
	"github.com/skans-go/skans/totp/onetime"
)

// A User is what the flow needs to know of an account.
type User struct {
	ID           string   // never shown, never reused; 1 to 256 bytes
	Name         string   // the one sign-in name: tries are counted under it, and the authenticator app shows it
	PasswordHash string   // of password.Hasher; empty: no password was set
	Disabled     bool     // closed, suspended, or not activated yet: nothing signs it in
	External     bool     // signs in at an identity provider only: a password never does, even where one is stored
	Roles        []string // for Require; the flow does not look at them
}

// ErrNoUser is what [Users] and [Config.External] return for an account that does not exist.
var ErrNoUser = errors.New("signin: no such user")

// Users is the host's table of accounts. Its methods may be called by many requests at once and honour ctx. An error
// other than [ErrNoUser] means that the table cannot tell; then nobody is signed in and the answer is 503.
type Users interface {
	// ByName returns the account of a sign-in name as the visitor typed it, or [ErrNoUser]. The name is valid UTF-8 of
	// 1 to 256 bytes without control characters. It takes the same time for a name that exists and one that does not,
	// as a look-up in an index does.
	ByName(ctx context.Context, name string) (User, error)
	// ByID returns the account of that [User.ID], or [ErrNoUser].
	ByID(ctx context.Context, id string) (User, error)
	// SwapHash stores next in the place of old, if the row still holds old, in one step (UPDATE ... SET hash = next
	// WHERE id = id AND hash = old). It returns false when it holds something else. It is called with a better hash of
	// the same password, and when a password is set or changed.
	SwapHash(ctx context.Context, id, old, next string) (bool, error)
}

// A Requirement says what an account must prove beside the password.
type Requirement uint8

const (
	// SecondFactor is the zero value: without a second factor there is no signing in; who has none enrols one on the way.
	SecondFactor Requirement = iota
	// IfEnrolled asks for a second factor those who have one, and lets the others in with the password alone.
	IfEnrolled
	// SentCode asks those who have an app for its code, and sends the others one by Config.Codes. That is weaker: ASVS
	// 6.3.6 and NIST SP 800-63B-4, 3.1.3.1, do not let mail count, and both restrict SMS. The session shows the method
	// as Config.CodesBy, so that a policy can ask for more.
	SentCode
)

// Config is what [New] needs. It is copied.
type Config struct {
	// Users is the host's table of accounts. Required.
	Users Users
	// Passwords verifies passwords. Required.
	Passwords *password.Hasher
	// Throttle counts the tries of a name and an address before a password is looked at. Required.
	Throttle *throttle.Limiter
	// Captcha is asked for when the throttle says that it is due. nil: never; then only the delays slow a guesser.
	Captcha throttle.Captcha
	// Factors verifies second factors. nil: the password is the only factor, so let it have 15 characters
	// (password.NISTPolicy(password.SingleFactor)).
	Factors *totp.Service
	// Codes sends codes to accounts for which Require says SentCode. nil: those enrol an app instead.
	Codes *onetime.Service
	// CodesBy is the way that they travel, session.SMS or session.Mail. Required with Codes.
	CodesBy session.Method
	// Sessions is the manager whose Handler the requests pass. Required.
	Sessions *session.Manager
	// Keys digests unknown names and marks known devices. Required.
	Keys *skans.Keyring
	// Pending counts the tries of logins that wait for the second factor. nil: in memory, which is right for a service of
	// one process; several need a store that they share, or a login must end where it began.
	Pending onetime.Store
	// Require says what an account must prove. nil: a second factor of everybody, if there are Factors. Without
	// Factors it must be nil.
	Require func(u User) Requirement
	// Allow is asked after the first proof and again after the second, for rules of country, network or time of day; an
	// error denies, and its text goes to the log. nil: everybody.
	Allow func(r *http.Request, u User) error
	// External finds the account that is linked to a proof, by issuer and subject, or returns [ErrNoUser]. Never look it
	// up by an e-mail address that the provider sends: those are given to other people. nil: no external proof signs in.
	External func(ctx context.Context, p Proof) (User, error)
	// Proxies are the peers whose X-Forwarded-For is believed, as in session.Config.
	Proxies []netip.Prefix
	// Notify tells the owner of an account what happened to it. It must return at once, so it puts the message into a
	// queue. nil: nobody is told.
	Notify func(ctx context.Context, n Notice)
	// Fresh is how long a proof counts as fresh for changing the second factor. Zero: 10 minutes.
	Fresh time.Duration
	// Timeout bounds what the steps of one call take in the stores, waiting for a turn to hash included. Zero: 10 seconds.
	Timeout time.Duration
	// Audit records the events in the package document. An error from it fails the sign-in; refusals stay refusals. nil:
	// not recorded.
	Audit func(ctx context.Context, event string, attrs ...slog.Attr) error
}

// A Notice is what [Config.Notify] gets. Event is the name of an audit event: [EventGranted] from a device that the
// account was not used on before, [EventPasswordChanged], [EventPasswordSet], [EventFactorChanged],
// [EventFactorRemoved] or [EventRecoveryRenewed].
type Notice struct {
	Event string
	User  User
	At    time.Time
	Addr  netip.Addr // of the request; the zero Addr where there was none
	Agent string     // the browser as it calls itself, at most 256 bytes, untrusted
}

// A Flow signs people in. It is safe for concurrent use and starts no goroutine.
type Flow struct {
	cfg   Config
	now   func() time.Time
	swept atomic.Int64 // Unix second of the last Sweep from within
}

// New checks cfg and returns a flow.
func New(cfg Config) (*Flow, error) {
	switch {
	case cfg.Users == nil:
		return nil, errors.New("signin: Config.Users is nil; give the table of accounts")
	case cfg.Passwords == nil:
		return nil, errors.New("signin: Config.Passwords is nil; make one with password.New")
	case cfg.Throttle == nil:
		return nil, errors.New("signin: Config.Throttle is nil; make one with throttle.New")
	case cfg.Sessions == nil:
		return nil, errors.New("signin: Config.Sessions is nil; make one with session.New")
	case cfg.Keys == nil:
		return nil, errors.New("signin: Config.Keys is nil; give the service's keyring")
	case cfg.Require != nil && cfg.Factors == nil:
		return nil, errors.New("signin: Config.Require is set but Config.Factors is nil; nobody could give a second factor")
	case cfg.Codes != nil && (cfg.Factors == nil || cfg.CodesBy != session.SMS && cfg.CodesBy != session.Mail):
		return nil, errors.New("signin: Config.Codes needs Config.Factors, and Config.CodesBy to be session.SMS or session.Mail")
	case cfg.Timeout < 0 || cfg.Fresh < 0:
		return nil, errors.New("signin: Config.Timeout or Config.Fresh is negative")
	}
	if cfg.Pending == nil {
		cfg.Pending = onetime.NewMemoryStore()
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Fresh == 0 {
		cfg.Fresh = 10 * time.Minute
	}
	cfg.Proxies = slices.Clone(cfg.Proxies)
	return &Flow{cfg: cfg, now: time.Now}, nil
}

// Sweep forgets the pending logins that have run out and returns how many. New ones do so once a minute too.
func (f *Flow) Sweep(ctx context.Context) (int, error) { return f.cfg.Pending.Sweep(ctx, f.now()) }
