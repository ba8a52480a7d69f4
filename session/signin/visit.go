package signin

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/skans-go/skans/internal/clientaddr"
	"github.com/skans-go/skans/internal/refusal"
	"github.com/skans-go/skans/password"
	"github.com/skans-go/skans/password/throttle"
	"github.com/skans-go/skans/session"
)

// The pathways; the attribute "pathway" of the events. The package document says what each proves.
const (
	PathPassword   = "password"
	PathActivation = "activation"
	PathExternal   = "external"
	PathStepUp     = "step-up"
	PathReset      = "reset"
)

// A visit is one call of the flow: who asks from where, and what is known of the account so far.
type visit struct {
	*Flow
	ctx     context.Context
	w       http.ResponseWriter
	r       *http.Request
	s       *session.Session
	pathway string
	addr    netip.Addr
	user    User   // zero until the account is known
	digest  string // of the name that was tried, while the account is not known
	cancel  context.CancelFunc
}

func (f *Flow) visit(w http.ResponseWriter, r *http.Request, pathway string) *visit {
	ctx, cancel := context.WithTimeout(r.Context(), f.cfg.Timeout)
	if w != nil {
		w.Header().Set("Cache-Control", "no-store") // the answer may show the secret of an enrolment
	}
	addr := clientaddr.From(r, f.cfg.Proxies)
	return &visit{
		Flow: f, ctx: password.WithOrigin(ctx, network(addr)), cancel: cancel, w: w, r: r, s: session.From(r.Context()), pathway: pathway,
		addr: addr,
	}
}

// network is whom the queue for hashing counts as one, so that nobody fills it alone: an IPv4 address, or an IPv6 /64, which one
// customer gets.
func network(addr netip.Addr) string {
	if addr.Is6() {
		if prefix, err := addr.Prefix(64); err == nil {
			return prefix.String()
		}
	}
	return addr.String()
}

// end releases the timer of the visit.
func (v *visit) end() { v.cancel() }

// A refused is why a step ends the visit; nil goes on.
type refused struct {
	reason string // for the log
	detail string // for the log: the text of the host's rule
	status int
	retry  time.Duration
}

// no refuses for a reason that the visitor is not told.
func no(reason string) *refused { return &refused{reason: reason, status: http.StatusForbidden} }

// broken refuses because the service itself cannot tell.
func broken(reason string) *refused {
	return &refused{reason: reason, status: http.StatusServiceUnavailable, retry: 5 * time.Second}
}

// deny records the refusal. An error of the log changes nothing: it is a refusal already.
func (v *visit) deny(why *refused) Denied {
	d := Denied{Status: why.status, RetryAfter: why.retry, Ref: refusal.NewRef()}
	attrs := []slog.Attr{slog.String("reason", why.reason), slog.String("ref", d.Ref)}
	if why.detail != "" {
		attrs = append(attrs, slog.String("detail", clip(why.detail)))
	}
	_ = v.record(EventDenied, attrs...)
	return d
}

// record hands an event about this visit to the log. It outlives a client that hangs up: what happened is recorded.
func (v *visit) record(event string, attrs ...slog.Attr) error {
	if v.cfg.Audit == nil {
		return nil
	}
	all := make([]slog.Attr, 0, 5+len(attrs))
	if v.user.ID != "" {
		all = append(all, slog.String("user", v.user.ID))
	} else if v.digest != "" {
		all = append(all, slog.String("name", v.digest))
	}
	if id := v.s.ID(); id != "" {
		all = append(all, slog.String("session", id))
	}
	all = append(all, slog.String("pathway", v.pathway), slog.String("addr", v.addr.String()), slog.String("agent", clip(v.r.UserAgent())))
	if err := v.cfg.Audit(context.WithoutCancel(v.ctx), event, append(all, attrs...)...); err != nil {
		return fmt.Errorf("signin: audit: %w", err)
	}
	return nil
}

func (v *visit) notify(event string) {
	if v.cfg.Notify != nil {
		v.cfg.Notify(context.WithoutCancel(v.ctx), Notice{
			Event: event, User: v.user, At: v.now(), Addr: v.addr, Agent: clip(v.r.UserAgent()),
		})
	}
}

// tried remembers a name that may be nobody's as a keyed digest: people type passwords into that field.
func (v *visit) tried(name string) {
	v.digest = hex.EncodeToString(v.cfg.Keys.MAC("signin.name", throttle.CanonicalName(name))[:16])
}

// posted refuses requests that browsers make without being asked to: a link must neither sign anybody in (ASVS 7.6.2)
// nor carry a password in its address.
func (v *visit) posted() *refused {
	switch v.r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return no("method")
	}
	return nil
}

// known asks for the account again, because it may have been disabled or have got another password since.
func (v *visit) known(id string) *refused {
	u, err := v.cfg.Users.ByID(v.ctx, id)
	switch {
	case errors.Is(err, ErrNoUser):
		return no("unknown")
	case err != nil || u.ID != id:
		return broken("users")
	}
	v.user = u
	return nil
}

// allow asks the rules that come after a proof.
func (v *visit) allow() *refused {
	if v.user.Disabled {
		return no("disabled")
	}
	if v.cfg.Allow == nil {
		return nil
	}
	if err := v.cfg.Allow(v.r, v.user); err != nil {
		return &refused{reason: "rule", detail: err.Error(), status: http.StatusForbidden}
	}
	return nil
}

// maxName bounds a sign-in name and a user id.
const maxName = 256

// plausible reports whether the table of accounts is to be asked for this name at all.
func plausible(name string) bool {
	return name != "" && len(name) <= maxName && utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl)
}

// clip bounds what a request can write into the log.
func clip(s string) string {
	const most = 256
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "")
}

// countName is what an account's tries are counted under and its devices are known by, whatever spelling it was found by.
func countName(u User) string {
	if u.Name == "" {
		return u.ID
	}
	return u.Name
}

// label is what the authenticator app shows: the name, without what cannot stand in a provisioning URI.
func label(u User) string {
	name := strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == ':' || unicode.IsControl(r) || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, clip(countName(u))))
	const most = 128
	if len(name) > most {
		name = strings.TrimSpace(strings.ToValidUTF8(name[:most], ""))
	}
	if name == "" {
		return "account"
	}
	return name
}
