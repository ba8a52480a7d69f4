package vaulttest_test

import (
	"testing"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/vaulttest"
)

func TestMemoryKeyStore(t *testing.T) {
	vaulttest.TestStore(t, func(*testing.T) skans.KeyStore { return skans.NewMemoryKeyStore() })
}
