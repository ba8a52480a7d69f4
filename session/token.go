package session

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
)

// A token is what the cookie holds: the public id (128 bits, 22 letters) and a secret (256 bits from crypto/rand, 43
// letters) in base64url (RFC 4648, section 5) without padding. The id finds the row in one step whatever keys are live
// and never changes; the secret alone authenticates, and a rotation replaces it.
const (
	idLen     = 22
	secretLen = 43
	tokenLen  = idLen + secretLen
)

func randomText(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}

func newID() string { return randomText(16) }

func newToken(id string) string { return id + randomText(32) }

// wellFormed reports whether s can be a token. Everything else is dropped before the store hears of it.
func wellFormed(s string) bool { return len(s) == tokenLen && base64url(s) }

func base64url(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

const (
	purposeToken   = "session.token"
	purposeSeal    = "session.seal"
	purposeCSRF    = "session.csrf"
	purposeAddress = "session.address"
	purposeAgent   = "session.agent"
)

func (m *Manager) hashToken(token string) TokenHash {
	return TokenHash(m.cfg.Keys.MAC(purposeToken, token)[:tokenHashLen])
}

// equal compares the head of a MAC in constant time.
func equal(mac []byte, want string) bool {
	return subtle.ConstantTimeCompare(mac[:len(want)], []byte(want)) == 1
}

// verify finds the part of want, a stored hash, that token makes under any live key.
func (m *Manager) verify(want string, purpose string, parts ...string) bool {
	if equal(m.cfg.Keys.MAC(purpose, parts...), want) {
		return true
	}
	for mac := range m.cfg.Keys.MACs(purpose, parts...) {
		if equal(mac, want) {
			return true
		}
	}
	return false
}

// sealLen is the length of the seal at the head of [Record.Data]: HMAC-SHA-256 cut to 128 bits (RFC 2104, section 5).
const sealLen = 16

// fixed writes the sealed numbers of r as one part.
func (r *Record) fixed() [20]byte {
	var b [20]byte
	binary.BigEndian.PutUint32(b[:], r.Generation)
	binary.BigEndian.PutUint64(b[4:], uint64(r.Since.UnixMilli()))
	binary.BigEndian.PutUint64(b[12:], uint64(r.Deadline.UnixMilli()))
	return b
}

// seal puts the seal in front of body and makes it the data of r.
func (m *Manager) seal(r *Record, body []byte) {
	fixed, text := r.fixed(), string(body)
	mac := m.cfg.Keys.MAC(purposeSeal, r.ID, r.User, string(r.Token[:]), string(fixed[:]), text)
	r.Data = string(mac[:sealLen]) + text
}

// unseal returns the body if this Manager's keys sealed exactly this row.
func (m *Manager) unseal(r *Record) (string, bool) {
	if len(r.Data) < sealLen {
		return "", false
	}
	fixed, body := r.fixed(), r.Data[sealLen:]
	if !m.verify(r.Data[:sealLen], purposeSeal, r.ID, r.User, string(r.Token[:]), string(fixed[:]), body) {
		return "", false
	}
	return body, true
}
