// Package onetime makes short random codes that travel by mail or SMS: to prove that an address belongs to somebody, or
// as a weaker second factor where an app is not to be had.
//
// # Recommended use
//
// [Service.Send] draws a code, hands it to the Send hook and returns the challenge, which the host keeps in the
// visitor's session and shows to nobody. [Service.Verify] takes the code that the visitor types together with that
// challenge. A code therefore works in the browser that asked for it and in no other. [Service.Issue] is for hosts that
// deliver the code themselves.
//
// # Security model
//
// Trusted: the keyring, the process, the session in which the challenge lies. Untrusted: every code and challenge, and the
// stored rows. The channel is only as good as it is: whoever reads the mailbox or the telephone has the code.
//
// Promised: codes are uniform, live at most 10 minutes (ASVS 6.5.5), work once, and only with their purpose, user and
// challenge (ASVS 6.6.2). A challenge has 5 tries, and the 6th is refused even with the right code. A newer code kills
// the older one of the same purpose and user. Tries and sendings of a user are also counted over all challenges, so
// asking anew buys no guesses (ASVS 6.6.3). Who has not the challenge can use up no tries of it. The store has a keyed
// hash of the code and a hash of the challenge.
//
// Limits: neither NIST SP 800-63B-4 (3.1.3.1) nor ASVS (6.3.6) lets mail count as an authentication factor, and both
// restrict SMS; a proof made this way is recorded as "mail" or "sms", so that a policy can tell it from an app's.
// Somebody who may ask for codes in another's name can use up that person's sendings of the day.
//
// # Events
//
// All have the attributes user and purpose.
//
//	onetime.issued     a code was drawn
//	onetime.verified   a code was right and is used up
//	onetime.refused    reason: wrong, malformed, expired, spent, store, throttle, send, and none: no such challenge waits, or
//	                   its tries are used up
//	onetime.throttled  step: issue or verify
package onetime

// The names of the events; the package document lists their attributes.
const (
	EventIssued    = "onetime.issued"
	EventVerified  = "onetime.verified"
	EventRefused   = "onetime.refused"
	EventThrottled = "onetime.throttled"
)
