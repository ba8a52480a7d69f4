package skans

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"iter"
	"sync"
)

var (
	// ErrTampered says that sealed bytes are not what this keyring sealed for this purpose and these bound parts:
	// changed, cut, moved from elsewhere, or of a version that it does not know.
	ErrTampered = errors.New("skans: sealed value was changed or does not belong here")
	// ErrUnknownKey says that a value was made with a key that is not, or no longer, in the keyring.
	ErrUnknownKey = errors.New("skans: value was made with a key that is not in the keyring")
)

// A Keyring is an ordered set of master keys. The first makes new values; all of them verify and open old ones.
//
// No master key touches data. Each use gets a subkey of its own by HKDF-SHA-256 (RFC 5869), named by the operation and
// a purpose such as "session.token", so that bytes made for one purpose mean nothing for another. A purpose is a
// constant of the calling program. A Keyring is immutable and safe for concurrent use.
type Keyring struct {
	keys  []Key // current first
	byID  map[string]int
	cache subkeyCache
}

// NewKeyring returns a keyring in which current makes new values and the older keys still verify and open theirs.
// It refuses keys of an invalid id or weak bytes, and two keys of one id or with the same bytes.
func NewKeyring(current Key, older ...Key) (*Keyring, error) {
	ring := &Keyring{keys: append([]Key{current}, older...), byID: make(map[string]int, 1+len(older))}
	for i, key := range ring.keys {
		if err := key.check(); err != nil {
			return nil, err
		}
		if _, ok := ring.byID[key.id]; ok {
			return nil, fmt.Errorf("skans: two keys have the id %q; every key needs its own", key.id)
		}
		for _, other := range ring.keys[:i] {
			if hmac.Equal(other.master[:], key.master[:]) {
				return nil, fmt.Errorf("skans: keys %q and %q have the same bytes; generate a new key", other.id, key.id)
			}
		}
		ring.byID[key.id] = i
	}
	return ring, nil
}

// MAC returns HMAC-SHA-256 (32 bytes) over the parts under the current key. Each part is preceded by its length, so
// that ("ab", "c") and ("a", "bc") differ.
func (k *Keyring) MAC(purpose string, parts ...string) []byte {
	return k.cache.get(k, 0, purpose).mac(parts)
}

// VerifyMAC reports whether mac is what [Keyring.MAC] returned for the same purpose and parts under any live key. It
// always tries all keys, each in constant time.
func (k *Keyring) VerifyMAC(mac []byte, purpose string, parts ...string) bool {
	ok := false
	for want := range k.MACs(purpose, parts...) {
		ok = hmac.Equal(mac, want) || ok
	}
	return ok
}

// MACs yields the MAC under every live key, the current one first: to find a value that is stored by its keyed hash.
func (k *Keyring) MACs(purpose string, parts ...string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := range k.keys {
			if !yield(k.cache.get(k, i, purpose).mac(parts)) {
				return
			}
		}
	}
}

// The sealed format: version (1 byte), length of the key id (1 byte), key id, then nonce (12 bytes), ciphertext and tag
// (16 bytes) of AES-256-GCM. Everything before the nonce is additional data, together with the bound parts.
const (
	sealVersion  = 1
	sealOverhead = 12 + 16
)

// Seal encrypts plain with AES-256-GCM under a random nonce and the current key. The result opens only with the same
// purpose and the same bound parts, which say where it belongs: a table, a column, a user. It is
// 30 bytes and the key id longer than plain. One key seals at most 2^32 values a purpose (NIST SP 800-38D, 8.3); rotate before.
func (k *Keyring) Seal(plain []byte, purpose string, bound ...string) []byte {
	id := k.keys[0].id
	out := make([]byte, 0, 2+len(id)+sealOverhead+len(plain))
	out = append(out, sealVersion, byte(len(id)))
	out = append(out, id...)
	var scratch [256]byte
	return k.cache.get(k, 0, purpose).aead.Seal(out, nil, plain, additionalData(scratch[:0], out, bound))
}

