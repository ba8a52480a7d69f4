// Package activation issues single-use, time-limited keys for activation, reset and address change.
package activation

// Events that Config.Audit gets. All have the attributes purpose and user (empty where the key is not known).
const (
	EventIssued   = "activation.issued"
	EventRedeemed = "activation.redeemed"
	// EventRefused says that a key was not good. Attribute reason: "malformed", "unknown", "expired", "state" or "used".
	EventRefused = "activation.refused"
)
