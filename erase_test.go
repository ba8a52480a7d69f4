package skans_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
)

func TestVaultErase(t *testing.T) {
	store := skans.NewMemoryKeyStore()
	ring := newKeyring(t, skans.GenerateKey("a"))
	v := newVault(t, skans.VaultConfig{Keys: ring, Store: store})
	sealed, other := seal(t, v, "anna", "plain"), seal(t, v, "bo", "plain")
	_, err := v.Erase(t.Context(), "anna")
	require.NoError(t, err)
	for _, v := range []*skans.Vault{v, newVault(t, skans.VaultConfig{Keys: ring, Store: store})} {
		refuses(t, v, "anna", sealed, skans.ErrErased)
		_, err = v.Seal(t.Context(), body, []byte("again"))
		require.ErrorIs(t, err, skans.ErrErased, "the mark stays")
		opens(t, v, "bo", other, "plain")
	}
	mark, err := store.Load(t.Context(), "anna")
	require.NoError(t, err)
	require.Empty(t, mark.Wrapped)
}

func TestVaultEraseReachesOtherProcessesInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := skans.NewMemoryKeyStore()
		ring := newKeyring(t, skans.GenerateKey("a"))
		here := newVault(t, skans.VaultConfig{Keys: ring, Store: store})
		there := newVault(t, skans.VaultConfig{Keys: ring, Store: store, CacheFor: time.Minute})
		sealed := seal(t, there, "anna", "plain")
		_, err := here.Erase(t.Context(), "anna")
		require.NoError(t, err)
		time.Sleep(time.Minute + time.Nanosecond)
		synctest.Wait()
		refuses(t, there, "anna", sealed, skans.ErrErased)
	})
}

// The key is read, then the subject erased, then the reading goes on: it must not put the key back into memory.
func TestVaultEraseWhileAKeyIsRead(t *testing.T) {
	for _, method := range []string{"Load", "Create"} {
		t.Run(method, func(t *testing.T) {
			store := newSpy(skans.NewMemoryKeyStore())
			ring := newKeyring(t, skans.GenerateKey("a"))
			v := newVault(t, skans.VaultConfig{Keys: ring, Store: store})
			if method == "Load" {
				seal(t, newVault(t, skans.VaultConfig{Keys: ring, Store: store}), "anna", "plain")
			}
			read, goOn := make(chan struct{}), make(chan struct{})
			store.after = func(m string) {
				if m == method {
					close(read)
					<-goOn
				}
			}
			var sealed []byte
			var sealErr error
			done := make(chan struct{})
			go func() {
				defer close(done)
				sealed, sealErr = v.Seal(context.Background(), body, []byte("plain"))
			}()
			<-read
			_, err := v.Erase(t.Context(), "anna")
			require.NoError(t, err)
			store.after = nil
			close(goOn)
			<-done
			require.NoError(t, sealErr, "it began before the erasure")
			require.Zero(t, skans.CachedKeys(v))
			refuses(t, v, "anna", sealed, skans.ErrErased)
			_, err = v.Seal(t.Context(), body, []byte("plain"))
			require.ErrorIs(t, err, skans.ErrErased)
		})
	}
}

// The subject has no key, is erased, and only then the new key reaches the store.
func TestVaultEraseBeforeAKeyIsStored(t *testing.T) {
	store := newSpy(skans.NewMemoryKeyStore())
	ring := newKeyring(t, skans.GenerateKey("a"))
	v := newVault(t, skans.VaultConfig{Keys: ring, Store: store})
	other := newVault(t, skans.VaultConfig{Keys: ring, Store: store.KeyStore})
	store.before = func(method string) error {
		if method == "Create" {
			_, err := other.Erase(t.Context(), "anna")
			return err
		}
		return nil
	}
	_, err := v.Seal(t.Context(), body, []byte("plain"))
	require.ErrorIs(t, err, skans.ErrErased)
	require.Zero(t, skans.CachedKeys(v))
}

func TestVaultSealRacingErase(t *testing.T) {
	store := skans.NewMemoryKeyStore()
	ring := newKeyring(t, skans.GenerateKey("a"))
	vaults := []*skans.Vault{newVault(t, skans.VaultConfig{Keys: ring, Store: store}), newVault(t, skans.VaultConfig{Keys: ring, Store: store})}
	for round := range 100 {
		subject := fmt.Sprint("anna", round)
		start := make(chan struct{})
		var group sync.WaitGroup
		sealed := make([][]byte, 6)
		for i := range sealed {
			group.Go(func() {
				<-start
				var err error
				sealed[i], err = vaults[i%2].Seal(context.Background(), place(subject), []byte("plain"))
				if err != nil && !errors.Is(err, skans.ErrErased) {
					t.Error(err)
				}
			})
		}
		group.Go(func() {
			<-start
			for _, v := range vaults {
				if _, err := v.Erase(context.Background(), subject); err != nil {
					t.Error(err)
				}
			}
		})
		close(start)
		group.Wait()
		mark, err := store.Load(t.Context(), subject)
		require.NoError(t, err)
		require.False(t, mark.Erased.IsZero())
		require.Empty(t, mark.Wrapped)
		for _, v := range vaults {
			_, err := v.Seal(t.Context(), place(subject), []byte("plain"))
			require.ErrorIs(t, err, skans.ErrErased)
			for _, value := range sealed {
				if value != nil {
					refuses(t, v, subject, value, skans.ErrErased)
				}
			}
		}
		require.Zero(t, skans.CachedKeys(vaults[0])+skans.CachedKeys(vaults[1]))
	}
}

// backup copies a store, as a restored one would be.
func backup(t *testing.T, store skans.KeyStore) *skans.MemoryKeyStore {
	t.Helper()
	restored := skans.NewMemoryKeyStore()
	page, err := store.List(t.Context(), "", 1000)
	require.NoError(t, err)
	for _, key := range page {
		_, err := restored.Create(t.Context(), key)
		require.NoError(t, err)
	}
	return restored
}

func TestVaultRestoredBackup(t *testing.T) {
	older, newer := skans.GenerateKey("a"), skans.GenerateKey("b")
	store := skans.NewMemoryKeyStore()
	before := newVault(t, skans.VaultConfig{Keys: newKeyring(t, older), Store: store})
	anna, bo := seal(t, before, "anna", "plain"), seal(t, before, "bo", "plain")
	old := backup(t, store)
	receipt, err := before.Erase(t.Context(), "anna")
	require.NoError(t, err)

	t.Run("replaying the receipts erases again", func(t *testing.T) {
		v := newVault(t, skans.VaultConfig{Keys: newKeyring(t, older), Store: backup(t, old)})
		opens(t, v, "anna", anna, "plain") // the danger
		again, err := v.Erase(t.Context(), receipt.Subject)
		require.NoError(t, err)
		require.Equal(t, receipt.Key, again.Key)
		refuses(t, v, "anna", anna, skans.ErrErased)
	})
	t.Run("without the old master key the backup is dead", func(t *testing.T) {
		rotated := newVault(t, skans.VaultConfig{Keys: newKeyring(t, newer, older), Store: store})
		require.NoError(t, rotated.Rewrap(t.Context()))
		now := newVault(t, skans.VaultConfig{Keys: newKeyring(t, newer), Store: store})
		opens(t, now, "bo", bo, "plain")
		refuses(t, now, "anna", anna, skans.ErrErased)
		restored := newVault(t, skans.VaultConfig{Keys: newKeyring(t, newer), Store: old})
		refuses(t, restored, "anna", anna, skans.ErrUnknownKey)
	})
}
