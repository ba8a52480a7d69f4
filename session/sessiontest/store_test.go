package sessiontest_test

import (
	"testing"

	"github.com/skans-go/skans/session"
	"github.com/skans-go/skans/session/sessiontest"
)

func TestMemoryStore(t *testing.T) {
	sessiontest.TestStore(t, func(testing.TB) session.Store { return session.NewMemoryStore() })
}
