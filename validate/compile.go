package validate

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"net/textproto"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/validate/upload"
)

// core is a compiled schema without its type parameter.
type core struct {
	name       string
	options    Options
	allow      string
	methods    []string
	messages   []Messages
	fields     []*field // all that are read from the request's top level, in the struct's order
	sources    [sourceCount]map[string]*field
	body       bodyKind
	document   *field // the JSON object at the top
	hasFiles   bool
	hasSecret  bool
	hasCheck   bool
	checkRules []string // how the struct names what Check does
	maxBody    int64
	maxQuery   int // parameters in the query
	maxForm    int // parameters or parts in the body
	rules      *vocabulary
}

type bodyKind uint8

const (
	bodyNone bodyKind = iota // no body field; a form with nothing but csrf may still come
	bodyForm
	bodyJSON
)

const (
	sourceForm = iota
	sourceQuery
	sourcePath
	sourceHeader
	sourceJSON
	sourceFile
	sourceCount
)

var sourceNames = [sourceCount]string{"form", "query", "path", "header", "json", "file"}

// reserved is the form field of the session package's CSRF token. Every form schema knows it, none may take it.
const reserved = "csrf"

// spareParameters is how many more parameters than the schema has are looked at, so that a client with one name too many is
// told so; beyond that the request is refused before anything is decoded.
const spareParameters = 16

func compile(t reflect.Type, o Options) (*core, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("validate: %s is not a struct; a schema is a struct with one field for each thing that may come in", t)
	}
	c := &core{name: cmp.Or(t.Name(), t.String()), options: o}
	var err error
	if c.rules, err = newVocabulary(o); err != nil {
		return nil, err
	}
	b := builder{core: c, structName: t.String(), seen: map[string]string{}}
	b.walk(t, nil)
	c.fields = b.fields
	if err := errors.Join(append(b.errs, c.settle(t)...)...); err != nil {
		return nil, err
	}
	return c, nil
}

// builder walks a struct and collects fields and errors.
type builder struct {
	core       *core
	structName string
	fields     []*field
	seen       map[string]string // source and name -> Go field
	errs       []error
	parents    []reflect.Type // of nested JSON objects, to refuse a type that holds itself
	onlyJSON   bool
	prefix     string
}

func (b *builder) fail(goName, format string, args ...any) {
	b.errs = append(b.errs, fmt.Errorf("validate: %s.%s: %s", b.structName, goName, fmt.Sprintf(format, args...)))
}

func (b *builder) walk(t reflect.Type, index []int) {
	for i := range t.NumField() {
		sf := t.Field(i)
		at := append(slices.Clone(index), i)
		_, tagged := sf.Tag.Lookup("in")
		switch {
		case sf.Anonymous && !tagged && sf.Type.Kind() == reflect.Struct && sf.IsExported() && !hasParser(sf.Type):
			b.walk(sf.Type, at)
		case !sf.IsExported() && !tagged && sf.Tag.Get("rule") == "" && !sf.Anonymous:
			// The host's own business: nothing can come in here.
		case !sf.IsExported():
			b.fail(sf.Name, "is unexported, so it cannot be filled; give it a capital letter")
		case !tagged:
			b.fail(sf.Name, `has no source; add a tag as in:"form %s", or write the field without a capital letter`, strings.ToLower(sf.Name))
		default:
			if f := b.field(sf, at); f != nil {
				b.fields = append(b.fields, f)
			}
		}
	}
}

// field compiles one field, or reports what is wrong and returns nil.
func (b *builder) field(sf reflect.StructField, at []int) *field {
	f := &field{goName: sf.Name, index: at, count: 1, zone: b.core.options.Zone}
	if f.zone == nil {
		f.zone = time.UTC
	}
	if !b.source(f, sf.Tag.Get("in")) {
		return nil
	}
	before := len(b.errs)
	b.kind(f, sf.Type)
	if len(b.errs) > before {
		return nil
	}
	f.optText, f.optional = sf.Tag.Lookup("opt")
	if err := f.rules(b.core.rules, sf.Tag.Get("rule")); err != nil {
		b.fail(sf.Name, "%v", err)
		return nil
	}
	if err := f.defaults(); err != nil {
		b.fail(sf.Name, "%v", err)
		return nil
	}
	b.core.hasSecret = b.core.hasSecret || f.kind == kindSecret
	if f.kind == kindSecret && (f.source == sourceQuery || f.source == sourcePath) {
		b.fail(sf.Name, "is a secret in the %s, which lands in logs, histories and Referer headers; take it from the body", f.in)
	}
	return f
}

