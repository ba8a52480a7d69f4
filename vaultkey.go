package skans

import (
	"bytes"
	"context"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
)

// The events of a [Vault]; the package document lists their attributes.
const (
	EventVaultKey    = "vault.key"
	EventVaultErase  = "vault.erase"
	EventVaultRewrap = "vault.rewrap"
)

// A dataKey is what one subject's values are encrypted with.
type dataKey struct {
	id   [dataKeyID]byte
	aead cipher.AEAD
}

const (
	rootSize  = 32
	dataKeyID = 8
)

// newDataKey expands the random root that is wrapped and stored. The subject takes part, so that a wrapped key which
// somebody moves to another subject in the store yields another id, and that is noticed before it is used.
func newDataKey(root []byte, subject string) *dataKey {
	out, err := hkdf.Key(sha256.New, root, nil, "skans/v1/vault/"+subject, keySize+dataKeyID)
	if err != nil {
		panic("skans: " + err.Error()) // only for an output longer than HKDF can make
	}
	return &dataKey{id: [dataKeyID]byte(out[keySize:]), aead: mustGCM(out[:keySize])}
}

// idText is the id as the store has it.
func (k *dataKey) idText() string { return hex.EncodeToString(k.id[:]) }

// key returns the data key of a subject, from memory or from the store, and makes one where create says so.
func (v *Vault) key(ctx context.Context, subject string, create bool) (*dataKey, error) {
	if key := v.cached().get(subject); key != nil {
		return key, nil
	}
	if err := checkSubject(subject); err != nil {
		return nil, err
	}
	seen := v.cached().seen() // before the store is asked: an erasure from here on keeps the key out of memory
	key, outcome, err := v.load(ctx, subject, create)
	if err != nil {
		return nil, err
	}
	if err := v.report(ctx, EventVaultKey, slog.String("subject", subject), slog.String("key", key.idText()), slog.String("outcome", outcome)); err != nil {
		return nil, err // before it gets into memory: the next use has to be recorded too
	}
	v.cached().put(subject, key, seen)
	return key, nil
}

func (v *Vault) load(ctx context.Context, subject string, create bool) (*dataKey, string, error) {
	stored, err := call(ctx, v, func(ctx context.Context) (SubjectKey, error) { return v.store.Load(ctx, subject) })
	switch {
	case err == nil:
		key, _, err := v.unwrap(ctx, stored, subject)
		return key, "unwrapped", err
	case !errors.Is(err, ErrUnknownKey):
		return nil, "", unavailable(err)
	case !create:
		return nil, "", ErrUnknownKey
	}
	root := make([]byte, rootSize)
	_, _ = rand.Read(root) // never fails: crypto/rand ends the program instead
	key := newDataKey(root, subject)
	wrapped, err := v.wrap(ctx, root, subject)
	if err != nil {
		return nil, "", err
	}
	stored, err = call(ctx, v, func(ctx context.Context) (SubjectKey, error) {
		return v.store.Create(ctx, SubjectKey{Subject: subject, ID: key.idText(), Wrapped: wrapped})
	})
	if err != nil {
		return nil, "", unavailable(err)
	}
	if stored.ID == key.idText() && stored.Erased.IsZero() {
		return key, "created", nil
	}
	key, _, err = v.unwrap(ctx, stored, subject) // somebody was faster, with a key or with an erasure
	return key, "unwrapped", err
}

// A wrapped root begins with the name of what wrapped it, so that a service can change from a keyring to a KMS.
const (
	wrappedByKeys = 'K'
	wrappedByKMS  = 'M'
	wrapPurpose   = "skans.vault.key"
	maxWrapped    = 4 << 10
)

func (v *Vault) wrap(ctx context.Context, root []byte, subject string) ([]byte, error) {
	if v.kms == nil {
		return append([]byte{wrappedByKeys}, v.keys.Seal(root, wrapPurpose, subject)...), nil
	}
	wrapped, err := call(ctx, v, func(ctx context.Context) ([]byte, error) { return v.kms.Wrap(ctx, root) })
	if err != nil {
		return nil, unavailable(err)
	}
	if len(wrapped) < rootSize || len(wrapped) >= maxWrapped || bytes.Contains(wrapped, root) {
		return nil, errors.New("skans: KMS.Wrap does not wrap: it returned too little, too much, or the key itself")
	}
	return append([]byte{wrappedByKMS}, wrapped...), nil
}

func (v *Vault) unwrap(ctx context.Context, stored SubjectKey, subject string) (key *dataKey, root []byte, err error) {
	if stored.Subject != subject {
		return nil, nil, fmt.Errorf("key store: %w", ErrTampered)
	}
	if !stored.Erased.IsZero() {
		return nil, nil, ErrErased
	}
	if len(stored.Wrapped) == 0 {
		return nil, nil, fmt.Errorf("key store: %w", ErrTampered)
	}
	switch by, wrapped := stored.Wrapped[0], stored.Wrapped[1:]; {
	case by == wrappedByKeys:
		root, err = v.keys.Open(wrapped, wrapPurpose, subject)
	case by == wrappedByKMS && v.kms != nil:
		root, err = call(ctx, v, func(ctx context.Context) ([]byte, error) { return v.kms.Unwrap(ctx, wrapped) })
		if err != nil && !errors.Is(err, ErrTampered) && !errors.Is(err, ErrUnknownKey) {
			err = unavailable(err)
		}
	case by == wrappedByKMS:
		err = fmt.Errorf("wrapped by a KMS, and VaultConfig.KMS is nil: %w", ErrUnknownKey)
	default:
		err = ErrTampered
	}
	if err != nil {
		return nil, nil, fmt.Errorf("key store: %w", err)
	}
	if len(root) != rootSize {
		return nil, nil, fmt.Errorf("key store: %w", ErrTampered)
	}
	key = newDataKey(root, subject)
	if key.idText() != stored.ID {
		return nil, nil, fmt.Errorf("key store: %w", ErrTampered)
	}
	return key, root, nil
}

// maxCalls bounds how many calls of store and KMS are under way at once, also those that were left behind.
const maxCalls = 256

// call runs f for no longer than the timeout. A store that does not heed its context is left behind; if all do, the
// next caller waits for a place as it would for an answer.
func call[T any](ctx context.Context, v *Vault, f func(context.Context) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	var none T
	ctx, cancel := context.WithTimeout(ctx, v.timeout)
	defer cancel()
	select {
	case v.calls <- struct{}{}:
	case <-ctx.Done():
		return none, ctx.Err()
	}
	done := make(chan result, 1)
	go func() {
		defer func() { <-v.calls }()
		value, err := f(ctx)
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", ErrKeyUnavailable, err) }

// reporting marks the context of an Audit call, so that a log which seals with the Vault does not report about itself
// for ever.
type reporting struct{}

func (v *Vault) report(ctx context.Context, event string, attrs ...slog.Attr) error {
	if v.record == nil || ctx.Value(reporting{}) == v {
		return nil
	}
	if err := v.record(context.WithValue(ctx, reporting{}, v), event, attrs...); err != nil {
		return fmt.Errorf("skans: %s could not be recorded: %w", event, err)
	}
	return nil
}
