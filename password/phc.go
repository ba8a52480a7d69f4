package password

import (
	"crypto/subtle"
	"encoding/base64"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The bounds of what is read from a database, in bytes. RFC 9106 asks for 8 bytes of salt at least, and a tag under 12
// could be met by chance often enough to matter.
const (
	maxPHC           = 512
	minSalt, maxSalt = 8, 48
	minTag, maxTag   = 12, 64
	newSalt, newTag  = 16, 32 // RFC 9106, section 4
)

const (
	argon2idPrefix = "$argon2id$"
	argon2iPrefix  = "$argon2i$"
	argon2Version  = "v=19"
)

// phc is an Argon2 hash in the PHC string format.
type phc struct {
	cost
	independent bool // Argon2i
	salt, tag   []byte
}

// parsePHC reads an Argon2id or Argon2i hash of version 19. It accepts only what [phc.encode] writes, so that a hash
// has one spelling, and no parameters beyond maxMemory (KiB).
func parsePHC(enc string, maxMemory uint64) (*phc, bool) {
	if len(enc) > maxPHC {
		return nil, false
	}
	var h phc
	rest, ok := strings.CutPrefix(enc, argon2idPrefix)
	if !ok {
		if rest, ok = strings.CutPrefix(enc, argon2iPrefix); !ok {
			return nil, false
		}
		h.independent = true
	}
	parts := strings.Split(rest, "$")
	if len(parts) != 4 || parts[0] != argon2Version {
		return nil, false
	}
	var err error
	if h.cost, err = Params(parts[1]).parse(); err != nil || uint64(h.memory) > maxMemory {
		return nil, false
	}
	if h.salt, ok = decode64(parts[2], minSalt, maxSalt); !ok {
		return nil, false
	}
	if h.tag, ok = decode64(parts[3], minTag, maxTag); !ok {
		return nil, false
	}
	return &h, true
}

func (h *phc) encode() string {
	name := argon2idPrefix
	if h.independent {
		name = argon2iPrefix
	}
	return name + argon2Version + "$" + h.cost.String() + "$" + encode64(h.salt) + "$" + encode64(h.tag)
}

// derive runs Argon2 over the password at this hash's parameters.
func (h *phc) derive(password []byte) []byte {
	if h.independent {
		return argon2.Key(password, h.salt, h.passes, h.memory, h.lanes, uint32(len(h.tag)))
	}
	return argon2.IDKey(password, h.salt, h.passes, h.memory, h.lanes, uint32(len(h.tag)))
}

func (h *phc) matches(password []byte) bool {
	return subtle.ConstantTimeCompare(h.derive(password), h.tag) == 1
}

func encode64(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }

// decode64 reads unpadded base64 of minimum to maximum bytes. Encoding it again shows what the decoder lets through
// even when it is strict: line breaks.
func decode64(s string, minimum, maximum int) ([]byte, bool) {
	if n := base64.RawStdEncoding.DecodedLen(len(s)); n < minimum || n > maximum {
		return nil, false
	}
	b, err := base64.RawStdEncoding.Strict().DecodeString(s)
	return b, err == nil && len(b) >= minimum && encode64(b) == s
}
