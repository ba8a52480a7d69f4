package skans_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/vaulttest"
)

func TestVaultRewrapGoesOnWhereItStopped(t *testing.T) {
	down := errors.New("connection refused")
	for name, kms := range map[string]*vaulttest.KMS{"keyring": nil, "KMS": newKMS()} {
		t.Run(name, func(t *testing.T) {
			const subjects, until = 50, 20
			older, newer := skans.GenerateKey("a"), skans.GenerateKey("b")
			store := newSpy(skans.NewMemoryKeyStore())
			config := skans.VaultConfig{Keys: newKeyring(t, older), Store: store}
			if kms != nil {
				config.KMS = kms
			}
			v := newVault(t, config)
			sealed := map[string][]byte{}
			for i := range subjects {
				subject := fmt.Sprint("subject", i)
				sealed[subject] = seal(t, v, subject, subject)
			}
			if kms != nil {
				kms.Rotate()
			} else {
				config.Keys = newKeyring(t, newer, older)
			}
			rotated := newVault(t, config)
			store.before = func(method string) error {
				if method == "Replace" && store.count("Replace") > until {
					return down
				}
				return nil
			}
			err := rotated.Rewrap(t.Context())
			require.ErrorIs(t, err, skans.ErrKeyUnavailable)
			require.Equal(t, until+1, store.count("Replace"))
			store.before = nil
			require.NoError(t, rotated.Rewrap(t.Context()))
			require.Equal(t, until+1+subjects-until, store.count("Replace"), "only what was left")
			require.NoError(t, rotated.Rewrap(t.Context()))
			require.Equal(t, 1+subjects, store.count("Replace"), "nothing is left")

			if kms != nil {
				kms.Forget()
			} else {
				config.Keys = newKeyring(t, newer)
			}
			after := newVault(t, config)
			for subject, value := range sealed {
				opens(t, after, subject, value, subject)
			}
		})
	}
}

func TestVaultRewrapHandsOverToAKMS(t *testing.T) {
	ring := newKeyring(t, skans.GenerateKey("a"))
	store := skans.NewMemoryKeyStore()
	sealed := seal(t, newVault(t, skans.VaultConfig{Keys: ring, Store: store}), "anna", "plain")
	kms := newKMS()
	v := newVault(t, skans.VaultConfig{Keys: ring, KMS: kms, Store: store})
	opens(t, v, "anna", sealed, "plain")
	require.NoError(t, v.Rewrap(t.Context()))
	other := newVault(t, skans.VaultConfig{Keys: newKeyring(t, skans.GenerateKey("b")), KMS: kms, Store: store})
	opens(t, other, "anna", sealed, "plain") // the keyring is out of it
}

func TestVaultRewrapLeavesWhatItCannotUnwrap(t *testing.T) {
	gone, older, newer := skans.GenerateKey("0"), skans.GenerateKey("a"), skans.GenerateKey("b")
	store := skans.NewMemoryKeyStore()
	lost := seal(t, newVault(t, skans.VaultConfig{Keys: newKeyring(t, gone), Store: store}), "bo", "plain")
	v := newVault(t, skans.VaultConfig{Keys: newKeyring(t, older), Store: store})
	anna, eva := seal(t, v, "anna", "plain"), seal(t, v, "eva", "plain")
	var log journal
	err := newVault(t, skans.VaultConfig{Keys: newKeyring(t, newer, older), Store: store, Audit: log.record}).Rewrap(t.Context())
	require.ErrorIs(t, err, skans.ErrUnknownKey)
	require.ErrorContains(t, err, "bo")
	require.Equal(t, []string{"vault.rewrap outcome=incomplete rewrapped=2 failed=1"}, log.events)
	after := newVault(t, skans.VaultConfig{Keys: newKeyring(t, newer), Store: store})
	opens(t, after, "anna", anna, "plain")
	opens(t, after, "eva", eva, "plain")
	refuses(t, after, "bo", lost, skans.ErrUnknownKey)
	refuses(t, newVault(t, skans.VaultConfig{Keys: newKeyring(t, gone), Store: store}), "bo", nil, skans.ErrTampered)
	opens(t, newVault(t, skans.VaultConfig{Keys: newKeyring(t, gone), Store: store}), "bo", lost, "plain")
}

func TestVaultRewrapAgainstErase(t *testing.T) {
	older, newer := skans.GenerateKey("a"), skans.GenerateKey("b")
	store := newSpy(skans.NewMemoryKeyStore())
	v := newVault(t, skans.VaultConfig{Keys: newKeyring(t, older), Store: store})
	sealed := seal(t, v, "anna", "plain")
	rotated := newVault(t, skans.VaultConfig{Keys: newKeyring(t, newer, older), Store: store})
	store.before = func(method string) error {
		if method == "Replace" { // between the reading and the writing of the key
			_, err := v.Erase(t.Context(), "anna")
			return err
		}
		return nil
	}
	require.NoError(t, rotated.Rewrap(t.Context()))
	require.Equal(t, 1, store.count("Replace"))
	refuses(t, rotated, "anna", sealed, skans.ErrErased)
	mark, err := store.Load(t.Context(), "anna")
	require.NoError(t, err)
	require.Empty(t, mark.Wrapped)
}

func TestVaultRewrapStopsWithItsContext(t *testing.T) {
	older, newer := skans.GenerateKey("a"), skans.GenerateKey("b")
	store := newSpy(skans.NewMemoryKeyStore())
	v := newVault(t, skans.VaultConfig{Keys: newKeyring(t, older), Store: store})
	for i := range 10 {
		seal(t, v, fmt.Sprint("subject", i), "plain")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	store.before = func(method string) error {
		if method == "Replace" && store.count("Replace") == 3 {
			cancel()
		}
		return nil
	}
	require.ErrorIs(t, newVault(t, skans.VaultConfig{Keys: newKeyring(t, newer, older), Store: store}).Rewrap(ctx), context.Canceled)
	require.LessOrEqual(t, store.count("Replace"), 4)
}

// A store that lists in another order would make Rewrap skip keys or go on for ever.
func TestVaultRewrapNoticesAStoreWithoutOrder(t *testing.T) {
	store := skans.NewMemoryKeyStore()
	v := newVault(t, skans.VaultConfig{Store: unordered{store}})
	seal(t, v, "anna", "plain")
	done := make(chan error, 1)
	go func() { done <- v.Rewrap(context.Background()) }()
	select {
	case err := <-done:
		require.ErrorContains(t, err, "order")
	case <-time.After(30 * time.Second):
		t.Fatal("goes on for ever")
	}
}

type unordered struct{ skans.KeyStore }

func (u unordered) List(ctx context.Context, _ string, limit int) ([]skans.SubjectKey, error) {
	return u.KeyStore.List(ctx, "", limit)
}
