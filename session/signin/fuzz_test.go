package signin_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/session/signin"
	"github.com/skans-go/skans/totp"
)

// Whatever an account is called, it can enrol an app.
func FuzzLabel(f *testing.F) {
	for _, seed := range []string{
		"", " ", "anna", "anna@example.com", "Bank:anna", "a\x00b", "a\u202eb", "\xff", "åsa lind", strings.Repeat("å", 200), "\u2028", ":", "\u00a0",
		strings.Repeat("x", 127) + " y", "\ufffd",
	} {
		f.Add(seed)
	}
	keys, err := skans.NewKeyring(skans.GenerateKey("k"))
	require.NoError(f, err)
	factors, err := totp.New(totp.Config{Issuer: "Mail", Keys: keys, Store: totp.NewMemoryStore()})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, name string) {
		label := signin.Label(signin.User{ID: "u1", Name: name})
		require.True(t, utf8.ValidString(label))
		_, err := factors.Enroll(t.Context(), "u1", label)
		require.NoError(t, err, "%q from %q", label, name)
	})
}
