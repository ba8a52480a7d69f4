package totp

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"strings"

	"github.com/pquerna/otp"
)

// quiet is the white margin in modules that ISO/IEC 18004 demands around a QR code.
const quiet = 4

// maxPicture bounds the side of a PNG in pixels.
const maxPicture = 2048

// PNG returns the URI as a QR code in black and white, size pixels wide and high, margin included: at least 128, at most
// 2048. Serve it with no-store, or let [Pending.ServePNG] do it; it shows the secret.
func (p *Pending) PNG(size int) ([]byte, error) {
	if size < 128 || size > maxPicture {
		return nil, errors.New("totp: a picture is 128 to 2048 pixels wide")
	}
	code, err := p.modules()
	if err != nil {
		return nil, err
	}
	side := len(code) + 2*quiet
	scale := size / side
	if scale == 0 {
		return nil, fmt.Errorf("totp: the code needs at least %d pixels", side)
	}
	margin := (size - scale*len(code)) / 2
	img := image.NewPaletted(image.Rect(0, 0, size, size), color.Palette{color.White, color.Black})
	for y, row := range code {
		for x, dark := range row {
			if dark {
				fill(img, margin+x*scale, margin+y*scale, scale)
			}
		}
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		return nil, fmt.Errorf("totp: picture: %w", err)
	}
	return out.Bytes(), nil
}

func fill(img *image.Paletted, x, y, scale int) {
	for dy := range scale {
		row := img.Pix[img.PixOffset(x, y+dy):]
		for dx := range scale {
			row[dx] = 1
		}
	}
}

// SVG returns the URI as a QR code that scales, to stand in a page: one path, without style or script, so it works under
// a strict Content-Security-Policy. It holds only numbers that this package wrote.
func (p *Pending) SVG() (template.HTML, error) {
	code, err := p.modules()
	if err != nil {
		return "", err
	}
	side := len(code) + 2*quiet
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" shape-rendering="crispEdges">`, side, side)
	fmt.Fprintf(&b, `<path fill="#fff" d="M0 0h%dv%dH0z"/><path fill="#000" d="`, side, side)
	for y, row := range code {
		for x := 0; x < len(row); x++ {
			run := 0
			for x+run < len(row) && row[x+run] {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
				x += run
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return template.HTML(b.String()), nil
}

// ServePNG answers with the picture, so that no cache keeps it and no browser takes it for anything else.
func (p *Pending) ServePNG(w http.ResponseWriter, size int) error {
	picture, err := p.PNG(size)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "image/png")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	_, err = w.Write(picture)
	return err
}

// largest is the side of a QR code of version 40, the largest, in modules.
const largest = 177

// modules returns the dark and light squares of the QR code, without a margin.
func (p *Pending) modules() ([][]bool, error) {
	key, err := otp.NewKeyFromURL(p.uri)
	if err != nil {
		return nil, fmt.Errorf("totp: picture: %w", err)
	}
	img, err := key.Image(largest, largest)
	if err != nil {
		return nil, fmt.Errorf("totp: picture: %w", err)
	}
	dark := func(x, y int) bool {
		r, _, _, _ := img.At(x, y).RGBA()
		return r < 0x8000
	}
	// The encoder scales the code and centres it. Its first row begins and ends with a finder pattern, seven dark modules
	// wide, which tells where it stands and how wide a module is.
	corner := 0
	for corner < largest && !dark(corner, corner) {
		corner++
	}
	left, right, run := corner, corner, 0
	for x := left; x < largest; x++ {
		if dark(x, corner) {
			right = x
			if x == left+run {
				run++
			}
		}
	}
	scale := run / 7
	if scale == 0 {
		return nil, errors.New("totp: picture: the encoder drew no QR code")
	}
	code := make([][]bool, (right-left+1)/scale)
	for y := range code {
		code[y] = make([]bool, len(code))
		for x := range code[y] {
			code[y][x] = dark(left+x*scale, corner+y*scale)
		}
	}
	return code, nil
}
