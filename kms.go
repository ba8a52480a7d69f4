package skans

import (
	"context"
	"errors"
	"os"
)

// A KMS wraps the data keys of a [Vault] with a key that never enters the process: a hardware module or a cloud
// service. Implementations are safe for concurrent use. Wrapping the same key twice gives different bytes.
//
// A KMS whose own key is replaced now and then may also have the method Current(wrapped []byte) bool, which reports
// whether wrapped was made with the newest; [Vault.Rewrap] then skips what is done already.
type KMS interface {
	// Wrap encrypts the 32 bytes of a data key. The result is shorter than 4 KiB.
	Wrap(ctx context.Context, key []byte) (wrapped []byte, err error)

	// Unwrap decrypts what Wrap made. It returns an error that wraps [ErrTampered] or [ErrUnknownKey] for bytes that it will
	// never be able to unwrap; any other error means an outage.
	Unwrap(ctx context.Context, wrapped []byte) (key []byte, err error)
}

// A FileKMS is a [KMS] whose key lies in a file beside the service. It is for development and tests of the wiring: it
// protects no better than a [Keyring] in a file.
type FileKMS struct {
	keys *Keyring
}

const kmsPurpose = "skans.kms"

// OpenFileKMS opens the key file at path (see [OpenKeyringFile]) and creates it when there is none.
func OpenFileKMS(path string) (*FileKMS, error) {
	keys, err := CreateKeyringFile(path)
	if errors.Is(err, os.ErrExist) {
		keys, err = OpenKeyringFile(path)
	}
	if err != nil {
		return nil, err
	}
	return &FileKMS{keys}, nil
}

// Wrap implements [KMS].
func (f *FileKMS) Wrap(ctx context.Context, key []byte) ([]byte, error) {
	return f.keys.Seal(key, kmsPurpose), ctx.Err()
}

// Unwrap implements [KMS].
func (f *FileKMS) Unwrap(ctx context.Context, wrapped []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return f.keys.Open(wrapped, kmsPurpose)
}

// Current reports whether wrapped was made with the first key of the file.
func (f *FileKMS) Current(wrapped []byte) bool { return f.keys.current(wrapped) }
