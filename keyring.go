package skans

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"strings"
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
//
// The keys hide behind a function, for the reason that is told at [Secret]: dumpers look into every field.
type Keyring struct {
	open func() *ring
}

// A ring is what a Keyring hides.
type ring struct {
	keys  []Key // current first
	byID  map[string]int
	cache subkeyCache
}

// NewKeyring returns a keyring in which current makes new values and the older keys still verify and open theirs.
// It refuses keys of an invalid id or weak bytes, and two keys of one id or with the same bytes.
func NewKeyring(current Key, older ...Key) (*Keyring, error) {
	r := &ring{keys: append([]Key{current}, older...), byID: make(map[string]int, 1+len(older))}
	for i, key := range r.keys {
		if err := key.check(); err != nil {
			return nil, err
		}
		if _, ok := r.byID[key.id]; ok {
			return nil, fmt.Errorf("skans: two keys have the id %q; every key needs its own", key.id)
		}
		for _, other := range r.keys[:i] {
			if hmac.Equal(other.bytes(), key.bytes()) {
				return nil, fmt.Errorf("skans: keys %q and %q have the same bytes; generate a new key", other.id, key.id)
			}
		}
		r.byID[key.id] = i
	}
	return &Keyring{open: func() *ring { return r }}, nil
}

func (k *Keyring) ring() *ring {
	if k == nil || k.open == nil {
		panic("skans: a Keyring comes from NewKeyring, ParseKeyring or OpenKeyringFile")
	}
	return k.open()
}

// MAC returns HMAC-SHA-256 (32 bytes) over the parts under the current key. Each part is preceded by its length, so
// that ("ab", "c") and ("a", "bc") differ.
func (k *Keyring) MAC(purpose string, parts ...string) []byte {
	return k.ring().subkeys(0, purpose).mac(make([]byte, 0, sha256.Size), parts)
}

// VerifyMAC reports whether mac is what [Keyring.MAC] returned for the same purpose and parts under any live key. It
// always tries all keys, each in constant time.
func (k *Keyring) VerifyMAC(mac []byte, purpose string, parts ...string) bool {
	ok := false
	r := k.ring()
	var sum [sha256.Size]byte
	for i := range r.keys {
		ok = hmac.Equal(mac, r.subkeys(i, purpose).mac(sum[:0], parts)) || ok
	}
	return ok
}

// MACs yields the MAC under every live key, the current one first: to find a value that is stored by its keyed hash.
func (k *Keyring) MACs(purpose string, parts ...string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		r := k.ring()
		for i := range r.keys {
			if !yield(r.subkeys(i, purpose).mac(make([]byte, 0, sha256.Size), parts)) {
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
	r := k.ring()
	id := r.keys[0].id
	header := append(append(make([]byte, 0, 2+maxKeyID), sealVersion, byte(len(id))), id...)
	out, aad := inOne(len(header)+sealOverhead+len(plain), header, bound...)
	return r.subkeys(0, purpose).aead.Seal(append(out, header...), nil, plain, aad)
}

// Open decrypts what [Keyring.Seal] returned. The key id in the value selects the key. It returns [ErrTampered] or
// [ErrUnknownKey], and then no bytes.
func (k *Keyring) Open(sealed []byte, purpose string, bound ...string) ([]byte, error) {
	id, ok := sealedBy(sealed)
	if !ok {
		return nil, ErrTampered
	}
	r := k.ring()
	i := 0
	if string(id) != r.keys[0].id { // mostly it is the current key
		if i, ok = r.byID[string(id)]; !ok {
			return nil, ErrUnknownKey
		}
	}
	header := 2 + len(id)
	dst, aad := inOne(len(sealed)-header-sealOverhead, sealed[:header], bound...)
	plain, err := r.subkeys(i, purpose).aead.Open(dst, nil, sealed[header:], aad)
	if err != nil {
		return nil, ErrTampered
	}
	return plain, nil
}

// sealedBy returns the key id in the header of a sealed value, if it is long enough to be one.
func sealedBy(sealed []byte) (id []byte, ok bool) {
	if len(sealed) < 2 || sealed[0] != sealVersion || sealed[1] == 0 || int(sealed[1]) > maxKeyID {
		return nil, false
	}
	header := 2 + int(sealed[1])
	if len(sealed) < header+sealOverhead {
		return nil, false
	}
	return sealed[2:header], true
}

// current reports whether a sealed value names the current key.
func (k *Keyring) current(sealed []byte) bool {
	id, ok := sealedBy(sealed)
	return ok && string(id) == k.ring().keys[0].id
}

// Signer returns the Ed25519 key (RFC 8032) of a purpose under the current master key.
func (k *Keyring) Signer(purpose string) ed25519.PrivateKey {
	return k.ring().subkeys(0, purpose).signer()
}

// SigningKeys returns the Ed25519 keys of a purpose under every live master key, the current one first.
func (k *Keyring) SigningKeys(purpose string) []ed25519.PrivateKey {
	r := k.ring()
	all := make([]ed25519.PrivateKey, len(r.keys))
	for i := range r.keys {
		all[i] = r.subkeys(i, purpose).signer()
	}
	return all
}

// IDs returns the ids of the keys, the current one first.
func (k *Keyring) IDs() []string {
	r := k.ring()
	ids := make([]string, len(r.keys))
	for i, key := range r.keys {
		ids[i] = key.id
	}
	return ids
}

// Describe returns the keys and what is done with them, one line each, for a golden file or an inventory of
// cryptography. It tells no secret.
func (k *Keyring) Describe() string {
	var b strings.Builder
	for i, id := range k.IDs() {
		state := "verifies and opens"
		if i == 0 {
			state = "current"
		}
		fmt.Fprintf(&b, "key      %s (256 bits, %s)\n", id, state)
	}
	b.WriteString("subkeys  HKDF-SHA-256, one for each operation and purpose\n" +
		"MAC      HMAC-SHA-256, 256 bits\n" +
		"Seal     AES-256-GCM, random 96-bit nonce, format 1\n" +
		"Signer   Ed25519\n")
	return b.String()
}

// String names the keys and shows none of their bytes.
func (k *Keyring) String() string {
	if k == nil || k.open == nil {
		return "keyring []"
	}
	return fmt.Sprintf("keyring %v", k.IDs())
}

// Format writes the ids only, whatever the verb.
func (k *Keyring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue returns the ids only.
func (k *Keyring) LogValue() slog.Value { return slog.StringValue(k.String()) }
