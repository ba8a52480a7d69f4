package session

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
)

var (
	errTwoTokens = errors.New("session: two CSRF tokens")
	errNoField   = errors.New("session: no CSRF field within the part of the body that is read")
)

// maxForm is how much of a form is read in search of the field, and kept in memory to be read again. A form of more
// puts the field first.
const maxForm = 1 << 20

// A replayed body yields what was read in advance and then the rest.
type replayed struct {
	io.Reader
	io.Closer
}

func replay(r *http.Request, read []byte) {
	rest := r.Body
	r.Body = replayed{io.MultiReader(bytes.NewReader(read), rest), rest}
}

// fieldOfForm reads a form until its token is complete. The first field of that name counts.
func fieldOfForm(r *http.Request) (string, error) {
	var read []byte
	defer func() { replay(r, read) }()
	start := 0 // of the first pair that is not complete
	for chunk := make([]byte, 4<<10); len(read) < maxForm; {
		n, err := r.Body.Read(chunk[:min(len(chunk), maxForm-len(read))])
		read = append(read, chunk[:n]...)
		for {
			i := bytes.IndexByte(read[start:], '&')
			if i < 0 {
				break
			}
			if value, ok := tokenOf(read[start : start+i]); ok {
				return value, nil
			}
			start += i + 1
		}
		if err == io.EOF {
			value, _ := tokenOf(read[start:])
			return value, nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", errNoField
}

// tokenOf returns the value of the pair if it is the token's. One that is too long comes back cut, and is no token.
func tokenOf(pair []byte) (string, bool) {
	name, value, _ := bytes.Cut(pair, []byte("="))
	if len(name) > 3*len(tokenField) { // with every letter escaped
		return "", false
	}
	if name, err := url.QueryUnescape(string(name)); err != nil || name != tokenField {
		return "", false
	}
	if len(value) > 3*maxToken {
		return string(value[:maxToken+1]), true
	}
	text, err := url.QueryUnescape(string(value))
	return text, err == nil
}

// firstPart reads the first part of a multipart body if that is the token, and no more than a few kilobytes in any
// case: uploads go on streaming.
func firstPart(r *http.Request, contentType string) (string, error) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["boundary"] == "" || len(params["boundary"]) > 70 { // RFC 2046, section 5.1.1
		return "", errNoField
	}
	var read bytes.Buffer
	head := io.TeeReader(io.LimitReader(r.Body, maxHead), &read)
	defer func() { replay(r, read.Bytes()) }()
	part, err := multipart.NewReader(head, params["boundary"]).NextRawPart()
	if err != nil {
		return "", err
	}
	if part.FormName() != tokenField || part.FileName() != "" {
		return "", nil
	}
	value, err := io.ReadAll(io.LimitReader(part, maxToken+1))
	if err != nil {
		return "", err
	}
	return string(value), nil
}

// maxHead bounds what of a multipart body is kept in memory: the reader looks 4 KiB ahead.
const maxHead = 16 << 10
