package authz

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/internal/clientaddr"
)

// Config is what a [Guard] needs from its host.
type Config struct {
	// Subject says who makes a request: from the session and the database, never from what the client can set.
	// It is called at most once a request, and not at all for a page that is open to everybody. An error or a panic
	// refuses with 503, since an unknown person is not an anonymous one. Required.
	Subject func(*http.Request) (Subject, error)

	// Templates holds the pages and fragments that [Guard.Render] renders, from [ParseFS]; it must not have been
	// executed. nil: none are rendered.
	Templates *template.Template
	// Helpers are further template functions that know the request. Parse the templates with Helpers.Funcs().
	Helpers Helpers

	// Keys makes and checks the keys of PublicWithKey and OrKey. Required where a rule has one.
	Keys *skans.Keyring
	// Spend remembers keys of rules with Once: it returns true the first time it is called with this id, and false ever
	// after, until the time given. It is one atomic step of a store (insert if absent). Required where a rule has Once.
	Spend func(ctx context.Context, id string, until time.Time) (bool, error)

	// Conditions are what Named conditions ask.
	Conditions map[string]func(context.Context, Subject, Object) (bool, error)
	// Country places an address (ISO 3166-1 alpha-2, "SE"). nil: no Country condition is ever met.
	Country func(context.Context, netip.Addr) (string, error)
	// Timeout bounds each call of Subject, of a condition, of Country and of Spend, whether or not it minds its
	// context. 0: two seconds.
	Timeout time.Duration

	// ClientAddr tells the client's address (session/transport has one that knows the proxies). nil: the peer's.
	ClientAddr func(*http.Request) netip.Addr
	// PathValue reads a path value of a router other than net/http's. nil: Request.PathValue.
	PathValue func(r *http.Request, name string) string
	// LoginURL is the path ("/login") to which an anonymous visitor of a page is sent, with the page in the query
	// parameter "next" (see [LocalPath]). Empty: the refusal is a 403 as for everybody else.
	LoginURL string
	// Refuse answers a refused request; err is a [*Refusal]. nil: a plain page with the reference id.
	Refuse func(w http.ResponseWriter, r *http.Request, err error)
	// Audit records events; see the package document. nil: nothing is recorded.
	Audit func(ctx context.Context, event string, attrs ...slog.Attr) error
}

// A Guard decides, by one policy, everything that a host asks. It is safe for concurrent use; routes are registered
// before [Guard.Handler] is called.
type Guard struct {
	cfg   Config
	judge judge
	asker *caller // of Subject
	store *caller // of Spend
	snap  atomic.Pointer[snapshot]
	ready atomic.Bool
	// byName is filled when the guard starts.
	byName atomic.Pointer[map[string][]*route]

	mux       *http.ServeMux
	templates *templates // nil: none

	mu     sync.Mutex // registration and reloading
	routes []*route
	wrong  []error
}

// New compiles the policy and returns the guard. Its errors name what is wrong with policy, configuration or templates
// and say what to do; routes are checked by [Guard.Handler].
func New(policy Policy, cfg Config) (*Guard, error) {
	if cfg.Subject == nil {
		return nil, errors.New("authz: Config.Subject is missing: without it nobody could be told from anybody")
	}
	if cfg.Timeout < 0 {
		return nil, errors.New("authz: Config.Timeout is negative")
	}
	if cfg.LoginURL != "" && (LocalPath(cfg.LoginURL) != cfg.LoginURL || strings.ContainsAny(cfg.LoginURL, "?#")) {
		return nil, errors.New(`authz: Config.LoginURL must be a path of this site, such as "/login"`)
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 2 * time.Second
	}
	if cfg.ClientAddr == nil {
		cfg.ClientAddr = clientaddr.Peer
	}
	if cfg.PathValue == nil {
		cfg.PathValue = (*http.Request).PathValue
	}
	if err := modernMux(); err != nil {
		return nil, err
	}
	g := &Guard{cfg: cfg, mux: http.NewServeMux(), asker: newCaller(cfg.Timeout), store: newCaller(cfg.Timeout)}
	if err := g.hostConditions(); err != nil {
		return nil, err
	}
	s, err := g.compile(policy)
	if err != nil {
		return nil, err
	}
	if cfg.Templates != nil {
		if g.templates, err = newTemplates(g, cfg.Templates, cfg.Helpers); err != nil {
			return nil, err
		}
		if err := g.templates.check(s); err != nil {
			return nil, err
		}
		if err := g.templates.warm(); err != nil {
			return nil, err
		}
	}
	g.snap.Store(s)
	return g, nil
}