func (b *builder) source(f *field, tag string) bool {
	in, name, ok := strings.Cut(tag, " ")
	f.source = slices.Index(sourceNames[:], in)
	switch {
	case f.source < 0:
		b.fail(f.goName, `has the unknown source %q; use form, query, path, header, json or file and a name, as in:"form user"`, in)
		return false
	case !ok || name == "" || len(name) > maxName || !printable(name):
		b.fail(f.goName, `has no usable name in its tag; write it after the source, as in:"%s user"`, in)
		return false
	case b.onlyJSON && f.source != sourceJSON:
		b.fail(f.goName, "is part of a JSON object, so its source must be json")
		return false
	case name == reserved && (f.source == sourceForm || f.source == sourceFile || f.source == sourceQuery):
		b.fail(f.goName, "takes the name csrf, which is reserved for the token of the session package")
		return false
	}
	if f.source == sourceHeader {
		name = textproto.CanonicalMIMEHeaderKey(name)
	}
	f.in, f.name, f.label = in, name, b.prefix+name
	// A form field and a file are parts of the same body, so that one name for both is one name for two fields.
	key := in + " " + name
	if f.source == sourceFile {
		key = "form " + name
	}
	if other := b.seen[key]; other != "" {
		b.fail(f.goName, "has the same source and name as %s; one name fills one field", other)
		return false
	}
	b.seen[key] = f.goName
	return true
}

// maxName bounds the names of a schema, so that longer ones in a request need not be decoded.
const maxName = 128

// printable reports whether s is ASCII that can be seen: names are written into tags, forms and logs.
func printable(s string) bool {
	for _, r := range s {
		if r <= ' ' || r > '~' {
			return false
		}
	}
	return true
}

var (
	secretType  = reflect.TypeFor[skans.Secret]()
	fileType    = reflect.TypeFor[*upload.File]()
	dateType    = reflect.TypeFor[Date]()
	decimalType = reflect.TypeFor[Decimal]()
	timeType    = reflect.TypeFor[time.Time]()
	textType    = reflect.TypeFor[encoding.TextUnmarshaler]()
	parserType  = reflect.TypeFor[parser]()
)

func hasParser(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return t == secretType || t == timeType || p.Implements(parserType) || p.Implements(textType)
}

// kind finds out how a field of this type is filled.
func (b *builder) kind(f *field, t reflect.Type) {
	if t.Kind() == reflect.Slice {
		f.list, t = true, t.Elem()
	} else if t.Kind() == reflect.Pointer && t != fileType {
		f.pointer, t = true, t.Elem()
	}
	f.typ = t
	switch p := reflect.PointerTo(t); {
	case t == secretType:
		f.kind = kindSecret
	case t == fileType:
		f.kind = kindFile
	case t == timeType:
		f.kind = kindTime
	case p.Implements(parserType):
		f.kind = kindParsed
	case p.Implements(textType):
		f.kind = kindText
	default:
		b.basic(f, t)
	}
	switch {
	case f.kind == kindFile && f.source != sourceFile:
		b.fail(f.goName, `is a file, so its source must be file, as in:"file %s"`, f.name)
	case f.kind != kindFile && f.source == sourceFile:
		b.fail(f.goName, "has the source file, so its type must be *upload.File or []*upload.File")
	case f.list && f.source == sourcePath:
		b.fail(f.goName, "is a slice, but a path has each name once")
	case f.list && (f.kind == kindSecret || f.kind == kindBool):
		b.fail(f.goName, "is a slice of %s, which is not supported; use single fields", t)
	}
}

func (b *builder) basic(f *field, t reflect.Type) {
	switch t.Kind() {
	case reflect.String:
		f.kind = kindString
	case reflect.Bool:
		f.kind = kindBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		f.kind = kindInt
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		f.kind = kindUint
	case reflect.Float32, reflect.Float64:
		f.kind = kindFloat
	case reflect.Struct:
		b.object(f, t)
	case reflect.Interface, reflect.Map:
		b.fail(f.goName, "is of type %s, which takes anything; a schema lists what may come", t)
	default:
		b.fail(f.goName, "is of type %s, which is not supported; use a string, number, bool, a type of this package or one with UnmarshalText", t)
	}
}

// object compiles a struct inside JSON.
func (b *builder) object(f *field, t reflect.Type) {
	switch {
	case f.source != sourceJSON:
		b.fail(f.goName, "is a struct, which only JSON can fill; write its fields one by one")
		return
	case slices.Contains(b.parents, t) || len(b.parents) >= maxDepth:
		b.fail(f.goName, "makes %s hold itself; a schema has a fixed depth of at most %d", t, maxDepth)
		return
	}
	f.kind = kindObject
	inner := builder{core: b.core, structName: t.String(), prefix: f.label + ".", seen: map[string]string{}, parents: append(slices.Clone(b.parents), t), onlyJSON: true}
	inner.walk(t, nil)
	b.errs = append(b.errs, inner.errs...)
	f.members = map[string]*field{}
	for i, m := range inner.fields {
		m.slot = i
		f.members[m.name] = m
	}
	f.inner = inner.fields
	if len(inner.fields) == 0 && len(inner.errs) == 0 {
		b.fail(f.goName, "is a struct without fields")
	}
}
