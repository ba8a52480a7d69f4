package session

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/internal/clientaddr"
)

// Config configures a [Manager]. Keys and Origins are required; the zero value of everything else is the safe one.
type Config struct {
	// Keys authenticate tokens and records. With several, all verify; a session is rewritten under the current one
	// when it rotates. A new ring without the old keys ends every session there is.
	Keys *skans.Keyring
	// Store keeps the sessions; nil is a [MemoryStore] of this process.
	Store Store
	// Origins are the scheme and host, with the port unless it is the default one, that browsers show for this service:
	// "https://mail.example". Plain http is accepted for localhost and loopback addresses only.
	Origins []string
	// Idle ends a session without activity; 0 is 20 minutes, at least one minute.
	Idle time.Duration
	// Absolute ends a session that long after its user signed in, whatever the activity; 0 is 8 hours, at most 30 days. An
	// anonymous session ends 24 hours after it began.
	Absolute time.Duration
	// PerUser is how many sessions of one user live, the newest; 0 is no limit.
	PerUser int
	// Bind says what a session is tied to; the zero value is scheme, address prefix and browser family.
	Bind Bind
	// Proxies are the peers whose X-Forwarded-For and X-Forwarded-Proto are believed.
	Proxies []netip.Prefix
	// Timeout bounds one call of the store; 0 is 3 seconds.
	Timeout time.Duration
	// InsecureOriginCheckOnly accepts unsafe requests on their origin alone, without a CSRF token. Routes inside
	// [Action] and [Once] still demand theirs.
	InsecureOriginCheckOnly bool
	// Refuse answers refused requests; the error is a *[Refusal] and tells the status. nil is a plain page.
	Refuse func(w http.ResponseWriter, r *http.Request, err error)
	// Audit records events; an error fails what it reports. nil records nothing.
	Audit func(ctx context.Context, event string, attrs ...slog.Attr) error
}

// anonymousLife bounds sessions that nobody signed in to, so that a store can drop every row by its deadline.
const anonymousLife = 24 * time.Hour

// maxAbsolute is what NIST SP 800-63B-4, section 2.1.3, recommends at most for the lowest assurance.
const maxAbsolute = 30 * 24 * time.Hour

// A Manager gives the requests of one service their sessions. It is safe for concurrent use.
type Manager struct {
	cfg      Config
	store    Store
	local    bool // the store is in this process and never waits
	rollover bool // there are older keys
	clock    clock
	inflight inflight
}

// New returns a Manager, or an error that says which field of cfg to change. cfg is copied.
func New(cfg Config) (*Manager, error) {
	if cfg.Keys == nil {
		return nil, errors.New("session: Config.Keys is nil; give it a keyring, from skans.CreateKeyringFile for one")
	}
	if len(cfg.Origins) == 0 {
		return nil, errors.New(`session: Config.Origins is empty; list what browsers show, such as "https://mail.example"`)
	}
	for _, origin := range cfg.Origins {
		if err := checkOrigin(origin); err != nil {
			return nil, err
		}
	}
	setDefault(&cfg.Idle, 20*time.Minute)
	setDefault(&cfg.Absolute, 8*time.Hour)
	setDefault(&cfg.Timeout, 3*time.Second)
	switch {
	case cfg.Idle < time.Minute:
		return nil, fmt.Errorf("session: Config.Idle is %v; at least a minute is needed", cfg.Idle)
	case cfg.Absolute < cfg.Idle:
		return nil, fmt.Errorf("session: Config.Absolute (%v) is shorter than Config.Idle (%v)", cfg.Absolute, cfg.Idle)
	case cfg.Absolute > maxAbsolute:
		return nil, fmt.Errorf("session: Config.Absolute is %v; more than %v is not a session", cfg.Absolute, maxAbsolute)
	case cfg.Timeout < 0:
		return nil, errors.New("session: Config.Timeout is negative")
	case cfg.PerUser < 0:
		return nil, errors.New("session: Config.PerUser is negative; 0 is no limit")
	case cfg.Bind.Address < AddressPrefix || cfg.Bind.Address > InsecureAddressOff:
		return nil, errors.New("session: Config.Bind.Address is none of the constants")
	case cfg.Bind.Agent < AgentFamily || cfg.Bind.Agent > InsecureAgentOff:
		return nil, errors.New("session: Config.Bind.Agent is none of the constants")
	}
	if err := clientaddr.Check(cfg.Proxies); err != nil {
		return nil, fmt.Errorf("session: Config.Proxies: %w", err)
	}
	cfg.Origins, cfg.Proxies = slices.Clone(cfg.Origins), slices.Clone(cfg.Proxies)
	if cfg.Store == nil {
		cfg.Store = NewMemoryStore()
	}
	_, local := cfg.Store.(*MemoryStore)
	return &Manager{cfg: cfg, store: cfg.Store, local: local, rollover: len(cfg.Keys.IDs()) > 1, inflight: inflight{seed: maphash.MakeSeed()}}, nil
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// checkOrigin accepts an origin only as a browser serialises it (RFC 6454, section 6.2), since the comparison is exact.
func checkOrigin(origin string) error {
	bad := func(why string) error {
		return fmt.Errorf("session: Config.Origins: %q %s; write it as browsers do, such as \"https://mail.example\"", origin, why)
	}
	u, err := url.Parse(origin)
	switch {
	case err != nil || u.Host == "":
		return bad("is not an origin")
	case origin != u.Scheme+"://"+u.Host || origin != strings.ToLower(origin):
		return bad("has more than a scheme and a host, or capital letters")
	case u.Scheme == "https" && u.Port() == "443", u.Scheme == "http" && u.Port() == "80", strings.HasSuffix(u.Host, ":"):
		return bad("has the default port, which browsers leave out")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	}
	return bad("is not https")
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || (err == nil && addr.IsLoopback())
}

// touchAfter is how old the noted activity must be before it is written again: a write a minute at most, and at the price
// of ending at most that much early.
func (m *Manager) touchAfter() time.Duration {
	return min(max(m.cfg.Idle/16, time.Second), time.Minute)
}

// now is the time as a store keeps it.
func (m *Manager) now() time.Time { return m.clock.now().Truncate(time.Millisecond) }

// storeContext bounds a call of the store.
func (m *Manager) storeContext(ctx context.Context) (context.Context, context.CancelFunc) {
	if m.local {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, m.cfg.Timeout)
}

// lastingContext bounds a call that goes on when the client hangs up.
func (m *Manager) lastingContext(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx = context.WithoutCancel(ctx)
	if m.local {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, m.cfg.Timeout)
}
