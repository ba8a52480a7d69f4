package skans

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"maps"
	"sync"
	"sync/atomic"
)

// subkeys are what one master key yields for one purpose.
type subkeys struct {
	macs   sync.Pool // of *macState: a reset HMAC costs half of a new one
	aead   cipher.AEAD
	signer func() ed25519.PrivateKey // only a few purposes sign
}

type macState struct {
	hmac hash.Hash
	text []byte
	sum  [sha256.Size]byte
}

func newSubkeys(master []byte, purpose string) *subkeys {
	macKey := derive(master, "mac", purpose)
	seed := derive(master, "sign", purpose)
	s := &subkeys{
		aead:   mustGCM(derive(master, "seal", purpose)),
		signer: sync.OnceValue(func() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(seed) }),
	}
	s.macs.New = func() any { return &macState{hmac: hmac.New(sha256.New, macKey)} }
	return s
}

// maxPooled keeps one long text from staying in memory for good.
const maxPooled = 4 << 10

// mac appends the HMAC of the parts to dst.
func (s *subkeys) mac(dst []byte, parts []string) []byte {
	m := s.macs.Get().(*macState)
	m.text = appendParts(m.text[:0], parts)
	m.hmac.Reset()
	m.hmac.Write(m.text)
	dst = append(dst, m.hmac.Sum(m.sum[:0])...)
	if cap(m.text) <= maxPooled {
		s.macs.Put(m)
	}
	return dst
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

// mustGCM returns AES-256-GCM that draws a random nonce for every message and puts it in front.
func mustGCM(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("skans: " + err.Error()) // only for a key length that AES does not have
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("skans: " + err.Error()) // only for a block size that AES does not have
	}
	return aead
}

// appendParts appends each part after its length.
func appendParts(dst []byte, parts []string) []byte {
	for _, part := range parts {
		dst = binary.BigEndian.AppendUint64(dst, uint64(len(part)))
		dst = append(dst, part...)
	}
	return dst
}

// inOne returns room for n bytes, and behind it in the same memory the additional data: header and the length-prefixed
// parts. Those do not fit the stack, because what a cipher.AEAD does with its arguments is not known to the compiler, and
// a second allocation or a pool takes longer than opening a short value may.
func inOne(n int, header []byte, parts ...string) (dst, aad []byte) {
	size := n + len(header)
	for _, part := range parts {
		size += 8 + len(part)
	}
	all := make([]byte, n, size)
	return all[:0:n], appendParts(append(all, header...), parts)[n:]
}

// subkeyCache remembers the subkeys of each purpose. Reading takes no lock: the map is never changed, only replaced.
type subkeyCache struct {
	mu       sync.Mutex // of writers
	purposes atomic.Pointer[map[string]purposeKeys]
}

// purposeKeys are the subkeys of one purpose, in the order of the master keys; nil where nobody asked yet.
type purposeKeys []atomic.Pointer[subkeys]

// maxCached bounds the cache, should a host make purposes out of what a request says. Purposes beyond it are derived
// anew at each call: slower, not wrong.
const maxCached = 1024

// subkeys returns what the key at index yields for the purpose.
func (r *ring) subkeys(index int, purpose string) *subkeys {
	var known purposeKeys
	if all := r.cache.purposes.Load(); all != nil {
		known = (*all)[purpose]
	}
	if known == nil {
		known = r.cache.add(purpose, len(r.keys))
	}
	if s := known[index].Load(); s != nil {
		return s
	}
	s := newSubkeys(r.keys[index].bytes(), purpose)
	known[index].CompareAndSwap(nil, s) // whoever was first; all are equal
	return s
}

func (c *subkeyCache) add(purpose string, keys int) purposeKeys {
	c.mu.Lock()
	defer c.mu.Unlock()
	larger := map[string]purposeKeys{}
	if all := c.purposes.Load(); all != nil {
		if known := (*all)[purpose]; known != nil {
			return known
		}
		if len(*all) >= maxCached {
			return make(purposeKeys, keys)
		}
		larger = maps.Clone(*all)
	}
	larger[purpose] = make(purposeKeys, keys)
	c.purposes.Store(&larger)
	return larger[purpose]
}
