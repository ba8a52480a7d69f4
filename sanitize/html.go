package sanitize

import "html/template"

// HTML is markup that a [Washer] has made harmless. Only this package makes one, so a value of this type in a
// signature is a promise. The zero value is empty.
type HTML struct {
	markup string
	remote bool // carries addresses of remote pictures, because the host allowed them
}

// Template returns the markup for html/template. It is the only place in this library where a template.HTML is made.
func (h HTML) Template() template.HTML { return template.HTML(h.markup) } //nolint:gosec // the washer's own output

// String returns the markup.
func (h HTML) String() string { return h.markup }
