package upload_test

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestImagesLoseAllButPixels(t *testing.T) {
	read := func(name string, content []byte) []byte {
		f, err := receiver(t, t.TempDir()).Receive(t.Context(), name, bytes.NewReader(content))
		require.NoError(t, err)
		r, err := f.Open()
		require.NoError(t, err)
		defer r.Close()
		b, err := io.ReadAll(r)
		require.NoError(t, err)
		return b
	}
	p := pngBytes(t, 4, 4)
	iend := len(p) - 12
	p = append(append(append(bytes.Clone(p[:iend]), chunk("tEXt", []byte("Comment\x00secret place"))...), p[iend:]...), "<script>alert(1)</script>"...)
	out := read("a.png", p)
	require.NotContains(t, string(out), "secret place")
	require.NotContains(t, string(out), "script")
	m, err := png.Decode(bytes.NewReader(out))
	require.NoError(t, err)
	require.Equal(t, picture(4, 4).At(3, 2), m.At(3, 2))

	g := bytes.TrimSuffix(gifBytes(t, 2), []byte{0x3B})
	g = append(g, 0x21, 0xFE, 6, 's', 'e', 'c', 'r', 'e', 't', 0, 0x3B)
	out = read("a.gif", g)
	require.NotContains(t, string(out), "secret")
	all, err := gif.DecodeAll(bytes.NewReader(out))
	require.NoError(t, err)
	require.Len(t, all.Image, 2)
}

// A picture that decodes and whose bytes are a program as well: the width is "/*", and the table of colours closes the comment and
// goes on. Decoding and encoding keeps both, so that what comes out must be an error to every reader of JavaScript.
func TestPolyglotGIFIsNoScriptAnyMore(t *testing.T) {
	code := "*/=1;globalThis.hit=1//     "
	for name, width := range map[string]string{"comment": "/*", "string": "='", "template": "=`", "line": "//", "pattern": "=/", "plain": "\x60\x00"} {
		g := []byte("GIF89a" + width + "\x01\x00\xf4\x00\x00") // a table of 32 colours follows
		palette := append([]byte(code), make([]byte, 96-len(code))...)
		g = append(g, palette...)
		g = append(g, "\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x05\x02\x40\x18\x00\x3b"...)
		f, err := receiver(t, t.TempDir()).Receive(t.Context(), "a.gif", bytes.NewReader(g))
		require.NoError(t, err, name)
		r, err := f.Open()
		require.NoError(t, err)
		out, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
		require.Equal(t, "GIF89a"+width, string(out[:8]), name)
		at, breaker := bytes.Index(out, []byte("*/=1;")), bytes.Index(out, []byte("*/]`]\n]"))
		require.Equal(t, 16, breaker, "it stands right behind the header")
		require.Greater(t, at, breaker, "before anything that the sender chose")
		all, err := gif.DecodeAll(bytes.NewReader(out))
		require.NoError(t, err)
		require.Equal(t, color.RGBA{'*', '/', '=', 255}, all.Image[0].Palette[0], "the colours are the same")
		node(t, out)
	}
}

// node asks a JavaScript engine, where there is one.
func node(t *testing.T, source []byte) {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		return
	}
	file := filepath.Join(t.TempDir(), "a.js")
	var latin1 strings.Builder
	for _, b := range source {
		latin1.WriteRune(rune(b))
	}
	require.NoError(t, os.WriteFile(file, []byte(latin1.String()), 0o600))
	out, err := exec.CommandContext(t.Context(), path, "--check", file).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "SyntaxError")
}

// The eight orientations of Exif 2.32, table 6: where the first row and the first column of the stored picture are seen.
func TestPhotoKeepsItsOrientationWithoutExif(t *testing.T) {
	const w, h = 48, 32
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, color.RGBA{255, 255, 255, 255})
			if x < 16 && y < 16 { // row 0, column 0
				m.Set(x, y, color.RGBA{0, 0, 0, 255})
			}
		}
	}
	dark := func(m image.Image, x, y int) bool { r, _, _, _ := m.At(x, y).RGBA(); return r < 0x4000 }
	for orientation, corner := range map[byte]string{
		1: "top left", 2: "top right", 3: "bottom right", 4: "bottom left",
		5: "top left", 6: "top right", 7: "bottom right", 8: "bottom left",
	} {
		for _, exif := range []string{
			"Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x02\x01\x00\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string(rune(orientation)) + "\x00\x00\x00\x00GPS: here",
			"Exif\x00\x00II\x2a\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00" + string(rune(orientation)) + "\x00\x00\x00GPS: here",
		} {
			j := jpegBytes(t, m)
			segment := append([]byte{0xFF, 0xE1}, binary.BigEndian.AppendUint16(nil, uint16(len(exif)+2))...)
			j = append(append(append(bytes.Clone(j[:2]), segment...), exif...), j[2:]...)
			f, err := receiver(t, t.TempDir()).Receive(t.Context(), "a.jpg", bytes.NewReader(j))
			require.NoError(t, err)
			r, err := f.Open()
			require.NoError(t, err)
			b, err := io.ReadAll(r)
			require.NoError(t, err)
			require.NoError(t, r.Close())
			require.NotContains(t, string(b), "GPS")
			out, err := jpeg.Decode(bytes.NewReader(b))
			require.NoError(t, err)
			wide, high := w, h
			if orientation >= 5 {
				wide, high = h, w
			}
			require.Equal(t, image.Rect(0, 0, wide, high), out.Bounds())
			got := map[bool]string{true: "top", false: "bottom"}[dark(out, 4, 4) || dark(out, wide-4, 4)] +
				map[bool]string{true: " left", false: " right"}[dark(out, 4, 4) || dark(out, 4, high-4)]
			require.Equal(t, corner, got, "orientation %d", orientation)
		}
	}
}

// Directories of Exif that lead out of the segment are no orientation, and nothing worse.
func TestBrokenExifIsIgnored(t *testing.T) {
	for _, exif := range []string{
		"Exif\x00\x00", "Exif\x00\x00MM\x00\x2a\xff\xff\xff\xff", "Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\xff\xff",
		"Exif\x00\x00II\x2a\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x09\x00\x00\x00", "http://ns.adobe.com/xap/1.0/\x00<x/>",
	} {
		j := jpegBytes(t, picture(8, 4))
		segment := append([]byte{0xFF, 0xE1}, binary.BigEndian.AppendUint16(nil, uint16(len(exif)+2))...)
		j = append(append(append(bytes.Clone(j[:2]), segment...), exif...), j[2:]...)
		_, err := receiver(t, t.TempDir()).Receive(t.Context(), "a.jpg", bytes.NewReader(j))
		require.NoError(t, err, "%q", exif)
	}
}
