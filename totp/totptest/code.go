// Package totptest helps to test code that uses package totp: [Code] plays the authenticator app, and [TestStore]
// is the suite that every totp.Store must pass.
package totptest

import (
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/skans-go/skans"
)

// Code returns what an authenticator app shows now for a secret with the default parameters (SHA-1, 6 digits). Time is
// the test's: inside a testing/synctest bubble, the bubble's. A code works once; to get the next one, let 30 seconds
// pass in the bubble, or ask [CodeAt].
func Code(t testing.TB, secret skans.Secret) string {
	t.Helper()
	return CodeAt(t, secret, time.Now())
}

// CodeAt returns what an authenticator app shows at a given time.
func CodeAt(t testing.TB, secret skans.Secret, at time.Time) string {
	t.Helper()
	code, err := totp.GenerateCode(secret.Reveal(), at)
	if err != nil {
		t.Fatalf("totptest: %v", err)
	}
	return code
}
