package signin

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/skans-go/skans/password/throttle"
	"github.com/skans-go/skans/session"
)

// ErrNotGranted is the error of [Granted.Commit] for a value that this package did not make, that was committed
// already, that is of another request, or that is older than a minute.
var ErrNotGranted = errors.New("signin: nothing was granted here")

// Granted says that everything asked for is proved. [Granted.Commit] makes it so. The zero value refuses.
type Granted struct {
	grant *grant
}

type grant struct {
	flow     *Flow
	session  *session.Session
	pathway  string
	user     User
	methods  []session.Method
	attempt  throttle.Attempt
	recovery []string
	at       time.Time
	elevate  bool // a further proof of the user who is signed in
	used     atomic.Bool
}

// grantLife bounds how long a handler may take until it commits.
const grantLife = time.Minute

func (v *visit) grant(a throttle.Attempt, methods ...session.Method) Granted {
	return Granted{&grant{
		flow: v.Flow, session: v.s, pathway: v.pathway, user: v.user, methods: slices.Clone(methods), attempt: a, at: v.now(),
	}}
}

// User returns the account that is about to be signed in; the zero User for a zero Granted.
func (g Granted) User() User {
	if g.grant == nil {
		return User{}
	}
	return g.grant.user
}

// Recovery returns the recovery codes of a factor that was enrolled on the way, to be shown this once; nil otherwise.
func (g Granted) Recovery() []string {
	if g.grant == nil {
		return nil
	}
	return slices.Clone(g.grant.recovery)
}

// Commit signs the user in: it rotates the session, records, and marks the browser as known. It works once, in the
// request that was granted. On an error nobody is signed in: [ErrNotGranted], or that of the session or the audit hook;
// answer 503.
func (g Granted) Commit(w http.ResponseWriter, r *http.Request) error {
	if g.grant == nil || g.grant.session != session.From(r.Context()) {
		return ErrNotGranted
	}
	if age := g.grant.flow.now().Sub(g.grant.at); age < 0 || age > grantLife || !g.grant.used.CompareAndSwap(false, true) {
		return ErrNotGranted
	}
	v := g.grant.flow.visit(w, r, g.grant.pathway)
	defer v.end()
	v.user = g.grant.user
	if g.grant.elevate {
		return v.elevate(g.grant)
	}
	return v.login(g.grant)
}

func (v *visit) login(g *grant) error {
	isNew := !v.cfg.Throttle.KnownDevice(countName(v.user), deviceOf(v.r))
	// Recorded first: a sign-in that cannot be recorded is none.
	if err := v.record(EventGranted, methodsAttr(g.methods), slog.Bool("new_device", isNew)); err != nil {
		return err
	}
	// What waited in this browser is over, also where another pathway was taken in the end.
	if _, waits, _ := pendingKey.Get(v.s); waits {
		if err := pendingKey.Delete(v.s); err != nil {
			v.deny(broken("session")) // for the log
			return err
		}
	}
	if err := v.s.Login(v.r.Context(), v.user.ID, g.methods...); err != nil {
		v.deny(broken("session")) // for the log
		return err
	}
	v.refund(g.attempt)
	v.markDevice(countName(v.user))
	if isNew {
		v.notify(EventGranted)
	}
	return nil
}

// refund takes back what the throttle counted. An error leaves the attempt counted as a failure, which costs the user
// one try.
func (v *visit) refund(a throttle.Attempt) {
	if a != (throttle.Attempt{}) {
		_ = v.cfg.Throttle.Succeeded(v.ctx, a)
	}
}

func (v *visit) elevate(g *grant) error {
	if user, ok := v.s.User(); !ok || user != v.user.ID {
		return ErrNotGranted
	}
	if err := v.record(EventSteppedUp, methodsAttr(g.methods)); err != nil {
		return err
	}
	v.refund(g.attempt)
	for _, m := range g.methods {
		if err := v.s.Elevate(v.r.Context(), m); err != nil {
			v.deny(broken("session")) // for the log
			return err
		}
	}
	return nil
}

func (p pendingLogin) attempt() throttle.Attempt {
	return throttle.Attempt{Name: p.Name, Addr: p.Addr, Device: p.Device}
}

func methodsAttr(methods []session.Method) slog.Attr {
	names := make([]string, len(methods))
	for i, m := range methods {
		names[i] = string(m)
	}
	return slog.String("methods", strings.Join(names, " "))
}

func reasonAttr(reason string) slog.Attr { return slog.String("reason", reason) }
