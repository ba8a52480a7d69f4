package upload

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// A File is an uploaded file that passed every check and waits in the upload folder until the handler keeps it.
type File struct {
	root   *os.Root
	stored string // its random name in root
	name   string
	kind   string
	size   int64
	gone   atomic.Bool
}

// ErrGone is what a file's methods return after Keep or Remove.
var ErrGone = errors.New("upload: the file was kept or removed")

// Name returns the client's name of the file: its last element, cleaned. It is data for people, never a path.
func (f *File) Name() string { return f.name }

// Type returns the media type, as "application/pdf", decided by the content.
func (f *File) Type() string { return f.kind }

// Size returns the number of bytes that Open gives. For an image that was encoded anew it differs from what was sent.
func (f *File) Size() int64 { return f.size }

// Open returns a reader over the content; the caller closes it.
func (f *File) Open() (io.ReadCloser, error) {
	if f.gone.Load() {
		return nil, ErrGone
	}
	file, err := f.root.Open(f.stored)
	if err != nil {
		return nil, fmt.Errorf("upload: open: %w", err)
	}
	return file, nil
}

// Keep moves the file into root under the name, which must not exist there and is the host's choice (a row's id, never
// Name). The file appears there whole or not at all, with mode 0600, and is then no longer in the upload folder.
func (f *File) Keep(root *os.Root, name string) error {
	if !f.gone.CompareAndSwap(false, true) {
		return ErrGone
	}
	if err := f.move(root, name); err != nil {
		f.gone.Store(false)
		return fmt.Errorf("upload: keep: %w", err)
	}
	return nil
}

func (f *File) move(root *os.Root, name string) error {
	from, err := f.root.Open(f.stored)
	if err != nil {
		return err
	}
	defer from.Close()
	part := filepath.Join(filepath.Dir(name), ".u-"+rand.Text()+suffixPart)
	to, err := root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = root.Remove(part) }()
	_, err = io.Copy(to, from)
	if err = errors.Join(err, to.Sync(), to.Close()); err != nil {
		return err
	}
	// A link fails where the name exists; a rename would replace what is there.
	if err := root.Link(part, name); err != nil {
		return err
	}
	_ = f.root.Remove(f.stored) // it is kept; what stays behind, Sweep takes
	return nil
}

// Remove deletes the file. After Keep or Remove it does nothing.
func (f *File) Remove() error {
	if !f.gone.CompareAndSwap(false, true) {
		return nil
	}
	err := f.root.Remove(f.stored)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("upload: remove: %w", err)
	}
	return nil
}

// String returns the type and size, without the client's name.
func (f *File) String() string { return fmt.Sprintf("[file %s, %d bytes]", f.kind, f.size) }

const (
	suffixPart = ".part" // being written or checked
	suffixDone = ".file" // checked, waiting to be kept
)

// ours tells this package's files from others. A copy that Keep was making begins with a dot.
func ours(name string) bool {
	return strings.HasPrefix(strings.TrimPrefix(name, "."), "u-") && (strings.HasSuffix(name, suffixPart) || strings.HasSuffix(name, suffixDone))
}
