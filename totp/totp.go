package totp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/totp/internal/budget"
)

var (
	// ErrCode says that the code is not one of this user's: wrong, of a step outside the window, or malformed.
	ErrCode = errors.New("totp: the code is not right")
	// ErrReplayed says that the code is right and was used before, or is older than one that was.
	ErrReplayed = errors.New("totp: the code was used already")
	// ErrThrottled says that the user's budget is used up; no code was looked at. The error is an [*Throttled].
	ErrThrottled = errors.New("totp: too many tries")
	// ErrNotEnrolled says that the user has no confirmed factor, or for [Service.Confirm] none to confirm.
	ErrNotEnrolled = errors.New("totp: no factor is enrolled")
)

// Throttled is the error of a call that the budget refused. errors.Is finds [ErrThrottled] in it.
type Throttled struct{ RetryAfter time.Duration }

// Error implements error.
func (*Throttled) Error() string { return ErrThrottled.Error() }

// Is reports whether target is [ErrThrottled].
func (*Throttled) Is(target error) bool { return target == ErrThrottled }

// A Throttle counts one try for a purpose ("totp.verify", "totp.recover") and a key (the user), before the code is
// looked at. ok false refuses it. An error denies. If it also has the method Return(ctx, purpose, key) error, that is
// called after a right code, to give the try back.
//
// *throttle.Limiter of password/throttle is one; give it a quota of 10 an hour for "totp.verify", because the one that
// it has for other purposes is wider.
type Throttle interface {
	Take(ctx context.Context, purpose, key string) (ok bool, retryAfter time.Duration, err error)
}

// A Skew says which steps beside the current one are accepted. Each one more makes a guess more likely.
type Skew uint8

const (
	// SkewPast accepts the current step and the one before, so a code that runs out while it is typed still works
	// (RFC 6238, 5.2). A code then lives for up to 60 seconds.
	SkewPast Skew = iota
	// SkewNone accepts the current step only: a code lives for 30 seconds (ASVS 6.5.5).
	SkewNone
	// SkewBoth accepts one step before and one after: for authenticators whose clocks run fast. A code then lives for
	// 90 seconds.
	SkewBoth
)

// Config is what [New] needs. It is copied.
type Config struct {
	// Issuer names the service in the authenticator app. Required; see [ErrLabel] for what it may hold.
	Issuer string
	// Keys seals the secrets and hashes the recovery codes. Required.
	Keys *skans.Keyring
	// Store keeps the factors. Required.
	Store Store
	// Throttle is the budget of tries for each user, over all sessions. nil: 10 an hour and 50 a day for each
	// user, counted in this process.
	Throttle Throttle
	// Skew is which steps beside the current one are accepted. Zero: the one before.
	Skew Skew
	// Algorithm is for new enrolments. Zero: SHA-1, as authenticator apps expect.
	Algorithm Algorithm
	// Digits of a code, for new enrolments: 6 or 8. Zero: 6.
	Digits int
	// Timeout bounds the store calls of one operation. Zero: 5 seconds.
	Timeout time.Duration
	// Notify tells the owner of the account that something happened to the factor, by a way that does not need it: a
	// letter, an SMS. event is the name of an audit event: [EventConfirmed], [EventDisabled], [EventRecovered],
	// [EventRecoveryRenewed], or [EventThrottled], the last at most once an hour. It must return at once, so it puts the
	// message into a queue. nil: nobody is told.
	Notify func(ctx context.Context, user, event string)
	// Audit records the events in the package document. An error from it fails the operation. nil: not recorded.
	Audit func(ctx context.Context, event string, attrs ...slog.Attr) error
}

// A Service enrols and verifies second factors. It is safe for concurrent use and starts no goroutine.
type Service struct {
	cfg     Config
	now     func() time.Time
	notices *budget.Budget // one notice an hour about used up budgets
}

