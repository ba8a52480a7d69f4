package signin

import "time"

// SetClock replaces the clock of f.
func SetClock(f *Flow, now func() time.Time) { f.now = now }

// Grant returns a Granted that says what the flow's own would, for tests of what Commit refuses.
func (g Granted) Made() bool { return g.grant != nil }
