// Package password hashes passwords with Argon2id, verifies them at a bounded cost, moves older hashes over, and says
// which new passwords are too weak.
//
// # Recommended use
//
// Make one [Hasher] for the process with [New]. Check a new password with [DefaultPolicy] or [NISTPolicy], store what
// [Hasher.Hash] returns, and verify with [Hasher.Verify], with an empty hash for names that do not exist. When Verify
// returns a better hash, store it where the row still holds the old one. Answer [ErrBusy] with 503 and Retry-After.
// Count attempts with the sub-package throttle before verifying; let passwords be set with keys of the sub-package
// activation. session/signin does all of this for a sign-in.
//
// To take over a table of older hashes, list their formats in Config.Accept. Weak ones (MD5) are wrapped first,
// offline, with [Hasher.Wrap]. To begin sealing, set Config.Keys and run [Hasher.Reseal] over the table; then set
// Config.SealedOnly. To rotate, put a new key in front of the keyring and run Reseal again before the old key goes.
//
// # What a hash looks like
//
// "$argon2id$v=19$m=19456,t=2,p=1$salt$tag", the PHC string format, with 16 bytes of salt and 32 of tag. A wrapped
// hash is "$wrapped$", base64 of the older format's settings, and the PHC string over the older digest. A sealed hash
// is "$sealed$" and base64url of either one, encrypted with AES-256-GCM for the subject. Allow 512 characters for the
// column.
//
// # Exact bytes
//
// A password is 1 to 1,024 bytes of valid UTF-8. It is composed to Unicode NFC once, because keyboards differ in how
// they send an "å" (NIST SP 800-63B-4, 3.1.1.2), unless Config.AsReceived is set (ASVS 5.0, 6.2.8); apart from that
// it is neither trimmed nor folded nor cut. Older formats are tried as typed, composed, and in Windows-1252.
//
// # Security model
//
// Trusted: the process and its memory, the keyring, the subject that the host passes in. Untrusted: passwords, names,
// and stored hashes: who can write to the table must not be able to stop the process, and with Keys and SealedOnly
// not to sign in either.
//
// Promised: a stored hash is read strictly, in one spelling, and refused in microseconds if it is malformed or dearer
// than the limits. Running hashes and the garbage they leave take MaxMemory at most; callers queue in order, up to
// MaxQueue, one origin ([WithOrigin]) a quarter of it. An unknown name, an empty row, and a password that is too long
// or malformed cost the same full hash. No error and no event holds a password or a hash.
//
// Limits: time is equal for hashes of the present Params. Rows with other Params, and bare bcrypt, scrypt or PBKDF2,
// take their own time until they are upgraded, and tell so; wrapping does not change that for slow formats. bcrypt
// looks at 72 bytes, so a wrong tail behind them verifies until the password is changed. Go cannot wipe strings:
// passwords stay in memory until they are collected and overwritten. Two Hashers have two limits.
package password

// Events that Config.Audit gets.
const (
	// EventUpgraded says that Verify offered a better hash. Attributes: user, reason ("legacy", "parameters",
	// "unsealed" or "key"). If it cannot be recorded, the hash is not offered.
	EventUpgraded = "password.upgraded"
	// EventMalformed says that a stored hash was not acceptable; a row may have been tampered with. Attributes: user,
	// reason ("too long", "not sealed", "no keys", "seal" or "malformed").
	EventMalformed = "password.hash_malformed"
	// EventBusy says that a call found the queue full or gave up waiting. Attributes: user.
	EventBusy = "password.busy"
	// EventBreachUnknown says that [Breached] could not ask its service and let the password pass. Attributes:
	// outcome.
	EventBreachUnknown = "password.breach_unknown"
)