// New checks cfg and returns a service.
func New(cfg Config) (*Service, error) {
	if cfg.Keys == nil {
		return nil, errors.New("totp: Config.Keys is nil; give the service's keyring")
	}
	if cfg.Store == nil {
		return nil, errNoStore
	}
	if err := checkLabel(cfg.Issuer, maxIssuer); err != nil {
		return nil, fmt.Errorf("%w: Config.Issuer", err)
	}
	if cfg.Skew > SkewBoth {
		return nil, errors.New("totp: Config.Skew is none of SkewPast, SkewNone, SkewBoth")
	}
	if cfg.Algorithm > SHA512 {
		return nil, errors.New("totp: Config.Algorithm is none of SHA1, SHA256, SHA512")
	}
	if cfg.Digits == 0 {
		cfg.Digits = 6
	}
	if cfg.Digits != 6 && cfg.Digits != 8 {
		return nil, errors.New("totp: Config.Digits is neither 6 nor 8")
	}
	if cfg.Timeout < 0 {
		return nil, errors.New("totp: Config.Timeout is negative")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	s := &Service{cfg: cfg, now: time.Now}
	clock := func() time.Time { return s.now() }
	s.notices = budget.New(1, 24, clock)
	if cfg.Throttle == nil {
		s.cfg.Throttle = budget.New(10, 50, clock)
	}
	return s, nil
}

// Verify checks a code of the user's confirmed factor and uses it up, together with all older ones: the same code never
// works twice, nor does an older one after it, however many requests come at once and whatever the clock does. Spaces
// in the code do not matter.
//
// It returns nil, [ErrCode], [ErrReplayed], [ErrThrottled], [ErrNotEnrolled], or the error of the store, the throttle
// or the audit hook. Only nil is a proof.
func (s *Service) Verify(ctx context.Context, user, code string) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	if err := s.take(ctx, purposeVerify, user); err != nil {
		return err
	}
	reason, err := s.verify(ctx, user, code)
	if err != nil {
		return s.refuse(ctx, user, reason, err)
	}
	s.giveBack(ctx, purposeVerify, user)
	return s.record(ctx, EventVerified, user)
}

// verify returns the reason for the log beside every error.
func (s *Service) verify(ctx context.Context, user, code string) (reason string, err error) {
	record, err := s.cfg.Store.Load(ctx, user)
	if err != nil {
		return "store", storeError(err)
	}
	if record.Active.ID == "" {
		return "not-enrolled", ErrNotEnrolled
	}
	f, err := s.open(user, record.Active)
	if err != nil {
		return "sealed", err
	}
	step, reason, err := s.match(&f.shared, code)
	if err != nil {
		return reason, err
	}
	// The store decides, not the record that was loaded: another request may have used the step since.
	grown, err := s.cfg.Store.Advance(ctx, user, record.Active.ID, step)
	if err != nil {
		return "store", storeError(err)
	}
	if !grown {
		return "replayed", ErrReplayed
	}
	s.reseal(ctx, user, record.Active, f)
	return "", nil
}

// match returns the newest step in the window that has this code.
func (s *Service) match(sh *shared, code string) (step int64, reason string, err error) {
	value, ok := parseCode(code, sh.digits)
	if !ok {
		return 0, "malformed", ErrCode
	}
	first, last := s.window()
	step, ok = sh.find(value, first, last)
	if !ok {
		return 0, "wrong", ErrCode
	}
	return step, "", nil
}

// window returns the first and the last step that are accepted now.
func (s *Service) window() (first, last int64) {
	current := max(s.now().Unix(), 0) / stepSeconds
	switch s.cfg.Skew {
	case SkewNone:
		return current, current
	case SkewBoth:
		return max(current-1, 0), current + 1
	default:
		return max(current-1, 0), current
	}
}

// Status is what a settings page shows.
type Status struct {
	Enrolled bool      // a confirmed factor is in place
	Pending  bool      // an enrolment waits to be confirmed, or has run out
	Since    time.Time // when the enrolment of the factor in place began; zero without one
	Recovery int       // recovery codes left
}

// Status tells what the user has. It returns the store's errors.
func (s *Service) Status(ctx context.Context, user string) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	record, err := s.cfg.Store.Load(ctx, user)
	if err != nil {
		return Status{}, storeError(err)
	}
	out := Status{Enrolled: record.Active.ID != "", Pending: record.Pending.ID != "", Recovery: record.Recovery}
	if out.Enrolled {
		f, err := s.open(user, record.Active)
		if err != nil {
			return Status{}, err
		}
		out.Since = f.begun
	}
	return out, nil
}

