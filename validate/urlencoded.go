package validate

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// shared is how large a body may be whose parts are handed out as they are. A short value of a longer one is copied, so
// that a stored name does not hold a megabyte in memory; and all values are copied where a secret may stand beside them, so that a
// name in a session does not keep the password alive.
const shared = 4 << 10

func (c *core) copies(body int) bool { return body > shared || c.hasSecret }

var errRead = errors.New("validate: the body was read before, and what is left of it cannot be proven complete; " +
	"let the middleware put the body back (a reader over the same bytes), or parse before it")

// urlencoded reads a body of application/x-www-form-urlencoded.
func (in *intake) urlencoded(body io.Reader) stop {
	b, err := readAll(body, in.r.ContentLength)
	if err != nil {
		return broken(err)
	}
	if len(b) == 0 {
		if in.r.PostForm != nil {
			return in.parsed(in.r.PostForm)
		}
		if in.r.ContentLength > 0 {
			return stop{status: http.StatusBadRequest, code: "syntax", cause: errRead}
		}
		return fine
	}
	text := string(b)
	if strings.Count(text, "&") >= in.core.maxForm {
		return stop{status: http.StatusBadRequest, code: "parameters"}
	}
	return in.pairs(text, sourceForm)
}

// pairs reads name=value&name=value. Nothing is repaired: a bad escape ends it (net/url drops the pair and goes on, so
// that a filter and the program behind it see different requests), and a semicolon is a character like others.
func (in *intake) pairs(text string, source int) stop {
	copies := in.core.copies(len(text))
	for text != "" {
		var pair string
		pair, text, _ = strings.Cut(text, "&")
		rawName, rawValue, _ := strings.Cut(pair, "=")
		if len(rawName) > maxRawName {
			in.unknown(sourceNames[source])
			continue
		}
		name, ok := unescape(rawName)
		if !ok {
			return stop{status: http.StatusBadRequest, code: "encoding"}
		}
		if name == reserved && source == sourceForm {
			if !in.token(rawValue) {
				return fine
			}
			continue
		}
		value, ok := unescape(rawValue)
		if !ok {
			return stop{status: http.StatusBadRequest, code: "encoding"}
		}
		f := in.lookup(source, name)
		if f == nil {
			continue
		}
		if copies && len(value) == len(rawValue) {
			value = strings.Clone(value)
		}
		in.take(f, value, tokenForm)
	}
	return fine
}

// maxRawName is how long the name of a parameter may be, escapes included; the compiler holds the schema's names to a third of it.
const maxRawName = 3 * maxName

// unescape decodes once. A text without escapes is returned as it is, without a copy.
func unescape(s string) (string, bool) {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s, true
	}
	s, err := url.QueryUnescape(s)
	return s, err == nil
}

// parsed takes the fields of a form that a middleware read before, if it is certain that ParseForm dropped nothing: it
// leaves out pairs with bad escapes and with semicolons without a word to the next reader. The announced length must be what
// a browser or Go writes for these very fields.
func (in *intake) parsed(form url.Values) stop {
	pairs := 0
	for _, values := range form {
		pairs += len(values)
	}
	if pairs >= in.core.maxForm {
		return stop{status: http.StatusBadRequest, code: "parameters"}
	}
	if n := in.r.ContentLength; n != formLength(form, browserSafe) && n != formLength(form, goSafe) {
		return stop{status: http.StatusBadRequest, code: "syntax", cause: errRead}
	}
	for name, values := range form {
		for _, value := range values {
			if name == reserved {
				in.token(value)
			} else if f := in.lookup(sourceForm, name); f != nil {
				in.take(f, value, tokenForm)
			}
		}
	}
	return fine
}

// What stands in a form body without an escape: for browsers (WHATWG URL, section 1.3, application/x-www-form-urlencoded
// percent-encode set) and for url.Values.Encode. A blank is one byte in both.
var (
	browserSafe = set("A-Za-z0-9*._ -")
	goSafe      = set("A-Za-z0-9._~ -")
)

func formLength(form url.Values, safe *[128]bool) int64 {
	var n int64
	length := func(s string) {
		for i := range len(s) {
			if n++; s[i] >= 128 || !safe[s[i]] {
				n += 2
			}
		}
	}
	for name, values := range form {
		for _, value := range values {
			n += 2 // "=" and "&"
			length(name)
			length(value)
		}
	}
	return max(n-1, 0)
}

// maxToken bounds the reserved field, which the session package has judged before.
const maxToken = 1 << 10

// token passes over the CSRF token. It may come once.
func (in *intake) token(value string) bool {
	if in.tokens++; in.tokens > 1 || len(value) > maxToken {
		in.add(fault{order: -1, in: "form", name: reserved, code: "duplicate"})
		return false
	}
	return true
}
