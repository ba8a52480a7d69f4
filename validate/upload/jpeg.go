package upload

import (
	"bufio"
	"encoding/binary"
	"errors"
	"image"
	"image/draw"
	"io"
)

// maxScans is how many scans a JPEG may have; progressive encoders write about ten. Each scan makes the decoder walk over all
// pixels and may be thirty bytes long, so that a small file with many of them would keep it busy for hours.
const maxScans = 64

var errJPEG = errors.New("upload: JPEG segments do not follow one another")

// jpegSegments walks over the markers (ITU-T T.81, annex B), counts the scans and returns the orientation of the Exif segment, or 1.
func (s *subject) jpegSegments() (orientation int, err error) {
	if err := s.rewind(); err != nil {
		return 0, err
	}
	r := bufio.NewReader(s.file)
	if _, err := r.Discard(2); err != nil {
		return 0, err
	}
	orientation = 1
	for scans := 0; ; {
		marker, err := nextMarker(r)
		if err != nil {
			return 0, err
		}
		if marker == 0xD9 { // end of image
			return orientation, nil
		}
		if marker == 0x01 || marker >= 0xD0 && marker <= 0xD8 {
			continue // without a length
		}
		if marker == 0xDA {
			if scans++; scans > maxScans {
				return 0, errors.New("upload: JPEG has too many scans")
			}
		}
		var head [2]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return 0, err
		}
		n := int(binary.BigEndian.Uint16(head[:])) - 2
		if n < 0 {
			return 0, errJPEG
		}
		if marker != 0xE1 {
			if _, err := r.Discard(n); err != nil {
				return 0, err
			}
			continue
		}
		segment := make([]byte, n)
		if _, err := io.ReadFull(r, segment); err != nil {
			return 0, err
		}
		if o := exifOrientation(segment); o != 0 {
			orientation = o
		}
	}
}

// nextMarker passes over entropy-coded data, in which 0xFF is followed by zero.
func nextMarker(r *bufio.Reader) (byte, error) {
	for {
		b, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		if b != 0xFF {
			continue
		}
		for b == 0xFF {
			if b, err = r.ReadByte(); err != nil {
				return 0, err
			}
		}
		if b != 0 {
			return b, nil
		}
	}
}

// exifOrientation reads tag 0x0112 of the first directory (Exif 2.32, section 4.6.4), or returns 0.
func exifOrientation(b []byte) int {
	if len(b) < 14 || string(b[:6]) != "Exif\x00\x00" {
		return 0
	}
	b = b[6:]
	var order binary.ByteOrder = binary.BigEndian
	if string(b[:2]) == "II" {
		order = binary.LittleEndian
	}
	at := int64(order.Uint32(b[4:8]))
	if at+2 > int64(len(b)) {
		return 0
	}
	entries := b[at:]
	count := int(order.Uint16(entries))
	entries = entries[2:]
	for range count {
		if len(entries) < 12 {
			return 0
		}
		if order.Uint16(entries) == 0x0112 {
			if o := int(order.Uint16(entries[8:])); o >= 1 && o <= 8 {
				return o
			}
			return 0
		}
		entries = entries[12:]
	}
	return 0
}

// upright turns the picture as its Exif orientation says, because the tag does not survive.
func upright(m image.Image, orientation int) image.Image {
	if orientation <= 1 {
		return m
	}
	b := m.Bounds()
	w, h := b.Dx(), b.Dy()
	in, out := image.NewRGBA(image.Rect(0, 0, w, h)), image.NewRGBA(image.Rect(0, 0, w, h))
	if orientation >= 5 {
		out = image.NewRGBA(image.Rect(0, 0, h, w))
	}
	draw.Draw(in, in.Rect, m, b.Min, draw.Src)
	for y := range h {
		for x := range w {
			tx, ty := turned(orientation, x, y, w, h)
			copy(out.Pix[ty*out.Stride+4*tx:][:4], in.Pix[y*in.Stride+4*x:][:4])
		}
	}
	return out
}

func turned(orientation, x, y, w, h int) (int, int) {
	switch orientation {
	case 2:
		return w - 1 - x, y
	case 3:
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case 5:
		return y, x
	case 6:
		return h - 1 - y, x
	case 7:
		return h - 1 - y, w - 1 - x
	}
	return y, w - 1 - x
}
