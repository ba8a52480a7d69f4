package upload_test

import (
	"archive/zip"
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/validate/upload"
)

// FuzzReceive: no panic; a refused file leaves nothing; an accepted one has a name that is a name on every system.
func FuzzReceive(f *testing.F) {
	f.Add("a.pdf", []byte(pdf))
	f.Add("a.png", pngBytes(f, 3, 3))
	f.Add("a.jpg", jpegBytes(f, picture(8, 8)))
	f.Add("a.gif", gifBytes(f, 2))
	f.Add("../å.txt", []byte("hej\r\n"))
	f.Add("a.zip", zipBytes(f, func(z *zip.Writer) { entry(f, z, "d/", ""); entry(f, z, "d/a.txt", "hello hello hello") }))
	f.Add("a.gz", gzipped([]byte("hello")))
	f.Add("CON.txt", []byte(""))
	dir := f.TempDir()
	r := receiver(f, dir, func(c *upload.Config) { c.MaxBytes, c.MaxPixels, c.MaxUnpacked = 64<<10, 1<<16, mega })
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		file, err := r.Receive(t.Context(), name, bytes.NewReader(content))
		if err != nil {
			require.IsType(t, &upload.Error{}, err)
			require.NotEqual(t, "storage", err.(*upload.Error).Code)
		} else {
			require.LessOrEqual(t, file.Size(), int64(128<<10))
			require.False(t, strings.ContainsAny(file.Name(), "/\\:\x00\r\n<>\"|?*"))
			require.NotContains(t, ". ", file.Name()[:1])
			require.NotContains(t, ". ", file.Name()[len(file.Name())-1:])
			require.NoError(t, file.Remove())
		}
		waiting, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, waiting)
	})
}
