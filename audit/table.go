package audit

import (
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/skans-go/skans"
)

// A Table is the compiled schema of a database table whose rows are values of the struct T: which columns it has and
// what of each is recorded. Tags say so:
//
//	`db:"email"`             the column; fields without this tag are none
//	`audit:"key"`            identifies the row; exactly one
//	`audit:"subject"`        the person whom the row is about; values are sealed under them when the log has a Vault
//	`audit:"track"`          old and new value are recorded
//	`audit:"mac"`            a keyed digest of both: whether two values were the same shows, not what they were
//	`audit:"changed"`        that it changed
//
// A column without an audit tag is never recorded. Field types are those that database/sql scans and stores, and
// [skans.Secret] under mac and changed.
type Table[T any] struct {
	name    string
	columns []column
	key     int // in columns
	subject int // in columns, -1: none
}

type column struct {
	name  string
	index []int // of the struct field
	kind  string
}

// Kinds of recorded fields, as in the history table.
const (
	fieldTrack   = "track"
	fieldMAC     = "mac"
	fieldChanged = "changed"
)

// maxValue bounds one recorded value.
const maxValue = 1 << 20

var (
	// ErrNoActor says that a field change came with a context that names nobody: see [WithActor].
	ErrNoActor = errors.New("audit: field change without an actor; use WithActor")
	// ErrValue says that a field's value cannot be recorded: longer than 1 MiB, or of a type that has no text.
	ErrValue = errors.New("audit: value cannot be recorded")
	// ErrKey says that before and after are not the same row, or that there is no row of that key.
	ErrKey = errors.New("audit: row is not the same or not there")
)

// MustTable is [NewTable] for a package variable. A schema with a mistake panics at start.
func MustTable[T any](name string) *Table[T] {
	t, err := NewTable[T](name)
	if err != nil {
		panic(err.Error())
	}
	return t
}

// NewTable compiles the tags of T for the table of that name: lower-case letters, digits and underscores, with the name of a
// database schema and a dot before it if need be.
func NewTable[T any](name string) (*Table[T], error) {
	for part := range strings.SplitSeq(name, ".") {
		if !validColumn(part) || strings.Count(name, ".") > 1 {
			return nil, fmt.Errorf("audit: table name %q is not lower-case letters, digits and underscores", name)
		}
	}
	typ := reflect.TypeFor[T]()
	if typ.Kind() != reflect.Struct {
		return nil, fmt.Errorf("audit: table %s: %s is not a struct", name, typ)
	}
	t := &Table[T]{name: name, key: -1, subject: -1}
	for _, field := range reflect.VisibleFields(typ) {
		if err := t.add(field); err != nil {
			return nil, fmt.Errorf("audit: table %s, field %s: %w", name, field.Name, err)
		}
	}
	if t.key < 0 {
		return nil, fmt.Errorf(`audit: table %s: no field has the tag audit:"key"`, name)
	}
	return t, nil
}

func (t *Table[T]) add(field reflect.StructField) error {
	name, hasColumn := field.Tag.Lookup("db")
	tag, hasAudit := field.Tag.Lookup("audit")
	switch {
	case !hasColumn && hasAudit:
		return errors.New(`has an audit tag and no db tag`)
	case !hasColumn || name == "-":
		return nil
	case !field.IsExported():
		return errors.New("is not exported")
	case len(field.Index) > 1 && throughPointer(reflect.TypeFor[T](), field.Index):
		return errors.New("is embedded through a pointer")
	case !validColumn(name):
		return fmt.Errorf("column %q is not lower-case letters, digits and underscores", name)
	}
	for _, c := range t.columns {
		if c.name == name {
			return fmt.Errorf("column %q is named twice", name)
		}
	}
	c := column{name: name, index: field.Index}
	at := len(t.columns)
	switch {
	case !hasAudit:
	case tag == "key" && t.key < 0:
		t.key = at
	case tag == "subject" && t.subject < 0:
		t.subject, c.kind = at, fieldTrack // a change of hands is a change
	case tag == fieldTrack || tag == fieldMAC || tag == fieldChanged:
		c.kind = tag
	default:
		return fmt.Errorf("audit tag %q is unknown or used twice", tag)
	}
	if field.Type == reflect.TypeFor[skans.Secret]() && (hasAudit && c.kind != fieldMAC && c.kind != fieldChanged) {
		return errors.New("a Secret is recorded as mac or changed only")
	}
	t.columns = append(t.columns, c)
	return nil
}

func throughPointer(typ reflect.Type, index []int) bool {
	for _, i := range index[:len(index)-1] {
		if typ = typ.Field(i).Type; typ.Kind() == reflect.Pointer {
			return true
		}
	}
	return false
}

func validColumn(s string) bool {
	if s == "" || len(s) > 63 || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' })
}

// Describe lists the columns and what of each is recorded, one a line.
func (t *Table[T]) Describe() string {
	var b strings.Builder
	for i, c := range t.columns {
		kind := c.kind
		switch {
		case i == t.key:
			kind = "key"
		case i == t.subject:
			kind = "subject"
		case kind == "":
			kind = "never"
		}
		fmt.Fprintf(&b, "%s.%s %s\n", t.name, c.name, kind)
	}
	return b.String()
}

// text is a column's value as it is recorded and compared: NULL differs from "", -0 from 0, NaN equals NaN.
func (t *Table[T]) text(row *T, c column) (sql.NullString, error) {
	text, err := textOf(reflect.ValueOf(row).Elem().FieldByIndex(c.index).Interface())
	if err != nil {
		return text, fmt.Errorf("%s.%s: %w", t.name, c.name, err)
	}
	if len(text.String) > maxValue {
		return sql.NullString{}, fmt.Errorf("%s.%s: %w: longer than %d bytes", t.name, c.name, ErrValue, maxValue)
	}
	return text, nil
}

// textOf turns what database/sql stores into text.
func textOf(value any) (sql.NullString, error) {
	if secret, ok := value.(skans.Secret); ok {
		return sql.NullString{String: secret.Reveal(), Valid: true}, nil
	}
	value, err := driver.DefaultParameterConverter.ConvertValue(value)
	if err != nil {
		return sql.NullString{}, fmt.Errorf("%w: %w", ErrValue, err)
	}
	text := sql.NullString{Valid: true}
	switch v := value.(type) {
	case nil:
		return sql.NullString{}, nil
	case string:
		text.String = v
	case []byte:
		if v == nil {
			return sql.NullString{}, nil
		}
		text.String = string(v)
	case int64:
		text.String = strconv.FormatInt(v, 10)
	case bool:
		text.String = strconv.FormatBool(v)
	case float64:
		text.String = strconv.FormatFloat(v, 'g', -1, 64)
	case time.Time:
		text.String = v.UTC().Format(time.RFC3339Nano)
	default:
		return sql.NullString{}, fmt.Errorf("%w: of type %T", ErrValue, value)
	}
	return text, nil
}

// keyOf is the text by which a row is found again.
func keyOf(value any) (string, error) {
	text, err := textOf(value)
	if err != nil || !text.Valid || len(text.String) > 255 {
		return "", errors.Join(fmt.Errorf("%w: a key is not NULL and at most 255 bytes", ErrKey), err)
	}
	if !utf8.ValidString(text.String) {
		return "x" + hex.EncodeToString([]byte(text.String)), nil // a binary key, in a text column
	}
	return text.String, nil
}
