package validate

import (
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/skans-go/skans/validate/upload"
)

// settle decides what follows from all fields together.
func (c *core) settle(t reflect.Type) (errs []error) {
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("validate: %s: "+format, append([]any{t}, args...)...))
	}
	if c.settleFields(); c.body == bodyForm && len(c.document.inner) > 0 {
		fail("has fields in a form and fields in JSON; a request has one body, so make two schemas")
	}
	if c.options.MaxBody < 0 {
		fail("Options.MaxBody is negative; zero means the default")
	}
	if c.options.MaxBody > 0 {
		c.maxBody = c.options.MaxBody
	}
	if problem := c.settleMethods(); problem != "" {
		fail("%s", problem)
	}
	if problem := c.settleMessages(); problem != "" {
		fail("%s", problem)
	}
	zero := reflect.New(t).Interface()
	_, c.hasCheck = zero.(checker)
	if named, ok := zero.(interface{ CheckRules() []string }); ok && c.hasCheck {
		c.checkRules = named.CheckRules()
	}
	return append(errs, c.settleFiles(t)...)
}

// settleFields sorts the fields by their sources and adds up what a request may have.
func (c *core) settleFields() {
	c.document = &field{}
	for i, f := range c.fields {
		f.rank(i)
		if c.sources[f.source] == nil {
			c.sources[f.source] = map[string]*field{}
		}
		c.sources[f.source][f.name] = f
		switch f.source {
		case sourceForm:
			c.maxForm += f.count
		case sourceFile:
			c.maxForm += f.count
			c.hasFiles = true
			c.maxBody += f.fileSize * int64(f.count+1) // one more, so that a file too large is named rather than the request refused
		case sourceJSON:
			f.slot = len(c.document.inner)
			c.document.inner = append(c.document.inner, f)
		case sourceQuery:
			c.maxQuery += f.count
		}
	}
	switch {
	case c.maxForm > 0:
		c.body = bodyForm
	case len(c.document.inner) > 0:
		c.body = bodyJSON
	}
	c.document.members = c.sources[sourceJSON]
	c.maxForm += spareParameters
	c.maxQuery += spareParameters
	c.maxBody += c.bodyAllowance()
}

func (c *core) settleMessages() string {
	c.messages = c.options.Messages
	if c.messages == nil {
		c.messages = []Messages{English(), Swedish(), Norwegian(), French()}
	}
	if len(c.messages) == 0 {
		return "Options.Messages is empty; nil means the four languages in the box"
	}
	c.messages = slices.Clone(c.messages)
	for i, m := range c.messages {
		if m.Language == "" || m.Text["invalid"] == "" {
			return fmt.Sprintf(`Options.Messages[%d] needs a Language and a text for the code "invalid"; start from validate.English()`, i)
		}
		c.messages[i].Text = maps.Clone(m.Text)
	}
	return ""
}

// The default of Options.MaxBody follows from the fields, so that a small form cannot be sent a large body.
const (
	spareBody   = 64 << 10
	largestBody = 16 << 20 // for what is held in memory; files come on top
)

// bodyAllowance is what the fields other than files may take, each character written in the longest way: %C3 in a form,
// \u0061 in JSON; with the lines around a part of a multipart body.
func (c *core) bodyAllowance() int64 {
	sum := int64(spareBody)
	for _, f := range c.fields {
		if f.source == sourceForm || f.source == sourceJSON {
			sum += f.allowance()
		}
	}
	return min(sum, largestBody)
}

func (f *field) allowance() int64 {
	one := int64(6*f.rawLimit() + 3*len(f.name) + 200)
	if f.kind == kindObject {
		one = int64(3*len(f.name) + 200)
		for _, m := range f.inner {
			one += m.allowance()
		}
	}
	return min(one*int64(f.count), largestBody) // no overflow: both factors are below 2^31
}

// rank gives a field and all inside it its place among the answers.
func (f *field) rank(order int) {
	f.order = order
	for _, m := range f.inner {
		m.rank(order)
	}
}

func (c *core) settleMethods() string {
	c.methods = slices.Clone(c.options.Methods)
	if len(c.methods) == 0 {
		if c.methods = []string{http.MethodGet}; c.body != bodyNone {
			c.methods = []string{http.MethodPost}
		}
	}
	for _, m := range c.methods {
		if m == "" || strings.ToUpper(m) != m || strings.ContainsAny(m, " ,\t\r\n") {
			return fmt.Sprintf("Options.Methods has %q; write methods in capitals, as POST", m)
		}
		if c.body != bodyNone && bodyless(m) {
			return fmt.Sprintf("has body fields, but Options.Methods has %s, whose body means nothing (RFC 9110, section 9.3)", m)
		}
	}
	if slices.Contains(c.methods, http.MethodGet) && !slices.Contains(c.methods, http.MethodHead) {
		c.methods = append(c.methods, http.MethodHead)
	}
	slices.Sort(c.methods)
	c.allow = strings.Join(c.methods, ", ")
	return ""
}

func bodyless(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions || method == http.MethodTrace
}

func (c *core) settleFiles(t reflect.Type) (errs []error) {
	for _, f := range c.fields {
		if f.source != sourceFile {
			continue
		}
		var err error
		f.files, err = upload.New(upload.Config{
			Dir: c.options.UploadDir, Types: f.choices, MaxBytes: f.fileSize, MaxPixels: c.options.MaxPixels, Scan: c.options.Scan,
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("validate: %s.%s: %w", t, f.goName, err))
		}
	}
	return errs
}
