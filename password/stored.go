package password

import (
	"crypto/subtle"
	"encoding/base64"
	"strings"
)

// stored is what a row holds, parsed: an Argon2 hash, a legacy hash, or an Argon2id hash over a legacy digest.
type stored struct {
	phc     *phc // nil for a bare legacy hash
	legacy  *digest
	foreign bool // an Argon2 hash that another system wrote
	sealed  bool
	oldKey  bool // sealed, but not by the current key
}

// The forms beside the PHC format. Sealed: "$sealed$" and base64 of the sealed text. Wrapped: "$wrapped$", base64 of
// the legacy settings, and the PHC string of Argon2id over the legacy digest.
const (
	sealedPrefix  = "$sealed$"
	wrappedPrefix = "$wrapped$"
	sealPurpose   = "password.hash"
	maxStored     = 2048
)

// open unseals and parses enc. The reason is for the audit log, and empty when all is well.
func (h *Hasher) open(subject, enc string) (s *stored, reason string) {
	if len(enc) > maxStored {
		return nil, "too long"
	}
	body, sealed := strings.CutPrefix(enc, sealedPrefix)
	oldKey := false
	switch {
	case !sealed && h.cfg.SealedOnly:
		return nil, "not sealed"
	case sealed && h.cfg.Keys == nil:
		return nil, "no keys"
	case sealed:
		box, err := base64.RawURLEncoding.Strict().DecodeString(body)
		if err != nil || base64.RawURLEncoding.EncodeToString(box) != body {
			return nil, "malformed"
		}
		inner, err := h.cfg.Keys.Open(box, sealPurpose, subject)
		if err != nil {
			return nil, "seal"
		}
		body, oldKey = string(inner), keyID(box) != h.cfg.Keys.IDs()[0]
	}
	if s = h.parse(body); s == nil {
		return nil, "malformed"
	}
	s.sealed, s.oldKey = sealed, oldKey
	return s, ""
}

// keyID reads the id that the sealed format carries in clear after its version and length bytes.
func keyID(box []byte) string { return string(box[2 : 2+int(box[1])]) }

func (h *Hasher) seal(subject, inner string) string {
	if h.cfg.Keys == nil {
		return inner
	}
	return sealedPrefix + base64.RawURLEncoding.EncodeToString(h.cfg.Keys.Seal([]byte(inner), sealPurpose, subject))
}

func (h *Hasher) parse(enc string) *stored {
	if rest, ok := strings.CutPrefix(enc, wrappedPrefix); ok {
		return h.parseWrapped(rest)
	}
	variant, django := strings.CutPrefix(enc, "argon2$")
	if django && h.accepts(Argon2i) {
		enc = "$" + variant
	}
	if p, ok := parsePHC(enc, h.memory); ok {
		if p.independent && !h.accepts(Argon2i) {
			return nil
		}
		return &stored{phc: p, foreign: p.independent || django}
	}
	d := h.parseLegacy(enc)
	if d == nil || (d.kind >= MD5 && !h.accepts(InsecureBareMD5)) {
		return nil
	}
	return &stored{legacy: d}
}

func (h *Hasher) parseWrapped(rest string) *stored {
	settings, phcText, ok := strings.Cut(rest, "$")
	raw, ok2 := decode64(settings, 1, maxPHC)
	if !ok || !ok2 {
		return nil
	}
	p, ok := parsePHC("$"+phcText, h.memory)
	d := h.parseSettings(string(raw))
	if !ok || p.independent || d == nil {
		return nil
	}
	return &stored{phc: p, legacy: d}
}

// memory returns the KiB that a verification takes.
func (s *stored) memory() uint64 {
	n := uint64(0)
	if s.phc != nil {
		n = uint64(s.phc.memory)
	}
	if s.legacy != nil {
		n = max(n, s.legacy.memory)
	}
	return n
}

// verify compares within a turn. cut reports that the legacy format looked at a part of the password only.
func (s *stored) verify(h *Hasher, text []byte, plain string) (match, cut bool) {
	if s.legacy == nil {
		return s.phc.matches(text), false
	}
	for _, spelling := range spellings(text, plain) {
		sum := s.legacy.sum(spelling)
		if s.phc != nil {
			match = s.phc.matches(sum)
		} else {
			match = subtle.ConstantTimeCompare(sum, s.legacy.tag) == 1
		}
		if match {
			return true, s.legacy.limit > 0 && len(spelling) > s.legacy.limit
		}
	}
	if s.phc == nil { // a miss must not be cheaper than that of a name which does not exist
		h.dummy.matches(text)
	}
	return false, false
}
