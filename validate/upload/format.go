package upload

import (
	"bytes"
	"context"
	"io"
	"maps"
	"os"
	"slices"
)

// headBytes is how much of a file is looked at before anything is written.
const headBytes = 512

// format is one accepted type of file.
type format struct {
	media string
	magic []string // one of which the file begins with; none means text
}

var formats = map[string]*format{
	"pdf":  {media: "application/pdf", magic: []string{"%PDF-1.", "%PDF-2."}},
	"png":  {media: "image/png", magic: []string{"\x89PNG\r\n\x1a\n"}},
	"jpg":  {media: "image/jpeg", magic: []string{"\xff\xd8\xff"}},
	"jpeg": {media: "image/jpeg", magic: []string{"\xff\xd8\xff"}},
	"gif":  {media: "image/gif", magic: []string{"GIF87a", "GIF89a"}},
	"txt":  {media: "text/plain; charset=utf-8"},
	"csv":  {media: "text/csv; charset=utf-8"},
}

func known() []string { return slices.Sorted(maps.Keys(formats)) }

func (f *format) begins(head []byte) bool {
	if f.magic == nil {
		return true
	}
	return slices.ContainsFunc(f.magic, func(m string) bool { return bytes.HasPrefix(head, []byte(m)) })
}

func (r *Receiver) examine(ctx context.Context, root *os.Root, part string, f *format, size int64) (int64, error) {
	if r.config.Scan != nil {
		file, err := root.Open(part)
		if err != nil {
			return 0, refused("storage", err)
		}
		defer file.Close()
		if err := scan(ctx, r.config.Scan, file); err != nil {
			return 0, refused("scan", err)
		}
	}
	return size, nil
}

func scan(ctx context.Context, ask func(context.Context, io.Reader) error, file io.Reader) (err error) {
	return ask(ctx, file)
}
