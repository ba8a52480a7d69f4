package upload

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Config is what a [Receiver] accepts.
type Config struct {
	// Dir is the folder where files wait; it is made with mode 0700 when the first file comes. Empty means a folder of this
	// user's below [os.TempDir].
	Dir string

	// Types lists what is accepted, by extension: see the package document for those that are known.
	Types []string

	// MaxBytes bounds one file. It must be set.
	MaxBytes int64

	// MaxPixels bounds an image, over all its frames, before it is decoded. Zero means 24 million.
	MaxPixels int

	// MaxUnpacked bounds what an archive or office document unpacks to, in bytes, with all that is packed inside it. Zero means 256 MiB.
	MaxUnpacked int64

	// MaxEntries bounds the files in an archive, with those of archives inside it. Zero means 2,000.
	MaxEntries int

	// Scan is asked about the file as it will be kept, after all other checks. An error or a panic refuses it. nil: not asked.
	Scan func(ctx context.Context, file io.Reader) error
}

// A Receiver takes files in. It may be used by many goroutines.
type Receiver struct {
	config Config
	types  map[string]*format // by extension

	mu   sync.Mutex
	root *os.Root
}

// An Error says why a file was refused. It holds nothing of the file.
type Error struct {
	Code string // name, extension, content, size, pixels, archive, scan or storage
	err  error
}

func (e *Error) Error() string { return "upload: file refused (" + e.Code + ")" }

// Unwrap returns the private cause, if there is one.
func (e *Error) Unwrap() error { return e.err }

func refused(code string, cause error) *Error { return &Error{Code: code, err: cause} }

const (
	defaultPixels   = 24_000_000
	defaultUnpacked = 256 << 20
	defaultEntries  = 2000
)

// New checks the configuration. It does not touch the disk.
func New(c Config) (*Receiver, error) {
	if len(c.Types) == 0 {
		return nil, errors.New("upload: Config.Types is empty; list extensions, as pdf and png")
	}
	if c.MaxBytes <= 0 {
		return nil, errors.New("upload: Config.MaxBytes is not set; say how large a file may be")
	}
	if c.MaxPixels < 0 || c.MaxUnpacked < 0 || c.MaxEntries < 0 {
		return nil, errors.New("upload: Config.MaxPixels, MaxUnpacked or MaxEntries is negative; zero means the default")
	}
	if err := usable(c.Dir); err != nil {
		return nil, err
	}
	c.MaxPixels = cmp.Or(c.MaxPixels, defaultPixels)
	c.MaxUnpacked = cmp.Or(c.MaxUnpacked, defaultUnpacked)
	c.MaxEntries = cmp.Or(c.MaxEntries, defaultEntries)
	r := &Receiver{config: c, types: map[string]*format{}}
	r.config.Types = slices.Clone(c.Types)
	for _, ext := range c.Types {
		f := formats[ext]
		if f == nil {
			if why := unfit[ext]; why != "" {
				return nil, fmt.Errorf("upload: Config.Types has %q: %s", ext, why)
			}
			return nil, fmt.Errorf("upload: Config.Types has %q; known are %s", ext, strings.Join(known(), ", "))
		}
		r.types[ext] = f
	}
	return r, nil
}

// Describe returns what is accepted, as one line for a golden file.
func (r *Receiver) Describe() string {
	scanner := "no scanner"
	if r.config.Scan != nil {
		scanner = "scanner asked"
	}
	return fmt.Sprintf("%s, at most %d bytes, %d pixels, unpacked %d bytes in %d entries, %s", strings.Join(r.config.Types, " or "),
		r.config.MaxBytes, r.config.MaxPixels, r.config.MaxUnpacked, r.config.MaxEntries, scanner)
}

// Receive reads one file from the client's body and returns it when it has passed every check: name, extension, size,
// magic bytes, structure, scanner. A refused file gives an *[Error] and leaves nothing on the disk; any other error is what body said.
func (r *Receiver) Receive(ctx context.Context, clientName string, body io.Reader) (*File, error) {
	name, code := cleanName(clientName)
	if code != "" {
		return nil, refused(code, nil)
	}
	f := r.types[extension(name)]
	if f == nil {
		return nil, refused("extension", nil)
	}
	root, err := r.open()
	if err != nil {
		return nil, refused("storage", err)
	}
	id := "u-" + rand.Text()
	part, done := id+suffixPart, id+suffixDone
	defer func() { _ = root.Remove(part) }()
	if err := r.stream(root, part, f, body); err != nil {
		return nil, err
	}
	size, err := r.examine(ctx, root, part, f)
	if err != nil {
		return nil, err
	}
	if err := root.Rename(part, done); err != nil {
		return nil, refused("storage", err)
	}
	return &File{root: root, stored: done, name: name, kind: f.media, size: size}, nil
}

// stream writes the body to disk, and stops at the first byte too many or at the first bytes that the type cannot begin with.
func (r *Receiver) stream(root *os.Root, part string, f *format, body io.Reader) error {
	head := make([]byte, headBytes)
	n, err := io.ReadFull(body, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	if head = head[:n]; !f.begins(head) {
		return refused("content", nil)
	}
	out, err := root.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return refused("storage", err)
	}
	w := &sink{file: out, left: r.config.MaxBytes}
	if _, err = w.Write(head); err == nil {
		_, err = io.Copy(w, body)
	}
	if e := out.Close(); e != nil && w.err == nil {
		w.err = refused("storage", e)
	}
	if w.err != nil {
		return w.err
	}
	return err
}

// sink tells its own errors, which are the server's or the limit's, from the body's.
type sink struct {
	file *os.File
	left int64
	err  *Error
}

func (s *sink) Write(p []byte) (int, error) {
	if int64(len(p)) > s.left {
		s.err = refused("size", nil)
		return 0, s.err
	}
	n, err := s.file.Write(p)
	s.left -= int64(n)
	if err != nil {
		s.err = refused("storage", err)
		return n, s.err
	}
	return n, nil
}

// usable looks at a folder that is there already. One that everybody can write to would let others change a file after its
// checks.
func usable(dir string) error {
	if dir == "" {
		return nil
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // made when the first file comes
	case err != nil:
		return fmt.Errorf("upload: Config.Dir: %w", err)
	case !info.IsDir():
		return errors.New("upload: Config.Dir is not a folder")
	case exposed(info):
		return errors.New("upload: Config.Dir is writable for everybody; take a folder of the service's own, with mode 0700")
	}
	return nil
}

// open makes and opens the folder once.
func (r *Receiver) open() (*os.Root, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.root != nil {
		return r.root, nil
	}
	dir := cmp.Or(r.config.Dir, DefaultDir())
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return nil, err
	}
	// In a shared folder such as /tmp somebody else may have made this one before, or put a link there.
	if r.config.Dir == "" && (!info.IsDir() || !private(info)) {
		return nil, fmt.Errorf("upload: %s is not a private folder of this user; set Dir", dir)
	}
	if err := usable(dir); err != nil {
		return nil, err
	}
	r.root, err = os.OpenRoot(dir)
	return r.root, err
}

// DefaultDir returns the folder that an empty Config.Dir means.
func DefaultDir() string {
	return filepath.Join(os.TempDir(), "skans-upload-"+strconv.Itoa(os.Getuid()))
}
