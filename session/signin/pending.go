package signin

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/skans-go/skans/password/throttle"
	"github.com/skans-go/skans/session"
	"github.com/skans-go/skans/totp"
	"github.com/skans-go/skans/totp/onetime"
)

const (
	pendingLife    = 5 * time.Minute
	pendingTries   = 5
	pendingPurpose = "signin.pending"
	codePurpose    = "signin"
)

// A pendingLogin waits in the visitor's anonymous session for the second factor, and so belongs to one browser. What must
// happen once, tries and the final use, is counted in Config.Pending under the nonce: values of a session are
// stored when the answer begins, which is too late for two requests at once.
type pendingLogin struct {
	Nonce     string
	Expires   time.Time
	User      string
	Stamp     string // of the password hash: a password that changed meanwhile ends the login
	Methods   []session.Method
	Pathway   string
	Challenge string // of the code that was sent; empty when the app shows it
	Enrolment string // id of the enrolment that this browser was shown; empty when a factor is asked for
	Name      string // what the throttle counted, to take it back after the sign-in
	Addr      netip.Addr
	Device    string
}

var pendingKey = session.NewKey[pendingLogin]("skans.signin")

// secondFactor decides what the account must prove beside the methods.
func (v *visit) secondFactor(a throttle.Attempt, methods ...session.Method) Outcome {
	if v.cfg.Factors == nil {
		return v.grant(a, methods...)
	}
	status, err := v.cfg.Factors.Status(v.ctx, v.user.ID)
	if err != nil {
		return v.deny(broken("factors"))
	}
	p := pendingLogin{
		Nonce: newNonce(), User: v.user.ID, Stamp: v.stamp(), Methods: methods, Pathway: v.pathway,
		Name: a.Name, Addr: a.Addr, Device: a.Device,
	}
	switch {
	case status.Enrolled:
		if why := v.begin(p, "factor"); why != nil {
			return v.deny(why)
		}
		return NeedFactor{TriesLeft: pendingTries}
	case v.cfg.Codes != nil && v.requirement() == SentCode:
		return v.sendCode(p)
	case v.requirement() != IfEnrolled:
		return v.enrol(p)
	}
	return v.grant(a, methods...)
}

// newNonce is shaped as the id of a onetime.Entry, which a store may hold in a column of that width.
func newNonce() string {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(random[:])
}

// requirement is what the host says of the account.
func (v *visit) requirement() Requirement {
	if v.cfg.Require == nil {
		return SecondFactor
	}
	return v.cfg.Require(v.user)
}

// enrol begins a login that waits for the first code of a new app.
func (v *visit) enrol(p pendingLogin) Outcome {
	enrolment, err := v.cfg.Factors.Enroll(v.ctx, v.user.ID, label(v.user))
	if err != nil {
		return v.deny(broken("factors"))
	}
	p.Enrolment = enrolment.ID()
	if why := v.begin(p, "enrolment"); why != nil {
		return v.deny(why)
	}
	return NeedEnrolment{Pending: enrolment, TriesLeft: pendingTries}
}

// sendCode begins a login that waits for a code that travels to its owner.
func (v *visit) sendCode(p pendingLogin) Outcome {
	var err error
	if p.Challenge, err = v.cfg.Codes.Send(v.ctx, codePurpose, v.user.ID); err != nil {
		return v.deny(factorRefused(err))
	}
	if why := v.begin(p, "code"); why != nil {
		return v.deny(why)
	}
	return NeedFactor{Sent: true, TriesLeft: pendingTries}
}

