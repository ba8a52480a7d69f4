package skans

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

const (
	keySize  = 32
	maxKeyID = 32
)

// A Key is a 256-bit master key with a short public id. It prints as its id. The bytes hide behind a function, for the
// reason that is told at [Secret]. The zero Key is none and is refused by [NewKeyring].
type Key struct {
	id     string
	reveal func() [keySize]byte
}

// GenerateKey returns a new random key. The id (1 to 32 ASCII letters, digits, '.', '_' or '-') travels in clear with
// every sealed value; a date does well. An invalid id is reported by [NewKeyring].
func GenerateKey(id string) Key {
	var master [keySize]byte
	_, _ = rand.Read(master[:]) // never fails: crypto/rand ends the program instead
	return hide(id, master)
}

// NewKey returns a key of exactly 32 bytes that were made elsewhere, by a hardware module or a secret manager.
func NewKey(id string, master []byte) (Key, error) {
	if len(master) != keySize {
		return Key{}, fmt.Errorf("skans: a key has %d bytes, not %d", keySize, len(master))
	}
	key := hide(id, [keySize]byte(master))
	if err := key.check(); err != nil {
		return Key{}, err
	}
	return key, nil
}

func hide(id string, master [keySize]byte) Key {
	return Key{id: id, reveal: func() [keySize]byte { return master }}
}

// bytes returns the key itself.
func (k Key) bytes() []byte {
	var master [keySize]byte // all zero for the zero Key
	if k.reveal != nil {
		master = k.reveal()
	}
	return master[:]
}

// ID returns the id.
func (k Key) ID() string { return k.id }

// check refuses what cannot be a key: an id that would not survive the key file, or bytes that nobody drew at random.
func (k Key) check() error {
	if k.id == "" || len(k.id) > maxKeyID || strings.Trim(k.id, idAlphabet) != "" {
		return errors.New("skans: a key id has 1 to 32 letters, digits, '.', '_' or '-'")
	}
	distinct := map[byte]bool{}
	for _, b := range k.bytes() {
		distinct[b] = true
	}
	if len(distinct) < 8 { // 32 random bytes have fewer with a chance of about 10^-36
		return fmt.Errorf("skans: key %q is not random; make one with CreateKeyringFile or GenerateKey", k.id)
	}
	return nil
}

const idAlphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

// String returns the id only.
func (k Key) String() string { return "key " + k.id }

// Format writes the id only, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue returns the id only.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// line returns the key as a line of a key file.
func (k Key) line() string {
	return k.id + ":" + base64.StdEncoding.EncodeToString(k.bytes()) + "\n"
}
