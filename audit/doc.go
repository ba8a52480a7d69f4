// Package audit records what happened, provably: security events in files of its own, and the history of chosen fields
// in the application's database, both signed so that any later change shows.
package audit
