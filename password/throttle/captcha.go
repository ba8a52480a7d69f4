package throttle

import (
	"context"
	"errors"
	"html/template"
)

// ErrCaptcha says that a CAPTCHA solution is wrong, too old, or was used before.
var ErrCaptcha = errors.New("throttle: captcha not solved")

// CaptchaField is the name of the form field that carries the solution.
const CaptchaField = "altcha"

// A Captcha makes attempts cost more than a request. Its methods are safe for concurrent use.
type Captcha interface {
	// Challenge returns the part of a form that shows a fresh challenge and submits its solution as [CaptchaField].
	// nonce is the page's CSP nonce for scripts, and may be empty where there is none.
	Challenge(ctx context.Context, nonce string) (template.HTML, error)
	// Verify returns nil, once, for a right solution, [ErrCaptcha] for a wrong, old or used one, and another error if
	// it cannot tell, which denies.
	Verify(ctx context.Context, solution string) error
}
