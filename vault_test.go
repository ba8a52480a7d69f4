package skans_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
)

func newVault(t *testing.T, c skans.VaultConfig) *skans.Vault {
	t.Helper()
	if c.Keys == nil {
		c.Keys = newKeyring(t, skans.GenerateKey("2026b"))
	}
	v, err := skans.NewVault(c)
	require.NoError(t, err)
	return v
}

func newKeyring(t *testing.T, current skans.Key, older ...skans.Key) *skans.Keyring {
	t.Helper()
	ring, err := skans.NewKeyring(current, older...)
	require.NoError(t, err)
	return ring
}

var body = skans.At{Subject: "anna", Table: "message", Column: "body", Row: "42"}

func TestVaultOpensOnlyInItsPlace(t *testing.T) {
	v := newVault(t, skans.VaultConfig{})
	sealed, err := v.Seal(t.Context(), body, []byte("plain"))
	require.NoError(t, err)
	require.NotContains(t, string(sealed), "plain")
	plain, err := v.Open(t.Context(), body, sealed)
	require.NoError(t, err)
	require.Equal(t, "plain", string(plain))

	_, err = v.Seal(t.Context(), skans.At{Subject: "bo", Table: "message", Column: "body", Row: "42"}, []byte("other"))
	require.NoError(t, err)
	for _, c := range []struct {
		name string
		at   skans.At
		want error
	}{
		{"another subject", skans.At{Subject: "bo", Table: "message", Column: "body", Row: "42"}, skans.ErrUnknownKey},
		{"a subject that never was", skans.At{Subject: "eva", Table: "message", Column: "body", Row: "42"}, skans.ErrUnknownKey},
		{"another table", skans.At{Subject: "anna", Table: "note", Column: "body", Row: "42"}, skans.ErrTampered},
		{"another column", skans.At{Subject: "anna", Table: "message", Column: "title", Row: "42"}, skans.ErrTampered},
		{"another row", skans.At{Subject: "anna", Table: "message", Column: "body", Row: "43"}, skans.ErrTampered},
		{"a border moved", skans.At{Subject: "anna", Table: "messageb", Column: "ody", Row: "42"}, skans.ErrTampered},
	} {
		t.Run(c.name, func(t *testing.T) {
			plain, err := v.Open(t.Context(), c.at, sealed)
			require.ErrorIs(t, err, c.want)
			require.Nil(t, plain)
		})
	}
}

func TestVaultErase(t *testing.T) {
	v := newVault(t, skans.VaultConfig{})
	sealed, err := v.Seal(t.Context(), body, []byte("plain"))
	require.NoError(t, err)
	receipt, err := v.Erase(t.Context(), "anna")
	require.NoError(t, err)
	require.True(t, v.VerifyReceipt(receipt))
	_, err = v.Open(t.Context(), body, sealed)
	require.ErrorIs(t, err, skans.ErrErased)
	_, err = v.Seal(t.Context(), body, []byte("again"))
	require.ErrorIs(t, err, skans.ErrErased, "the mark stays")
	again, err := v.Erase(t.Context(), "anna")
	require.NoError(t, err)
	require.Equal(t, receipt, again)
}
