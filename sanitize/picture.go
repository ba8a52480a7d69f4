package sanitize

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
)

// Remote says what becomes of pictures on other servers.
type Remote int

const (
	// Block takes remote pictures out and counts them. Loading one tells its sender that, when and where the letter
	// was read.
	Block Remote = iota
	// Allow keeps pictures from public host names, over https only. For a reader who asked to see them.
	Allow
)

// maxPixels bounds the area of a picture. A browser needs four bytes for each pixel, however few the file has.
const maxPixels = 40_000_000

// rasters are the pictures that a browser only paints. SVG is a document and is not among them.
var rasters = []struct {
	mime, magic string
	measure     func(io.Reader) (image.Config, error)
}{
	{"image/png", "\x89PNG\r\n\x1a\n", png.DecodeConfig},
	{"image/jpeg", "\xff\xd8\xff", jpeg.DecodeConfig},
	{"image/gif", "GIF8", gif.DecodeConfig},
	{"image/webp", "RIFF", measureWebP},
}

// DataPicture returns picture as a data: URI for [Mail.CID], if it is a PNG, JPEG, GIF or WebP of at most max bytes
// and 40 million pixels. The type comes from the bytes, whatever the letter calls them.
func DataPicture(picture []byte, max int) (url string, ok bool) {
	if len(picture) > max {
		return "", false
	}
	for _, r := range rasters {
		if !bytes.HasPrefix(picture, []byte(r.magic)) {
			continue
		}
		size, err := r.measure(bytes.NewReader(picture))
		if err != nil || size.Width <= 0 || size.Height <= 0 || size.Width > maxPixels/size.Height {
			return "", false
		}
		return "data:" + r.mime + ";base64," + base64.StdEncoding.EncodeToString(picture), true
	}
	return "", false
}

// measureWebP reads the size from the first chunk of a WebP file (RFC 9649, 2.5 to 2.7).
func measureWebP(r io.Reader) (image.Config, error) {
	var head [30]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || string(head[8:12]) != "WEBP" {
		return image.Config{}, image.ErrFormat
	}
	data := head[20:]
	switch string(head[12:16]) {
	case "VP8 ": // a key frame: tag, start code, then 14 bits each
		if data[3] != 0x9D || data[4] != 0x01 || data[5] != 0x2A {
			break
		}
		return image.Config{Width: int(binary.LittleEndian.Uint16(data[6:]) & 0x3FFF), Height: int(binary.LittleEndian.Uint16(data[8:]) & 0x3FFF)}, nil
	case "VP8L": // signature, then 14 bits each, less one
		if data[0] != 0x2F {
			break
		}
		bits := binary.LittleEndian.Uint32(data[1:])
		return image.Config{Width: int(bits&0x3FFF) + 1, Height: int(bits>>14&0x3FFF) + 1}, nil
	case "VP8X": // flags, then 24 bits each, less one
		return image.Config{Width: uint24(data[4:]) + 1, Height: uint24(data[7:]) + 1}, nil
	}
	return image.Config{}, image.ErrFormat
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

// dataPicture accepts a data: URI of a raster picture, and writes it anew from its bytes.
func dataPicture(raw string, max int) (string, bool) {
	head, data, ok := strings.Cut(raw, ",")
	if !ok || len(data)/4*3 > max+3 || !strings.HasPrefix(strings.ToLower(head), "data:image/") || !strings.HasSuffix(strings.ToLower(head), ";base64") {
		return "", false
	}
	if strings.ContainsAny(data, blanks) {
		data = strings.Join(strings.Fields(data), "")
	}
	picture, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return "", false
	}
	return DataPicture(picture, max)
}

// mappedPicture judges what a host's CID returned: a data: URI of a picture, a path of its own, or an https address.
// It is the host's word, so the path is not questioned; anything else would be a mistake that runs.
func mappedPicture(url string) bool {
	for _, r := range rasters {
		if after, ok := strings.CutPrefix(url, "data:"+r.mime+";base64,"); ok {
			return strings.Trim(after, base64Alphabet) == ""
		}
	}
	return ownAddress(url)
}

// ownAddress reports whether an address that the host gave is a path of its own or on the web.
func ownAddress(url string) bool {
	path := strings.HasPrefix(url, "/") && !strings.HasPrefix(url, "//") && !strings.HasPrefix(url, `/\`)
	return (path || strings.HasPrefix(url, "https://")) && !strings.ContainsFunc(url, mustEscape)
}

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
