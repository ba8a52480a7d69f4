package validate

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"strings"
)

// An Error says why a request was refused. It never holds a part of the request: names come from the schema, texts from
// [Messages].
type Error struct {
	Status   int          // 400, 405, 413, 415, 422, or 503 when a file could not be stored
	Ref      string       // what the user can read out to support; the audit event carries it too
	Fields   []FieldError // what is wrong, at most 32 entries, in the order of the schema
	Language string       // of the messages, as in BCP 47

	allow string
	texts *Messages
	cause error
}

// A FieldError is one thing that is wrong with a request. Name is the field's name in the schema and empty where the
// request has a name that the schema has not, or where the request as a whole is wrong.
type FieldError struct {
	In      string `json:"in"`      // form, query, path, json, header, file; or request
	Name    string `json:"name"`    // from the schema
	Code    string `json:"code"`    // stable, for programs
	Message string `json:"message"` // for people
}

// A Conflict is what a struct's Check returns to say which of its fields do not fit together. Names are the names of the
// in tags; others are dropped. Message is shown to the user as it is: put no input into it. Empty means the text for "conflict".
type Conflict struct {
	Names   []string
	Message string
}

// Error says that there is a conflict; the message is for the client.
func (c *Conflict) Error() string { return "validate: fields do not fit together" }

// checker is what a schema's struct implements to check its fields against each other.
type checker interface{ Check() error }

// Error returns the status and the codes; it has no text from the request in it.
func (e *Error) Error() string {
	return fmt.Sprintf("validate: request refused with %d (%s), reference %s", e.Status, summary(e.Fields), e.Ref)
}

// Unwrap returns the private cause, if there is one: what the body's reader, the struct's Check or the audit log said.
func (e *Error) Unwrap() error { return e.cause }

// ServeHTTP answers the request: as problem+json (RFC 9457), or as a small page for a browser that asks for text/html.
func (e *Error) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status := cmp.Or(e.Status, http.StatusBadRequest) // of an Error that a host made itself
	h := w.Header()
	h.Del("Content-Length")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if e.Language != "" {
		h.Set("Content-Language", e.Language)
	}
	h.Add("Vary", "Accept, Accept-Language")
	if e.allow != "" {
		h.Set("Allow", e.allow)
	}
	if e.Status == http.StatusServiceUnavailable && h.Get("Retry-After") == "" {
		h.Set("Retry-After", "5")
	}
	if wantsHTML(r.Header.Get("Accept")) {
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(e.page()))
		return
	}
	h.Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = w.Write(e.problem())
}

// problem is the document of RFC 9457: with the type about:blank, whose title is the status text (section 4.2.1). The
// extension members are ref and errors (section 3.2).
func (e *Error) problem() []byte {
	fields := e.Fields
	if fields == nil {
		fields = []FieldError{}
	}
	b, err := json.Marshal(struct {
		Type   string       `json:"type"`
		Title  string       `json:"title"`
		Status int          `json:"status"`
		Ref    string       `json:"ref"`
		Errors []FieldError `json:"errors"`
	}{"about:blank", http.StatusText(e.Status), e.Status, e.Ref, fields})
	if err != nil { // strings and ints alone cannot fail
		return []byte("{}")
	}
	return append(b, '\n')
}

func (e *Error) page() string {
	title := http.StatusText(e.Status)
	if e.texts != nil {
		title = e.texts.text("title")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<!doctype html>\n<html lang=\"%s\">\n<meta charset=\"utf-8\">\n<title>%d</title>\n<h1>%s</h1>\n<ul>\n",
		html.EscapeString(e.Language), e.Status, html.EscapeString(title))
	for _, f := range e.Fields {
		b.WriteString("<li>")
		if f.Name != "" {
			b.WriteString("<b>" + html.EscapeString(f.Name) + "</b>: ")
		}
		b.WriteString(html.EscapeString(f.Message) + "</li>\n")
	}
	fmt.Fprintf(&b, "</ul>\n<p>%d %s</p>\n</html>\n", e.Status, html.EscapeString(e.Ref))
	return b.String()
}

// maxAccepted bounds how much of Accept is read.
const maxAccepted = 16

// wantsHTML reports whether text/html stands in the Accept header before any JSON type. Quality values are not weighed:
// what browsers send for a page names text/html first, and programs name no HTML.
func wantsHTML(accept string) bool {
	for range maxAccepted {
		var part string
		part, accept, _ = strings.Cut(accept, ",")
		kind, _, _ := strings.Cut(part, ";")
		switch kind = strings.ToLower(strings.TrimSpace(kind)); {
		case kind == "text/html" || kind == "application/xhtml+xml":
			return true
		case strings.HasSuffix(kind, "json"), accept == "":
			return false
		}
	}
	return false
}

// maxFaults bounds the answer: a request can be wrong in more ways than anybody wants to read.
const maxFaults = 32

// A fault is a FieldError before its text is chosen.
type fault struct {
	order int // the field's place in the schema, or -1
	in    string
	name  string
	code  string
	f     *field // for the figures in the text; nil when the request as a whole is wrong
	text  string // of the host's Conflict
}

func (f fault) public(m *Messages) FieldError {
	text := f.text
	if text == "" {
		text = m.message(f)
	}
	return FieldError{In: f.in, Name: f.name, Code: f.code, Message: text}
}

func whole(code string) []fault { return []fault{{order: -1, in: "request", code: code}} }

// conflict tells which fields the host's Check named.
func (c *core) conflict(err error) []fault {
	var conflict *Conflict
	var out []fault
	if errors.As(err, &conflict) {
		for _, name := range conflict.Names {
			for _, f := range c.fields {
				if f.label == name && len(out) < maxFaults {
					out = append(out, fault{order: f.order, in: f.in, name: f.label, code: "conflict", f: f, text: conflict.Message})
				}
			}
		}
	}
	if out == nil {
		out = whole("conflict")
		if conflict != nil {
			out[0].text = conflict.Message
		}
	}
	return out
}

// summary is for the log: codes and the schema's names.
func summary(fields []FieldError) string {
	var b strings.Builder
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(f.In)
		if f.Name != "" {
			b.WriteString(" " + f.Name)
		}
		b.WriteString(":" + f.Code)
	}
	return b.String()
}

func joinCause(a, b error) error {
	if a == nil {
		return b
	}
	return errors.Join(a, b)
}

// safely turns a panic of the host's code into an error: input must not be able to end the process.
func safely(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("validate: check panicked: %v", p)
		}
	}()
	return fn()
}
