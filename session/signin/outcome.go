package signin

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"github.com/skans-go/skans/password/throttle"
	"github.com/skans-go/skans/totp"
)

// An Outcome is where a sign-in stands: [NeedCaptcha], [NeedFactor], [NeedEnrolment], [Granted] or [Denied]. There are no
// others, and of these only a Granted that this package made can sign anybody in.
type Outcome interface{ outcome() }

// NeedCaptcha says that too many passwords from this address were wrong, and nothing was looked at this time: show the form
// again with the challenge, and give its solution to [Flow.Password] together with name and password.
type NeedCaptcha struct {
	captcha throttle.Captcha
}

// Challenge returns the part of the form that shows a fresh challenge; nonce is the page's Content-Security-Policy
// nonce for scripts.
func (n NeedCaptcha) Challenge(ctx context.Context, nonce string) (template.HTML, error) {
	if n.captcha == nil {
		return "", errors.New("signin: no challenge is due")
	}
	return n.captcha.Challenge(ctx, nonce)
}

// NeedFactor says that the first proof is accepted and the second factor is asked for: give the code of the app, or
// a recovery code, to [Flow.Factor] within 5 minutes.
type NeedFactor struct {
	Sent      bool // the code was sent, by Config.Codes; otherwise the app shows it
	Wrong     bool // a code was given and is not right
	TriesLeft int  // 5 at the beginning; -1 where it is not known
}

// NeedEnrolment says that the first proof is accepted, that the account needs a second factor, and that it has none: show
// the picture and give the first code of the app to [Flow.Confirm].
type NeedEnrolment struct {
	Pending   *totp.Pending
	Wrong     bool // a code was given and is not right
	TriesLeft int  // 5 at the beginning; -1 where it is not known
}

// Denied says no. All that it tells is made to be shown: status and text are the same for an unknown name, a wrong
// password, a disabled or external account, a rule, and too many tries. Why it was goes to the log under the reference.
//
// It is also the error of the calls that change a password or factor.
type Denied struct {
	// Status is 403, or 503 when the service itself could not tell.
	Status int
	// RetryAfter is not zero when waiting that long helps. It depends on what was tried from where, never on whether
	// the account exists.
	RetryAfter time.Duration
	// Ref is the reference id that the audit event carries too. It is random, so leave it away where answers must be
	// equal to the byte.
	Ref string
}

// Public returns the one sentence for every reason, in English.
func (d Denied) Public() string {
	if d.Status == http.StatusServiceUnavailable {
		return "Signing in does not work right now. Try again in a moment."
	}
	return "That did not work. Check what you typed; after several tries, wait a while."
}

// Error implements error. The text is for logs.
func (d Denied) Error() string { return fmt.Sprintf("signin: denied (reference %s)", d.Ref) }

func (NeedCaptcha) outcome()   {}
func (NeedFactor) outcome()    {}
func (NeedEnrolment) outcome() {}
func (Granted) outcome()       {}
func (Denied) outcome()        {}
