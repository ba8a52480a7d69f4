package onetime

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"time"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/totp/internal/budget"
)

var (
	// ErrCode says that the code opens nothing: it is wrong, of another challenge, user or purpose, used, replaced by a
	// newer one, out of tries, or too old. Which of these it was goes to the log only.
	ErrCode = errors.New("onetime: the code is not right")
	// ErrThrottled says that the user's budget of tries or sendings is used up. The error is an [*Throttled].
	ErrThrottled = errors.New("onetime: too many tries")
)

// Throttled is the error of a call that the budget refused. errors.Is finds [ErrThrottled] in it.
type Throttled struct{ RetryAfter time.Duration }

// Error implements error.
func (*Throttled) Error() string { return ErrThrottled.Error() }

// Is reports whether target is [ErrThrottled].
func (*Throttled) Is(target error) bool { return target == ErrThrottled }

// A Throttle counts one try for a purpose ("onetime.issue", "onetime.verify") and a key (the code's purpose and the
// user). ok false refuses it. An error denies. If it also has the method Return(ctx, purpose, key) error, that is
// called after a right code, to give the try back. *throttle.Limiter of password/throttle is one; give it quotas for
// both purposes.
type Throttle interface {
	Take(ctx context.Context, purpose, key string) (ok bool, retryAfter time.Duration, err error)
}

// A Message is what the Send hook delivers.
type Message struct {
	Purpose string
	User    string
	Code    skans.Secret
	Expires time.Time
}

// Config is what [New] needs. It is copied.
type Config struct {
	// Keys hashes the codes. Required.
	Keys *skans.Keyring
	// Store keeps the codes that wait. Required.
	Store Store
	// Throttle is the budget of sendings and tries for each purpose and user. nil: 5 sendings an hour and 20 a day, 10
	// tries an hour and 50 a day, counted in this process.
	Throttle Throttle
	// Digits of a code, 6 to 10. Zero: 6.
	Digits int
	// Life of a code, up to 10 minutes. Zero: 10 minutes.
	Life time.Duration
	// Send delivers a code. It puts the message into a queue and returns at once: a visitor who waits for a relay
	// learns from the time whether there is an address. nil: [Service.Send] errs, and hosts deliver what
	// [Service.Issue] returns.
	Send func(ctx context.Context, m Message) error
	// Timeout bounds the store calls of one operation. Zero: 5 seconds.
	Timeout time.Duration
	// Audit records the events in the package document. An error from it fails the operation. nil: not recorded.
	Audit func(ctx context.Context, event string, attrs ...slog.Attr) error
}

const (
	longestLife = 10 * time.Minute // ASVS 6.5.5, NIST SP 800-63B-4, 3.1.3.2
	triesEach   = 5
	maxPurpose  = 64
	maxUser     = 256

	purposeIssue  = "onetime.issue"
	purposeVerify = "onetime.verify"
	macPurpose    = "onetime.code"
)

// A Service makes and verifies codes. It is safe for concurrent use and starts no goroutine.
type Service struct {
	cfg  Config
	now  func() time.Time
	span *big.Int // 10^digits
}

// New checks cfg and returns a service.
func New(cfg Config) (*Service, error) {
	switch {
	case cfg.Keys == nil:
		return nil, errors.New("onetime: Config.Keys is nil; give the service's keyring")
	case cfg.Store == nil:
		return nil, errors.New("onetime: Config.Store is nil; give a store that all processes share, or NewMemoryStore for a single one")
	case cfg.Digits != 0 && (cfg.Digits < 6 || cfg.Digits > 10):
		return nil, errors.New("onetime: Config.Digits is not 6 to 10")
	case cfg.Life < 0 || cfg.Life > longestLife:
		return nil, errors.New("onetime: Config.Life is not within 10 minutes")
	case cfg.Timeout < 0:
		return nil, errors.New("onetime: Config.Timeout is negative")
	}
	if cfg.Digits == 0 {
		cfg.Digits = 6
	}
	if cfg.Life == 0 {
		cfg.Life = longestLife
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	s := &Service{cfg: cfg, now: time.Now, span: new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(cfg.Digits)), nil)}
	if cfg.Throttle == nil {
		clock := func() time.Time { return s.now() }
		s.cfg.Throttle = ownThrottle{sendings: budget.New(5, 20, clock), tries: budget.New(10, 50, clock)}
	}
	return s, nil
}

