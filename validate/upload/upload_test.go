package upload_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/validate/upload"
)

const mega = 1 << 20

func receiver(t testing.TB, dir string, change ...func(*upload.Config)) *upload.Receiver {
	t.Helper()
	c := upload.Config{
		Dir: dir, MaxBytes: 12 * mega,
		Types: []string{"pdf", "png", "jpg", "gif", "txt", "zip", "gz", "docx", "odt"},
	}
	for _, f := range change {
		f(&c)
	}
	r, err := upload.New(c)
	require.NoError(t, err)
	return r
}

// left lists what is on the disk.
func left(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func picture(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.Set(x, y, color.RGBA{uint8(x * 16), uint8(y * 16), 128, 255})
		}
	}
	return m
}

func pngBytes(t testing.TB, w, h int) []byte {
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, picture(w, h)))
	return b.Bytes()
}

func jpegBytes(t testing.TB, m image.Image) []byte {
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, m, nil))
	return b.Bytes()
}

func gifBytes(t testing.TB, frames int) []byte {
	g := gif.GIF{}
	for range frames {
		g.Image = append(g.Image, image.NewPaletted(image.Rect(0, 0, 8, 8), color.Palette{color.White, color.Black}))
		g.Delay = append(g.Delay, 1)
	}
	var b bytes.Buffer
	require.NoError(t, gif.EncodeAll(&b, &g))
	return b.Bytes()
}

