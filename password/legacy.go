package password

import (
	"context"
	"slices"
	"strings"
)

// A Legacy is an older format that Verify may accept. A success comes back as an Argon2id hash to store.
type Legacy uint8

const (
	_ Legacy = iota
	// Bcrypt is "$2a$", "$2b$" or "$2y$" with a cost of 4 to 15.
	Bcrypt
	// PBKDF2 is PBKDF2-HMAC with SHA-1, SHA-256 or SHA-512 as Django ("pbkdf2_sha256$..."), passlib
	// ("$pbkdf2-sha256$...") and the PHC format ("$pbkdf2-sha256$i=...") write it, of at most 2,097,152 rounds.
	PBKDF2
	// Scrypt is scrypt (RFC 7914) as passlib, the PHC format ("$scrypt$ln=16,r=8,p=1$...") and Django write it, within
	// MaxMemory.
	Scrypt
	// Argon2i is "$argon2i$v=19$...", and either variant with Django's "argon2" in front.
	Argon2i
	// MD5 is a bare or salted MD5 in hex, verified only inside a hash that [Hasher.Wrap] made of it. Salted: Django's
	// "md5$salt$hex" (salt first); "hex:salt" needs [MD5SaltFirst] or [MD5SaltLast].
	MD5
	// MD5SaltFirst declares that "hex:salt" is MD5 of the salt followed by the password. It includes MD5.
	MD5SaltFirst
	// MD5SaltLast declares that "hex:salt" is MD5 of the password followed by the salt. It includes MD5.
	MD5SaltLast
	// InsecureBareMD5 verifies MD5 that has not been wrapped: whoever got the table so far has the passwords.
	InsecureBareMD5
)

var legacies = []Legacy{Bcrypt, PBKDF2, Scrypt, Argon2i, MD5, MD5SaltFirst, MD5SaltLast, InsecureBareMD5}

// digest is a parsed legacy hash.
type digest struct {
	kind     Legacy
	text     string // the hash as it was stored
	settings string // everything but the tag, in our own spelling; see parseSettings
	tag      []byte // nil where it is wrapped
	memory   uint64 // KiB
	limit    int    // bytes of the password that count; 0 means all
	sum      func(password []byte) []byte
}

// accepts reports whether Accept lists the format, or one that includes it.
func (h *Hasher) accepts(kind Legacy) bool {
	includes := func(l Legacy) bool { return l == kind || kind == MD5 && l > MD5 }
	return slices.ContainsFunc(h.cfg.Accept, includes)
}

// Wrap returns an Argon2id hash over a legacy hash. It needs no password, so a whole table can be wrapped offline
// today, and Verify turns each row into a plain Argon2id hash when its owner signs in. The format must be in
// Config.Accept. It returns [ErrHash] for anything else, Argon2 included, and [ErrBusy].
func (h *Hasher) Wrap(ctx context.Context, subject, legacy string) (string, error) {
	d := h.parseLegacy(legacy)
	if d == nil {
		return "", ErrHash
	}
	if err := h.owned(subject); err != nil {
		return "", err
	}
	if err := h.turn(ctx, subject, uint64(h.cost.memory)); err != nil {
		return "", err
	}
	defer h.limiter.release(uint64(h.cost.memory))
	wrapped := wrappedPrefix + encode64([]byte(d.settings)) + h.fresh(d.tag).encode()
	return h.seal(subject, wrapped), nil
}

// Reseal seals an unsealed hash, or one sealed under an older key, with the current key, offline and without the
// password. It returns [ErrHash] for what it cannot open, and for every hash when there are no Keys or no subject.
func (h *Hasher) Reseal(subject, enc string) (string, error) {
	if h.cfg.Keys == nil || subject == "" {
		return "", ErrHash
	}
	s, reason := h.open(subject, enc)
	if reason != "" {
		return "", ErrHash
	}
	if s.sealed && !s.oldKey {
		return enc, nil
	}
	return h.seal(subject, s.encode()), nil
}

// encode writes what parse read.
func (s *stored) encode() string {
	switch {
	case s.legacy == nil:
		return s.phc.encode()
	case s.phc != nil:
		return wrappedPrefix + encode64([]byte(s.legacy.settings)) + s.phc.encode()
	default:
		return s.legacy.text
	}
}

// parseLegacy reads a bare legacy hash of a kind that Accept lists. parseSettings below reads one without its tag.
func (h *Hasher) parseLegacy(enc string) *digest {
	if len(enc) > maxPHC {
		return nil
	}
	for _, parse := range []func(string) *digest{parseBcrypt, h.parsePBKDF2, h.parseScrypt, h.parseMD5} {
		if d := parse(enc); d != nil && h.accepts(d.kind) {
			d.text = enc
			return d
		}
	}
	return nil
}

// parseSettings reads the settings of a wrapped hash: the name of the format and its parameters between colons.
func (h *Hasher) parseSettings(settings string) *digest {
	name, rest, _ := strings.Cut(settings, ":")
	f := strings.Split(rest, ":")
	var d *digest
	switch {
	case name == "bcrypt" && len(f) == 2:
		d = newBcrypt(f[0], f[1])
	case name == "pbkdf2" && len(f) == 4:
		d = newPBKDF2(f[0], f[1], f[2], f[3])
	case name == "scrypt" && len(f) == 5:
		d = newScrypt(f[0], f[1], f[2], f[3], f[4], h.memory)
	case name == "md5" && len(f) == 2:
		d = newMD5(f[0], f[1])
	}
	if d == nil || d.settings != settings || !h.accepts(d.kind) {
		return nil
	}
	return d
}
