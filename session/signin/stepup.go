package signin

import (
	"net/http"
	"time"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/password/throttle"
	"github.com/skans-go/skans/session"
)

// StepUp asks the user who is signed in for the second factor once more, before something that matters: a code of the
// app, or a recovery code. [Granted.Commit] then notes it in the session, which gets a new token. Tries count in the
// account's budget of the factors.
func (f *Flow) StepUp(w http.ResponseWriter, r *http.Request, code string) Outcome {
	v := f.visit(w, r, PathStepUp)
	defer v.end()
	if why := v.signedIn(); why != nil {
		return v.deny(why)
	}
	if v.cfg.Factors == nil {
		return v.deny(no("no-factors"))
	}
	method, err := v.check(code)
	if err != nil {
		return v.deny(factorRefused(err))
	}
	return v.further(throttle.Attempt{}, method)
}

// Reauthenticate asks the user who is signed in for the password once more. It is throttled as [Flow.Password] is, but
// for the CAPTCHA, and its Granted notes the proof in the session.
func (f *Flow) Reauthenticate(w http.ResponseWriter, r *http.Request, pw skans.Secret) Outcome {
	v := f.visit(w, r, PathStepUp)
	defer v.end()
	if why := v.signedIn(); why != nil {
		return v.deny(why)
	}
	a := v.attempt(countName(v.user))
	if why := v.reserveSignedIn(&a); why != nil {
		return v.deny(why)
	}
	next, why := v.verify(pw)
	if why != nil {
		return v.deny(why)
	}
	v.upgrade(next)
	return v.further(a, session.Password)
}

// further grants a proof beside those that the session has.
func (v *visit) further(a throttle.Attempt, method session.Method) Granted {
	out := v.grant(a, method)
	out.grant.elevate = true
	return out
}

// signedIn loads the account of the session.
func (v *visit) signedIn() *refused {
	if why := v.posted(); why != nil {
		return why
	}
	user, ok := v.s.User()
	if !ok {
		return no("anonymous")
	}
	if why := v.known(user); why != nil {
		return why
	}
	return v.allow()
}

// fresh reports whether the user of the session proved, a short while ago, as much as this account can.
func (v *visit) fresh(enrolled bool) bool {
	for method, at := range v.s.Proofs() {
		if age := v.now().Sub(at); age > v.cfg.Fresh || age < -time.Minute {
			continue
		}
		if !enrolled || method == session.OTP || method == session.Recovery {
			return true
		}
	}
	return false
}
