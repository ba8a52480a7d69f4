package throttle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"time"

	"github.com/skans-go/skans"
)

// Config of a [Limiter]. A zero Limit means the default that is named there.
type Config struct {
	// Keys makes the keyed hashes by which names and addresses are counted, and signs device cookies. Required.
	Keys *skans.Keyring
	// Store keeps the counts; nil means a memory store, which is right for one process.
	Store Store
	// Timeout bounds a store call; 0 means two seconds. A store that takes longer denies the attempt.
	Timeout time.Duration

	// Pair counts failures of one address at one name. Default: 5 free, then 2 s doubling to 15 min, forgotten after
	// a day.
	Pair Limit
	// Name counts failures at one name from everywhere but known devices. Default: 20 free, then 1 s doubling to 15
	// min, shut at 100 (NIST SP 800-63B-4, 3.2.2), forgotten a day after the last.
	Name Limit
	// Address counts failures of an IPv4 address or an IPv6 /64 at all names. Default: 100 an hour.
	Address Limit
	// Network counts failures of an IPv6 /48. Default: 1,000 an hour.
	Network Limit
	// Device counts failures of a known device at its name. Default: as Pair, shut at 100.
	Device Limit

	// CaptchaAfter is how many consecutive failures an address, or a known device, has without a CAPTCHA; 0 means 3,
	// -1 never asks for one.
	CaptchaAfter int
	// DeviceTTL is how long a device cookie is good; 0 means 180 days.
	DeviceTTL time.Duration
	// Quotas are the limits of [Limiter.Take] by purpose; the one under "" is for all others. Default: 10 in an hour.
	Quotas map[string]Quota

	// Refuse answers a request that [Limiter.Handler] refuses, with a [*Refusal]; nil means a plain page.
	Refuse func(w http.ResponseWriter, r *http.Request, err error)
	// Audit records the events; nil means that they are not recorded.
	Audit func(ctx context.Context, event string, attrs ...slog.Attr) error
}

// A Limiter decides whether an attempt may be made. It is safe for concurrent use.
type Limiter struct {
	cfg   Config
	store Store
}

// New returns a Limiter, or an error that says what to change in the Config.
func New(cfg Config) (*Limiter, error) {
	if cfg.Keys == nil {
		return nil, errors.New("throttle: Keys is required; counts are kept under keyed hashes")
	}
	if cfg.Store == nil {
		cfg.Store = NewMemoryStore()
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 2 * time.Second
	}
	if cfg.DeviceTTL == 0 {
		cfg.DeviceTTL = 180 * 24 * time.Hour
	}
	if cfg.CaptchaAfter == 0 {
		cfg.CaptchaAfter = 3
	}
	if cfg.Timeout < 0 || cfg.DeviceTTL < 0 || cfg.CaptchaAfter < -1 {
		return nil, errors.New("throttle: Timeout, DeviceTTL or CaptchaAfter is negative")
	}
	const day = 24 * time.Hour
	for _, l := range []struct {
		name string
		at   *Limit
		zero Limit
	}{
		{"Pair", &cfg.Pair, Limit{Free: 5, Delay: 2 * time.Second, MaxDelay: 15 * time.Minute, Forget: day}},
		{"Name", &cfg.Name, Limit{Free: 20, Delay: time.Second, MaxDelay: 15 * time.Minute, Stop: 100, Forget: day}},
		{"Address", &cfg.Address, Limit{Stop: 100, Forget: time.Hour, Fixed: true}},
		{"Network", &cfg.Network, Limit{Stop: 1000, Forget: time.Hour, Fixed: true}},
		{"Device", &cfg.Device, Limit{Free: 5, Delay: 2 * time.Second, MaxDelay: 15 * time.Minute, Stop: 100, Forget: day}},
	} {
		if *l.at == (Limit{}) {
			*l.at = l.zero
		}
		if err := l.at.check(); err != nil {
			return nil, fmt.Errorf("throttle: %s: %w", l.name, err)
		}
	}
	if cfg.Pair.Forget > cfg.Name.Forget {
		return nil, errors.New("throttle: Pair.Forget exceeds Name.Forget; a success would take back failures of others")
	}
	cfg.Quotas = maps.Clone(cfg.Quotas)
	for purpose, q := range cfg.Quotas {
		if q.Limit < 1 || q.Per <= 0 {
			return nil, fmt.Errorf("throttle: Quotas[%q] needs a Limit of 1 or more and a Per above 0", purpose)
		}
	}
	if _, ok := cfg.Quotas[""]; !ok {
		if cfg.Quotas == nil {
			cfg.Quotas = map[string]Quota{}
		}
		cfg.Quotas[""] = Quota{Limit: 10, Per: time.Hour}
	}
	return &Limiter{cfg: cfg, store: cfg.Store}, nil
}

