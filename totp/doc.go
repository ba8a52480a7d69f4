// Package totp is the second factor that an authenticator app shows: time-based one-time passwords (RFC 6238), each of
// which works once, and recovery codes for the day when the telephone is gone.
//
// # Recommended use
//
// Make one [Service] at start. [Service.Enroll] begins an enrolment; show [Pending.SVG] and [Pending.Secret] on a page
// and give the code that the user types to [Service.Confirm], which returns the recovery codes to show, once. From then on
// [Service.Verify] checks a code and [Service.Recover] a recovery code. Package session/signin calls these in the right
// order; a host that uses it needs only the enrolment page.
//
// # Security model
//
// Trusted: the keyring, the process, and the caller, who has made sure who the user is (a password, a session) before it
// calls. Untrusted: every code, every account name, and the stored rows.
//
// Promised: a code works once, and no older one after it, however many requests come at once, also when the clock
// steps back; a wrong code moves nothing. All steps of the window are computed and compared in constant time. A recovery
// code has 120 bits and works once. Secrets lie sealed in the store, bound to the user and the enrolment, so that a row
// moved elsewhere does not open; of recovery codes it has keyed hashes. Tries are counted for each user over all
// sessions, before the code is looked at. An error of the store, the throttle or the log is never a proof.
//
// Limits: a code can be relayed by a page that looks like the service while it is valid (RFC 6238 knows no origin), so
// this is no phishing-resistant factor in the sense of NIST SP 800-63B-4, 3.2.5. A store that puts back an old copy of
// a whole record brings back the last step of that day. The budget without a Throttle is that of one process.
// A recovery code that was hashed with a key that has left the keyring no longer works, and neither does a secret that
// was not used once since a newer key came; [Service.Verify] moves secrets to the current key as they are used.
//
// # Events
//
// All have the attribute user.
//
//	totp.enrolled          an enrolment was begun
//	totp.confirmed         it was confirmed (recorded just before it takes effect)
//	totp.verified          a code was right and is used up
//	totp.refused           reason: wrong, malformed, replayed, not-enrolled, expired, superseded, sealed, store, throttle, audit
//	totp.throttled         the budget is used up; purpose: totp.verify or totp.recover
//	totp.recovered         a recovery code was used; left: how many there are still
//	totp.recovery_renewed  all recovery codes were replaced (recorded just before)
//	totp.disabled          the factor was taken off (recorded just before)
package totp

// The names of the events; the package document lists their attributes.
const (
	EventEnrolled        = "totp.enrolled"
	EventConfirmed       = "totp.confirmed"
	EventVerified        = "totp.verified"
	EventRefused         = "totp.refused"
	EventThrottled       = "totp.throttled"
	EventRecovered       = "totp.recovered"
	EventRecoveryRenewed = "totp.recovery_renewed"
	EventDisabled        = "totp.disabled"
)
