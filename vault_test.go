package skans_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
)

func newVault(t testing.TB, c skans.VaultConfig) *skans.Vault {
	t.Helper()
	if c.Keys == nil {
		c.Keys = newKeyring(t, skans.GenerateKey("2026b"))
	}
	v, err := skans.NewVault(c)
	require.NoError(t, err)
	return v
}

func newKeyring(t testing.TB, current skans.Key, older ...skans.Key) *skans.Keyring {
	t.Helper()
	ring, err := skans.NewKeyring(current, older...)
	require.NoError(t, err)
	return ring
}

// place is where a subject's test value belongs.
func place(subject string) skans.At {
	return skans.At{Subject: subject, Table: "message", Column: "body", Row: "42"}
}

var body = place("anna")

func seal(t testing.TB, v *skans.Vault, subject, plain string) []byte {
	t.Helper()
	sealed, err := v.Seal(t.Context(), place(subject), []byte(plain))
	require.NoError(t, err)
	return sealed
}

func opens(t testing.TB, v *skans.Vault, subject string, sealed []byte, want string) {
	t.Helper()
	plain, err := v.Open(t.Context(), place(subject), sealed)
	require.NoError(t, err)
	require.Equal(t, want, string(plain))
}

func refuses(t testing.TB, v *skans.Vault, subject string, sealed []byte, want error) {
	t.Helper()
	plain, err := v.Open(t.Context(), place(subject), sealed)
	require.ErrorIs(t, err, want)
	require.Nil(t, plain)
}