func (l *Limit) check() error {
	switch {
	case l.Free < 0 || l.Stop < 0 || l.Delay < 0:
		return errors.New("a negative number")
	case l.Forget <= 0:
		return errors.New("field Forget must be above 0")
	case l.Delay == 0 && l.Stop == 0:
		return errors.New("neither Delay nor Stop, so nothing would ever be refused")
	case l.Delay > 0 && l.MaxDelay < l.Delay:
		return errors.New("field MaxDelay is less than Delay")
	}
	return nil
}

// An Attempt is what is known before the password is looked at.
type Attempt struct {
	// Name is the submitted user name, whether it exists or not; see [CanonicalName].
	Name string
	// Addr is the client's address. All attempts without one share a bucket.
	Addr netip.Addr
	// Device is the value of the device cookie, if one came; see [Limiter.NewDevice].
	Device string
	// Captcha says that a CAPTCHA was solved for this attempt.
	Captcha bool
}

// A Decision is the answer to an attempt. The zero value denies.
type Decision struct {
	// Allowed says that the attempt was counted and may be made.
	Allowed bool
	// RetryAfter is how long to wait when it was not allowed; 0 when only a CAPTCHA is missing.
	RetryAfter time.Duration
	// CaptchaDue says that the attempt was not allowed, and not counted, for want of a CAPTCHA. Make it again with
	// Attempt.Captcha when one is solved.
	CaptchaDue bool
}

// Reserve counts an attempt as a failure before the password is verified, and says whether to verify it at all.
// Because counting comes first, parallel guesses cannot slip through between check and count. After a success call
// [Limiter.Succeeded]; after a failure, a crash or a change of mind call nothing.
//
// An error ([ErrStore], or what Audit returned) comes with a Decision that denies; answer 503.
func (l *Limiter) Reserve(ctx context.Context, a Attempt) (Decision, error) {
	p := l.path(a)
	defer p.free()
	now := time.Now().UnixNano()
	callCtx, cancel := l.deadline(ctx)
	defer cancel()
	taken, err := l.store.Take(callCtx, now, p.gates(a))
	if err != nil {
		return Decision{}, fmt.Errorf("%w: %w", ErrStore, err)
	}
	if taken {
		return Decision{Allowed: true}, nil
	}
	return l.refuse(ctx, a, p, now)
}

// Check says what Reserve would, without counting: for the sign-in page, which shows a CAPTCHA when one is due.
func (l *Limiter) Check(ctx context.Context, a Attempt) (Decision, error) {
	p := l.path(a)
	defer p.free()
	ctx, cancel := l.deadline(ctx)
	defer cancel()
	if err := l.store.Look(ctx, p.gates(a)); err != nil {
		return Decision{}, fmt.Errorf("%w: %w", ErrStore, err)
	}
	d, _ := p.decide(time.Now().UnixNano())
	return d, nil
}

// Succeeded takes back what Reserve counted for the same attempt, and what the same address failed at the same name
// before. It ends the address's streak of failures. It takes back nothing of other names and other addresses: an
// attacker's own account buys no guesses at others.
func (l *Limiter) Succeeded(ctx context.Context, a Attempt) error {
	p := l.path(a)
	defer p.free()
	var r Refund
	for _, u := range p.lanes {
		switch u.reason {
		case reasonPair:
			r.Source = u.key
		case reasonName:
			r.Targets = append(r.Targets, u.key)
		case reasonAddress, reasonNetwork:
			r.One = append(r.One, u.key)
		default:
			r.Clear = append(r.Clear, u.key)
		}
	}
	ctx, cancel := l.deadline(ctx)
	defer cancel()
	if err := l.store.Refund(ctx, r); err != nil {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	return nil
}

// Forgive empties the count of a name: when its owner has set a new password with an activation key, which proves
// more than the attempts of strangers disprove.
func (l *Limiter) Forgive(ctx context.Context, name string) error {
	ctx, cancel := l.deadline(ctx)
	defer cancel()
	if err := l.store.Refund(ctx, Refund{Clear: []Key{l.nameKey(CanonicalName(name))}}); err != nil {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	return nil
}

// Sweep drops what has expired from the store and returns how many counts that were. Call it every few minutes, or
// use [Limiter.Run].
func (l *Limiter) Sweep(ctx context.Context) (int, error) {
	return l.store.Sweep(ctx, time.Now().UnixNano())
}

// Run sweeps every five minutes until ctx ends, and returns its cause.
func (l *Limiter) Run(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			_, _ = l.Sweep(ctx) // the next one makes up for it
		}
	}
}

// deadline bounds a store call. The memory store cannot hang.
func (l *Limiter) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := l.store.(*memoryStore); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, l.cfg.Timeout)
}
