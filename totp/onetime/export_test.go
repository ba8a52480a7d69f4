package onetime

import "time"

// SetClock replaces the clock of s.
func SetClock(s *Service, now func() time.Time) { s.now = now }