// begin makes p the one pending login of this browser.
func (v *visit) begin(p pendingLogin, need string) *refused {
	v.tidy()
	if old, ok, err := pendingKey.Get(v.s); ok && err == nil {
		_, _ = v.cfg.Pending.Consume(v.ctx, pendingPurpose, old.Nonce, old.Nonce)
	}
	if err := v.record(EventPending, slog.String("need", need)); err != nil {
		return broken("audit")
	}
	p.Expires = v.now().Add(pendingLife).UTC().Truncate(time.Second)
	e := onetime.Entry{ID: p.Nonce, MAC: v.cfg.Keys.MAC(pendingPurpose, p.Nonce), Expires: p.Expires}
	if err := v.cfg.Pending.Put(v.ctx, pendingPurpose, p.Nonce, e); err != nil {
		return broken("pending")
	}
	if err := pendingKey.Set(v.s, p); err != nil {
		return broken("session")
	}
	return nil
}

// tidy keeps the logins that nobody finished from piling up where the host forgets to sweep.
func (v *visit) tidy() {
	now, last := v.now().Unix(), v.swept.Load()
	if now-last >= 60 && v.swept.CompareAndSwap(last, now) {
		_, _ = v.Sweep(v.ctx) // the next one makes up for it
	}
}

// stamp changes when the password does.
func (v *visit) stamp() string {
	return hex.EncodeToString(v.cfg.Keys.MAC("signin.stamp", v.user.ID, v.user.PasswordHash))
}

// resume finds the pending login of this browser, and asks again what may have changed since the first step.
func (v *visit) resume() (pendingLogin, *refused) {
	p, ok, err := pendingKey.Get(v.s)
	if err != nil || !ok {
		return p, no("no-pending")
	}
	v.pathway = p.Pathway
	if !v.now().Before(p.Expires) {
		return p, no("expired")
	}
	if why := v.known(p.User); why != nil {
		return p, why
	}
	if why := v.allow(); why != nil {
		return p, why
	}
	if !v.cfg.Keys.VerifyMAC(unhex(p.Stamp), "signin.stamp", v.user.ID, v.user.PasswordHash) {
		return p, no("changed")
	}
	return p, nil
}

// try counts one try of p before its code is looked at, and returns how many are left.
func (v *visit) try(p pendingLogin) (left int, why *refused) {
	e, ok, err := v.cfg.Pending.Try(v.ctx, pendingPurpose, p.Nonce, p.Nonce, pendingTries)
	switch {
	case err != nil:
		return 0, broken("pending")
	case !ok:
		return 0, no("spent")
	}
	return pendingTries - e.Tries, nil
}

// use ends p. Of requests that bring two right codes at once, one gets through.
func (v *visit) use(p pendingLogin) *refused {
	ok, err := v.cfg.Pending.Consume(v.ctx, pendingPurpose, p.Nonce, p.Nonce)
	switch {
	case err != nil:
		return broken("pending")
	case !ok:
		return no("spent")
	}
	return nil
}

// stop denies and, unless only the service is at fault, ends the pending login.
func (v *visit) stop(p pendingLogin, why *refused) Denied {
	if why.status < 500 && p.Nonce != "" {
		_, _ = v.cfg.Pending.Consume(v.ctx, pendingPurpose, p.Nonce, p.Nonce)
		_ = pendingKey.Delete(v.s) // the store has ended it already
	}
	return v.deny(why)
}

// factorRefused says why a code was not accepted, as far as the log of the factors does not.
func factorRefused(err error) *refused {
	var app *totp.Throttled
	var sent *onetime.Throttled
	why := no("factor-throttled")
	switch {
	case errors.As(err, &app):
		why.retry = app.RetryAfter
		return why
	case errors.As(err, &sent):
		why.retry = sent.RetryAfter
		return why
	case errors.Is(err, totp.ErrCode), errors.Is(err, onetime.ErrCode):
		return no("factor-wrong")
	case errors.Is(err, totp.ErrReplayed):
		return no("factor-replayed")
	case errors.Is(err, totp.ErrNotEnrolled):
		return no("factor-gone")
	}
	return broken("factors")
}

// looksLikeRecovery tells a recovery code from an app's by its length: codes of an app have at most 8 digits.
func looksLikeRecovery(code string) bool {
	return len(strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, code)) > 10
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		return nil
	}
	return b
}
