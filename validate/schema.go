package validate

import (
	"context"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/url"
	"reflect"
	"time"

	"github.com/skans-go/skans/internal/refusal"
)

// Rejected is the audit event of a request that was refused. Attributes: "schema" (the struct's name), "status" (int64),
// "reason" (the refused fields as "in name:code", joined by blanks; names from the schema only) and "ref".
const Rejected = "validate.rejected"

// Options holds what is decided for a whole schema rather than for one field. The zero value is usable and strict.
type Options struct {
	// Methods lists the request methods that are let in; others get 405 with Allow. GET lets HEAD in too. Empty means
	// GET for a schema without body fields and POST for one with them.
	Methods []string

	// MaxBody bounds the request body in bytes. Zero means what the fields can take in the longest encoding and 64 KiB more, at
	// most 16 MiB, and on top the files that each field takes and one more.
	MaxBody int64

	// UploadDir is the folder where files wait until the handler keeps them. It is made with mode 0700 when the first file comes.
	// Empty means a folder of this user's below [os.TempDir]. Run [upload.Sweep] on it now and then: a crash leaves files.
	UploadDir string

	// MaxPixels bounds the pixels of an uploaded image before it is decoded. Zero means 24 million.
	MaxPixels int

	// Scan is asked about every uploaded file, after all other checks. An error refuses the file; so does a panic.
	// The reader gives what will be kept. [upload.ClamAV] makes such a function. nil means that no scanner is asked.
	Scan func(ctx context.Context, file io.Reader) error

	// Classes and Rules are the host's own character classes and whole-value rules, usable by name in rule tags.
	Classes []Class
	Rules   []Rule

	// Messages are the languages that texts are given in, chosen by Accept-Language; the first is the fallback. nil means
	// English, Swedish, Norwegian and French.
	Messages []Messages

	// Zone decides which day is today for the rules past and future. nil means UTC.
	Zone *time.Location

	// Refuse answers a request that Handle refuses; err is always an *[Error]. nil means (*Error).ServeHTTP.
	Refuse func(w http.ResponseWriter, r *http.Request, err error)

	// Audit gets the event [Rejected]. A refusal stays a refusal when Audit fails; its error is then found in the *[Error].
	Audit func(ctx context.Context, event string, attrs ...slog.Attr) error
}

// A Schema turns requests into values of T or refuses them. It is made by [Must] or [Compile], never changes and may be
// used by many goroutines.
type Schema[T any] struct {
	core *core
}

// Must is [Compile] for package variables: a schema that does not compile panics at start, with an error that names
// struct, field and remedy.
func Must[T any](o Options) *Schema[T] {
	s, err := Compile[T](o)
	if err != nil {
		panic(err)
	}
	return s
}

// Compile reads the struct T once and returns its schema, or an error that lists everything that is wrong with it.
func Compile[T any](o Options) (*Schema[T], error) {
	c, err := compile(reflect.TypeFor[T](), o)
	if err != nil {
		return nil, err
	}
	return &Schema[T]{core: c}, nil
}

// Parse reads the request and returns its value. The error is always an *[Error], and the value is then T's zero value.
// Files of a value that is not used should be removed with (*upload.File).Remove; Handle does so by itself.
// w is what MaxBytesReader needs to close the connection of a client that sends too much; nothing is written to it.
func (s *Schema[T]) Parse(w http.ResponseWriter, r *http.Request) (T, error) {
	var in, zero T
	v := reflect.ValueOf(&in).Elem()
	if err := s.core.parse(w, r, v); err != nil {
		return zero, err
	}
	if err := s.core.check(r, &in, v); err != nil {
		return zero, err
	}
	return in, nil
}

// Handle returns a handler that parses the request and calls next with the value, or refuses the request. The request
// that next gets is a copy whose Form, PostForm, MultipartForm, Body, URL.RawQuery and RequestURI are empty, so that
// nothing undeclared can be read by mistake. Uploaded files that next did not keep are removed when it returns.
func (s *Schema[T]) Handle(next func(w http.ResponseWriter, r *http.Request, in T)) http.Handler {
	if next == nil {
		panic("validate: Handle needs a function to call")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in, err := s.Parse(w, r)
		if err != nil {
			s.core.refuse(w, r, err.(*Error))
			return
		}
		if s.core.hasFiles {
			defer s.core.discard(reflect.ValueOf(&in).Elem())
		}
		next(w, emptied(r), in)
	})
}

// Describe returns the schema as sorted, stable text with one line for each field: made for a golden file, so that a
// changed promise is one changed line.
func (s *Schema[T]) Describe() string { return s.core.describe() }

// emptied returns the request without its input. Form and PostForm are empty rather than nil, because FormValue parses
// again what is nil.
func emptied(r *http.Request) *http.Request {
	c := *r
	if r.URL != nil && r.URL.RawQuery != "" {
		u := *r.URL
		u.RawQuery, u.ForceQuery = "", false
		c.URL = &u
	}
	c.RequestURI = ""
	c.Form, c.PostForm = url.Values{}, url.Values{}
	c.MultipartForm = &multipart.Form{}
	c.Body, c.ContentLength, c.GetBody, c.Trailer = http.NoBody, 0, nil, nil
	return &c
}

// check runs the struct's own Check, for rules that concern several fields.
func (c *core) check(r *http.Request, in any, v reflect.Value) error {
	if !c.hasCheck {
		return nil
	}
	err := safely(in.(checker).Check)
	if err == nil {
		return nil
	}
	c.discard(v)
	return c.rejected(r, http.StatusUnprocessableEntity, c.conflict(err), err)
}

func (c *core) refuse(w http.ResponseWriter, r *http.Request, err *Error) {
	if c.options.Refuse != nil {
		c.options.Refuse(w, r, err)
		return
	}
	err.ServeHTTP(w, r)
}

// rejected makes the error and reports it.
func (c *core) rejected(r *http.Request, status int, faults []fault, cause error) *Error {
	e := &Error{Status: status, Ref: refusal.NewRef(), cause: cause}
	if status == http.StatusMethodNotAllowed {
		e.allow = c.allow
	}
	m := choose(c.messages, r.Header)
	e.Language, e.texts = m.Language, m
	for _, f := range faults {
		e.Fields = append(e.Fields, f.public(m))
	}
	if c.options.Audit != nil {
		err := c.options.Audit(r.Context(), Rejected, slog.String("schema", c.name), slog.Int64("status", int64(status)),
			slog.String("reason", summary(e.Fields)), slog.String("ref", e.Ref))
		if err != nil {
			e.cause = joinCause(cause, err)
		}
	}
	return e
}
