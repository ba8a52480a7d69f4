package signin

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/password"
	"github.com/skans-go/skans/password/throttle"
	"github.com/skans-go/skans/session"
)

// Password is the first step: a name and a password from the form. solution is what the form brought in the field
// throttle.CaptchaField, where the answer before was [NeedCaptcha].
//
// Every refusal costs one full hash and gives the same [Denied]: for an unknown name, a wrong password, and an account
// that is disabled, external, or has no password. What the throttle refuses costs no hash, for names that exist and
// others alike.
func (f *Flow) Password(w http.ResponseWriter, r *http.Request, name string, pw skans.Secret, solution ...string) Outcome {
	v := f.visit(w, r, PathPassword)
	defer v.end()
	v.tried(name)
	if why := v.posted(); why != nil {
		return v.deny(why)
	}
	if why := v.find(name); why != nil {
		return v.deny(why)
	}
	typed := name
	if v.user.ID != "" {
		typed = countName(v.user) // one account, one set of tries, whatever spelling the table finds it by
	}
	return v.password(v.attempt(typed), pw, solution)
}

// Activated is the first step for a user who has just redeemed an activation key and set a password with
// [Flow.SetPassword]: it saves typing the name, and nothing else. The password is verified as in [Flow.Password], and
// the second factor, if one is required, is enrolled or asked for.
func (f *Flow) Activated(w http.ResponseWriter, r *http.Request, userID string, pw skans.Secret, solution ...string) Outcome {
	v := f.visit(w, r, PathActivation)
	defer v.end()
	if why := v.posted(); why != nil {
		return v.deny(why)
	}
	if why := v.known(userID); why != nil {
		return v.deny(why)
	}
	return v.password(v.attempt(countName(v.user)), pw, solution)
}

// find looks the name up. No such account is no error here: it goes on to cost what others cost.
func (v *visit) find(name string) *refused {
	if !plausible(name) {
		return nil
	}
	u, err := v.cfg.Users.ByName(v.ctx, name)
	switch {
	case errors.Is(err, ErrNoUser):
		return nil
	case err != nil || u.ID == "":
		return broken("users")
	}
	v.user = u
	return nil
}

// password runs throttle, CAPTCHA, password and what follows, in this order.
func (v *visit) password(a throttle.Attempt, pw skans.Secret, solution []string) Outcome {
	if out := v.reserve(&a, solution); out != nil {
		return out
	}
	next, why := v.verify(pw)
	if why != nil {
		return v.deny(why)
	}
	if why := v.allow(); why != nil {
		return v.deny(why)
	}
	v.upgrade(next)
	return v.secondFactor(a, session.Password)
}

func (v *visit) attempt(name string) throttle.Attempt {
	return throttle.Attempt{Name: name, Addr: v.addr, Device: deviceOf(v.r)}
}

// reserve counts the attempt before anything is verified. It returns nil when it may be made.
func (v *visit) reserve(a *throttle.Attempt, solution []string) Outcome {
	a.Captcha = v.cfg.Captcha == nil
	d, err := v.cfg.Throttle.Reserve(v.ctx, *a)
	if err == nil && d.CaptchaDue && d.RetryAfter == 0 && v.cfg.Captcha != nil {
		if len(solution) == 0 || solution[0] == "" {
			return v.captcha("due")
		}
		switch err := v.cfg.Captcha.Verify(v.ctx, solution[0]); {
		case errors.Is(err, throttle.ErrCaptcha):
			return v.captcha("wrong")
		case err != nil:
			return v.deny(broken("captcha"))
		}
		a.Captcha = true
		d, err = v.cfg.Throttle.Reserve(v.ctx, *a)
	}
	if why := reserved(d, err); why != nil {
		return v.deny(why)
	}
	return nil
}

// reserveSignedIn is reserve for somebody who has a session: a stolen one is held up by the delays, and a program that has
// one is no reason for a CAPTCHA.
func (v *visit) reserveSignedIn(a *throttle.Attempt) *refused {
	a.Captcha = true
	return reserved(v.cfg.Throttle.Reserve(v.ctx, *a))
}

func reserved(d throttle.Decision, err error) *refused {
	if err != nil {
		return broken("throttle")
	}
	if !d.Allowed {
		why := no("throttled")
		why.retry = d.RetryAfter
		return why
	}
	return nil
}

// verify spends the time of one hash, whoever it is, and says whether the password is this account's and signs it in.
func (v *visit) verify(pw skans.Secret) (next string, why *refused) {
	stored := v.user.PasswordHash
	if v.user.External {
		stored = ""
	}
	next, err := v.cfg.Passwords.Verify(v.ctx, v.user.ID, stored, pw.Reveal())
	if errors.Is(err, password.ErrHash) {
		// A hash that cannot be read is refused in microseconds; the one of nobody makes up for them.
		if _, busy := v.cfg.Passwords.Verify(v.ctx, v.user.ID, "", pw.Reveal()); errors.Is(busy, password.ErrBusy) {
			err = busy
		}
	}
	switch {
	case errors.Is(err, password.ErrBusy):
		return "", broken("busy")
	case v.user.ID == "":
		return "", no("unknown")
	case v.user.External:
		return "", no("external")
	case v.user.PasswordHash == "":
		return "", no("no-password")
	case errors.Is(err, password.ErrHash):
		return "", no("hash")
	case errors.Is(err, password.ErrMismatch):
		return "", no("wrong")
	case err != nil:
		return "", broken("password")
	}
	return next, nil
}

// upgrade stores a better hash of the same password, if the row still holds the old one. A failure leaves the old one,
// which is as good as it was.
func (v *visit) upgrade(next string) {
	if next == "" {
		return
	}
	if done, err := v.cfg.Users.SwapHash(v.ctx, v.user.ID, v.user.PasswordHash, next); err == nil && done {
		v.user.PasswordHash = next
	}
}

// captcha asks for a solution. Nothing was counted and nothing looked at.
func (v *visit) captcha(why string) Outcome {
	if err := v.record(EventCaptcha, reasonAttr(why)); err != nil {
		return v.deny(broken("audit"))
	}
	return NeedCaptcha{captcha: v.cfg.Captcha}
}

// The device cookie marks a browser as one in which an account signed in, so that strangers' guesses cannot lock its owner
// out of it. It signs nobody in.
const deviceCookie = "__Host-device"

func deviceOf(r *http.Request) string {
	c := r.CookiesNamed(deviceCookie)
	if len(c) != 1 {
		return ""
	}
	return c[0].Value
}

func (v *visit) markDevice(name string) {
	v.w.Header().Add("Set-Cookie", fmt.Sprintf("%s=%s; Path=/; Max-Age=%d; HttpOnly; Secure; SameSite=Lax",
		deviceCookie, v.cfg.Throttle.NewDevice(name), int(v.cfg.Throttle.DeviceTTL().Seconds())))
}
