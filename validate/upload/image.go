package upload

import (
	"bufio"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
)

// Every image is decoded and encoded anew. What comes out is pixels and nothing else: no Exif with the place where a photo
// was taken, no text chunk, no script behind the end, nothing that is an image to one program and something else to another.

// jpegQuality is high enough that one more generation is not seen.
const jpegQuality = 90

func checkPNG(r *Receiver, s *subject) (string, error) {
	config, err := png.DecodeConfig(bufio.NewReader(s.file))
	if code := r.bounded(config, err); code != "" {
		return code, err
	}
	return s.recode(func(in io.Reader) (image.Image, error) { return png.Decode(in) },
		func(w io.Writer, m image.Image) error {
			return (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(w, m)
		}, 2*r.config.MaxBytes)
}

func checkJPEG(r *Receiver, s *subject) (string, error) {
	config, err := jpeg.DecodeConfig(bufio.NewReader(s.file))
	if code := r.bounded(config, err); code != "" {
		return code, err
	}
	orientation, err := s.jpegSegments()
	if err != nil {
		return "content", err
	}
	return s.recode(func(in io.Reader) (image.Image, error) {
		m, err := jpeg.Decode(in)
		if err != nil {
			return nil, err
		}
		return upright(m, orientation), nil
	}, func(w io.Writer, m image.Image) error {
		return jpeg.Encode(w, m, &jpeg.Options{Quality: jpegQuality})
	}, 2*r.config.MaxBytes)
}

// checkGIF keeps all frames of an animation. DecodeAll would hold them all in memory before it says how many there are,
// so they are counted first.
func checkGIF(r *Receiver, s *subject) (string, error) {
	config, err := gif.DecodeConfig(bufio.NewReader(s.file))
	if code := r.bounded(config, err); code != "" {
		return code, err
	}
	if err := s.rewind(); err != nil {
		return "storage", err
	}
	// A frame has one byte a pixel where others have four.
	if code, err := gifFrames(bufio.NewReader(s.file), 4*int64(r.config.MaxPixels)); code != "" {
		return code, err
	}
	if err := s.rewind(); err != nil {
		return "storage", err
	}
	all, err := gif.DecodeAll(bufio.NewReader(s.file))
	if err != nil {
		return "content", err
	}
	// Without a table for all frames each has its own, and nothing that the sender chose comes before the first block.
	all.Config.ColorModel = nil
	return s.replace(func(w io.Writer) error { return gif.EncodeAll(&noScript{w: w}, all) }, 2*r.config.MaxBytes)
}

// noScript keeps a GIF from being JavaScript too. "GIF89a" is an identifier, the width can read /* or =", and pixels and palettes,
// which outlive every decoder, can hold the rest. So a comment stands behind the header that ends each kind of comment, string,
// template and pattern, with a bracket behind it that no program can have there: the whole is an error of syntax.
type noScript struct {
	w    io.Writer
	seen int
}

const (
	gifHeader  = 13 // signature and logical screen (GIF89a specification, sections 17 and 18)
	gifComment = "\x21\xfe\x07*/]`]\n]\x00"
)

func (n *noScript) Write(p []byte) (int, error) {
	head := min(max(gifHeader-n.seen, 0), len(p))
	if head > 0 {
		if k, err := n.w.Write(p[:head]); err != nil {
			return k, err
		}
		if n.seen += head; n.seen == gifHeader {
			if _, err := io.WriteString(n.w, gifComment); err != nil {
				return head, err
			}
		}
	}
	k, err := n.w.Write(p[head:])
	return head + k, err
}

// bounded looks at the size that the header claims, before anything of that size is allocated.
func (r *Receiver) bounded(c image.Config, err error) string {
	if err != nil || c.Width <= 0 || c.Height <= 0 {
		return "content"
	}
	pixels := int64(c.Width) * int64(c.Height)
	switch c.ColorModel {
	case color.RGBA64Model, color.NRGBA64Model:
		pixels *= 2 // eight bytes each
	}
	if c.Width > 1<<20 || c.Height > 1<<20 || pixels > int64(r.config.MaxPixels) {
		return "pixels"
	}
	return ""
}

func (s *subject) rewind() error {
	_, err := s.file.Seek(0, io.SeekStart)
	return err
}

func (s *subject) recode(decode func(io.Reader) (image.Image, error), encode func(io.Writer, image.Image) error, limit int64) (string, error) {
	if err := s.rewind(); err != nil {
		return "storage", err
	}
	m, err := decode(bufio.NewReader(s.file))
	if err != nil {
		return "content", err
	}
	return s.replace(func(w io.Writer) error { return encode(w, m) }, limit)
}

// replace puts what write writes in the place of the file.
func (s *subject) replace(write func(io.Writer) error, limit int64) (string, error) {
	fresh := "u-2" + s.part[2:]
	out, err := s.root.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "storage", err
	}
	defer func() { _ = s.root.Remove(fresh) }() // gone already when all went well
	limited := &sink{file: out, left: limit}
	buffered := bufio.NewWriter(limited)
	err = write(buffered)
	if err == nil {
		err = buffered.Flush()
	}
	if e := out.Close(); err == nil && e != nil {
		return "storage", e
	}
	if limited.err != nil {
		return limited.err.Code, limited.err
	}
	if err != nil {
		return "content", err
	}
	_ = s.file.Close()
	if err := s.root.Rename(fresh, s.part); err != nil {
		return "storage", err
	}
	if err := s.open(); err != nil {
		return "storage", err
	}
	return "", nil
}
