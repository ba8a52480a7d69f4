package signin

import "time"

// SetClock replaces the clock of f.
func SetClock(f *Flow, now func() time.Time) { f.now = now }

// Label is the account name that goes to the authenticator app.
var Label = label
