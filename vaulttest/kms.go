package vaulttest

import (
	"context"
	"fmt"
	"sync"

	"github.com/skans-go/skans"
)

// A KMS is a [skans.KMS] in memory whose key can be replaced, and which can fail and hang. It is safe for concurrent use.
type KMS struct {
	mu        sync.Mutex
	keys      []skans.Key
	fail      error
	hang      bool
	wraps     int
	unwraps   int
	forgotten int
}

// NewKMS returns a KMS with a random key.
func NewKMS() *KMS { return &KMS{keys: []skans.Key{skans.GenerateKey("kms-1")}} }

// Rotate makes a new key the current one. Older ones still unwrap.
func (k *KMS) Rotate() {
	k.mu.Lock()
	defer k.mu.Unlock()
	id := fmt.Sprintf("kms-%d", len(k.keys)+k.forgotten+1)
	k.keys = append([]skans.Key{skans.GenerateKey(id)}, k.keys...)
}

// Forget destroys all keys but the current one.
func (k *KMS) Forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.forgotten += len(k.keys) - 1
	k.keys = k.keys[:1]
}

// Fail makes every call return err, until Fail(nil).
func (k *KMS) Fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fail = err
}

// Hang makes every call wait until its context ends.
func (k *KMS) Hang(hang bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.hang = hang
}

// Calls returns how often Wrap and Unwrap were called.
func (k *KMS) Calls() (wraps, unwraps int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.wraps, k.unwraps
}

const purpose = "vaulttest.kms"

// Wrap implements [skans.KMS].
func (k *KMS) Wrap(ctx context.Context, key []byte) ([]byte, error) {
	keys, err := k.ready(ctx, &k.wraps)
	if err != nil {
		return nil, err
	}
	return keys.Seal(key, purpose), nil
}

// Unwrap implements [skans.KMS].
func (k *KMS) Unwrap(ctx context.Context, wrapped []byte) ([]byte, error) {
	keys, err := k.ready(ctx, &k.unwraps)
	if err != nil {
		return nil, err
	}
	return keys.Open(wrapped, purpose)
}

// Current reports whether wrapped was made with the current key.
func (k *KMS) Current(wrapped []byte) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	current, err := skans.NewKeyring(k.keys[0])
	if err != nil {
		return false
	}
	_, err = current.Open(wrapped, purpose)
	return err == nil
}

func (k *KMS) ready(ctx context.Context, calls *int) (*skans.Keyring, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	*calls++
	if k.hang {
		k.mu.Unlock()
		<-ctx.Done()
		k.mu.Lock()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if k.fail != nil {
		return nil, k.fail
	}
	return skans.NewKeyring(k.keys[0], k.keys[1:]...)
}
