package signin

import (
	"errors"
	"net/http"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/password"
	"github.com/skans-go/skans/session"
	"github.com/skans-go/skans/totp"
)

// ErrStale says that the change needs a fresh proof: run [Flow.StepUp], or [Flow.Reauthenticate] for an account
// without a second factor, and try again.
var ErrStale = errors.New("signin: a fresh proof is needed")

// ChangePassword sets a new password for the user who is signed in and gives the current one. All other sessions of the
// account end, and this one gets a new token. Check next against the password policy before.
//
// It returns a [Denied] for a wrong current password, too many tries or a rule, password.ErrUnusable for a new one that
// cannot be hashed, or a Denied with status 503. When only the ending of the other sessions failed, the password is
// changed all the same.
func (f *Flow) ChangePassword(r *http.Request, current, next skans.Secret) error {
	v := f.visit(nil, r, PathStepUp)
	defer v.end()
	if why := v.signedIn(); why != nil {
		return v.deny(why)
	}
	a := v.attempt(countName(v.user))
	if why := v.reserveSignedIn(&a); why != nil {
		return v.deny(why)
	}
	if _, why := v.verify(current); why != nil {
		return v.deny(why)
	}
	_ = v.cfg.Throttle.Succeeded(v.ctx, a)
	if err := v.setHash(next, EventPasswordChanged); err != nil {
		return err
	}
	return v.renewed(session.Password, EventPasswordChanged)
}

// SetPassword sets the password of an account whose owner has just redeemed an activation or reset key. It signs nobody
// in, leaves the second factor as it is, and ends all sessions of the account. Errors as for [Flow.ChangePassword].
func (f *Flow) SetPassword(r *http.Request, userID string, next skans.Secret) error {
	v := f.visit(nil, r, PathActivation)
	defer v.end()
	if why := v.posted(); why != nil {
		return v.deny(why)
	}
	if why := v.known(userID); why != nil {
		return v.deny(why)
	}
	if v.user.External {
		return v.deny(no("external"))
	}
	if err := v.setHash(next, EventPasswordSet); err != nil {
		return err
	}
	// The owner has proved more than the tries of strangers disprove. An error leaves the delays in place.
	_ = v.cfg.Throttle.Forgive(v.ctx, countName(v.user))
	if err := v.cfg.Sessions.EndUser(v.ctx, v.user.ID); err != nil {
		return v.deny(broken("sessions"))
	}
	v.notify(EventPasswordSet)
	return nil
}

// setHash stores the hash of next, if the row still holds the one that was read.
func (v *visit) setHash(next skans.Secret, event string) error {
	hash, err := v.cfg.Passwords.Hash(v.ctx, v.user.ID, next.Reveal())
	switch {
	case errors.Is(err, password.ErrUnusable):
		v.deny(no("unusable")) // for the log
		return err
	case errors.Is(err, password.ErrBusy):
		return v.deny(broken("busy"))
	case err != nil:
		return v.deny(broken("password"))
	}
	// Recorded before it happens, because an error of the log must leave the old password in place.
	if err := v.record(event); err != nil {
		return v.deny(broken("audit"))
	}
	done, err := v.cfg.Users.SwapHash(v.ctx, v.user.ID, v.user.PasswordHash, hash)
	switch {
	case err != nil:
		return v.deny(broken("users"))
	case !done:
		return v.deny(no("changed"))
	}
	return nil
}

// EnrollFactor begins an enrolment for the user who is signed in: the first one, or one in the place of the factor that
// they have, which stays valid until [Flow.ConfirmFactor]. It returns [ErrStale] without a proof of the last 10 minutes
// (Config.Fresh): of the second factor where there is one.
func (f *Flow) EnrollFactor(r *http.Request) (*totp.Pending, error) {
	v := f.visit(nil, r, PathStepUp)
	defer v.end()
	if err := v.mayChangeFactor(); err != nil {
		return nil, err
	}
	p, err := v.cfg.Factors.Enroll(v.ctx, v.user.ID, label(v.user))
	if err != nil {
		return nil, v.deny(broken("factors"))
	}
	return p, nil
}

