// Package throttle counts failed sign-ins by account and by address before the password is looked at, says when to
// wait and when a CAPTCHA is due, and limits everything else that needs a quota.
//
// # Recommended use
//
// Make one [Limiter] with [New]. For each attempt call [Limiter.Reserve] with the submitted name, the client's
// address (session/transport and the other packages agree on one) and the device cookie. If the [Decision] does not
// allow it, answer the same to everybody, with Retry-After; if a CAPTCHA is due, show one and try again with
// Attempt.Captcha. Then verify the password, and after a success call [Limiter.Succeeded] and set a new device cookie
// ([Limiter.NewDevice]). session/signin does all this.
//
// For other limits declare Config.Quotas and call [Limiter.Take], or wrap a handler with [Limiter.Handler]. Call
// [Limiter.Run] in a goroutine, or [Limiter.Sweep] now and then.
//
// # How an attempt is counted
//
// An attempt is one unit in several buckets at once, or in none: the pair of name and address, the name, the address
// (an IPv6 /64 is one address), the IPv6 /48, and the streak of the address that leads to a CAPTCHA. It counts as a
// failure until Succeeded takes it back; so of 300 parallel guesses, as many get through as the limits say. A success
// takes back what the same address failed at the same name, ends the streak of the address, and nothing else:
// failures at other names and from other addresses stay.
//
// An attempt with the cookie of a device on which the name signed in before passes one bucket only, the device's own.
// However many strangers fail at a name, its owner gets in; that is how a delay of the account is no lock-out of its
// owner.
//
// # Security model
//
// Trusted: the process, the store, the keyring. Untrusted: name, address (as far as it can be chosen), cookie,
// solution, timing and number of attempts. Promised: exact counts in parallel; names that exist and others are
// treated alike; at most 100 failures at a name from unknown devices before it shuts for a day; a store that fails or
// hangs denies; no store holds a name or an address, only keyed hashes. Limits: counts begin anew when the current
// key changes, and with the memory store when the process starts; an attacker with very many addresses can keep a
// name shut for strangers, whose owner then needs a known device or a reset ([Limiter.Forgive]); [Work] makes floods
// dear and tells no people from programs.
package throttle

// Events that Config.Audit gets. The submitted name is in none of them: people type passwords into the wrong field.
const (
	// EventRefused says that Reserve refused. Attributes: addr, reason ("pair", "name", "address", "network",
	// "device" or "captcha").
	EventRefused = "throttle.refused"
	// EventQuota says that Take or Handler refused. Attributes: reason (the purpose), ref (Handler only).
	EventQuota = "throttle.quota"
)
