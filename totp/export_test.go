package totp

import "time"

// SetClock replaces the clock of s.
func SetClock(s *Service, now func() time.Time) { s.now = now }

// Code returns the code of a secret at a counter.
func Code(secret []byte, a Algorithm, digits int, counter uint64) uint32 {
	sh := shared{secret: secret, algorithm: a, digits: digits}
	return sh.value(counter)
}

// Find runs the core of Verify.
func Find(secret []byte, a Algorithm, digits int, code uint32, first, last int64) (int64, bool) {
	sh := shared{secret: secret, algorithm: a, digits: digits}
	return sh.find(code, first, last)
}

// CanonicalRecovery and GroupRecovery read and write recovery codes.
var (
	CanonicalRecovery = canonicalRecovery
	GroupRecovery     = groupRecovery
	ParseCode         = parseCode
)
