// Package signin is the hall where password, second factor, throttle and session meet: the one way to become somebody.
//
// # Recommended use
//
// Make one [Flow] at start and call one method for each form. Each returns an [Outcome]; a type switch over its five
// kinds is the whole handler:
//
//	switch out := flow.Password(w, r, name, password, r.PostFormValue(throttle.CaptchaField)).(type) {
//	case signin.NeedCaptcha:   // the form again, with out.Challenge
//	case signin.NeedFactor:    // the form for a code, which goes to flow.Factor
//	case signin.NeedEnrolment: // the picture out.Pending.SVG and a form for a code, which goes to flow.Confirm
//	case signin.Granted:       // err := out.Commit(w, r), then redirect
//	case signin.Denied:        // the form again, with out.Public
//	}
//
// The order inside is fixed: the throttle counts, a CAPTCHA if one is due, the password (or an external proof), the
// account is not disabled and Config.Allow agrees, the second factor if it is required or there, the log, the session
// with a new token. There is no way to sign in beside it, and no step that can be left out.
//
// # Pathways
//
//	password    name and password: one factor
//	activation  the password that was set with an activation key a moment ago: one factor, the same one
//	external    an identity provider's word, by issuer and subject: one factor, or two where it vouches for them
//	step-up     a further proof of the user who is signed in
//	reset       an administrator takes the second factor off; signs nobody in
//
// A required second factor is asked for after each of the first three, in the same way. Setting a password, by
// activation or reset, signs nobody in and touches no second factor. A recovery code stands for the second factor once;
// the session then shows the method recovery and not otp.
//
// # Security model
//
// Trusted: the process, the keyring, Config.Users and Config.Allow, and for external proofs the host that verified
// them. Untrusted: the request, every name, password, code and cookie.
//
// Promised: a GET signs nobody in and changes nothing, except that an external proof may come by one. Only a [Granted]
// that came from a Flow, in the same request, signs in, once. An unknown name and an account that is disabled, external
// or without a password cost one full hash and give the same answer as a wrong password, but for the random reference
// id. A login that waits for the second factor belongs to the browser that began it, lives 5 minutes, has 5 tries, ends
// when the password changes, and works once, from however many tabs. Every path ends in one audit event; a name that is
// nobody's is in it as a keyed digest only. An error of a store, the throttle or the log signs nobody in. A changed
// password or factor ends all other sessions of the account.
//
// Limits: who knows the password of an account that must have a second factor and has none yet can enrol their own;
// activate accounts in person where that matters, and see to it that Config.Notify reaches the owner. Where an account
// is found by several names, they share one set of tries, which tells a patient guesser that they belong together.
// Config.Pending in memory is of one process.
//
// # Events
//
// All have pathway, addr and agent; session (public id) where there is one; user where the account is known, otherwise
// name, the keyed digest of what was tried.
//
//	signin.captcha           a CAPTCHA is due (reason: due) or was not solved (wrong); nothing was looked at
//	signin.pending           the first proof was right; need: factor, enrolment or code (one that was sent)
//	signin.granted           signed in; methods, new_device
//	signin.denied            reason, ref, and for rules detail (the text of the host's error)
//	signin.stepped_up        a further proof; methods
//	signin.password_changed  by its owner, with the current one (recorded just before)
//	signin.password_set      with an activation or reset key (recorded just before)
//	signin.factor_changed    a factor was enrolled
//	signin.factor_removed    the factor was taken off (recorded just before)
//	signin.recovery_renewed  the recovery codes were replaced (recorded just before)
//
// The reasons of signin.denied: unknown, wrong, method, disabled, external, no-password, hash, throttled, rule, proof,
// no-external, no-pending, order, spent, expired, changed, factor-wrong, factor-replayed, factor-throttled,
// factor-gone, enrolled-meanwhile, enrolment-gone, enrolment-superseded, anonymous, no-factors, stale, required,
// unusable; and with status 503: busy, users, throttle, captcha, password, factors, pending, session, sessions, audit.
package signin

// The names of the events; the package document lists their attributes.
const (
	EventCaptcha         = "signin.captcha"
	EventPending         = "signin.pending"
	EventGranted         = "signin.granted"
	EventDenied          = "signin.denied"
	EventSteppedUp       = "signin.stepped_up"
	EventPasswordChanged = "signin.password_changed"
	EventPasswordSet     = "signin.password_set"
	EventFactorChanged   = "signin.factor_changed"
	EventFactorRemoved   = "signin.factor_removed"
	EventRecoveryRenewed = "signin.recovery_renewed"
)