// ownThrottle counts sendings and tries apart.
type ownThrottle struct{ sendings, tries *budget.Budget }

func (o ownThrottle) Take(ctx context.Context, purpose, key string) (bool, time.Duration, error) {
	if purpose == purposeIssue {
		return o.sendings.Take(ctx, purpose, key)
	}
	return o.tries.Take(ctx, purpose, key)
}

func (o ownThrottle) Return(ctx context.Context, purpose, key string) error {
	return o.tries.Return(ctx, purpose, key)
}

// Issue draws a code for a purpose (a constant of the program, such as "verify-address") and a user, in the place of an
// earlier one, and counts a sending. The challenge (26 characters) belongs into the visitor's session, the code into
// the message; neither may travel the other's way. It returns [ErrThrottled], or the error of the store, the throttle
// or the audit hook.
func (s *Service) Issue(ctx context.Context, purpose, user string) (challenge, code string, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	challenge, code, _, err = s.issue(ctx, purpose, user)
	return challenge, code, err
}

// Send is [Service.Issue] with the delivery: the code goes to the Send hook and nowhere else. An error of the hook is
// returned and kills the code.
func (s *Service) Send(ctx context.Context, purpose, user string) (challenge string, err error) {
	if s.cfg.Send == nil {
		return "", errors.New("onetime: Config.Send is nil; set it, or deliver what Issue returns")
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	challenge, code, expires, err := s.issue(ctx, purpose, user)
	if err != nil {
		return "", err
	}
	err = s.cfg.Send(ctx, Message{Purpose: purpose, User: user, Code: skans.NewSecret(code), Expires: expires})
	if err != nil {
		_, _ = s.cfg.Store.Consume(context.WithoutCancel(ctx), purpose, user, entryID(challenge))
		return "", s.refuse(ctx, purpose, user, "send", fmt.Errorf("onetime: send: %w", err))
	}
	return challenge, nil
}

func (s *Service) issue(ctx context.Context, purpose, user string) (challenge, code string, expires time.Time, err error) {
	if purpose == "" || len(purpose) > maxPurpose || user == "" || len(user) > maxUser {
		return "", "", time.Time{}, errors.New("onetime: a purpose has 1 to 64 bytes, a user id 1 to 256")
	}
	if err := s.take(ctx, purposeIssue, purpose, user); err != nil {
		return "", "", time.Time{}, err
	}
	n, err := rand.Int(rand.Reader, s.span) // uniform: it rejects what would favour some codes
	if err != nil {
		return "", "", time.Time{}, fmt.Errorf("onetime: random: %w", err)
	}
	code = fmt.Sprintf("%0*d", s.cfg.Digits, n)
	challenge = rand.Text()
	expires = s.now().Add(s.cfg.Life).UTC().Truncate(time.Second)
	if err := s.record(ctx, EventIssued, purpose, user); err != nil {
		return "", "", time.Time{}, err
	}
	e := Entry{ID: entryID(challenge), MAC: s.cfg.Keys.MAC(macPurpose, purpose, user, challenge, code), Expires: expires}
	if err := s.cfg.Store.Put(ctx, purpose, user, e); err != nil {
		return "", "", time.Time{}, s.refuse(ctx, purpose, user, "store", storeError(err))
	}
	return challenge, code, expires, nil
}

// Verify checks a code with the challenge from the visitor's session and uses both up. Spaces and hyphens in the code
// do not matter. It returns nil, [ErrCode], [ErrThrottled], or the error of the store, the throttle or the audit hook.
// Only nil is a proof.
func (s *Service) Verify(ctx context.Context, purpose, user, challenge, code string) error {
	if purpose == "" || len(purpose) > maxPurpose || user == "" || len(user) > maxUser {
		return ErrCode
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	if err := s.take(ctx, purposeVerify, purpose, user); err != nil {
		return err
	}
	if reason, err := s.verify(ctx, purpose, user, challenge, code); err != nil {
		return s.refuse(ctx, purpose, user, reason, err)
	}
	s.giveBack(ctx, purpose, user)
	return s.record(ctx, EventVerified, purpose, user)
}

// verify returns the reason for the log beside every error.
func (s *Service) verify(ctx context.Context, purpose, user, challenge, code string) (reason string, err error) {
	digits, ok := s.parse(code)
	if !ok || len(challenge) > maxUser {
		return "malformed", ErrCode
	}
	id := entryID(challenge)
	e, ok, err := s.cfg.Store.Try(ctx, purpose, user, id, triesEach)
	switch {
	case err != nil:
		return "store", storeError(err)
	case !ok:
		return "none", ErrCode
	case !s.now().Before(e.Expires):
		return "expired", ErrCode
	case !s.cfg.Keys.VerifyMAC(e.MAC, macPurpose, purpose, user, challenge, digits):
		return "wrong", ErrCode
	}
	ok, err = s.cfg.Store.Consume(ctx, purpose, user, id)
	switch {
	case err != nil:
		return "store", storeError(err)
	case !ok:
		return "spent", ErrCode
	}
	return "", nil
}

// Sweep removes what has expired from the store and returns how many codes that were. Call it every few minutes.
func (s *Service) Sweep(ctx context.Context) (int, error) {
	n, err := s.cfg.Store.Sweep(ctx, s.now())
	if err != nil {
		return n, storeError(err)
	}
	return n, nil
}

// parse returns the digits of a code.
func (s *Service) parse(code string) (string, bool) {
	if len(code) > 4*s.cfg.Digits {
		return "", false
	}
	digits := make([]byte, 0, s.cfg.Digits)
	for i := range len(code) {
		switch c := code[i]; {
		case c == ' ' || c == '-':
		case '0' <= c && c <= '9' && len(digits) < s.cfg.Digits:
			digits = append(digits, c)
		default:
			return "", false
		}
	}
	return string(digits), len(digits) == s.cfg.Digits
}

// entryID is what the store knows of a challenge. It has 130 random bits, so a plain hash does not give it away.
func entryID(challenge string) string {
	sum := sha256.Sum256([]byte(challenge))
	return hex.EncodeToString(sum[:])
}

func budgetKey(purpose, user string) string { return purpose + "\x00" + user }

// take counts one sending or try, or returns why there is none.
func (s *Service) take(ctx context.Context, kind, purpose, user string) error {
	ok, retry, err := s.cfg.Throttle.Take(ctx, kind, budgetKey(purpose, user))
	if err != nil {
		return s.refuse(ctx, purpose, user, "throttle", fmt.Errorf("onetime: throttle: %w", err))
	}
	if ok {
		return nil
	}
	step := "verify"
	if kind == purposeIssue {
		step = "issue"
	}
	if err := s.record(ctx, EventThrottled, purpose, user, slog.String("step", step)); err != nil {
		return errors.Join(&Throttled{retry}, err)
	}
	return &Throttled{retry}
}

// giveBack takes one try back after a right code, where the throttle can. An error leaves it counted, which costs the user
// one try.
func (s *Service) giveBack(ctx context.Context, purpose, user string) {
	if t, ok := s.cfg.Throttle.(interface {
		Return(ctx context.Context, purpose, key string) error
	}); ok {
		_ = t.Return(ctx, purposeVerify, budgetKey(purpose, user))
	}
}

// refuse records a refusal and returns err; an error of the log comes beside it, because a refusal stays one.
func (s *Service) refuse(ctx context.Context, purpose, user, reason string, err error) error {
	if logged := s.record(ctx, EventRefused, purpose, user, slog.String("reason", reason)); logged != nil {
		return errors.Join(err, logged)
	}
	return err
}

// record hands an event to the log. The log outlives a client that hangs up: what happened is recorded.
func (s *Service) record(ctx context.Context, event, purpose, user string, attrs ...slog.Attr) error {
	if s.cfg.Audit == nil {
		return nil
	}
	attrs = append([]slog.Attr{slog.String("user", user), slog.String("purpose", purpose)}, attrs...)
	if err := s.cfg.Audit(context.WithoutCancel(ctx), event, attrs...); err != nil {
		return fmt.Errorf("onetime: audit: %w", err)
	}
	return nil
}

func storeError(err error) error { return fmt.Errorf("onetime: store: %w", err) }
