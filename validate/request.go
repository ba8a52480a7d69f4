package validate

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/skans-go/skans/validate/upload"
)

// intake is one request on its way into one value.
type intake struct {
	core   *core
	r      *http.Request
	root   reflect.Value
	seen   []uint16 // how often each field came
	faults []fault
	tokens int // how often the CSRF token came
}

// stop ends the reading of a request that cannot be read to its end.
type stop struct {
	status int
	code   string
	cause  error
}

var fine stop

// parse reads the request into v, in the order in which a wrong request costs least: method, content type, size, number
// of parameters, and only then names and values.
func (c *core) parse(w http.ResponseWriter, r *http.Request, v reflect.Value) error {
	if !slices.Contains(c.methods, r.Method) {
		return c.rejected(r, http.StatusMethodNotAllowed, whole("method"), nil)
	}
	var few [32]uint16
	in := intake{core: c, r: r, root: v, seen: few[:0]}
	if len(c.fields) <= len(few) {
		in.seen = few[:len(c.fields)]
	} else {
		in.seen = make([]uint16, len(c.fields))
	}
	end := in.read(w)
	if end == fine {
		in.missing()
		if len(in.faults) == 0 {
			return nil
		}
		end.status = http.StatusUnprocessableEntity
		for _, f := range in.faults {
			if f.code == "encoding" {
				end.status = http.StatusBadRequest
			}
			if f.code == "storage" {
				end.status = http.StatusServiceUnavailable
				break
			}
		}
	} else {
		in.faults = whole(end.code)
	}
	c.discard(v)
	slices.SortStableFunc(in.faults, func(a, b fault) int { return a.order - b.order })
	return c.rejected(r, end.status, in.faults, end.cause)
}

func (in *intake) read(w http.ResponseWriter) stop {
	kind, params, end := in.contentType()
	if end != fine {
		return end
	}
	if in.r.ContentLength > in.core.maxBody {
		return stop{status: http.StatusRequestEntityTooLarge, code: "large"}
	}
	if end := in.query(); end != fine {
		return end
	}
	in.path()
	in.header()
	if kind == mediaNone {
		return fine
	}
	body := http.MaxBytesReader(w, in.r.Body, in.core.maxBody)
	switch kind {
	case mediaURLEncoded:
		return in.urlencoded(body)
	case mediaMultipart:
		return in.multipart(body, params["boundary"])
	default:
		return in.json(body)
	}
}

type media uint8

const (
	mediaNone media = iota
	mediaURLEncoded
	mediaMultipart
	mediaJSON
)

// contentType decides how the body is read. Only what the schema expects is taken: a body of another type would be read by
// other rules than those the sender's browser was held to (a text/plain form needs no preflight, and can look like JSON).
func (in *intake) contentType() (media, map[string]string, stop) {
	r, c := in.r, in.core
	refused := stop{status: http.StatusUnsupportedMediaType, code: "media"}
	if bodyless(r.Method) {
		if r.ContentLength != 0 && r.Body != nil && r.Body != http.NoBody {
			return mediaNone, nil, stop{status: http.StatusBadRequest, code: "syntax", cause: errBody}
		}
		return mediaNone, nil, fine
	}
	types := r.Header["Content-Type"]
	empty := r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0
	if len(types) == 0 && empty {
		if c.body == bodyJSON {
			return mediaNone, nil, refused
		}
		return mediaNone, nil, fine
	}
	if len(types) != 1 {
		return mediaNone, nil, refused
	}
	if enc := r.Header["Content-Encoding"]; len(enc) > 1 || len(enc) == 1 && enc[0] != "identity" {
		return mediaNone, nil, refused // a compressed body could be a thousand times as large as it says
	}
	name, params := types[0], map[string]string(nil)
	if name != "application/x-www-form-urlencoded" && name != "application/json" {
		var err error
		if name, params, err = mime.ParseMediaType(types[0]); err != nil {
			return mediaNone, nil, refused
		}
	}
	for key, value := range params {
		if key != "charset" && (key != "boundary" || name != "multipart/form-data") || key == "charset" && !strings.EqualFold(value, "utf-8") {
			return mediaNone, nil, refused
		}
	}
	if empty && r.Body == nil {
		return mediaNone, nil, fine
	}
	switch {
	case name == "application/json" && c.body == bodyJSON:
		return mediaJSON, params, fine
	case name == "application/x-www-form-urlencoded" && c.body != bodyJSON:
		return mediaURLEncoded, params, fine
	case name == "multipart/form-data" && c.body != bodyJSON && params["boundary"] != "" && len(params["boundary"]) <= maxBoundary:
		return mediaMultipart, params, fine
	}
	return mediaNone, nil, refused
}

// maxBoundary is the limit of RFC 2046, section 5.1.1.
const maxBoundary = 70

var errBody = errors.New("validate: a body came with a method that has none")

func (in *intake) query() stop {
	q := ""
	if in.r.URL != nil {
		q = in.r.URL.RawQuery
	}
	if q == "" {
		return fine
	}
	if strings.Count(q, "&") >= in.core.maxQuery {
		return stop{status: http.StatusBadRequest, code: "parameters"}
	}
	return in.pairs(q, sourceQuery)
}

