package upload_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func zipBytes(t testing.TB, write func(*zip.Writer)) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	write(z)
	require.NoError(t, z.Close())
	return b.Bytes()
}

func entry(t testing.TB, z *zip.Writer, name, content string) {
	w, err := z.Create(name)
	require.NoError(t, err)
	_, err = io.WriteString(w, content)
	require.NoError(t, err)
}

func special(t testing.TB, z *zip.Writer, name string, mode os.FileMode, content string) {
	h := &zip.FileHeader{Name: name, Method: zip.Deflate}
	h.SetMode(mode)
	w, err := z.CreateHeader(h)
	require.NoError(t, err)
	_, _ = io.WriteString(w, content)
}

func gzipped(content []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(content)
	_ = w.Close()
	return b.Bytes()
}

func tarred(t testing.TB, headers ...tar.Header) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		require.NoError(t, w.WriteHeader(&h))
		_, _ = w.Write(make([]byte, h.Size))
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// holes is a tar archive with one sparse file in the format 1.0 of GNU tar (its manual, "PAX Format, Version 1.0"): a PAX
// header with the real size, then a map without entries.
func holes() []byte {
	block := func(kind byte, name string, content []byte) []byte {
		h := make([]byte, 512)
		copy(h, name)
		copy(h[100:], "0000600\x000000000\x000000000\x00"+fmt.Sprintf("%011o", len(content))+"\x0000000000000\x00        ")
		h[156] = kind
		copy(h[257:], "ustar\x0000")
		sum := 0
		for _, b := range h {
			sum += int(b)
		}
		copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
		return append(append(h, content...), make([]byte, (512-len(content)%512)%512)...)
	}
	var records string
	for _, r := range []string{"GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=a", "GNU.sparse.realsize=1099511627776"} {
		n := len(r) + 4 // two digits, a blank and a newline
		records += fmt.Sprintf("%d %s\n", n, r)
	}
	b := block('x', "pax", []byte(records))
	b = append(b, block('0', "a", append([]byte("0\n"), make([]byte, 510)...))...)
	return append(b, make([]byte, 1024)...)
}

// overlapping has two directory entries that share one piece of data.
func overlapping(t testing.TB) []byte {
	b := zipBytes(t, func(z *zip.Writer) { entry(t, z, "a", "x"); entry(t, z, "b", "x") })
	second := bytes.LastIndex(b, []byte("PK\x01\x02"))
	first := bytes.Index(b, []byte("PK\x01\x02"))
	copy(b[second:], b[first:first+46]) // offset and sizes of the first
	copy(b[second+46:], "a")
	return b
}
