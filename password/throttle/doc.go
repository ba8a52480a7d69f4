// Package throttle counts failed attempts by account and by address, and says when to wait and when a CAPTCHA is due.
package throttle

// Events that Config.Audit gets.
const (
	// EventRefused says that Reserve refused. Attributes: addr, reason ("pair", "name", "address", "network",
	// "device" or "captcha").
	EventRefused = "throttle.refused"
	// EventQuota says that Take refused. Attributes: reason (the purpose).
	EventQuota = "throttle.quota"
)
