package skans_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
)

func TestVaultAsksNobodyForACachedKey(t *testing.T) {
	store, kms := newSpy(skans.NewMemoryKeyStore()), newKMS()
	v := newVault(t, skans.VaultConfig{Store: store, KMS: kms})
	sealed := seal(t, v, "anna", "plain")
	calls := store.total()
	wraps, unwraps := kms.Calls()
	for range 100 {
		opens(t, v, "anna", sealed, "plain")
		seal(t, v, "anna", "plain")
	}
	require.Equal(t, calls, store.total())
	wrapsNow, unwrapsNow := kms.Calls()
	require.Equal(t, []int{wraps, unwraps}, []int{wrapsNow, unwrapsNow})
}

func TestVaultCacheIsBoundedInNumber(t *testing.T) {
	v := newVault(t, skans.VaultConfig{CacheSize: 3})
	for i := range 100 {
		seal(t, v, fmt.Sprint("subject", i), "plain")
		require.LessOrEqual(t, skans.CachedKeys(v), 3)
	}
	require.Equal(t, 3, skans.CachedKeys(v))
}

func TestVaultCacheIsBoundedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newSpy(skans.NewMemoryKeyStore())
		v := newVault(t, skans.VaultConfig{Store: store, CacheFor: time.Minute})
		sealed := seal(t, v, "anna", "plain")
		require.Equal(t, 1, store.count("Load"))
		time.Sleep(30 * time.Second)
		opens(t, v, "anna", sealed, "plain") // does not prolong it
		seal(t, v, "bo", "plain")
		require.Equal(t, 2, skans.CachedKeys(v))
		time.Sleep(30*time.Second + time.Nanosecond)
		synctest.Wait()
		require.Equal(t, 1, skans.CachedKeys(v), "gone although nobody asked")
		opens(t, v, "anna", sealed, "plain")
		require.Equal(t, 3, store.count("Load"))
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		require.Zero(t, skans.CachedKeys(v))
	})
}

// Names of erased and evicted keys wait in the queue of expiry; they must not pile up there, nor take a renewed key along.
func TestVaultCacheUnderChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(t, skans.VaultConfig{CacheSize: 4, CacheFor: time.Minute})
		for i := range 200 {
			subject := fmt.Sprint("subject", i%7)
			seal(t, v, subject, "plain")
			time.Sleep(time.Second)
			require.LessOrEqual(t, skans.CachedKeys(v), 4)
			require.LessOrEqual(t, skans.QueuedKeys(v), 8)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		require.Zero(t, skans.CachedKeys(v))
	})
}

func TestVaultOutage(t *testing.T) {
	down := errors.New("connection refused")
	t.Run("store", func(t *testing.T) {
		store := newSpy(skans.NewMemoryKeyStore())
		ring := newKeyring(t, skans.GenerateKey("a"))
		v := newVault(t, skans.VaultConfig{Keys: ring, Store: store})
		fresh := newVault(t, skans.VaultConfig{Keys: ring, Store: store})
		sealed := seal(t, v, "anna", "plain")
		store.before = func(string) error { return down }
		refuses(t, fresh, "anna", sealed, skans.ErrKeyUnavailable)
		refuses(t, fresh, "anna", sealed, down)
		value, err := fresh.Seal(t.Context(), body, []byte("plain"))
		require.ErrorIs(t, err, skans.ErrKeyUnavailable)
		require.Nil(t, value, "never plain text instead")
		_, err = fresh.Erase(t.Context(), "anna")
		require.ErrorIs(t, err, skans.ErrKeyUnavailable)
		require.ErrorIs(t, fresh.Rewrap(t.Context()), skans.ErrKeyUnavailable)
		opens(t, v, "anna", sealed, "plain") // from memory
		store.before = nil
		opens(t, fresh, "anna", sealed, "plain")
	})
	t.Run("KMS", func(t *testing.T) {
		store, kms := skans.NewMemoryKeyStore(), newKMS()
		ring := newKeyring(t, skans.GenerateKey("a"))
		v := newVault(t, skans.VaultConfig{Keys: ring, KMS: kms, Store: store})
		fresh := newVault(t, skans.VaultConfig{Keys: ring, KMS: kms, Store: store})
		sealed := seal(t, v, "anna", "plain")
		kms.Fail(down)
		refuses(t, fresh, "anna", sealed, skans.ErrKeyUnavailable)
		_, err := fresh.Seal(t.Context(), place("bo"), []byte("plain"))
		require.ErrorIs(t, err, skans.ErrKeyUnavailable)
		_, err = store.Load(t.Context(), "bo")
		require.ErrorIs(t, err, skans.ErrUnknownKey, "nothing half made")
		opens(t, v, "anna", sealed, "plain")
		kms.Fail(nil)
		opens(t, fresh, "anna", sealed, "plain")
		kms.Rotate()
		kms.Forget()
		refuses(t, newVault(t, skans.VaultConfig{Keys: ring, KMS: kms, Store: store}), "anna", sealed, skans.ErrUnknownKey)
	})
	t.Run("a creation that fails half way", func(t *testing.T) {
		store := newSpy(skans.NewMemoryKeyStore())
		store.before = func(method string) error {
			if method == "Create" {
				return down
			}
			return nil
		}
		v := newVault(t, skans.VaultConfig{Store: store})
		_, err := v.Seal(t.Context(), body, []byte("plain"))
		require.ErrorIs(t, err, skans.ErrKeyUnavailable, "what is sealed under a key that was not stored is lost")
		require.Zero(t, skans.CachedKeys(v))
	})
	t.Run("a creation whose answer is lost", func(t *testing.T) {
		store := newSpy(skans.NewMemoryKeyStore())
		ring := newKeyring(t, skans.GenerateKey("a"))
		v := newVault(t, skans.VaultConfig{Keys: ring, Store: lossy{store.KeyStore}})
		_, err := v.Seal(t.Context(), body, []byte("plain"))
		require.ErrorIs(t, err, skans.ErrKeyUnavailable)
		sealed := seal(t, v, "anna", "plain") // under the key that was stored
		opens(t, newVault(t, skans.VaultConfig{Keys: ring, Store: store}), "anna", sealed, "plain")
	})
	t.Run("a KMS that is not configured", func(t *testing.T) {
		store := skans.NewMemoryKeyStore()
		ring := newKeyring(t, skans.GenerateKey("a"))
		sealed := seal(t, newVault(t, skans.VaultConfig{Keys: ring, KMS: newKMS(), Store: store}), "anna", "plain")
		refuses(t, newVault(t, skans.VaultConfig{Keys: ring, Store: store}), "anna", sealed, skans.ErrUnknownKey)
	})
}

