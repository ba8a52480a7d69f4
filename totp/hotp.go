package totp

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
)

// An Algorithm is the hash inside HMAC (RFC 6238, 1.2).
type Algorithm uint8

const (
	// SHA1 is the zero value: the only one that every authenticator app knows. Collisions in SHA-1 do not touch HMAC.
	SHA1 Algorithm = iota
	// SHA256 and SHA512 are for apps that are known to read the algorithm in the provisioning URI; many ignore it
	// and then show codes that never match.
	SHA256
	SHA512
)

// String returns the name as provisioning URIs write it.
func (a Algorithm) String() string {
	switch a {
	case SHA1:
		return "SHA1"
	case SHA256:
		return "SHA256"
	case SHA512:
		return "SHA512"
	}
	return "unknown"
}

// stepSeconds is the time step X of RFC 6238, 4.1. Authenticator apps ignore other values.
const stepSeconds = 30

// A shared is the secret and parameters that an authenticator app has too.
type shared struct {
	secret    []byte
	algorithm Algorithm
	digits    int
}

// powers[d] is 10^d: what dynamic truncation is reduced by for d digits.
var powers = [...]uint32{6: 1_000_000, 7: 10_000_000, 8: 100_000_000}

// value returns the HOTP value of a counter (RFC 4226, 5.3).
func (s *shared) value(counter uint64) uint32 {
	var msg [8]byte
	binary.BigEndian.PutUint64(msg[:], counter)
	switch s.algorithm {
	case SHA256:
		sum := hmacSHA256(s.secret, &msg)
		return truncate(sum[:], s.digits)
	case SHA512:
		sum := hmacSHA512(s.secret, &msg)
		return truncate(sum[:], s.digits)
	default:
		sum := hmacSHA1(s.secret, &msg)
		return truncate(sum[:], s.digits)
	}
}

// find returns the newest step of [first, last] whose value is code. It computes every step and compares in constant
// time, so that the time does not tell which step, or how much of the code, was right.
func (s *shared) find(code uint32, first, last int64) (step int64, ok bool) {
	found := 0
	for at := first; at <= last; at++ {
		same := subtle.ConstantTimeEq(int32(s.value(uint64(at))), int32(code))
		// ConstantTimeSelect would cut a step to an int; a mask keeps all 64 bits.
		mask := -int64(same)
		step = step&^mask | at&mask
		found |= same
	}
	return step, found == 1
}

// truncate is the dynamic truncation of RFC 4226, 5.3.
func truncate(sum []byte, digits int) uint32 {
	offset := sum[len(sum)-1] & 0xf
	return binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff % powers[digits]
}

// The three HMACs (RFC 2104) work on arrays that stay on the stack: crypto/hmac allocates two hashes and their buffers
// for every message, which is most of what a verification costs. A secret is never longer than a block; see newShared.

func hmacSHA1(key []byte, msg *[8]byte) [sha1.Size]byte {
	var inner [sha1.BlockSize + 8]byte
	var outer [sha1.BlockSize + sha1.Size]byte
	pad(inner[:sha1.BlockSize], outer[:sha1.BlockSize], key)
	copy(inner[sha1.BlockSize:], msg[:])
	sum := sha1.Sum(inner[:])
	copy(outer[sha1.BlockSize:], sum[:])
	return sha1.Sum(outer[:])
}

func hmacSHA256(key []byte, msg *[8]byte) [sha256.Size]byte {
	var inner [sha256.BlockSize + 8]byte
	var outer [sha256.BlockSize + sha256.Size]byte
	pad(inner[:sha256.BlockSize], outer[:sha256.BlockSize], key)
	copy(inner[sha256.BlockSize:], msg[:])
	sum := sha256.Sum256(inner[:])
	copy(outer[sha256.BlockSize:], sum[:])
	return sha256.Sum256(outer[:])
}

func hmacSHA512(key []byte, msg *[8]byte) [sha512.Size]byte {
	var inner [sha512.BlockSize + 8]byte
	var outer [sha512.BlockSize + sha512.Size]byte
	pad(inner[:sha512.BlockSize], outer[:sha512.BlockSize], key)
	copy(inner[sha512.BlockSize:], msg[:])
	sum := sha512.Sum512(inner[:])
	copy(outer[sha512.BlockSize:], sum[:])
	return sha512.Sum512(outer[:])
}

func pad(inner, outer, key []byte) {
	copy(inner, key)
	copy(outer, key)
	for i := range inner {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
}
