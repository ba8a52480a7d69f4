package validate

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/skans-go/skans/validate/upload"
)

// multipart reads the parts of a multipart/form-data body (RFC 7578) one after another. Files stream to disk; nothing
// larger than the text fields' own limits is held in memory.
func (in *intake) multipart(body io.Reader, boundary string) stop {
	reader := multipart.NewReader(body, boundary)
	var buf bytes.Buffer
	for n := 0; ; n++ {
		// NextRawPart: NextPart decodes quoted-printable, which browsers never send (RFC 7578, section 4.7).
		part, err := reader.NextRawPart()
		if err == io.EOF {
			return fine
		}
		if err != nil && n == 0 && in.r.MultipartForm != nil {
			return stop{status: http.StatusBadRequest, code: "syntax", cause: errRead}
		}
		if err != nil {
			return broken(err)
		}
		if n >= in.core.maxForm {
			return stop{status: http.StatusBadRequest, code: "parameters"}
		}
		if end := in.part(part, &buf); end != fine {
			return end
		}
	}
}

func (in *intake) part(part *multipart.Part, buf *bytes.Buffer) stop {
	name, filename, isFile, ok := disposition(part)
	if !ok {
		return stop{status: http.StatusBadRequest, code: "syntax"}
	}
	if name == reserved && !isFile {
		text, _, end := limited(part, buf, maxToken)
		if end == fine {
			in.token(text)
		}
		return end
	}
	source := sourceForm
	if isFile {
		source = sourceFile
	}
	if !isFile && !plainText(part.Header["Content-Type"]) {
		return stop{status: http.StatusBadRequest, code: "syntax"}
	}
	f := in.lookup(source, name)
	if f == nil {
		return fine // NextRawPart passes over what is left
	}
	if isFile {
		return in.file(f, filename, part)
	}
	text, fits, end := limited(part, buf, f.rawLimit())
	switch {
	case end != fine:
		return end
	case !fits:
		if in.admit(f) {
			in.fault(f, "long")
		}
	default:
		in.take(f, text, tokenForm)
	}
	return fine
}

// maxDisposition holds the longest names of fields and files.
const maxDisposition = 4 << 10

// starred finds parameters as filename*=, which RFC 7578, section 4.2, forbids in forms: one program would read them, another
// the plain parameter beside them.
func starred(line string) bool {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '"':
			quoted = !quoted
		case '\\':
			i++
		case '*':
			if !quoted {
				return true
			}
		}
	}
	return false
}

// disposition reads a part's name and file name. A part has one Content-Disposition, form-data, and no transfer encoding
// but the trivial ones (RFC 7578, sections 4.2 and 4.7).
func disposition(part *multipart.Part) (name, filename string, isFile, ok bool) {
	lines := part.Header["Content-Disposition"]
	if len(lines) != 1 || len(lines[0]) > maxDisposition || starred(lines[0]) {
		return "", "", false, false
	}
	kind, params, err := mime.ParseMediaType(lines[0])
	if err != nil || kind != "form-data" {
		return "", "", false, false
	}
	switch strings.ToLower(part.Header.Get("Content-Transfer-Encoding")) {
	case "", "7bit", "8bit", "binary":
	default:
		return "", "", false, false
	}
	name, ok = params["name"]
	filename, isFile = params["filename"]
	return name, filename, isFile, ok
}

// plainText refuses fields that say to be in another charset or of another type (RFC 7578, section 4.4); they would be read as
// UTF-8 all the same.
func plainText(lines []string) bool {
	if len(lines) == 0 {
		return true
	}
	kind, params, err := mime.ParseMediaType(lines[0])
	charset := strings.ToLower(params["charset"])
	return len(lines) == 1 && err == nil && kind == "text/plain" && (charset == "" || charset == "utf-8" || charset == "us-ascii")
}

// limited reads a part of at most limit bytes.
func limited(part io.Reader, buf *bytes.Buffer, limit int) (text string, fits bool, end stop) {
	buf.Reset()
	n, err := io.Copy(buf, io.LimitReader(part, int64(limit)+1))
	if err != nil {
		return "", false, broken(err)
	}
	if n > int64(limit) {
		return "", false, fine
	}
	return buf.String(), true, fine
}

// rawLimit is how many bytes of a value are read at all.
func (f *field) rawLimit() int {
	switch {
	case f.class == nil:
		return maxParsed
	case f.class.lines:
		return 2 * f.maxBytes // each newline comes as two characters
	}
	return f.maxBytes
}

// file streams one file to disk. After the first fault nothing more is stored.
func (in *intake) file(f *field, filename string, part io.Reader) stop {
	if filename == "" { // what a browser sends for an input without a selected file
		n, err := io.Copy(io.Discard, io.LimitReader(part, 1))
		if err != nil {
			return broken(err)
		}
		if n != 0 {
			in.fault(f, "name")
		}
		return fine
	}
	if !in.admit(f) || len(in.faults) > 0 {
		return fine
	}
	file, err := f.files.Receive(in.r.Context(), filename, part)
	if err != nil {
		var refused *upload.Error
		if !errors.As(err, &refused) {
			return broken(err)
		}
		in.fault(f, refused.Code)
		return fine
	}
	f.placeFile(in.place(f), file)
	return fine
}
