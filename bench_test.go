package skans_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
)

// The raw primitives beside what stands on them, in one run: go test -bench . -run '^$' .

func BenchmarkMAC(b *testing.B) {
	text := strings.Repeat("m", 64)
	b.Run("raw", func(b *testing.B) {
		key := make([]byte, 32)
		_, _ = rand.Read(key)
		b.ReportAllocs()
		for b.Loop() {
			h := hmac.New(sha256.New, key)
			h.Write([]byte(text))
			h.Sum(nil)
		}
	})
	b.Run("keyring", func(b *testing.B) {
		ring, err := skans.NewKeyring(skans.GenerateKey("a"))
		require.NoError(b, err)
		b.ReportAllocs()
		for b.Loop() {
			ring.MAC("bench", text)
		}
	})
	b.Run("verify", func(b *testing.B) {
		ring, err := skans.NewKeyring(skans.GenerateKey("a"))
		require.NoError(b, err)
		mac := ring.MAC("bench", text)
		b.ReportAllocs()
		for b.Loop() {
			ring.VerifyMAC(mac, "bench", text)
		}
	})
}

func rawGCM(b *testing.B) cipher.AEAD {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	require.NoError(b, err)
	aead, err := cipher.NewGCMWithRandomNonce(block)
	require.NoError(b, err)
	return aead
}

func BenchmarkSeal(b *testing.B) {
	for _, size := range []int{64, 1024} {
		plain := make([]byte, size)
		aad := make([]byte, 64)
		raw := rawGCM(b)
		ring, err := skans.NewKeyring(skans.GenerateKey("2026b"))
		require.NoError(b, err)
		vault, err := skans.NewVault(skans.VaultConfig{Keys: ring})
		require.NoError(b, err)
		run := func(name string, seal func()) {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					seal()
				}
			})
		}
		run("raw", func() { raw.Seal(nil, nil, plain, aad) })
		run("keyring", func() { ring.Seal(plain, "bench", "message", "body", "42") })
		run("vault", func() { _, _ = vault.Seal(b.Context(), body, plain) })
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, size := range []int{64, 1024} {
		plain := make([]byte, size)
		aad := make([]byte, 64)
		raw := rawGCM(b)
		ring, err := skans.NewKeyring(skans.GenerateKey("2026b"))
		require.NoError(b, err)
		vault, err := skans.NewVault(skans.VaultConfig{Keys: ring})
		require.NoError(b, err)
		run := func(name string, open func() ([]byte, error)) {
			_, err := open()
			require.NoError(b, err)
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					_, _ = open()
				}
			})
		}
		rawSealed := raw.Seal(nil, nil, plain, aad)
		run("raw", func() ([]byte, error) { return raw.Open(nil, nil, rawSealed, aad) })
		ringSealed := ring.Seal(plain, "bench", "message", "body", "42")
		run("keyring", func() ([]byte, error) { return ring.Open(ringSealed, "bench", "message", "body", "42") })
		vaultSealed, err := vault.Seal(b.Context(), body, plain)
		require.NoError(b, err)
		run("vault", func() ([]byte, error) { return vault.Open(b.Context(), body, vaultSealed) })
	}
}
