package upload

import (
	"bytes"
	"context"
	"fmt"
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
	check func(r *Receiver, s *subject) (code string, err error)
	heavy bool // decodes, so that only a few may run at once
}

// subject is a file under examination.
type subject struct {
	ctx    context.Context
	root   *os.Root
	part   string // its name in root; a check that encodes anew replaces the file behind it
	file   *os.File
	size   int64
	format *format
}

const zipMagic = "PK\x03\x04"

var formats = map[string]*format{
	"pdf":  {media: "application/pdf", magic: []string{"%PDF-1.", "%PDF-2."}, check: checkPDF},
	"png":  {media: "image/png", magic: []string{"\x89PNG\r\n\x1a\n"}, check: checkPNG, heavy: true},
	"jpg":  {media: "image/jpeg", magic: []string{"\xff\xd8\xff"}, check: checkJPEG, heavy: true},
	"jpeg": {media: "image/jpeg", magic: []string{"\xff\xd8\xff"}, check: checkJPEG, heavy: true},
	"gif":  {media: "image/gif", magic: []string{"GIF87a", "GIF89a"}, check: checkGIF, heavy: true},
	"txt":  {media: "text/plain; charset=utf-8", check: checkText},
	"csv":  {media: "text/csv; charset=utf-8", check: checkText},
	"zip":  {media: "application/zip", magic: []string{zipMagic}, check: checkZip, heavy: true},
	"gz":   {media: "application/gzip", magic: []string{gzipMagic}, check: checkGzip, heavy: true},
	"docx": {media: "application/vnd.openxmlformats-officedocument.wordprocessingml.document", magic: []string{zipMagic}, check: office("word/document.xml"), heavy: true},
	"xlsx": {media: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", magic: []string{zipMagic}, check: office("xl/workbook.xml"), heavy: true},
	"pptx": {media: "application/vnd.openxmlformats-officedocument.presentationml.presentation", magic: []string{zipMagic}, check: office("ppt/presentation.xml"), heavy: true},
	"odt":  {media: "application/vnd.oasis.opendocument.text", magic: []string{zipMagic}, check: checkODF, heavy: true},
	"ods":  {media: "application/vnd.oasis.opendocument.spreadsheet", magic: []string{zipMagic}, check: checkODF, heavy: true},
	"odp":  {media: "application/vnd.oasis.opendocument.presentation", magic: []string{zipMagic}, check: checkODF, heavy: true},
}

// unfit says why some types that people ask for are not there.
var unfit = map[string]string{
	"svg":  "it is a program for the browser",
	"html": "it is a program for the browser",
	"webp": "the standard library cannot decode it, so its content cannot be proven",
	"heic": "the standard library cannot decode it, so its content cannot be proven",
	"doc":  "its macros cannot be told from its text; take docx",
	"xls":  "its macros cannot be told from its text; take xlsx",
}

func known() []string { return slices.Sorted(maps.Keys(formats)) }

func (f *format) begins(head []byte) bool {
	if f.magic == nil {
		return true
	}
	return slices.ContainsFunc(f.magic, func(m string) bool { return bytes.HasPrefix(head, []byte(m)) })
}

// examine runs the type's check and the scanner over a file that is whole on the disk, and returns its final size.
func (r *Receiver) examine(ctx context.Context, root *os.Root, part string, f *format) (int64, error) {
	s := &subject{ctx: ctx, root: root, part: part, format: f}
	if err := s.open(); err != nil {
		return 0, err
	}
	defer func() { _ = s.file.Close() }()
	if err := r.prove(ctx, s); err != nil {
		return 0, err
	}
	if r.config.Scan == nil {
		return s.size, nil
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return 0, refused("storage", err)
	}
	if code, err := guarded("scan", func() (string, error) { return "scan", r.config.Scan(ctx, onlyReader{s.file}) }); err != nil {
		return 0, refused(code, err)
	}
	return s.size, nil
}

// slots bounds how many files of the whole process are decoded or unpacked at once, and so how much memory that takes.
var slots = make(chan struct{}, 4)

// prove runs the type's check.
func (r *Receiver) prove(ctx context.Context, s *subject) error {
	if s.format.heavy {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		case <-ctx.Done():
			return refused("storage", ctx.Err())
		}
	}
	if code, err := guarded("content", func() (string, error) { return s.format.check(r, s) }); code != "" {
		return refused(code, err)
	}
	if err := ctx.Err(); err != nil {
		return refused("storage", err)
	}
	return nil
}

func (s *subject) open() error {
	file, err := s.root.Open(s.part)
	if err != nil {
		return refused("storage", err)
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return refused("storage", err)
	}
	s.file, s.size = file, info.Size()
	return nil
}

// onlyReader keeps a scanner from closing or writing to the file.
type onlyReader struct{ r io.Reader }

func (o onlyReader) Read(p []byte) (int, error) { return o.r.Read(p) }

// guarded makes a panic of a decoder or of the host's scanner a refusal.
func guarded(panicked string, check func() (string, error)) (code string, err error) {
	defer func() {
		if p := recover(); p != nil {
			code, err = panicked, fmt.Errorf("upload: check panicked: %v", p)
		}
	}()
	return check()
}

// checkPDF wants the marker of the end (ISO 32000-1, section 7.5.5) in the last kilobyte, where readers look for it. The
// content of a PDF is not judged: it is served as a download.
func checkPDF(_ *Receiver, s *subject) (string, error) {
	tail := make([]byte, min(s.size, 1024))
	if _, err := s.file.ReadAt(tail, s.size-int64(len(tail))); err != nil && err != io.EOF {
		return "storage", err
	}
	if !bytes.Contains(tail, []byte("%%EOF")) {
		return "content", nil
	}
	return "", nil
}
