package upload

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// maxFrames bounds an animation.
const maxFrames = 1000

var errGIF = errors.New("upload: GIF blocks do not follow one another")

// gifFrames walks over the blocks (GIF89a specification, sections 17 to 27) and adds up frames and their pixels.
func gifFrames(r *bufio.Reader, pixels int64) (string, error) {
	var head [13]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "content", err
	}
	if err := colourTable(r, head[10]); err != nil {
		return "content", err
	}
	for frames := 0; ; {
		b, err := r.ReadByte()
		if err != nil {
			return "content", err
		}
		switch b {
		case 0x3B: // trailer
			return "", nil
		case 0x21: // extension: a label, then data
			if _, err := r.Discard(1); err != nil {
				return "content", err
			}
		case 0x2C: // image
			var d [9]byte
			if _, err := io.ReadFull(r, d[:]); err != nil {
				return "content", err
			}
			pixels -= int64(binary.LittleEndian.Uint16(d[4:])) * int64(binary.LittleEndian.Uint16(d[6:]))
			if frames++; frames > maxFrames || pixels < 0 {
				return "pixels", nil
			}
			if err := colourTable(r, d[8]); err != nil {
				return "content", err
			}
			if _, err := r.Discard(1); err != nil { // code size
				return "content", err
			}
		default:
			return "content", errGIF
		}
		if err := subBlocks(r); err != nil {
			return "content", err
		}
	}
}

func colourTable(r *bufio.Reader, flags byte) error {
	if flags&0x80 == 0 {
		return nil
	}
	_, err := r.Discard(3 << (flags&7 + 1))
	return err
}

func subBlocks(r *bufio.Reader) error {
	for {
		n, err := r.ReadByte()
		if err != nil || n == 0 {
			return err
		}
		if _, err := r.Discard(int(n)); err != nil {
			return err
		}
	}
}
