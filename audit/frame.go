package audit

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// A frame is what every file of a log is made of:
//
//	length of body (4 bytes) | CRC-32 of body (4) | CRC-32 of the eight bytes before (4) | body
//
// All numbers are big endian, CRC-32 is IEEE 802.3. The header has a checksum of its own so that a body cut short by a
// crash can be told from a length that somebody changed. The first byte of a body is 0x00, the leaf prefix of
// RFC 6962 section 2.1: SHA-256 over the body, as stored, is the Merkle leaf.
const (
	frameHeader = 12
	// maxFrame bounds one body. What is longer is refused when written and is tampering when read.
	maxFrame = 1<<20 + 64<<10
)

var (
	errTorn   = errors.New("torn frame")    // the write ended early; nothing follows
	errBroken = errors.New("damaged frame") // bytes were changed
)

// beginFrame appends room for a header, and the leaf prefix; sealFrame fills it once the body from start on is complete.
func beginFrame(dst []byte) []byte {
	return append(dst, make([]byte, frameHeader+1)...)
}

func sealFrame(frame []byte) {
	body := frame[frameHeader:]
	binary.BigEndian.PutUint32(frame, uint32(len(body)))
	binary.BigEndian.PutUint32(frame[4:], crc32.ChecksumIEEE(body))
	binary.BigEndian.PutUint32(frame[8:], crc32.ChecksumIEEE(frame[:8]))
}

// A frameReader reads frames in constant memory: its buffer grows only for a frame that does not fit.
type frameReader struct {
	r      *bufio.Reader
	large  []byte
	offset int64 // of the next frame
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{r: bufio.NewReaderSize(r, 256<<10)}
}

// next returns the next body, valid until the call after it. It returns io.EOF at the end of whole frames, errTorn
// where a crash cut the last one, errBroken where bytes are not what was written.
func (f *frameReader) next() ([]byte, error) {
	head, err := f.r.Peek(frameHeader)
	switch {
	case err == nil:
	case !errors.Is(err, io.EOF):
		return nil, err
	case len(head) == 0:
		return nil, io.EOF
	default:
		return nil, errTorn
	}
	size := int(binary.BigEndian.Uint32(head))
	if crc32.ChecksumIEEE(head[:8]) != binary.BigEndian.Uint32(head[8:]) || size < 1 || size > maxFrame {
		return nil, f.broken()
	}
	frame, err := f.take(frameHeader + size)
	if err != nil {
		return nil, err
	}
	body := frame[frameHeader:]
	if crc32.ChecksumIEEE(body) != binary.BigEndian.Uint32(frame[4:]) || body[0] != 0 {
		return nil, f.brokenTail(frame)
	}
	f.offset += int64(len(frame))
	return body, nil
}

// take consumes n bytes.
func (f *frameReader) take(n int) ([]byte, error) {
	if n <= f.r.Size() {
		frame, err := f.r.Peek(n)
		if err == nil {
			_, err = f.r.Discard(n) // what Peek returned stays in place until the next read
			return frame, err
		}
		return nil, tornOr(err)
	}
	if cap(f.large) < n {
		f.large = make([]byte, n)
	}
	if _, err := io.ReadFull(f.r, f.large[:n]); err != nil {
		return nil, tornOr(err)
	}
	return f.large[:n], nil
}

func tornOr(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errTorn
	}
	return err
}

// broken tells damage from what some file systems leave behind after a power cut: a file that got its new length but
// not its bytes, and so ends in zeros. Such a tail is torn.
func (f *frameReader) broken() error {
	for {
		part, err := f.r.Peek(4096)
		if !allZero(part) {
			return errBroken
		}
		if err != nil {
			return tornOr(err)
		}
		if _, err = f.r.Discard(len(part)); err != nil {
			return err
		}
	}
}

// brokenTail is broken for a frame whose header is whole: zeros from a sector's border on, to the end of the
// file.
func (f *frameReader) brokenTail(frame []byte) error {
	end := f.offset + int64(len(frame))
	zeros := f.offset + int64(len(bytes.TrimRight(frame, "\x00")))
	if zeros > (end-1)/sector*sector || f.broken() != errTorn {
		return errBroken
	}
	return errTorn
}

// sector is the least that a disk writes whole.
const sector = 512

func allZero(p []byte) bool {
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}
