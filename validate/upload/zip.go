package upload

import (
	"archive/zip"
	"encoding/binary"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// The parts of a zip file (APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16) have these lengths before their names.
const (
	localBytes   = 30
	centralBytes = 46
	endBytes     = 22
)

// entry is one line of the central directory, as we read it: archive/zip would take all of them into memory before it
// says how many there are.
type entry struct {
	name   string
	method uint16
	offset int64
	packed int64
}

// zip looks at an archive and unpacks everything to nowhere. It returns the names of its files. Where two programs could
// read the file in two ways (bytes in front of it or behind it, a comment, names that differ between the two
// places they stand in, entries that overlap) it is refused: the scanner might look at the other one.
func (b *budget) zip(r io.ReaderAt, size int64, depth int) (map[string]bool, error) {
	entries, start, err := b.directory(r, size)
	if err != nil {
		return nil, err
	}
	if err := apart(r, entries, start); err != nil {
		return nil, err
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, err
	}
	if len(z.File) != len(entries) {
		return nil, errArchive("has two directories")
	}
	names := map[string]bool{}
	folded := map[string]bool{}
	for i, f := range z.File {
		low := strings.ToLower(strings.TrimSuffix(f.Name, "/"))
		if f.Name != entries[i].name || folded[low] {
			return nil, errArchive("has one name twice")
		}
		folded[low] = true
		if err := b.zipped(f, depth); err != nil {
			return nil, err
		}
		names[f.Name] = true
	}
	return names, nil
}

// zipped checks one entry and unpacks it.
func (b *budget) zipped(f *zip.File, depth int) error {
	mode := f.Mode()
	switch {
	case !inside(f.Name):
		return errArchive("has an entry that leaves its folder")
	case mode.Type() != 0 && mode.Type() != fs.ModeDir:
		return errArchive("has an entry that is neither file nor folder")
	case f.Flags&0x2041 != 0: // bits 0, 6 and 13: encrypted, strongly encrypted, masked header
		return errArchive("is encrypted")
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return errArchive("is compressed in a way that cannot be looked into")
	case f.UncompressedSize64 > uint64(max(b.bytes, 0)):
		return errArchive("unpacks to too much")
	}
	if mode.IsDir() {
		if f.UncompressedSize64 != 0 {
			return errArchive("has a folder with content")
		}
		return nil
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	return b.content(&metered{r: in, b: b}, depth)
}

// directory reads the central directory, which begins at start, within the budget. The end record must be the last bytes of
// the file.
func (b *budget) directory(r io.ReaderAt, size int64) (entries []entry, start int64, err error) {
	if size < endBytes {
		return nil, 0, zip.ErrFormat
	}
	var end [endBytes]byte
	if _, err := r.ReadAt(end[:], size-endBytes); err != nil && err != io.EOF {
		return nil, 0, err
	}
	u16 := func(at int) int { return int(binary.LittleEndian.Uint16(end[at:])) }
	u32 := func(at int) int64 { return int64(binary.LittleEndian.Uint32(end[at:])) }
	count, length := u16(10), u32(12)
	start = u32(16)
	switch {
	case string(end[:4]) != "PK\x05\x06" || u16(20) != 0:
		return nil, 0, errArchive("has something behind its end")
	case u16(4) != 0 || u16(6) != 0 || u16(8) != count || count == 0xFFFF:
		return nil, 0, errArchive("is one of several parts")
	case start+length != size-endBytes:
		return nil, 0, errArchive("has something between its parts")
	}
	if b.entries -= count; b.entries < 0 {
		return nil, 0, errArchive("has too many entries")
	}
	in := io.NewSectionReader(r, start, length)
	entries = make([]entry, 0, count)
	for range count {
		var head [centralBytes]byte
		if _, err := io.ReadFull(in, head[:]); err != nil || string(head[:4]) != "PK\x01\x02" {
			return nil, 0, zip.ErrFormat
		}
		name := make([]byte, binary.LittleEndian.Uint16(head[28:]))
		if _, err := io.ReadFull(in, name); err != nil {
			return nil, 0, zip.ErrFormat
		}
		rest := int64(binary.LittleEndian.Uint16(head[30:])) + int64(binary.LittleEndian.Uint16(head[32:]))
		if _, err := in.Seek(rest, io.SeekCurrent); err != nil {
			return nil, 0, zip.ErrFormat
		}
		entries = append(entries, entry{
			name: string(name), method: binary.LittleEndian.Uint16(head[10:]),
			packed: int64(binary.LittleEndian.Uint32(head[20:])), offset: int64(binary.LittleEndian.Uint32(head[42:])),
		})
	}
	if at, _ := in.Seek(0, io.SeekCurrent); at != length {
		return nil, 0, errArchive("has more entries than it says")
	}
	return entries, start, nil
}

// apart wants every entry in its own place: a bomb with overlapping entries unpacks the same bytes thousands of times (Fifield,
// "A better zip bomb", 2019). The name in front of the data must be the one in the directory.
func apart(r io.ReaderAt, entries []entry, start int64) error {
	sorted := slices.Clone(entries)
	slices.SortFunc(sorted, func(a, b entry) int { return int(min(max(a.offset-b.offset, -1), 1)) })
	next := int64(0)
	for i, e := range sorted {
		var head [localBytes]byte
		if _, err := r.ReadAt(head[:], e.offset); err != nil || string(head[:4]) != "PK\x03\x04" {
			return zip.ErrFormat
		}
		name := make([]byte, binary.LittleEndian.Uint16(head[26:]))
		if _, err := r.ReadAt(name, e.offset+localBytes); err != nil {
			return zip.ErrFormat
		}
		if string(name) != e.name || binary.LittleEndian.Uint16(head[8:]) != e.method {
			return errArchive("says two things about one entry")
		}
		if e.offset < next || i == 0 && e.offset != 0 {
			return errArchive("has entries that overlap, or something in front of it")
		}
		next = e.offset + localBytes + int64(len(name)) + int64(binary.LittleEndian.Uint16(head[28:])) + e.packed
	}
	if next > start {
		return errArchive("has entries that overlap its directory")
	}
	return nil
}