// Open decrypts what [Keyring.Seal] returned. The key id in the value selects the key. It returns [ErrTampered] or
// [ErrUnknownKey], and then no bytes.
func (k *Keyring) Open(sealed []byte, purpose string, bound ...string) ([]byte, error) {
	if len(sealed) < 2 || sealed[0] != sealVersion || sealed[1] == 0 || int(sealed[1]) > maxKeyID {
		return nil, ErrTampered
	}
	header := 2 + int(sealed[1])
	if len(sealed) < header+sealOverhead {
		return nil, ErrTampered
	}
	i, ok := k.byID[string(sealed[2:header])]
	if !ok {
		return nil, ErrUnknownKey
	}
	var scratch [256]byte
	aad := additionalData(scratch[:0], sealed[:header], bound)
	plain, err := k.cache.get(k, i, purpose).aead.Open(nil, nil, sealed[header:], aad)
	if err != nil {
		return nil, ErrTampered
	}
	if plain == nil {
		plain = []byte{}
	}
	return plain, nil
}

// Signer returns the Ed25519 key (RFC 8032) of a purpose under the current master key.
func (k *Keyring) Signer(purpose string) ed25519.PrivateKey {
	return k.cache.get(k, 0, purpose).sign
}

// SigningKeys returns the Ed25519 keys of a purpose under every live master key, the current one first.
func (k *Keyring) SigningKeys(purpose string) []ed25519.PrivateKey {
	all := make([]ed25519.PrivateKey, len(k.keys))
	for i := range k.keys {
		all[i] = k.cache.get(k, i, purpose).sign
	}
	return all
}

// IDs returns the ids of the keys, the current one first.
func (k *Keyring) IDs() []string {
	ids := make([]string, len(k.keys))
	for i, key := range k.keys {
		ids[i] = key.id
	}
	return ids
}

// String names the keys and shows none of their bytes.
func (k *Keyring) String() string { return fmt.Sprintf("keyring %v", k.IDs()) }

// additionalData appends header and the length-prefixed bound parts to dst.
func additionalData(dst, header []byte, bound []string) []byte {
	dst = append(dst, header...)
	for _, part := range bound {
		dst = binary.BigEndian.AppendUint64(dst, uint64(len(part)))
		dst = append(dst, part...)
	}
	return dst
}

// subkeys are what one master key yields for one purpose.
type subkeys struct {
	macs sync.Pool // of hash.Hash: a reset HMAC costs half of a new one
	aead cipher.AEAD
	sign ed25519.PrivateKey
}

func newSubkeys(master []byte, purpose string) *subkeys {
	macKey := derive(master, "mac", purpose)
	aead, err := cipher.NewGCMWithRandomNonce(mustAES(derive(master, "seal", purpose)))
	if err != nil {
		panic("skans: " + err.Error()) // only for a block size that AES does not have
	}
	s := &subkeys{aead: aead, sign: ed25519.NewKeyFromSeed(derive(master, "sign", purpose))}
	s.macs.New = func() any { return hmac.New(sha256.New, macKey) }
	return s
}

func (s *subkeys) mac(parts []string) []byte {
	h := s.macs.Get().(hash.Hash)
	h.Reset()
	var scratch [256]byte
	h.Write(additionalData(scratch[:0], nil, parts))
	sum := h.Sum(make([]byte, 0, sha256.Size))
	s.macs.Put(h)
	return sum
}

// derive returns a 256-bit subkey for one operation and purpose. The operation is part of the name, so that no bytes
// ever serve two algorithms.
func derive(master []byte, operation, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, master, nil, "skans/v1/"+operation+"/"+purpose, sha256.Size)
	if err != nil {
		panic("skans: " + err.Error()) // only for an output longer than HKDF can make
	}
	return key
}

func mustAES(key []byte) cipher.Block {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("skans: " + err.Error()) // only for a key length that AES does not have
	}
	return block
}

// subkeyCache remembers the subkeys of each key and purpose.
type subkeyCache struct {
	mu   sync.RWMutex
	keys map[cacheKey]*subkeys
}

type cacheKey struct {
	index   int
	purpose string
}

// maxCached bounds the cache, should a host make purposes out of what a request says. Purposes beyond it are derived
// anew at each call: slower, not wrong.
const maxCached = 4096

func (c *subkeyCache) get(k *Keyring, index int, purpose string) *subkeys {
	at := cacheKey{index, purpose}
	c.mu.RLock()
	s := c.keys[at]
	c.mu.RUnlock()
	if s != nil {
		return s
	}
	s = newSubkeys(k.keys[index].master[:], purpose)
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.keys[at]; known != nil {
		return known
	}
	if c.keys == nil {
		c.keys = make(map[cacheKey]*subkeys)
	}
	if len(c.keys) < maxCached {
		c.keys[at] = s
	}
	return s
}
