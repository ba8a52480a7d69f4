// Package activation issues keys that are good for one thing, once, for a short time: to activate an account, to set a
// new password, to prove an address.
//
// # Recommended use
//
// Make one [Keys] with [New]. On the "forgot password" form call [Keys.Request] and answer everybody alike;
// [Keys.Run], in a goroutine of its own, finds the account, issues the key and mails the link. On the GET of the link
// call [Keys.Peek] and show the form; on its POST check and hash the new password, call [Keys.Redeem], and store the
// hash where the row still holds the old one. Then end all sessions of the user, and let them sign in, second factor
// and all: a reset proves the mailbox, not the second factor.
//
// Serve the page of a link with Referrer-Policy: no-referrer and Cache-Control: no-store, because the key is in its
// address. An administrator's reset is [Keys.Issue] or [Keys.Request] for the user: the key goes to the user's
// mailbox and is not shown to the administrator, and nobody sets a password for somebody else.
//
// # Security model
//
// Trusted: the process, the store's answers, the keyring, the mailbox of the account. Untrusted: keys and names that
// come in, their number and timing. Promised: 256 random bits; a key works for its purpose only, once however many
// redeem it at once, until its time is up, until a newer one for the same purpose and subject is issued, or until the
// state that it was issued for has changed; all that is wrong with a key gives the same [ErrKey]; a stolen table
// holds keyed hashes; links are built from BaseURL, never from a request's Host. Limits: whoever reads the mailbox
// has the key; [Keys.Peek] does not know whether the state has changed; and if the program dies between Redeem and
// the write that it was for, the key is gone and the account is as it was.
package activation

// Events that Config.Audit gets. All have the attributes purpose and user (empty where the account is not known).
const (
	// EventIssued says that a key was issued. If it cannot be recorded, the key is revoked and not returned.
	EventIssued = "activation.issued"
	// EventRedeemed says that a key was used. If it cannot be recorded, Redeem fails and the key is used up.
	EventRedeemed = "activation.redeemed"
	// EventRefused says that a key was not good. Attribute reason: "malformed", "unknown", "expired", "state" or
	// "used".
	EventRefused = "activation.refused"
	// EventUnsent says that a requested mail was not sent. Attribute reason: "unknown" (no such account), "throttled",
	// "find", "address", "issue", "link" or "send".
	EventUnsent = "activation.unsent"
)
