package upload

import (
	"bytes"
	"io"
	"unicode/utf8"
)

// checkText wants UTF-8 without control characters but tab, line feed, carriage return and form feed. Whoever opens the
// file in a terminal or a spreadsheet should see what the scanner saw.
func checkText(_ *Receiver, s *subject) (string, error) {
	buf := make([]byte, 0, 32<<10)
	for {
		n, err := s.file.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		rest, ok := plainPrefix(buf)
		if !ok {
			return "content", nil
		}
		if err == io.EOF {
			if len(rest) > 0 {
				return "content", nil
			}
			return "", nil
		}
		if err != nil {
			return "storage", err
		}
		buf = append(buf[:0], rest...)
	}
}

// plainPrefix returns what is left of b after its whole characters: at most three bytes of one that is cut in two.
func plainPrefix(b []byte) (rest []byte, ok bool) {
	if bytes.IndexByte(b, 0) >= 0 {
		return nil, false
	}
	for len(b) > 0 {
		c := b[0]
		if c < utf8.RuneSelf {
			if c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' || c == 0x7F {
				return nil, false
			}
			b = b[1:]
			continue
		}
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size <= 1 {
			return b, !utf8.FullRune(b)
		}
		if r >= 0x80 && r <= 0x9F {
			return nil, false
		}
		b = b[size:]
	}
	return nil, true
}