func TestVaultHang(t *testing.T) {
	t.Run("KMS", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			kms := newKMS()
			kms.Hang(true)
			v := newVault(t, skans.VaultConfig{KMS: kms, Timeout: time.Second})
			began := time.Now()
			_, err := v.Seal(t.Context(), body, []byte("plain"))
			require.ErrorIs(t, err, skans.ErrKeyUnavailable)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, time.Second, time.Since(began))
		})
	})
	t.Run("store that does not heed its context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			store := newSpy(skans.NewMemoryKeyStore())
			store.before = func(string) error { <-release; return nil }
			v := newVault(t, skans.VaultConfig{Store: store})
			began := time.Now()
			_, err := v.Seal(t.Context(), body, []byte("plain"))
			require.ErrorIs(t, err, skans.ErrKeyUnavailable)
			require.Equal(t, 5*time.Second, time.Since(began), "the default")
			_, err = v.Erase(t.Context(), "anna")
			require.ErrorIs(t, err, skans.ErrKeyUnavailable)
			close(release)
		})
	})
	t.Run("calls that were left behind are bounded", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			store := newSpy(skans.NewMemoryKeyStore())
			store.before = func(string) error { <-release; return nil }
			v := newVault(t, skans.VaultConfig{Store: store})
			var group sync.WaitGroup
			for range 1000 {
				group.Go(func() {
					if _, err := v.Seal(context.Background(), body, nil); !errors.Is(err, skans.ErrKeyUnavailable) {
						t.Error(err)
					}
				})
			}
			group.Wait()
			require.LessOrEqual(t, store.total(), 256)
			close(release)
			synctest.Wait()
			store.before = nil
			opens(t, v, "anna", seal(t, v, "anna", "plain"), "plain")
		})
	})
	t.Run("caller that goes away", func(t *testing.T) {
		store := newSpy(skans.NewMemoryKeyStore())
		ctx, cancel := context.WithCancel(t.Context())
		store.before = func(string) error { cancel(); return nil }
		v := newVault(t, skans.VaultConfig{Store: store})
		_, err := v.Seal(ctx, body, []byte("plain"))
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestVaultFirstSealsAtOnceShareAKey(t *testing.T) {
	store := skans.NewMemoryKeyStore()
	ring := newKeyring(t, skans.GenerateKey("a"))
	vaults := []*skans.Vault{newVault(t, skans.VaultConfig{Keys: ring, Store: store}), newVault(t, skans.VaultConfig{Keys: ring, Store: store})}
	start := make(chan struct{})
	var group sync.WaitGroup
	sealed := make([][]byte, 16)
	errs := make([]error, 16)
	for i := range sealed {
		group.Go(func() {
			<-start
			sealed[i], errs[i] = vaults[i%2].Seal(context.Background(), body, []byte("plain"))
		})
	}
	close(start)
	group.Wait()
	fresh := newVault(t, skans.VaultConfig{Keys: ring, Store: store})
	for i := range sealed {
		require.NoError(t, errs[i])
		opens(t, fresh, "anna", sealed[i], "plain")
	}
}

func TestVaultEvents(t *testing.T) {
	var log journal
	store := skans.NewMemoryKeyStore()
	ring := newKeyring(t, skans.GenerateKey("a"))
	v := newVault(t, skans.VaultConfig{Keys: ring, Store: store, Audit: log.record})
	sealed := seal(t, v, "anna", "plain")
	seal(t, v, "anna", "plain")
	opens(t, v, "anna", sealed, "plain")
	fresh := newVault(t, skans.VaultConfig{Keys: ring, Store: store, Audit: log.record})
	opens(t, fresh, "anna", sealed, "plain")
	opens(t, fresh, "anna", sealed, "plain")
	require.NoError(t, fresh.Rewrap(t.Context()))
	_, err := fresh.Erase(t.Context(), "anna")
	require.NoError(t, err)
	require.Equal(t, []string{
		"vault.key subject=anna outcome=created",
		"vault.key subject=anna outcome=unwrapped",
		"vault.rewrap outcome=complete rewrapped=0 failed=0",
		"vault.erase subject=anna",
	}, log.events)
}

func TestVaultWhatCannotBeRecordedFails(t *testing.T) {
	full := errors.New("disk full")
	log := journal{fail: full}
	store := skans.NewMemoryKeyStore()
	v := newVault(t, skans.VaultConfig{Store: store, Audit: log.record})
	for range 2 { // the second time as well: the key did not get into memory
		_, err := v.Seal(t.Context(), body, []byte("plain"))
		require.ErrorIs(t, err, full)
	}
	require.ErrorIs(t, v.Rewrap(t.Context()), full)
	log.fail = nil
	sealed := seal(t, v, "anna", "plain")
	log.fail = full
	receipt, err := v.Erase(t.Context(), "anna")
	require.ErrorIs(t, err, full)
	require.Zero(t, receipt)
	refuses(t, v, "anna", sealed, skans.ErrErased)
	log.fail = nil
	receipt, err = v.Erase(t.Context(), "anna")
	require.NoError(t, err)
	require.NotEmpty(t, receipt.Key)
}

// An audit log may seal the names in its own records with the Vault that it records.
func TestVaultAuditMayUseTheVault(t *testing.T) {
	var v *skans.Vault
	depth := 0
	v = newVault(t, skans.VaultConfig{Audit: func(ctx context.Context, _ string, _ ...slog.Attr) error {
		depth++
		require.LessOrEqual(t, depth, 1)
		defer func() { depth-- }()
		_, err := v.Seal(ctx, skans.At{Subject: "anna", Table: "audit", Column: "user", Row: "1"}, []byte("anna"))
		return err
	}})
	seal(t, v, "anna", "plain")
	seal(t, v, "bo", "plain")
}

// lossy creates and does not say so.
type lossy struct{ skans.KeyStore }

func (l lossy) Create(ctx context.Context, key skans.SubjectKey) (skans.SubjectKey, error) {
	_, _ = l.KeyStore.Create(ctx, key)
	return skans.SubjectKey{}, errors.New("connection reset")
}

// A KMS that is wired wrongly must not lose or show keys.
func TestVaultRefusesAKMSThatDoesNotWrap(t *testing.T) {
	for name, wrap := range map[string]func(key []byte) []byte{
		"nothing":    func([]byte) []byte { return nil },
		"too little": func(key []byte) []byte { return make([]byte, len(key)-1) },
		"too much":   func([]byte) []byte { return make([]byte, 5000) },
		"the key":    func(key []byte) []byte { return key },
		"around it":  func(key []byte) []byte { return append([]byte("wrapped:"), key...) },
	} {
		store := skans.NewMemoryKeyStore()
		v := newVault(t, skans.VaultConfig{Store: store, KMS: noKMS(wrap)})
		_, err := v.Seal(t.Context(), body, []byte("plain"))
		require.ErrorContains(t, err, "KMS.Wrap", name)
		_, err = store.Load(t.Context(), "anna")
		require.ErrorIs(t, err, skans.ErrUnknownKey, name)
	}
}

type noKMS func(key []byte) []byte

func (n noKMS) Wrap(_ context.Context, key []byte) ([]byte, error) { return n(key), nil }
func (n noKMS) Unwrap(context.Context, []byte) ([]byte, error)     { return nil, errors.New("not asked") }
