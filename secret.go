package skans

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// shown is what a Secret says of itself, whoever asks.
const shown = "[secret]"

// A Secret holds a string that must not be printed: a password, a token, a code. Every formatting verb, logger and
// encoder gets "[secret]"; [Secret.Reveal] is the only way to the value. The zero value holds the empty string.
//
// The string hides behind a function. A struct that has a Secret in an unexported field is printed by fmt through
// reflection, without asking the Secret's methods, and a dumper that follows pointers would find the text; neither can
// look into a function. It also keeps two secrets from being compared with ==, which takes time that tells how much
// of them agrees; use [Secret.Equal].
type Secret struct {
	reveal func() string
}

// NewSecret wraps value.
func NewSecret(value string) Secret {
	return Secret{reveal: func() string { return value }}
}

// Reveal returns the value itself.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// Equal reports whether both hold the same string, in time that depends only on their lengths.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// String returns "[secret]".
func (s Secret) String() string { return shown }

// GoString returns "[secret]", for %#v.
func (s Secret) GoString() string { return shown }

// Format writes "[secret]" whatever the verb and flags: %x or %q of a password is a password.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, shown) }

// LogValue returns "[secret]" to log/slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(shown) }

// MarshalText returns "[secret]"; XML, YAML and map keys go through it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(shown), nil }

// MarshalJSON returns "[secret]" as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + shown + `"`), nil }