// Disable forgets the user's factor, an enrolment that waits, and all recovery codes; each of them is dead at once. Ask
// for a fresh proof before: whoever takes the second factor off needs only the password afterwards. It returns
// [ErrNotEnrolled] when there was nothing to forget.
func (s *Service) Disable(ctx context.Context, user string) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	// Recorded before it happens, because an error of the log must leave the factor in place.
	if err := s.record(ctx, EventDisabled, user); err != nil {
		return err
	}
	removed, err := s.cfg.Store.Remove(ctx, user)
	if err != nil {
		return s.refuse(ctx, user, "store", storeError(err))
	}
	if !removed {
		return s.refuse(ctx, user, "not-enrolled", ErrNotEnrolled)
	}
	s.notify(ctx, user, EventDisabled)
	return nil
}

const (
	purposeVerify  = "totp.verify"
	purposeRecover = "totp.recover"
)

// maxUser bounds a user id: it is bound into what is sealed and is the key of the budget.
const maxUser = 256

// take counts one try, or returns why there is none.
func (s *Service) take(ctx context.Context, purpose, user string) error {
	if user == "" || len(user) > maxUser {
		return ErrNotEnrolled
	}
	ok, retry, err := s.cfg.Throttle.Take(ctx, purpose, user)
	if err != nil {
		return s.refuse(ctx, user, "throttle", fmt.Errorf("totp: throttle: %w", err))
	}
	if ok {
		return nil
	}
	if err := s.record(ctx, EventThrottled, user, slog.String("purpose", purpose)); err != nil {
		return errors.Join(&Throttled{retry}, err)
	}
	if first, _, _ := s.notices.Take(ctx, purpose, user); first {
		s.notify(ctx, user, EventThrottled)
	}
	return &Throttled{retry}
}

// giveBack takes one try back after a right code, where the throttle can. An error leaves it counted, which costs the user
// one try.
func (s *Service) giveBack(ctx context.Context, purpose, user string) {
	if t, ok := s.cfg.Throttle.(interface {
		Return(ctx context.Context, purpose, key string) error
	}); ok {
		_ = t.Return(ctx, purpose, user)
	}
}

// refuse records a refusal and returns err; an error of the log comes beside it, because a refusal stays one.
func (s *Service) refuse(ctx context.Context, user, reason string, err error) error {
	if logged := s.record(ctx, EventRefused, user, slog.String("reason", reason)); logged != nil {
		return errors.Join(err, logged)
	}
	return err
}

// record hands an event to the log. The log outlives a client that hangs up: what happened is recorded.
func (s *Service) record(ctx context.Context, event, user string, attrs ...slog.Attr) error {
	if s.cfg.Audit == nil {
		return nil
	}
	attrs = append([]slog.Attr{slog.String("user", user)}, attrs...)
	if err := s.cfg.Audit(context.WithoutCancel(ctx), event, attrs...); err != nil {
		return fmt.Errorf("totp: audit: %w", err)
	}
	return nil
}

func (s *Service) notify(ctx context.Context, user, event string) {
	if s.cfg.Notify != nil {
		s.cfg.Notify(context.WithoutCancel(ctx), user, event)
	}
}

func storeError(err error) error { return fmt.Errorf("totp: store: %w", err) }

// parseCode reads exactly as many ASCII digits. Apps show "123 456", so spaces are skipped.
func parseCode(code string, digits int) (value uint32, ok bool) {
	if len(code) > 4*digits {
		return 0, false
	}
	n := 0
	for i := range len(code) {
		switch c := code[i]; {
		case c == ' ':
		case '0' <= c && c <= '9' && n < digits:
			value, n = value*10+uint32(c-'0'), n+1
		default:
			return 0, false
		}
	}
	return value, n == digits
}

// ErrLabel says that an issuer or account name cannot stand in a provisioning URI: it must be valid UTF-8 without
// control characters, without white space at the ends, not empty, at most 64 (issuer) or 128 bytes (account), and without
// a colon, which separates the two: an account "Bank:anna" would show as another issuer's.
var ErrLabel = errors.New("totp: the name is empty, too long, or has a colon or a control character")

const (
	maxIssuer  = 64
	maxAccount = 128
)

func checkLabel(label string, longest int) error {
	if label == "" || len(label) > longest || !utf8.ValidString(label) || strings.TrimSpace(label) != label {
		return ErrLabel
	}
	// What turns text around or breaks lines could show another account than it names.
	bad := func(r rune) bool {
		return r == ':' || unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
	}
	if strings.ContainsFunc(label, bad) {
		return ErrLabel
	}
	return nil
}
