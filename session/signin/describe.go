package signin

import (
	"fmt"
	"strings"
)

// Describe returns all that the flow decides, one promise a line, stable from run to run: keep it in a golden file, and
// a changed promise is a changed line.
func (f *Flow) Describe() string {
	var b strings.Builder
	line := func(what, is string) { fmt.Fprintf(&b, "%s: %s\n", what, is) }
	either := func(ok bool, yes, no string) string {
		if ok {
			return yes
		}
		return no
	}
	captcha := either(f.cfg.Captcha != nil, "when the throttle says that it is due, each solution once", "never")
	rule := either(f.cfg.Allow != nil, "Config.Allow, after each proof", "none")
	external := either(f.cfg.External != nil, "one factor, or two where the issuer vouches for otp, hwk, swk, sc or mfa; by issuer and subject", "off")
	second := "none; the password is the only factor"
	if f.cfg.Factors != nil {
		second = either(f.cfg.Require == nil, "required of every account, enrolled on the way where there is none",
			"as Config.Require says for the account, and always where one is enrolled")
	}
	line("order", "throttle, CAPTCHA, password or external proof, account not disabled, rule, second factor, log, session with a new token")
	line("pathway activation", "one factor, the password just set; then as password")
	line("pathway external", external)
	line("pathway password", "one factor")
	line("pathway reset", "an administrator takes the second factor off; signs nobody in")
	line("pathway step-up", "a further proof of the user who is signed in; rotates the token")
	line("CAPTCHA", captcha)
	line("rule", rule)
	line("second factor", second)
	by := "a code of the app (otp), or a recovery code once (recovery)"
	if f.cfg.Codes != nil {
		by += fmt.Sprintf("; a code that is sent (%s) where Config.Require says SentCode and no app is enrolled", f.cfg.CodesBy)
	}
	line("second factor, by", by)
	line("second factor, changed with", fmt.Sprintf("a proof of the last %v, of the factor where there is one; ends the other sessions", f.cfg.Fresh))
	line("password, changed with", "the current password; ends the other sessions")
	line("password, reset", "signs nobody in, ends all sessions, leaves the second factor")
	line("pending login", fmt.Sprintf("one browser, %v, %d tries, one use; ends when the password changes or the account is disabled", pendingLife, pendingTries))
	line("granted", fmt.Sprintf("one commit, in the same request, within %v", grantLife))
	line("refusal", "one status and text for unknown, wrong, disabled, external, throttled and rule, and one hash for each that the throttle let pass; the reason goes to the log")
	line("failure", "503 and nobody signed in, when a store, the throttle, the hasher or the log cannot tell")
	return b.String()
}
