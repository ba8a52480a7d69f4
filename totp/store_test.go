package totp_test

import (
	"testing"

	"github.com/skans-go/skans/totp"
	"github.com/skans-go/skans/totp/totptest"
)

func TestMemoryStore(t *testing.T) {
	totptest.TestStore(t, func(*testing.T) totp.Store { return totp.NewMemoryStore() })
}
