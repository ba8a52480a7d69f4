package sanitize

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// Remote says what becomes of pictures on other servers.
type Remote int

const (
	// Block takes remote pictures out and counts them. Loading one tells its sender that, when and where the letter was read.
	Block Remote = iota
	// Allow keeps pictures from public host names, over https only. For a reader who asked to see them.
	Allow
)

// rasters are the pictures that a browser only paints. SVG is a document and is not among them.
var rasters = []struct{ mime, magic string }{
	{"image/png", "\x89PNG\r\n\x1a\n"},
	{"image/jpeg", "\xff\xd8\xff"},
	{"image/gif", "GIF8"},
	{"image/webp", "RIFF"},
}

// DataPicture returns picture as a data: URI for [Mail.CID], if it begins as PNG, JPEG, GIF or WebP and has at most max bytes.
// The type comes from the bytes, whatever the letter calls them.
func DataPicture(picture []byte, max int) (url string, ok bool) {
	if len(picture) > max {
		return "", false
	}
	for _, r := range rasters {
		if !bytes.HasPrefix(picture, []byte(r.magic)) || r.mime == "image/webp" && (len(picture) < 12 || string(picture[8:12]) != "WEBP") {
			continue
		}
		return "data:" + r.mime + ";base64," + base64.StdEncoding.EncodeToString(picture), true
	}
	return "", false
}

// dataPicture accepts a data: URI of a raster picture whose bytes begin as its type says.
func dataPicture(raw string, max int) (string, bool) {
	head, data, ok := strings.Cut(raw, ",")
	if !ok || len(data)/4*3 > max || !strings.HasPrefix(strings.ToLower(head), "data:image/") {
		return "", false
	}
	picture, err := base64.StdEncoding.DecodeString(strings.Map(func(r rune) rune {
		if r <= ' ' {
			return -1
		}
		return r
	}, data))
	if err != nil {
		return "", false
	}
	return DataPicture(picture, max)
}

// mappedPicture judges what a host's CID returned: a data: URI of a picture, a path of its own, or an https address. It is the
// host's word, so the path is not questioned; anything else would be a mistake that runs.
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
