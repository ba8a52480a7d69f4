// Package password hashes passwords with Argon2id, verifies them, moves older hashes over, and says which new passwords
// are too weak.
package password

// Events that Config.Audit gets.
const (
	// EventUpgraded says that Verify offered a better hash. Attributes: user, reason ("legacy", "parameters",
	// "unsealed" or "key"). If it cannot be recorded, the hash is not offered.
	EventUpgraded = "password.upgraded"
	// EventMalformed says that a stored hash was not acceptable; a row may have been tampered with. Attributes: user,
	// reason.
	EventMalformed = "password.hash_malformed"
	// EventBusy says that a call found the queue full or gave up waiting. Attributes: user.
	EventBusy = "password.busy"
	// EventBreachUnknown says that [Breached] could not ask its service and let the password pass. Attributes: outcome.
	EventBreachUnknown = "password.breach_unknown"
)
