package validate

import (
	"net/http"
	"reflect"
	"strconv"
)

// A Probe is a schema of one field A that tests make at run time, so that a table can hold many rules.
type Probe struct {
	core *core
	typ  reflect.Type
}

func NewProbe(zero any, tag string, o Options) (*Probe, error) {
	t := reflect.StructOf([]reflect.StructField{{Name: "A", Type: reflect.TypeOf(zero), Tag: reflect.StructTag(tag)}})
	c, err := compile(t, o)
	if err != nil {
		return nil, err
	}
	return &Probe{core: c, typ: t}, nil
}

// NewWideProbe has n required form fields.
func NewWideProbe(n int) (*Probe, error) {
	var fields []reflect.StructField
	for i := range n {
		name := "F" + strconv.Itoa(i)
		fields = append(fields, reflect.StructField{Name: name, Type: reflect.TypeFor[string](), Tag: reflect.StructTag(`in:"form ` + name + `" rule:"line,max=9"`)})
	}
	t := reflect.StructOf(fields)
	c, err := compile(t, Options{})
	return &Probe{core: c, typ: t}, err
}

func (p *Probe) Parse(w http.ResponseWriter, r *http.Request) (any, error) {
	v := reflect.New(p.typ).Elem()
	if err := p.core.parse(w, r, v); err != nil {
		return nil, err
	}
	return v.Field(0).Interface(), nil
}

// ParseSwedishAt reads a personnummer as if it were another day.
func ParseSwedishAt(s string, today Date) (SEPersonID, string) {
	var n SEPersonID
	code := n.parseAt(s, today)
	return n, code
}

// Normalise and Clean are the two halves of what happens to text beyond ASCII.
func Normalise(s string) (string, bool) { return normalise(s) }
func Clean(s string) bool               { return cleanText(s) }

// ClosedTable returns the borrowed tags, as they are written in a rule.
func ClosedTable() []string {
	var tags []string
	for tag, use := range closedTable {
		if use == withParameter {
			tag += "=a"
		}
		tags = append(tags, tag)
	}
	return tags
}

// Borrow makes a rule of any tag of validator/v10, without asking the table.
func Borrow(tag string) error {
	v, err := newVocabulary(Options{})
	if err != nil {
		return err
	}
	_, err = v.borrowed(tag, tag)
	return err
}