// chunk makes a PNG chunk (PNG specification, section 5.3).
func chunk(kind string, data []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = append(append(b, kind...), data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// pngHeader is a PNG that claims a size and holds next to nothing.
func pngHeader(w, h uint32) []byte {
	ihdr := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	ihdr = append(ihdr, 8, 2, 0, 0, 0)
	return append(append([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", ihdr)...), chunk("IEND", nil)...)
}

const pdf = "%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"

func TestGoodFilesComeThrough(t *testing.T) {
	docx := zipBytes(t, func(z *zip.Writer) {
		entry(t, z, "[Content_Types].xml", "<Types/>")
		entry(t, z, "word/document.xml", "<document/>")
	})
	odt := zipBytes(t, func(z *zip.Writer) {
		const media = "application/vnd.oasis.opendocument.text"
		w, err := z.CreateRaw(&zip.FileHeader{
			Name: "mimetype", Method: zip.Store, CRC32: crc32.ChecksumIEEE([]byte(media)),
			CompressedSize64: uint64(len(media)), UncompressedSize64: uint64(len(media)),
		})
		require.NoError(t, err)
		_, _ = io.WriteString(w, media)
		entry(t, z, "content.xml", "<office/>")
	})
	for _, c := range []struct {
		name    string
		content []byte
		media   string
	}{
		{"a.pdf", []byte(pdf), "application/pdf"},
		{"A.PNG", pngBytes(t, 4, 4), "image/png"},
		{"a.jpg", jpegBytes(t, picture(4, 4)), "image/jpeg"},
		{"a.gif", gifBytes(t, 3), "image/gif"},
		{"brev åäö.txt", []byte("Hej 日本\r\n"), "text/plain; charset=utf-8"},
		{"empty.txt", nil, "text/plain; charset=utf-8"},
		{"a.zip", zipBytes(t, func(z *zip.Writer) { entry(t, z, "dir/", ""); entry(t, z, "dir/b.txt", "b") }), "application/zip"},
		{"in.zip", zipBytes(t, func(z *zip.Writer) { entry(t, z, "a.docx", string(docx)) }), "application/zip"},
		{"a.gz", gzipped([]byte("text")), "application/gzip"},
		{"a.tar.gz", gzipped(tarred(t, tar.Header{Name: "b.txt", Typeflag: tar.TypeReg, Size: 3, Mode: 0o600})), "application/gzip"},
		{"a.docx", docx, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
		{"a.odt", odt, "application/vnd.oasis.opendocument.text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			f, err := receiver(t, dir).Receive(t.Context(), c.name, bytes.NewReader(c.content))
			require.NoError(t, err)
			require.Equal(t, c.name, f.Name())
			require.Equal(t, c.media, f.Type())
			stored := left(t, dir)
			require.Len(t, stored, 1)
			require.NotContains(t, stored[0], "a.")
			info, err := os.Stat(filepath.Join(dir, stored[0]))
			require.NoError(t, err)
			require.Equal(t, os.FileMode(0o600), info.Mode())
			require.Equal(t, info.Size(), f.Size())
			require.NoError(t, f.Remove())
			require.Empty(t, left(t, dir))
		})
	}
}

func TestBadFilesLeaveNothing(t *testing.T) {
	symlink := zipBytes(t, func(z *zip.Writer) { special(t, z, "link", os.ModeSymlink|0o777, "/etc/passwd") })
	bomb := zipBytes(t, func(z *zip.Writer) { entry(t, z, "zeros", strings.Repeat("\x00", 64*mega)) })
	many := zipBytes(t, func(z *zip.Writer) {
		for i := range 100_000 {
			_, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("%d", i)})
			require.NoError(t, err)
		}
	})
	entries := func(n int) []byte {
		return zipBytes(t, func(z *zip.Writer) {
			for i := range n {
				entry(t, z, fmt.Sprintf("%d", i), "")
			}
		})
	}
	folders := make([]tar.Header, 3000)
	for i := range folders {
		folders[i] = tar.Header{Name: fmt.Sprintf("%d/", i), Typeflag: tar.TypeDir}
	}
	level := zipBytes(t, func(z *zip.Writer) { entry(t, z, "a", "a") })
	for range 2 {
		inner := level
		level = zipBytes(t, func(z *zip.Writer) { entry(t, z, "n.zip", string(inner)) })
	}
	good := zipBytes(t, func(z *zip.Writer) { entry(t, z, "a.txt", "a") })
	renamed := bytes.Replace(good, []byte("a.txt"), []byte("b.txt"), 1) // the first name is the one in front of the data
	lying := bytes.Clone(good)
	binary.LittleEndian.PutUint16(lying[len(lying)-12:], 5) // entries, both fields of the end record
	binary.LittleEndian.PutUint16(lying[len(lying)-14:], 5)
	encrypted := zipBytes(t, func(z *zip.Writer) {
		_, err := z.CreateRaw(&zip.FileHeader{Name: "a", Flags: 1})
		require.NoError(t, err)
	})
	macro := zipBytes(t, func(z *zip.Writer) {
		entry(t, z, "[Content_Types].xml", "")
		entry(t, z, "word/document.xml", "")
		entry(t, z, "word/vbaProject.bin", "")
	})
	overlap := overlapping(t)
	scans := jpegBytes(t, picture(8, 8))
	sos := bytes.Index(scans, []byte{0xFF, 0xDA})
	for range 100 {
		scans = append(scans[:sos:sos], append([]byte{0xFF, 0xDA, 0, 12, 3, 1, 0, 2, 17, 3, 17, 0, 63, 0}, scans[sos:]...)...)
	}
	for _, c := range []struct {
		about, name string
		content     []byte
		code        string
	}{
		{"no extension", "../../x", []byte("x"), "extension"},
		{"extension not listed", "x.svg", []byte("<svg/>"), "extension"},
		{"second extension", "x.jpg.html", []byte("<b>"), "extension"},
		{"NUL in the name", "a.png\x00.exe", pngBytes(t, 1, 1), "name"},
		{"bidi override in the name", "a\u202egnp.txt", nil, "name"},
		{"newline in the name", "a\n.txt", nil, "name"},
		{"broken UTF-8 in the name", "a\xff.txt", nil, "name"},
		{"only dots", "...", nil, "name"},
		{"HTML called PNG", "a.png", []byte("<html><script>"), "content"},
		{"program called PDF", "a.pdf", []byte("MZ\x90\x00"), "content"},
		{"PDF without its end", "a.pdf", []byte("%PDF-1.7\n"), "content"},
		{"polyglot GIF and JavaScript", "a.gif", []byte("GIF89a/*\x00\x00\x00*/=1;alert(1)//;"), "content"},
		{"SVG called PNG", "a.png", []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), "content"},
		{"40,000 x 40,000 pixels", "a.png", pngHeader(40_000, 40_000), "pixels"},
		{"more pixels than an int", "a.png", pngHeader(1<<31-1, 1<<31-1), "content"},
		{"PNG cut short", "a.png", pngBytes(t, 64, 64)[:90], "content"},
		{"JPEG cut short", "a.jpg", jpegBytes(t, picture(64, 64))[:300], "content"},
		{"JPEG with a hundred scans", "a.jpg", scans, "content"},
		{"GIF with too many frames", "a.gif", gifBytes(t, 1001), "pixels"},
		{"binary called text", "a.txt", []byte("a\x00b"), "content"},
		{"Latin-1 called text", "a.txt", []byte("bl\xe5b\xe4r"), "content"},
		{"text that ends within a character", "a.txt", []byte("å")[:1], "content"},
		{"escape sequences in text", "a.txt", []byte("\x1b[2J"), "content"},
		{"too large", "a.txt", bytes.Repeat([]byte("a"), 12*mega+1), "size"},
		{"zip bomb", "a.zip", bomb, "archive"},
		{"gzip bomb", "a.gz", gzipped(make([]byte, 64*mega)), "archive"},
		{"zip with ../", "a.zip", zipBytes(t, func(z *zip.Writer) { entry(t, z, "../evil", "x") }), "archive"},
		{"zip with an absolute path", "a.zip", zipBytes(t, func(z *zip.Writer) { entry(t, z, "/etc/evil", "x") }), "archive"},
		{"zip with a drive", "a.zip", zipBytes(t, func(z *zip.Writer) { entry(t, z, `C:\evil`, "x") }), "archive"},
		{"zip with a symbolic link", "a.zip", symlink, "archive"},
		{"zip with a device", "a.zip", zipBytes(t, func(z *zip.Writer) { special(t, z, "dev", os.ModeDevice, "") }), "archive"},
		{"zip with 100,000 entries", "a.zip", many, "archive"},
		{"zip with 3,000 entries", "a.zip", entries(3000), "archive"},
		{"zip with 65,000 entries in a zip", "a.zip", zipBytes(t, func(z *zip.Writer) { entry(t, z, "n.zip", string(entries(65_000))) }), "archive"},
		{"tar with 3,000 entries", "a.gz", gzipped(tarred(t, folders...)), "archive"},
		{"gzip three levels deep", "a.gz", gzipped(gzipped(gzipped([]byte("a")))), "archive"},
		{"zip with a name twice", "a.zip", zipBytes(t, func(z *zip.Writer) { entry(t, z, "a", "1"); entry(t, z, "A", "2") }), "archive"},
		{"zip three levels deep", "a.zip", level, "archive"},
		{"zip with something behind", "a.zip", append(bytes.Clone(good), "tail"...), "archive"},
		{"zip whose two names differ", "a.zip", renamed, "archive"},
		{"zip that lies about its entries", "a.zip", lying, "content"},
		{"zip with overlapping entries", "a.zip", overlap, "archive"},
		{"encrypted zip", "a.zip", encrypted, "archive"},
		{"zip with a 7z inside", "a.zip", zipBytes(t, func(z *zip.Writer) { entry(t, z, "a.7z", "7z\xbc\xaf\x27\x1c....") }), "archive"},
		{"zip cut short", "a.zip", good[:len(good)-30], "archive"},
		{"tar with a symbolic link", "a.gz", gzipped(tarred(t, tar.Header{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "/etc"})), "archive"},
		{"tar with ../", "a.gz", gzipped(tarred(t, tar.Header{Name: "../a", Typeflag: tar.TypeReg})), "archive"},
		{"tar with a terabyte of holes", "a.gz", gzipped(holes()), "archive"},
		{"tar with the root", "a.gz", gzipped(tarred(t, tar.Header{Name: "/", Typeflag: tar.TypeDir})), "archive"},
		{"zip with an entry without a name", "a.zip", zipBytes(t, func(z *zip.Writer) { entry(t, z, "", "x") }), "archive"},
		{"document with macros", "a.docx", macro, "content"},
		{"zip called document", "a.docx", good, "content"},
		{"zip called OpenDocument", "a.odt", good, "content"},
	} {
		t.Run(c.about, func(t *testing.T) {
			dir := t.TempDir()
			f, err := receiver(t, dir).Receive(t.Context(), c.name, bytes.NewReader(c.content))
			require.Nil(t, f)
			var refused *upload.Error
			require.ErrorAs(t, err, &refused)
			require.Equal(t, c.code, refused.Code, "%v", errors.Unwrap(refused))
			require.Empty(t, left(t, dir))
		})
	}
}

func TestNamesAreDataNotPaths(t *testing.T) {
	for in, want := range map[string]string{
		`../../x.txt`:            "x.txt",
		`C:\dir\x.txt`:           "x.txt",
		`x.txt:stream.txt`:       "stream.txt",
		"CON.txt":                "_CON.txt",
		"CON.png":                "_CON.png",
		"com1.txt":               "_com1.txt",
		"COM¹.txt":               "_COM¹.txt",
		"console.txt":            "console.txt",
		".htaccess.txt":          "htaccess.txt",
		"a.txt. . ":              "a.txt",
		`a"<b>|?*.txt`:           "a__b____.txt",
		"re\u0301sume\u0301.txt": "r\u00e9sum\u00e9.txt",
	} {
		content := "x"
		if strings.HasSuffix(in, ".png") {
			content = string(pngBytes(t, 1, 1))
		}
		f, err := receiver(t, t.TempDir()).Receive(t.Context(), in, strings.NewReader(content))
		require.NoError(t, err, in)
		require.Equal(t, want, f.Name(), in)
	}
}

func TestScannerSeesWhatIsKeptAndItsErrorRefuses(t *testing.T) {
	scan := func(_ context.Context, r io.Reader) error {
		b, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if strings.Contains(string(b), "EICAR") {
			return errors.New("found")
		}
		if strings.Contains(string(b), "panic") {
			panic("scanner")
		}
		return nil
	}
	dir := t.TempDir()
	r := receiver(t, dir, func(c *upload.Config) { c.Scan = scan })
	for _, content := range []string{eicar, "panic"} {
		_, err := r.Receive(t.Context(), "a.txt", strings.NewReader(content))
		var refused *upload.Error
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "scan", refused.Code)
		require.Empty(t, left(t, dir))
	}
	_, err := r.Receive(t.Context(), "a.txt", strings.NewReader("harmless"))
	require.NoError(t, err)
}

func TestKeepMovesOnce(t *testing.T) {
	dir, home := t.TempDir(), t.TempDir()
	root, err := os.OpenRoot(home)
	require.NoError(t, err)
	defer root.Close()
	f, err := receiver(t, dir).Receive(t.Context(), "a.txt", strings.NewReader("hello"))
	require.NoError(t, err)

	require.NoError(t, os.WriteFile(filepath.Join(home, "taken"), []byte("old"), 0o600))
	require.Error(t, f.Keep(root, "taken"))
	require.Error(t, f.Keep(root, "../outside"))
	b, err := os.ReadFile(filepath.Join(home, "taken"))
	require.NoError(t, err)
	require.Equal(t, "old", string(b))
	require.Equal(t, []string{"taken"}, left(t, home))

	require.NoError(t, f.Keep(root, "42"))
	b, err = os.ReadFile(filepath.Join(home, "42"))
	require.NoError(t, err)
	require.Equal(t, "hello", string(b))
	require.Empty(t, left(t, dir))
	require.Equal(t, []string{"42", "taken"}, left(t, home))

	require.ErrorIs(t, f.Keep(root, "43"), upload.ErrGone)
	_, err = f.Open()
	require.ErrorIs(t, err, upload.ErrGone)
	require.NoError(t, f.Remove())
	require.Equal(t, []string{"42", "taken"}, left(t, home))
}

func TestSweepTakesOnlyOldFilesOfOurs(t *testing.T) {
	dir := t.TempDir()
	r := receiver(t, dir)
	for range 2 {
		_, err := r.Receive(t.Context(), "a.txt", strings.NewReader("x"))
		require.NoError(t, err)
	}
	old := time.Now().Add(-2 * time.Hour)
	first := left(t, dir)[0]
	require.NoError(t, os.Chtimes(filepath.Join(dir, first), old, old))
	for _, name := range []string{"notes.txt", "u-half.part", ".u-copy.part"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
		require.NoError(t, os.Chtimes(filepath.Join(dir, name), old, old))
	}
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(dir, "u-link.part")))

	n, err := upload.Sweep(t.Context(), dir, time.Hour)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.NotContains(t, left(t, dir), first)
	require.Contains(t, left(t, dir), "notes.txt")
	require.Contains(t, left(t, dir), "u-link.part")

	_, err = upload.Sweep(t.Context(), dir, 0)
	require.Error(t, err)
	n, err = upload.Sweep(t.Context(), filepath.Join(dir, "none"), time.Hour)
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestNewRefusesWhatIsNotSafe(t *testing.T) {
	open := filepath.Join(t.TempDir(), "open")
	require.NoError(t, os.Mkdir(open, 0o777))
	require.NoError(t, os.Chmod(open, 0o777))
	for name, c := range map[string]upload.Config{
		"no types":               {MaxBytes: 1},
		"no size":                {Types: []string{"pdf"}},
		"SVG":                    {Types: []string{"svg"}, MaxBytes: 1},
		"unknown":                {Types: []string{"exe"}, MaxBytes: 1},
		"capitals":               {Types: []string{"PDF"}, MaxBytes: 1},
		"writable for everybody": {Types: []string{"pdf"}, MaxBytes: 1, Dir: open},
		"negative":               {Types: []string{"pdf"}, MaxBytes: 1, MaxPixels: -1},
	} {
		_, err := upload.New(c)
		require.ErrorContains(t, err, "upload: ", name)
	}
}

