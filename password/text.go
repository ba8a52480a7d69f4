package password

import (
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/unicode/norm"
)

// MaxBytes is the longest password, in bytes of UTF-8: room for 256 characters of any script.
const MaxBytes = 1024

// normal returns what is hashed: the text itself, composed (Unicode NFC, as NIST SP 800-63B, 3.1.1.2 and RFC 8265
// have it) unless AsReceived is set. Nothing is trimmed, folded or cut.
func (h *Hasher) normal(plain string) (string, bool) {
	if plain == "" || len(plain) > MaxBytes || !utf8.ValidString(plain) {
		return "x", false
	}
	if h.cfg.AsReceived {
		return plain, true
	}
	return norm.NFC.String(plain), true
}

// spellings returns the byte strings that an older system may have hashed for the same password: as typed, composed,
// and in Windows-1252, which the Nordic databases of the 2000s were full of.
func spellings(text []byte, plain string) [][]byte {
	all := [][]byte{text}
	if string(text) != plain {
		all = append(all, []byte(plain))
	}
	if b, err := charmap.Windows1252.NewEncoder().Bytes(text); err == nil && string(b) != string(text) {
		all = append(all, b)
	}
	return all
}
