package upload_test

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"
)

func BenchmarkReceive(b *testing.B) {
	for _, c := range []struct {
		name    string
		content []byte
	}{
		{"a.pdf", append([]byte(pdf[:20]), append(bytes.Repeat([]byte("x"), mega), "%%EOF"...)...)},
		{"a.txt", []byte(strings.Repeat("Hej på dig\n", mega/12))},
		{"a.png", pngBytes(b, 1000, 1000)},
		{"a.jpg", jpegBytes(b, picture(1000, 1000))},
		{"a.zip", zipBytes(b, func(z *zip.Writer) { entry(b, z, "a.txt", strings.Repeat("hello, world ", mega/13)) })},
	} {
		b.Run(c.name[2:], func(b *testing.B) {
			r := receiver(b, b.TempDir())
			b.SetBytes(int64(len(c.content)))
			b.ReportAllocs()
			for b.Loop() {
				f, err := r.Receive(b.Context(), c.name, bytes.NewReader(c.content))
				if err != nil {
					b.Fatal(err)
				}
				_ = f.Remove()
			}
		})
	}
}