func TestFolderThatCannotBeMadeIsOurFault(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "uploads")
	r := receiver(t, dir)
	require.NoError(t, os.WriteFile(dir, nil, 0o600)) // something else takes the place
	_, err := r.Receive(t.Context(), "a.txt", strings.NewReader("x"))
	var refused *upload.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "storage", refused.Code)
}

func TestClientThatHangsUpLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	gone := errors.New("connection reset")
	_, err := receiver(t, dir).Receive(t.Context(), "a.txt", io.MultiReader(bytes.NewReader(make([]byte, 0)), strings.NewReader(strings.Repeat("x", 1000)), failing{gone}))
	require.ErrorIs(t, err, gone)
	require.Empty(t, left(t, dir))
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// In a shared folder for temporary files somebody else may have been first.
func TestDefaultFolderMustBeOurs(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dir := upload.DefaultDir()
	try := func() error {
		_, err := receiver(t, "").Receive(t.Context(), "a.txt", strings.NewReader("x"))
		return err
	}
	elsewhere := t.TempDir()
	require.NoError(t, os.Symlink(elsewhere, dir))
	require.Error(t, try(), "a link")
	require.Empty(t, left(t, elsewhere))
	require.NoError(t, os.Remove(dir))

	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, os.Chmod(dir, 0o755))
	require.Error(t, try(), "others may read it")
	require.NoError(t, os.Remove(dir))

	require.NoError(t, try())
	info, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	require.Len(t, left(t, dir), 1)
}
