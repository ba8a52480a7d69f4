package bench

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
)

// What a keyring adds to the primitives: key ids, purposes, parts that cannot run into each other.

func keyring(tb testing.TB) *skans.Keyring {
	tb.Helper()
	ring, err := skans.NewKeyring(skans.GenerateKey("2026a"))
	require.NoError(tb, err)
	return ring
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return b
}

func rawGCM(tb testing.TB) cipher.AEAD {
	tb.Helper()
	block, err := aes.NewCipher(random(32))
	require.NoError(tb, err)
	aead, err := cipher.NewGCMWithRandomNonce(block)
	require.NoError(tb, err)
	return aead
}

func rawMAC(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// Both sides authenticate a text and refuse another, and both open what they sealed and nothing else.
func TestKeysDoTheSame(t *testing.T) {
	ring, raw, key := keyring(t), rawGCM(t), random(32)
	text, other := string(random(64)), string(random(64))
	require.True(t, ring.VerifyMAC(ring.MAC("bench", text), "bench", text))
	require.True(t, hmac.Equal(rawMAC(key, text), rawMAC(key, text)))
	require.False(t, ring.VerifyMAC(ring.MAC("bench", text), "bench", other))
	require.False(t, hmac.Equal(rawMAC(key, text), rawMAC(key, other)))

	plain, aad := random(100), random(10)
	sealed, rawSealed := ring.Seal(plain, "bench", string(aad)), raw.Seal(nil, nil, plain, aad)
	got, err := ring.Open(sealed, "bench", string(aad))
	require.NoError(t, err)
	require.Equal(t, plain, got)
	got, err = raw.Open(nil, nil, rawSealed, aad)
	require.NoError(t, err)
	require.Equal(t, plain, got)
	sealed[len(sealed)-1] ^= 1
	rawSealed[len(rawSealed)-1] ^= 1
	_, err = ring.Open(sealed, "bench", string(aad))
	require.ErrorIs(t, err, skans.ErrTampered)
	_, err = raw.Open(nil, nil, rawSealed, aad)
	require.Error(t, err)

	vault, at := cachedVault(t)
	sealed, err = vault.Seal(t.Context(), at, plain)
	require.NoError(t, err)
	got, err = vault.Open(t.Context(), at, sealed)
	require.NoError(t, err)
	require.Equal(t, plain, got)
	sealed[len(sealed)-1] ^= 1
	_, err = vault.Open(t.Context(), at, sealed)
	require.ErrorIs(t, err, skans.ErrTampered)
}

func BenchmarkMAC(b *testing.B) {
	ring, key, text := keyring(b), random(32), string(random(64))
	beside(b, side{"skans", func() { ring.MAC("bench", text) }}, side{"hmac", func() { rawMAC(key, text) }})
}

func BenchmarkSeal(b *testing.B) {
	for _, size := range []int{64, 1024} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			ring, raw, plain, aad := keyring(b), rawGCM(b), random(size), random(64)
			beside(b,
				side{"skans", func() { ring.Seal(plain, "bench", "message", "body", "42") }},
				side{"gcm", func() { raw.Seal(nil, nil, plain, aad) }})
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, size := range []int{64, 1024} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			ring, raw, plain, aad := keyring(b), rawGCM(b), random(size), random(64)
			sealed, rawSealed := ring.Seal(plain, "bench", "message", "body", "42"), raw.Seal(nil, nil, plain, aad)
			beside(b,
				side{"skans", func() { must(ring.Open(sealed, "bench", "message", "body", "42")) }},
				side{"gcm", func() { must(raw.Open(nil, nil, rawSealed, aad)) }})
		})
	}
}

// The vault seals and opens under the key of one person, found in the cache.

func cachedVault(tb testing.TB) (*skans.Vault, skans.At) {
	tb.Helper()
	vault, err := skans.NewVault(skans.VaultConfig{Keys: keyring(tb)})
	require.NoError(tb, err)
	return vault, skans.At{Subject: "anna", Table: "message", Column: "body", Row: "42"}
}

func BenchmarkVaultSeal(b *testing.B) {
	for _, size := range []int{64, 1024} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			vault, at := cachedVault(b)
			raw, plain, aad, ctx := rawGCM(b), random(size), random(64), b.Context()
			beside(b,
				side{"skans", func() { must(vault.Seal(ctx, at, plain)) }},
				side{"gcm", func() { raw.Seal(nil, nil, plain, aad) }})
		})
	}
}

func BenchmarkVaultOpen(b *testing.B) {
	for _, size := range []int{64, 1024} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			vault, at := cachedVault(b)
			raw, plain, aad, ctx := rawGCM(b), random(size), random(64), b.Context()
			sealed, rawSealed := must(vault.Seal(ctx, at, plain)), raw.Seal(nil, nil, plain, aad)
			beside(b,
				side{"skans", func() { must(vault.Open(ctx, at, sealed)) }},
				side{"gcm", func() { must(raw.Open(nil, nil, rawSealed, aad)) }})
		})
	}
}

// must stops a benchmark whose work fails, since then it would measure something else.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