func TestVaultOpensOnlyInItsPlace(t *testing.T) {
	v := newVault(t, skans.VaultConfig{})
	sealed := seal(t, v, "anna", "plain")
	seal(t, v, "bo", "other")
	require.NotContains(t, string(sealed), "plain")
	opens(t, v, "anna", sealed, "plain")
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

func TestVaultValuesThatAreNoValues(t *testing.T) {
	ring := newKeyring(t, skans.GenerateKey("2026b"))
	v := newVault(t, skans.VaultConfig{Keys: ring})
	sealed := seal(t, v, "anna", "plain")
	for i := range sealed {
		for bit := range 8 {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1 << bit
			want := skans.ErrTampered
			if i >= 1 && i < 9 { // the id of the data key
				want = skans.ErrUnknownKey
			}
			refuses(t, v, "anna", changed, want)
		}
		refuses(t, v, "anna", sealed[:i], skans.ErrTampered)
	}
	refuses(t, v, "anna", append(bytes.Clone(sealed), 0), skans.ErrTampered)
	refuses(t, v, "anna", nil, skans.ErrTampered)
	refuses(t, v, "anna", ring.Seal([]byte("plain"), "skans.vault.key", "anna"), skans.ErrTampered)
	_, err := ring.Open(sealed, "skans.vault.key", "anna")
	require.ErrorIs(t, err, skans.ErrTampered, "and the other way round")
}

func TestVaultSealsAnew(t *testing.T) {
	v := newVault(t, skans.VaultConfig{})
	seen := map[string]bool{}
	for range 1000 {
		sealed := seal(t, v, "anna", "")
		require.False(t, seen[string(sealed[9:21])], "a nonce came twice")
		seen[string(sealed[9:21])] = true
		require.Len(t, sealed, 37)
	}
	opens(t, v, "anna", seal(t, v, "anna", ""), "")
}

func TestVaultNeedsAPlace(t *testing.T) {
	v := newVault(t, skans.VaultConfig{})
	sealed := seal(t, v, "anna", "plain")
	for _, at := range []skans.At{
		{},
		{Table: "message", Column: "body", Row: "42"},
		{Subject: "anna", Column: "body", Row: "42"},
		{Subject: "anna", Table: "message", Row: "42"},
		{Subject: "anna", Table: "message", Column: "body"},
		place(string(make([]byte, 256))),
		place("a\x00b"),
		place("\xff"),
	} {
		_, err := v.Seal(t.Context(), at, []byte("plain"))
		require.Error(t, err)
		_, err = v.Open(t.Context(), at, sealed)
		require.Error(t, err)
	}
	for _, subject := range []string{"", "a\x00b", string(make([]byte, 256))} {
		_, err := v.Erase(t.Context(), subject)
		require.Error(t, err)
	}
}

func TestVaultConfig(t *testing.T) {
	ring := newKeyring(t, skans.GenerateKey("a"))
	for _, c := range []skans.VaultConfig{{}, {Keys: ring, CacheSize: -1}, {Keys: ring, CacheFor: -1}, {Keys: ring, Timeout: -1}} {
		_, err := skans.NewVault(c)
		require.Error(t, err)
	}
}

// A key that is derived from the master key comes back after its erasure; a random one does not.
func TestVaultKeysAreRandom(t *testing.T) {
	ring := newKeyring(t, skans.GenerateKey("a"))
	sealed := seal(t, newVault(t, skans.VaultConfig{Keys: ring}), "anna", "plain")
	again := newVault(t, skans.VaultConfig{Keys: ring})
	refuses(t, again, "anna", sealed, skans.ErrUnknownKey)
	seal(t, again, "anna", "plain")
	refuses(t, again, "anna", sealed, skans.ErrUnknownKey)
}

func TestVaultStoredKeysStayWithTheirSubject(t *testing.T) {
	for name, swap := range map[string]func(anna, bo *skans.SubjectKey){
		"the wrapped key":    func(anna, bo *skans.SubjectKey) { anna.Wrapped = bo.Wrapped },
		"the key and its id": func(anna, bo *skans.SubjectKey) { anna.Wrapped, anna.ID = bo.Wrapped, bo.ID },
		"the id":             func(anna, bo *skans.SubjectKey) { anna.ID = bo.ID },
		"all":                func(anna, bo *skans.SubjectKey) { *anna = *bo },
		"another's erasure": func(anna, bo *skans.SubjectKey) {
			*anna = skans.SubjectKey{Subject: bo.Subject, ID: bo.ID, Erased: time.Now()}
		},
		"a bit":           func(anna, _ *skans.SubjectKey) { anna.Wrapped[len(anna.Wrapped)-1] ^= 1 },
		"what wrapped it": func(anna, _ *skans.SubjectKey) { anna.Wrapped[0] = 'x' },
		"nothing":         func(anna, _ *skans.SubjectKey) { anna.Wrapped = nil },
	} {
		for _, kms := range []skans.KMS{nil, newKMS()} {
			t.Run(fmt.Sprintf("%s %T", name, kms), func(t *testing.T) {
				store := newSpy(skans.NewMemoryKeyStore())
				ring := newKeyring(t, skans.GenerateKey("a"))
				v := newVault(t, skans.VaultConfig{Keys: ring, KMS: kms, Store: store})
				sealed := seal(t, v, "anna", "plain")
				seal(t, v, "bo", "other")
				store.loaded = func(k *skans.SubjectKey) {
					bo, err := store.KeyStore.Load(t.Context(), "bo")
					require.NoError(t, err)
					swap(k, &bo)
				}
				fresh := newVault(t, skans.VaultConfig{Keys: ring, KMS: kms, Store: store})
				refuses(t, fresh, "anna", sealed, skans.ErrTampered)
				_, err := fresh.Seal(t.Context(), place("anna"), []byte("for bo's eyes"))
				require.ErrorIs(t, err, skans.ErrTampered)
			})
		}
	}
}

func TestVaultIndex(t *testing.T) {
	older, newer := skans.GenerateKey("a"), skans.GenerateKey("b")
	before := newVault(t, skans.VaultConfig{Keys: newKeyring(t, older)})
	after := newVault(t, skans.VaultConfig{Keys: newKeyring(t, newer, older)})
	stored := before.Index("message.sender", []byte("anna@example.com"))
	require.Len(t, stored, 1)
	search := after.Index("message.sender", []byte("anna@example.com"))
	require.Len(t, search, 2)
	require.Equal(t, stored[0], search[1], "what is stored is found after a rotation")
	require.NotEqual(t, stored[0], search[0])
	require.NotEqual(t, stored, before.Index("message.receiver", []byte("anna@example.com")))
	require.NotEqual(t, stored, before.Index("message.sender", []byte("bo@example.com")))
	require.NotEqual(t, before.Index("a", []byte("bc")), before.Index("ab", []byte("c")))
}

func TestVaultReceipt(t *testing.T) {
	older, newer := skans.GenerateKey("a"), skans.GenerateKey("b")
	store := skans.NewMemoryKeyStore()
	v := newVault(t, skans.VaultConfig{Keys: newKeyring(t, older), Store: store})
	seal(t, v, "anna", "plain")
	receipt, err := v.Erase(t.Context(), "anna")
	require.NoError(t, err)
	require.Equal(t, "anna", receipt.Subject)
	require.Len(t, receipt.Key, 16)

	again, err := v.Erase(t.Context(), "anna")
	require.NoError(t, err)
	require.Equal(t, receipt, again, "the mark stays as it was")

	text, err := json.Marshal(receipt)
	require.NoError(t, err)
	var read skans.Receipt
	require.NoError(t, json.Unmarshal(text, &read))
	require.True(t, v.VerifyReceipt(read))
	require.True(t, newVault(t, skans.VaultConfig{Keys: newKeyring(t, newer, older)}).VerifyReceipt(read))
	require.False(t, newVault(t, skans.VaultConfig{Keys: newKeyring(t, newer)}).VerifyReceipt(read))

	for name, change := range map[string]func(*skans.Receipt){
		"subject": func(r *skans.Receipt) { r.Subject = "bo" },
		"key":     func(r *skans.Receipt) { r.Key = "" },
		"time":    func(r *skans.Receipt) { r.Erased = r.Erased.AddDate(0, 0, 1) },
		"proof":   func(r *skans.Receipt) { r.Proof = nil },
	} {
		changed := receipt
		change(&changed)
		require.False(t, v.VerifyReceipt(changed), name)
	}

	never, err := v.Erase(t.Context(), "bo")
	require.NoError(t, err)
	require.Empty(t, never.Key)
	require.True(t, v.VerifyReceipt(never))
	_, err = v.Seal(t.Context(), place("bo"), []byte("plain"))
	require.ErrorIs(t, err, skans.ErrErased)
}

func FuzzVaultOpen(f *testing.F) {
	v := newVault(f, skans.VaultConfig{})
	sealed := seal(f, v, "anna", "plain")
	f.Add([]byte{}, "anna", "message", "body", "42")
	f.Add([]byte{2}, "anna", "message", "body", "42")
	f.Add(sealed, "anna", "message", "body", "42")
	f.Add(sealed, "anna", "message", "bod", "y42")
	f.Add(sealed[:len(sealed)-1], "anna", "message", "body", "42")
	f.Add(bytes.Repeat([]byte{2}, 64), "bo", "m", "b", "1")
	f.Fuzz(func(t *testing.T, value []byte, subject, table, column, row string) {
		at := skans.At{Subject: subject, Table: table, Column: column, Row: row}
		plain, err := v.Open(t.Context(), at, value)
		ours := bytes.Equal(value, sealed) && at == body
		require.Equal(t, ours, err == nil)
		require.Equal(t, ours, plain != nil)
	})
}
