package upload

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
)

const (
	gzipMagic  = "\x1f\x8b\x08"
	maxNesting = 2        // an archive in an archive
	maxRatio   = 200      // unpacked to packed, of all together
	freeRatio  = 4 << 20  // what may be unpacked whatever the ratio
	maxInner   = 32 << 20 // an archive inside an archive is held in memory
)

// budget is what one uploaded file may still unpack, over all levels.
type budget struct {
	entries int
	bytes   int64
}

// errArchive is what is wrong with an archive; its text is for the log.
type errArchive string

func (e errArchive) Error() string { return "upload: archive " + string(e) }

func (r *Receiver) budget(s *subject) *budget {
	return &budget{entries: r.config.MaxEntries, bytes: min(r.config.MaxUnpacked, max(freeRatio, maxRatio*s.size))}
}

// verdict tells a refusal from an error of the disk.
func verdict(err error) (string, error) {
	switch {
	case err == nil:
		return "", nil
	case errors.As(err, new(errArchive)):
		return "archive", err
	default:
		return "content", err
	}
}

func checkZip(r *Receiver, s *subject) (string, error) {
	_, err := r.budget(s).zip(s.file, s.size, 1)
	return verdict(err)
}

func checkGzip(r *Receiver, s *subject) (string, error) {
	if err := s.rewind(); err != nil {
		return "storage", err
	}
	return verdict(r.budget(s).gzip(bufio.NewReader(s.file), 1))
}

// office makes the check of an Office Open XML document (ECMA-376, part 2): a zip with a table of content types and the
// main part. Documents with macros are refused: their name would have to say so.
func office(main string) func(*Receiver, *subject) (string, error) {
	return func(r *Receiver, s *subject) (string, error) {
		names, err := r.budget(s).zip(s.file, s.size, 1)
		if err != nil {
			return verdict(err)
		}
		if !names["[Content_Types].xml"] || !names[main] {
			return "content", errors.New("upload: office document without its main part")
		}
		for name := range names {
			if strings.HasSuffix(strings.ToLower(name), "vbaproject.bin") {
				return "content", errors.New("upload: office document has macros")
			}
		}
		return "", nil
	}
}

// checkODF wants the file mimetype first and stored as it is (OpenDocument 1.3, part 2, section 3.3), so that the type
// stands at a fixed place. Documents with macros are refused.
func checkODF(r *Receiver, s *subject) (string, error) {
	want := "mimetype" + s.format.media
	head := make([]byte, 30+len(want))
	if _, err := s.file.ReadAt(head, 0); err != nil || string(head[30:]) != want {
		return "content", err
	}
	names, err := r.budget(s).zip(s.file, s.size, 1)
	if err != nil {
		return verdict(err)
	}
	for name := range names {
		if strings.HasPrefix(name, "Basic/") || strings.HasPrefix(name, "Scripts/") {
			return "content", errors.New("upload: document has macros")
		}
	}
	return "", nil
}

// gzip unpacks a stream to nowhere. What is inside may be a tar archive or another archive.
func (b *budget) gzip(in io.Reader, depth int) error {
	if b.entries--; b.entries < 0 {
		return errArchive("has too many entries")
	}
	z, err := gzip.NewReader(in)
	if err != nil {
		return err
	}
	return b.content(&metered{r: z, b: b}, depth)
}

// content drains what is unpacked, and looks into it if it is an archive itself.
func (b *budget) content(in io.Reader, depth int) error {
	r := bufio.NewReaderSize(in, 4<<10)
	head, err := r.Peek(headBytes)
	if err != nil && err != io.EOF {
		return err
	}
	err = nil
	switch {
	case len(head) > 262 && string(head[257:262]) == "ustar":
		err = b.tar(r, depth)
	case bytes.HasPrefix(head, []byte(gzipMagic)):
		if depth >= maxNesting {
			return errArchive("is nested too deep")
		}
		err = b.gzip(r, depth+1)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		err = b.inner(r, depth)
	case opaque(head):
		return errArchive("holds an archive of a kind that cannot be looked into")
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	return err
}

// opaque finds archives that this package cannot unpack, by their first bytes: 7z, RAR, xz, bzip2, zstd, cabinet.
func opaque(head []byte) bool {
	for _, magic := range []string{"7z\xbc\xaf\x27\x1c", "Rar!\x1a\x07", "\xfd7zXZ\x00", "BZh", "\x28\xb5\x2f\xfd", "MSCF\x00"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	return false
}

// inner reads a zip inside an archive into memory, because its directory is at the end.
func (b *budget) inner(r io.Reader, depth int) error {
	if depth >= maxNesting {
		return errArchive("is nested too deep")
	}
	whole, err := io.ReadAll(io.LimitReader(r, maxInner+1))
	if err != nil {
		return err
	}
	if len(whole) > maxInner {
		return errArchive("holds an archive that is too large")
	}
	_, err = b.zip(bytes.NewReader(whole), int64(len(whole)), depth+1)
	return err
}

// tar looks at every header. A link could point out of the folder that a reader unpacks into, and the next entry go through it.
func (b *budget) tar(in io.Reader, depth int) error {
	t := tar.NewReader(in)
	for {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if b.entries--; b.entries < 0 {
			return errArchive("has too many entries")
		}
		if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeDir {
			return errArchive("has an entry that is neither file nor folder")
		}
		if sparse(h) {
			return errArchive("has a file with holes")
		}
		if !inside(h.Name) {
			return errArchive("has an entry that leaves its folder")
		}
		if err := b.content(t, depth); err != nil {
			return err
		}
	}
}

// sparse finds the files with holes of GNU tar 1.x, whose headers have the type of plain files. A few bytes would read as
// terabytes of zeros that never pass the budget.
func sparse(h *tar.Header) bool {
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// metered takes what passes from the budget.
type metered struct {
	r io.Reader
	b *budget
}

func (m *metered) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if m.b.bytes -= int64(n); m.b.bytes < 0 {
		return 0, errArchive("unpacks to too much")
	}
	return n, err
}

// inside reports whether an entry's name stays in the folder that it is unpacked into, on every system.
func inside(name string) bool {
	if name == "." || name == "./" { // the folder itself, as tar writes it
		return true
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/")
	if len(name) > 1024 || strings.ContainsAny(name, "\\:") {
		return false
	}
	for i := range len(name) {
		if name[i] < ' ' || name[i] == 0x7F {
			return false
		}
	}
	for segment := range strings.SplitSeq(name, "/") {
		if segment == ".." || segment == "" {
			return false
		}
	}
	return true
}