func (in *intake) path() {
	for _, f := range in.core.fields {
		if f.source == sourcePath {
			if text := in.r.PathValue(f.name); text != "" {
				in.take(f, text, tokenForm)
			}
		}
	}
}

// header reads the declared headers. Two lines of one header are two values: which of them another program would read
// cannot be known.
func (in *intake) header() {
	for _, f := range in.core.fields {
		if f.source == sourceHeader {
			for _, text := range in.r.Header[f.name] {
				in.take(f, text, tokenForm)
			}
		}
	}
}

// lookup finds the field of a name, or reports that there is none or that it belongs elsewhere.
func (in *intake) lookup(source int, name string) *field {
	if f := in.core.sources[source][name]; f != nil {
		return f
	}
	if f := in.core.elsewhere(name); f != nil {
		in.fault(f, "source")
	} else {
		in.unknown(sourceNames[source])
	}
	return nil
}

// elsewhere finds the field that is called so in any place where a client chooses names.
func (c *core) elsewhere(name string) *field {
	for s, fields := range c.sources {
		if f := fields[name]; f != nil && s != sourcePath && s != sourceHeader {
			return f
		}
	}
	return nil
}

func (in *intake) unknown(source string) {
	for _, f := range in.faults {
		if f.f == nil && f.in == source && f.code == "unknown" {
			return
		}
	}
	in.add(fault{order: len(in.core.fields), in: source, code: "unknown"})
}

func (in *intake) fault(f *field, code string) {
	for _, g := range in.faults {
		if g.f == f && g.code == code {
			return
		}
	}
	in.add(fault{order: f.order, in: f.in, name: f.label, code: code, f: f})
}

func (in *intake) add(f fault) {
	if len(in.faults) < maxFaults {
		in.faults = append(in.faults, f)
	}
}

// admit counts a value of the field and reports whether it may be looked at.
func (in *intake) admit(f *field) bool {
	if in.seen[f.order]++; int(in.seen[f.order]) <= f.count {
		return true
	}
	in.seen[f.order]-- // stays small whatever comes
	if f.list {
		in.fault(f, "count")
	} else {
		in.fault(f, "duplicate")
	}
	return false
}

// take checks one value of a field and puts it into the struct.
func (in *intake) take(f *field, text string, t token) {
	if !in.admit(f) {
		return
	}
	if text == "" && t == tokenForm && !f.takesEmpty() {
		if !f.optional {
			in.fault(f, "missing")
		} else if !f.list {
			f.absent(in.place(f)) // an input that was left empty
		}
		return
	}
	if code := f.put(in.place(f), text, t); code != "" {
		in.fault(f, code)
	}
}

// place is where a field's value goes.
func (in *intake) place(f *field) reflect.Value {
	return at(in.root, f.index)
}

// at is FieldByIndex without its checks for nil pointers: embedded structs are never pointers here.
func at(v reflect.Value, index []int) reflect.Value {
	for _, i := range index {
		v = v.Field(i)
	}
	return v
}

func (f *field) takesEmpty() bool {
	return f.kind == kindString || f.kind == kindSecret || f.kind == kindText
}

// put fills the field, its next element or what its pointer points to.
func (f *field) put(dst reflect.Value, text string, t token) string {
	if !f.fits(t) {
		return "type"
	}
	switch {
	case f.list:
		n := dst.Len()
		dst.Grow(1)
		dst.SetLen(n + 1)
		return f.fill(dst.Index(n), text)
	case f.pointer:
		p := reflect.New(f.typ)
		dst.Set(p)
		return f.fill(p.Elem(), text)
	}
	return f.fill(dst, text)
}

// missing reports what did not come, and fills in the defaults of what need not come.
func (in *intake) missing() {
	for i, f := range in.core.fields {
		n := int(in.seen[i])
		switch {
		case f.source == sourceJSON: // an object looks after its own members
		case n == 0 && f.optional:
			f.absent(in.place(f))
		case n == 0:
			if !slices.ContainsFunc(in.faults, func(g fault) bool { return g.f == f }) {
				in.fault(f, "missing")
			}
		case n < f.few:
			in.fault(f, "few")
		}
	}
}

// broken says how a body failed that could not be read to its end.
func broken(err error) stop {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return stop{status: http.StatusRequestEntityTooLarge, code: "large", cause: err}
	}
	return stop{status: http.StatusBadRequest, code: "syntax", cause: err}
}

// discard removes the files of a value that nobody gets, or that its handler did not keep.
func (c *core) discard(v reflect.Value) {
	if !c.hasFiles {
		return
	}
	for _, f := range c.fields {
		if f.kind != kindFile {
			continue
		}
		at := v.FieldByIndex(f.index)
		if !f.list {
			remove(at)
			continue
		}
		for i := range at.Len() {
			remove(at.Index(i))
		}
	}
}

func remove(v reflect.Value) {
	if f, ok := v.Interface().(*upload.File); ok && f != nil {
		_ = f.Remove()
	}
}

// readAll reads a body whose length the client may have announced; it does not believe more than its first 64 KiB.
func readAll(body io.Reader, announced int64) ([]byte, error) {
	size := int64(512)
	if announced > 0 {
		size = min(announced, 64<<10) + 1
	}
	b := make([]byte, 0, size)
	for {
		n, err := body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return b, err
		}
		if len(b) == cap(b) {
			b = slices.Grow(b, len(b))
		}
	}
}
