package signin

import (
	"errors"
	"net/http"

	"github.com/skans-go/skans/session"
	"github.com/skans-go/skans/totp"
)

// Factor is the second step after [NeedFactor]: a code of the app, a recovery code, or the code that was sent. It must
// come from the browser that took the first step, within 5 minutes and 5 tries. A wrong code gives NeedFactor again
// while tries are left.
func (f *Flow) Factor(w http.ResponseWriter, r *http.Request, code string) Outcome {
	v := f.visit(w, r, PathPassword)
	defer v.end()
	p, left, why := v.second(false)
	if why != nil {
		return v.stop(p, why)
	}
	var method session.Method
	var err error
	if p.Challenge != "" {
		method, err = v.cfg.CodesBy, v.cfg.Codes.Verify(v.ctx, codePurpose, v.user.ID, p.Challenge, code)
	} else {
		method, err = v.check(code)
	}
	if err != nil {
		why := factorRefused(err)
		if left > 0 && (why.reason == "factor-wrong" || why.reason == "factor-replayed") {
			v.deny(why) // for the log
			return NeedFactor{Sent: p.Challenge != "", Wrong: true, TriesLeft: left}
		}
		return v.stop(p, why)
	}
	return v.finish(p, method, nil)
}

// Confirm is the second step after [NeedEnrolment]: the first code of the app that scanned the picture. On success
// [Granted.Recovery] has the recovery codes.
func (f *Flow) Confirm(w http.ResponseWriter, r *http.Request, code string) Outcome {
	v := f.visit(w, r, PathPassword)
	defer v.end()
	p, left, why := v.second(true)
	if why != nil {
		return v.stop(p, why)
	}
	shown, why := v.shown(p)
	if why != nil {
		return v.stop(p, why)
	}
	recovery, err := v.cfg.Factors.Confirm(v.ctx, v.user.ID, code)
	if err != nil {
		why := factorRefused(err)
		if left > 0 && why.reason == "factor-wrong" {
			v.deny(why) // for the log
			return NeedEnrolment{Pending: shown, Wrong: true, TriesLeft: left}
		}
		return v.stop(p, why)
	}
	if err := v.record(EventFactorChanged); err != nil {
		return v.stop(p, broken("audit"))
	}
	v.notify(EventFactorChanged)
	return v.finish(p, session.OTP, recovery)
}

// Resume tells what the pending login of this browser waits for, for the page that asks for it: [NeedFactor],
// [NeedEnrolment], both with TriesLeft -1, or [Denied] when there is none. It counts no try.
func (f *Flow) Resume(w http.ResponseWriter, r *http.Request) Outcome {
	v := f.visit(w, r, PathPassword)
	defer v.end()
	p, why := v.resume()
	if why != nil {
		return v.stop(p, why)
	}
	if p.Enrolment == "" {
		return NeedFactor{Sent: p.Challenge != "", TriesLeft: -1}
	}
	shown, why := v.shown(p)
	if why != nil {
		return v.stop(p, why)
	}
	return NeedEnrolment{Pending: shown, TriesLeft: -1}
}

// second opens the second step and counts a try. Steps cannot be swapped: an account that has an app by now neither
// gets another one by the password alone, nor a way around it by a code that was sent.
func (v *visit) second(enrolment bool) (p pendingLogin, left int, why *refused) {
	if why = v.posted(); why != nil {
		return p, 0, why
	}
	p, why = v.resume()
	if why != nil {
		return p, 0, why
	}
	if (p.Enrolment != "") != enrolment {
		return p, 0, no("order")
	}
	if left, why = v.try(p); why != nil {
		return p, 0, why
	}
	if !enrolment && p.Challenge == "" {
		return p, left, nil
	}
	status, err := v.cfg.Factors.Status(v.ctx, v.user.ID)
	switch {
	case err != nil:
		return p, 0, broken("factors")
	case status.Enrolled:
		return p, 0, no("enrolled-meanwhile")
	}
	return p, left, nil
}

// shown returns the enrolment whose picture this browser saw. Another one may wait by now, begun by whoever else knows
// the password: its secret must not be shown here, or the owner would confirm a factor that is not only theirs.
func (v *visit) shown(p pendingLogin) (*totp.Pending, *refused) {
	shown, err := v.cfg.Factors.Pending(v.ctx, v.user.ID)
	switch {
	case errors.Is(err, totp.ErrNotEnrolled):
		return nil, no("enrolment-gone")
	case err != nil:
		return nil, broken("factors")
	case shown.ID() != p.Enrolment:
		return nil, no("enrolment-superseded")
	}
	return shown, nil
}

// check gives a code to the factors, or says that it is none of theirs.
func (v *visit) check(code string) (session.Method, error) {
	if looksLikeRecovery(code) {
		return session.Recovery, v.cfg.Factors.Recover(v.ctx, v.user.ID, code)
	}
	return session.OTP, v.cfg.Factors.Verify(v.ctx, v.user.ID, code)
}

// finish uses the pending login up and grants what it and the method prove.
func (v *visit) finish(p pendingLogin, method session.Method, recovery []string) Outcome {
	if why := v.use(p); why != nil {
		return v.stop(p, why)
	}
	out := v.grant(p.attempt(), append(p.Methods, method)...)
	out.grant.recovery = recovery
	return out
}
