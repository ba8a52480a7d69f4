package onetime_test

import (
	"testing"

	"github.com/skans-go/skans/totp/onetime"
	"github.com/skans-go/skans/totp/onetime/onetimetest"
)

func TestMemoryStore(t *testing.T) {
	onetimetest.TestStore(t, func(*testing.T) onetime.Store { return onetime.NewMemoryStore() })
}