// ConfirmFactor ends the enrolment with the first code of the app and returns the recovery codes, to be shown this
// once. All other sessions of the account end. It returns totp.ErrCode for a wrong code, otherwise what
// [Flow.EnrollFactor] does.
func (f *Flow) ConfirmFactor(r *http.Request, code string) (recovery []string, err error) {
	v := f.visit(nil, r, PathStepUp)
	defer v.end()
	if err := v.mayChangeFactor(); err != nil {
		return nil, err
	}
	recovery, err = v.cfg.Factors.Confirm(v.ctx, v.user.ID, code)
	if errors.Is(err, totp.ErrCode) {
		v.deny(factorRefused(err)) // for the log
		return nil, err
	}
	if err != nil {
		return nil, v.deny(factorRefused(err))
	}
	if err := v.record(EventFactorChanged); err != nil {
		return nil, v.deny(broken("audit"))
	}
	return recovery, v.renewed(session.OTP, EventFactorChanged)
}

// RenewRecovery replaces the recovery codes of the user who is signed in and returns the new ones, to be shown this
// once. Errors as for [Flow.EnrollFactor].
func (f *Flow) RenewRecovery(r *http.Request) ([]string, error) {
	v := f.visit(nil, r, PathStepUp)
	defer v.end()
	if err := v.mayChangeFactor(); err != nil {
		return nil, err
	}
	if err := v.record(EventRecoveryRenewed); err != nil {
		return nil, v.deny(broken("audit"))
	}
	codes, err := v.cfg.Factors.NewRecoveryCodes(v.ctx, v.user.ID)
	if err != nil {
		return nil, v.deny(factorRefused(err))
	}
	v.notify(EventRecoveryRenewed)
	return codes, nil
}

// RemoveFactor takes the second factor off the account of the user who is signed in and ends all other sessions. An
// account that must have one keeps it; it can enrol another in its place. Errors as for [Flow.EnrollFactor].
func (f *Flow) RemoveFactor(r *http.Request) error {
	v := f.visit(nil, r, PathStepUp)
	defer v.end()
	if err := v.mayChangeFactor(); err != nil {
		return err
	}
	if v.requirement() == SecondFactor {
		return v.deny(no("required"))
	}
	if err := v.remove(); err != nil {
		return err
	}
	if err := v.s.Rotate(r.Context()); err != nil {
		return v.deny(broken("session"))
	}
	return v.endOthers(EventFactorRemoved)
}

// ResetFactor takes the second factor off any account and ends all its sessions: for an administrator whom the host has
// authorised and who has made sure that the owner asks, as thoroughly as at the first enrolment (ASVS 6.4.4). The owner
// is notified.
func (f *Flow) ResetFactor(r *http.Request, userID string) error {
	v := f.visit(nil, r, PathReset)
	defer v.end()
	if why := v.posted(); why != nil {
		return v.deny(why)
	}
	if v.cfg.Factors == nil {
		return v.deny(no("no-factors"))
	}
	if why := v.known(userID); why != nil {
		return v.deny(why)
	}
	if err := v.remove(); err != nil {
		return err
	}
	if err := v.cfg.Sessions.EndUser(v.ctx, v.user.ID); err != nil {
		return v.deny(broken("sessions"))
	}
	v.notify(EventFactorRemoved)
	return nil
}

func (v *visit) remove() error {
	if err := v.record(EventFactorRemoved); err != nil {
		return v.deny(broken("audit"))
	}
	if err := v.cfg.Factors.Disable(v.ctx, v.user.ID); err != nil {
		return v.deny(factorRefused(err))
	}
	return nil
}

// mayChangeFactor demands a fresh proof.
func (v *visit) mayChangeFactor() error {
	if why := v.signedIn(); why != nil {
		return v.deny(why)
	}
	if v.cfg.Factors == nil {
		return v.deny(no("no-factors"))
	}
	status, err := v.cfg.Factors.Status(v.ctx, v.user.ID)
	if err != nil {
		return v.deny(broken("factors"))
	}
	if !v.fresh(status.Enrolled) {
		v.deny(no("stale")) // for the log
		return ErrStale
	}
	return nil
}

// renewed notes the proof in this session, which rotates it, and ends the others.
func (v *visit) renewed(method session.Method, event string) error {
	if err := v.s.Elevate(v.r.Context(), method); err != nil {
		return v.deny(broken("session"))
	}
	return v.endOthers(event)
}

func (v *visit) endOthers(event string) error {
	v.notify(event) // the change stands, whatever happens to the other sessions
	if err := v.cfg.Sessions.EndUser(v.ctx, v.user.ID, v.s.ID()); err != nil {
		return v.deny(broken("sessions"))
	}
	return nil
}