func (g *Guard) compile(policy Policy) (*snapshot, error) {
	c := &compiler{judge: &g.judge, conditions: conditionCheck(g.judge.conditions), key: g.cfg.Keys != nil, spend: g.cfg.Spend != nil}
	return c.compile(policy)
}

// hostConditions wraps the host's functions.
func (g *Guard) hostConditions() error {
	g.judge.conditions = map[string]*hostCondition{}
	for name, ask := range g.cfg.Conditions {
		if err := checkName(name); err != nil {
			return fmt.Errorf("authz: Config.Conditions: %w", err)
		}
		if ask == nil {
			return fmt.Errorf("authz: Config.Conditions[%q] is nil", name)
		}
		g.judge.conditions[name] = &hostCondition{newCaller(g.cfg.Timeout),
			func(ctx context.Context, _ *Condition, sub Subject, at Object) (bool, error) {
				return ask(ctx, sub, at)
			}}
	}
	if g.cfg.Country != nil {
		g.judge.country = &hostCondition{newCaller(g.cfg.Timeout), g.inCountry}
	}
	return nil
}

func (g *Guard) inCountry(ctx context.Context, c *Condition, sub Subject, _ Object) (bool, error) {
	if !sub.Addr.IsValid() || sub.Addr.Zone() != "" {
		return false, errors.New("authz: no address to place")
	}
	code, err := g.cfg.Country(ctx, sub.Addr.Unmap())
	if err != nil {
		return false, err
	}
	if len(code) != 2 {
		return false, errors.New("authz: country unknown")
	}
	return slices.Contains(strings.Fields(c.words), code), nil
}

// Decide answers for a subject without a request. A key opens nothing here. ctx bounds the host's conditions.
func (g *Guard) Decide(ctx context.Context, subject Subject, name Name, object Object) Decision {
	s := g.snap.Load()
	return s.find(spell(name)).decide(ctx, &subject, &object, false)
}

// A Right is a name looked up once, for a decision on a path that is taken often. It follows [Guard.Reload].
type Right struct {
	guard  *Guard
	kind   kind
	name   string
	latest atomic.Pointer[resolved]
}

type resolved struct {
	snap *snapshot
	rule *rule
}

// Right returns the right of a name. A name that the policy does not declare is a right that nobody has.
func (g *Guard) Right(name Name) *Right {
	k, text := spell(name)
	return &Right{guard: g, kind: k, name: text}
}

// Decide is [Guard.Decide] for this right. The subject is only read; nil is an anonymous visitor.
func (h *Right) Decide(ctx context.Context, subject *Subject, object Object) Decision {
	if subject == nil {
		subject = &Subject{}
	}
	return h.in(h.guard.snap.Load()).decide(ctx, subject, &object, false)
}

// in returns the rule in a snapshot.
func (h *Right) in(s *snapshot) *rule {
	if c := h.latest.Load(); c != nil && c.snap == s {
		return c.rule
	}
	r := s.find(h.kind, h.name)
	h.latest.Store(&resolved{s, r})
	return r
}

// Reload puts another policy in the place of the current one, for all decisions that begin afterwards; requests under
// way keep theirs. Deciding never waits for it. A policy that does not compile, or does not match routes
// and templates as [Guard.Handler] demands, or whose event cannot be recorded, changes nothing and returns the error.
func (g *Guard) Reload(policy Policy) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	s, err := g.compile(policy)
	if err == nil && g.templates != nil {
		err = g.templates.check(s)
	}
	if err == nil && g.ready.Load() {
		err = g.complete(s)
	}
	ctx := context.Background()
	if err != nil {
		reason := err.Error()
		reason = strings.ToValidUTF8(reason[:min(len(reason), 500)], "")
		return errors.Join(err, g.audit(ctx, EventReloaded, slog.String("outcome", "refused"), slog.String("reason", reason)))
	}
	if err := g.audit(ctx, EventReloaded, slog.String("outcome", "loaded"), slog.Int64("rules", int64(len(s.sorted)))); err != nil {
		return fmt.Errorf("authz: reload kept the old policy, since it could not be recorded: %w", err)
	}
	g.snap.Store(s)
	return nil
}

func (g *Guard) audit(ctx context.Context, event string, attrs ...slog.Attr) error {
	if g.cfg.Audit == nil {
		return nil
	}
	return g.cfg.Audit(ctx, event, attrs...)
}
