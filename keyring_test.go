package skans_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
)

// hmacSHA256 and hkdfSHA256 are written from the RFCs, so that what the keyring does is compared with something else.
// RFC 2104, section 2: H(K xor opad, H(K xor ipad, text)).
func hmacSHA256(key, text []byte) []byte {
	inner, outer := bytes.Repeat([]byte{0x36}, 64), bytes.Repeat([]byte{0x5c}, 64)
	for i, b := range key {
		inner[i] ^= b
		outer[i] ^= b
	}
	sum := sha256.Sum256(append(inner, text...))
	sum = sha256.Sum256(append(outer, sum[:]...))
	return sum[:]
}

// RFC 5869, section 2; n up to 255 blocks.
func hkdfSHA256(ikm, salt []byte, info string, n int) []byte {
	if len(salt) == 0 {
		salt = make([]byte, 32)
	}
	prk := hmacSHA256(salt, ikm)
	var okm, block []byte
	for i := byte(1); len(okm) < n; i++ {
		block = hmacSHA256(prk, append(append(bytes.Clone(block), info...), i))
		okm = append(okm, block...)
	}
	return okm[:n]
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	require.NoError(t, err)
	return b
}

func TestVectors(t *testing.T) {
	t.Run("HMAC, RFC 4231 4.2 and 4.3", func(t *testing.T) {
		require.Equal(t, unhex(t, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
			hmacSHA256(bytes.Repeat([]byte{0x0b}, 20), []byte("Hi There")))
		require.Equal(t, unhex(t, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
			hmacSHA256([]byte("Jefe"), []byte("what do ya want for nothing?")))
	})
	t.Run("HKDF, RFC 5869 A.1 and A.3", func(t *testing.T) {
		ikm := bytes.Repeat([]byte{0x0b}, 22)
		require.Equal(t, unhex(t, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"),
			hkdfSHA256(ikm, unhex(t, "000102030405060708090a0b0c"), string(unhex(t, "f0f1f2f3f4f5f6f7f8f9")), 42))
		require.Equal(t, unhex(t, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"),
			hkdfSHA256(ikm, nil, "", 42))
	})
}

// counting returns the bytes 0, 1, 2, ... from a start, as the key of known-answer tests.
func counting(t *testing.T, id string, from byte) (skans.Key, []byte) {
	t.Helper()
	master := make([]byte, 32)
	for i := range master {
		master[i] = from + byte(i)
	}
	key, err := skans.NewKey(id, master)
	require.NoError(t, err)
	return key, master
}

// A format that changes by accident locks every host out of what it stored.
func TestKeyringFormat(t *testing.T) {
	key, master := counting(t, "k1", 0)
	ring := newKeyring(t, key)
	subkey := func(operation string) []byte { return hkdfSHA256(master, nil, "skans/v1/"+operation+"/a purpose", 32) }
	parts := []byte("\x00\x00\x00\x00\x00\x00\x00\x03abc\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01d")

	require.Equal(t, hmacSHA256(subkey("mac"), parts), ring.MAC("a purpose", "abc", "", "d"))
	require.Equal(t, hmacSHA256(subkey("mac"), nil), ring.MAC("a purpose"))
	require.Equal(t, ed25519.NewKeyFromSeed(subkey("sign")), ring.Signer("a purpose"))

	sealed := ring.Seal([]byte("plain"), "a purpose", "abc", "", "d")
	header := []byte("\x01\x02k1")
	require.Equal(t, header, sealed[:4])
	require.Len(t, sealed, 4+12+5+16)
	block, err := aes.NewCipher(subkey("seal"))
	require.NoError(t, err)
	gcm, err := cipher.NewGCM(block)
	require.NoError(t, err)
	plain, err := gcm.Open(nil, sealed[4:16], sealed[16:], append(header, parts...))
	require.NoError(t, err)
	require.Equal(t, "plain", string(plain))
}

func TestKeyringRefusesWeakKeys(t *testing.T) {
	good := skans.GenerateKey("a")
	same, _ := counting(t, "b", 0)
	twin, _ := counting(t, "c", 0)
	for _, c := range []struct {
		name string
		keys []skans.Key
	}{
		{"zero", []skans.Key{{}}},
		{"zero behind", []skans.Key{good, {}}},
		{"no id", []skans.Key{skans.GenerateKey("")}},
		{"long id", []skans.Key{skans.GenerateKey(strings.Repeat("a", 33))}},
		{"colon in the id", []skans.Key{skans.GenerateKey("a:b")}},
		{"line break in the id", []skans.Key{skans.GenerateKey("a\nb")}},
		{"letter that is not ASCII", []skans.Key{skans.GenerateKey("ä")}},
		{"one id twice", []skans.Key{good, skans.GenerateKey("a")}},
		{"the same bytes twice", []skans.Key{same, twin}},
	} {
		_, err := skans.NewKeyring(c.keys[0], c.keys[1:]...)
		require.Error(t, err, c.name)
	}
	for name, master := range map[string][]byte{
		"nil": nil, "15 bytes": make([]byte, 15), "31 bytes": bytes.Repeat([]byte("abcdefgh"), 4)[:31], "33 bytes": bytes.Repeat([]byte("abcdefghi"), 4)[:33],
		"zeroes": make([]byte, 32), "one letter": bytes.Repeat([]byte{'a'}, 32), "a pattern": bytes.Repeat([]byte("abcd"), 8),
	} {
		_, err := skans.NewKey("a", master)
		require.Error(t, err, name)
	}
	ids := newKeyring(t, skans.GenerateKey(strings.Repeat("Z", 32)), skans.GenerateKey("0._-z")).IDs()
	require.Equal(t, []string{strings.Repeat("Z", 32), "0._-z"}, ids)
}

func TestKeyIsCopied(t *testing.T) {
	master := []byte("0123456789abcdef0123456789ABCDEF")
	key, err := skans.NewKey("a", master)
	require.NoError(t, err)
	before := newKeyring(t, key).MAC("p")
	clear(master)
	require.Equal(t, before, newKeyring(t, key).MAC("p"))
}

func TestKeyringRotation(t *testing.T) {
	a, b, c := skans.GenerateKey("a"), skans.GenerateKey("b"), skans.GenerateKey("c")
	first := newKeyring(t, a)
	both := newKeyring(t, b, a)
	second := newKeyring(t, b)
	mac, sealed := first.MAC("p", "x"), first.Seal([]byte("plain"), "p", "x")

	require.True(t, both.VerifyMAC(mac, "p", "x"))
	plain, err := both.Open(sealed, "p", "x")
	require.NoError(t, err)
	require.Equal(t, "plain", string(plain))
	require.Equal(t, [][]byte{second.MAC("p", "x"), mac}, slices.Collect(both.MACs("p", "x")))
	require.Equal(t, []ed25519.PrivateKey{second.Signer("p"), first.Signer("p")}, both.SigningKeys("p"))

	require.Equal(t, second.MAC("p", "x"), both.MAC("p", "x"), "the current key makes new values")
	require.Equal(t, second.Signer("p"), both.Signer("p"))
	_, err = second.Open(both.Seal(nil, "p"), "p")
	require.NoError(t, err)

	for _, gone := range []*skans.Keyring{second, newKeyring(t, c)} {
		require.False(t, gone.VerifyMAC(mac, "p", "x"))
		_, err = gone.Open(sealed, "p", "x")
		require.ErrorIs(t, err, skans.ErrUnknownKey)
	}
	impostor := newKeyring(t, skans.GenerateKey("a")) // the id of the one, the bytes of another
	_, err = impostor.Open(sealed, "p", "x")
	require.ErrorIs(t, err, skans.ErrTampered)
}

func TestKeyringDescribe(t *testing.T) {
	require.Equal(t, `key      2026b (256 bits, current)
key      2026a (256 bits, verifies and opens)
subkeys  HKDF-SHA-256, one for each operation and purpose
MAC      HMAC-SHA-256, 256 bits
Seal     AES-256-GCM, random 96-bit nonce, format 1
Signer   Ed25519
`, newKeyring(t, skans.GenerateKey("2026b"), skans.GenerateKey("2026a")).Describe())
}

func TestMACsStopWhenAsked(t *testing.T) {
	n := 0
	for range newKeyring(t, skans.GenerateKey("a"), skans.GenerateKey("b")).MACs("p") {
		n++
		break
	}
	require.Equal(t, 1, n)
}

func TestPurposesAndPartsAreApart(t *testing.T) {
	ring := newKeyring(t, skans.GenerateKey("a"))
	uses := [][]string{
		{"p"},
		{"q"},
		{"p", ""},
		{"p", "", ""},
		{"p", "ab"},
		{"p", "a", "b"},
		{"p", "ab", ""},
		{"p", "", "ab"},
		{"p", "b", "a"},
		{"p", "\x00\x00\x00\x00\x00\x00\x00\x01b"},
		{"pa", "b"},
		{"p/a", "b"},
		{"", "p"},
		{"p", "a\x00b"},
		{"p", strings.Repeat("a", 300)},
	}
	for i, made := range uses {
		mac, sealed := ring.MAC(made[0], made[1:]...), ring.Seal([]byte("plain"), made[0], made[1:]...)
		require.Len(t, mac, 32)
		for j, asked := range uses {
			require.Equal(t, i == j, ring.VerifyMAC(mac, asked[0], asked[1:]...), "%q as %q", made, asked)
			plain, err := ring.Open(sealed, asked[0], asked[1:]...)
			if i == j {
				require.NoError(t, err)
				require.Equal(t, "plain", string(plain))
				continue
			}
			require.ErrorIs(t, err, skans.ErrTampered, "%q as %q", made, asked)
			require.Nil(t, plain)
		}
	}
}

func TestVerifyMACRefuses(t *testing.T) {
	ring := newKeyring(t, skans.GenerateKey("a"))
	mac := ring.MAC("p", "x")
	for i := range mac {
		for bit := range 8 {
			changed := bytes.Clone(mac)
			changed[i] ^= 1 << bit
			require.False(t, ring.VerifyMAC(changed, "p", "x"))
		}
		require.False(t, ring.VerifyMAC(mac[:i], "p", "x"), "cut to %d", i)
	}
	require.False(t, ring.VerifyMAC(nil, "p", "x"))
	require.False(t, ring.VerifyMAC(append(bytes.Clone(mac), 0), "p", "x"))
}

func TestOpenRefusesWhatChanged(t *testing.T) {
	const id = "key1"
	ring := newKeyring(t, skans.GenerateKey(id))
	sealed := ring.Seal([]byte("plain"), "p", "x")
	for i := range sealed {
		for bit := range 8 {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1 << bit
			plain, err := ring.Open(changed, "p", "x")
			require.Nil(t, plain)
			if i >= 2 && i < 2+len(id) {
				require.ErrorIs(t, err, skans.ErrUnknownKey, "byte %d", i)
			} else if i != 1 { // another length of the id is either: the id is then another one, or too long
				require.ErrorIs(t, err, skans.ErrTampered, "byte %d", i)
			}
			require.Error(t, err)
		}
		_, err := ring.Open(sealed[:i], "p", "x")
		require.ErrorIs(t, err, skans.ErrTampered, "cut to %d", i)
	}
	_, err := ring.Open(append(bytes.Clone(sealed), 0), "p", "x")
	require.ErrorIs(t, err, skans.ErrTampered)
	_, err = ring.Open(append([]byte{1, 255}, make([]byte, 400)...), "p", "x")
	require.ErrorIs(t, err, skans.ErrTampered)
}

func TestSealKeepsThePlainTextAndNeverRepeatsANonce(t *testing.T) {
	ring := newKeyring(t, skans.GenerateKey("a"))
	plain := []byte("plain")
	seen := map[string]bool{}
	for range 10000 {
		nonce := string(ring.Seal(plain, "p")[3:15])
		require.False(t, seen[nonce])
		seen[nonce] = true
	}
	require.Equal(t, "plain", string(plain))
	for _, empty := range [][]byte{nil, {}} {
		opened, err := ring.Open(ring.Seal(empty, "p"), "p")
		require.NoError(t, err)
		require.NotNil(t, opened)
		require.Empty(t, opened)
	}
}

// More purposes than are remembered are slower and not wrong, and a call from many goroutines at once is one answer.
func TestManyPurposesAtOnce(t *testing.T) {
	key, master := counting(t, "a", 7)
	ring := newKeyring(t, key, skans.GenerateKey("b"))
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i := range 1100 {
				purpose := string(binary.BigEndian.AppendUint16(nil, uint16(i)))
				want := hmac.New(sha256.New, hkdfSHA256(master, nil, "skans/v1/mac/"+purpose, 32))
				if !bytes.Equal(want.Sum(nil), ring.MAC(purpose)) {
					t.Error("wrong MAC", i)
				}
			}
		})
	}
	group.Wait()
}

// Buffers and hash states are used again by other goroutines; none may show through.
func TestKeyringInManyGoroutines(t *testing.T) {
	ring := newKeyring(t, skans.GenerateKey("a"), skans.GenerateKey("b"))
	v := newVault(t, skans.VaultConfig{Keys: ring, CacheSize: 2})
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			own := strings.Repeat(string(rune('a'+worker)), 100*worker+1)
			for range 200 {
				mac, sealed := ring.MAC("p", own), ring.Seal([]byte(own), "p", own)
				plain, err := ring.Open(sealed, "p", own)
				if !ring.VerifyMAC(mac, "p", own) || err != nil || string(plain) != own {
					t.Error("keyring mixes up its callers")
				}
				at := skans.At{Subject: "subject" + own[:1], Table: "t", Column: own, Row: "1"}
				sealed, err = v.Seal(context.Background(), at, []byte(own))
				if err != nil {
					t.Error(err)
				}
				if plain, err = v.Open(context.Background(), at, sealed); err != nil || string(plain) != own {
					t.Error("vault mixes up its callers")
				}
			}
		})
	}
	group.Wait()
}

func FuzzOpen(f *testing.F) {
	ring := newKeyring(f, skans.GenerateKey("a"), skans.GenerateKey("older"))
	sealed := ring.Seal([]byte("plain"), "p", "x")
	f.Add([]byte{}, "p", "x")
	f.Add([]byte{1}, "p", "x")
	f.Add([]byte{1, 0}, "p", "x")
	f.Add([]byte{1, 32}, "p", "x")
	f.Add([]byte{1, 255}, "p", "x")
	f.Add(append([]byte{1, 5, 'o', 'l', 'd', 'e', 'r'}, make([]byte, 28)...), "p", "x")
	f.Add(sealed, "p", "x")
	f.Add(sealed, "px", "")
	f.Add(sealed[:len(sealed)-1], "p", "x")
	f.Fuzz(func(t *testing.T, value []byte, purpose, bound string) {
		plain, err := ring.Open(value, purpose, bound)
		ours := bytes.Equal(value, sealed) && purpose == "p" && bound == "x"
		require.Equal(t, ours, err == nil)
		require.Equal(t, ours, plain != nil)
		again, err := ring.Open(ring.Seal(value, purpose, bound), purpose, bound)
		require.NoError(t, err)
		require.True(t, bytes.Equal(value, again))
	})
}
