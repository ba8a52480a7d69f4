package authz

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

// MarshalJSON returns the policy in the form that [ParsePolicy] reads.
func (p Policy) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Roles     map[Role]RoleDef      `json:"roles,omitempty"`
		Pages     map[Page]Rule         `json:"pages,omitempty"`
		Funcs     map[Func]Rule         `json:"funcs,omitempty"`
		Tables    map[Table]map[Op]Rule `json:"tables,omitempty"`
		Fragments map[Fragment]Rule     `json:"fragments,omitempty"`
	}(p))
}

// MarshalJSON returns the definition in the form that [ParsePolicy] reads.
func (d RoleDef) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Includes  []Role      `json:"includes,omitempty"`
		GrantedBy Role        `json:"grantedBy,omitempty"`
		Require   []Condition `json:"require,omitempty"`
	}(d))
}

// MarshalJSON returns the rule in the form that [ParsePolicy] reads; it fails for the zero Rule.
func (r Rule) MarshalJSON() ([]byte, error) {
	if r.effect == noEffect {
		return nil, errors.New("authz: a rule without effect cannot be written")
	}
	type menu struct {
		Label string `json:"label"`
		Order int    `json:"order"`
	}
	out := struct {
		Effect   string      `json:"effect"`
		Reason   string      `json:"reason,omitempty"`
		Roles    []Role      `json:"roles,omitempty"`
		OrKey    bool        `json:"orKey,omitempty"`
		Once     bool        `json:"once,omitempty"`
		Deny     []Role      `json:"deny,omitempty"`
		DenyWhen []Condition `json:"denyWhen,omitempty"`
		Tied     bool        `json:"tied,omitempty"`
		Require  []Condition `json:"require,omitempty"`
		In       string      `json:"in,omitempty"`
		Of       string      `json:"of,omitempty"`
		Hidden   bool        `json:"hidden,omitempty"`
		Unrouted bool        `json:"unrouted,omitempty"`
		Menu     *menu       `json:"menu,omitempty"`
	}{
		effectNames[r.effect], r.reason, r.roles, r.orKey, r.once, r.deny, r.denyWhen, r.tied, r.require, r.in, r.of,
		r.hidden, r.unrouted, nil,
	}
	if r.label != "" {
		out.Menu = &menu{r.label, r.order}
	}
	return json.Marshal(out)
}

// ParsePolicy reads a policy from JSON, as json.Marshal writes it, and nothing else: an unknown or repeated field, a
// field in other case, null, a misspelt effect or condition, an empty list and anything after the end are errors. What
// the policy says is checked by [New] and [Guard.Reload].
func ParsePolicy(data []byte) (Policy, error) {
	if !utf8.Valid(data) { // encoding/json would put U+FFFD in its place
		return Policy{}, errors.New("authz: policy is not UTF-8")
	}
	d := decoder{json.NewDecoder(bytes.NewReader(data))}
	d.UseNumber()
	var p Policy
	err := d.policy(&p)
	if err == nil {
		if _, end := d.Token(); end != io.EOF {
			err = errors.New("something follows the policy")
		}
	}
	if err != nil {
		return Policy{}, fmt.Errorf("authz: policy, near byte %d: %w", d.InputOffset(), err)
	}
	return p, nil
}

// decoder reads JSON by tokens, since encoding/json takes repeated fields and fields in other case.
type decoder struct{ *json.Decoder }

func (d decoder) policy(p *Policy) error {
	return d.object(func(field string) error {
		switch field {
		case "roles":
			return readMap(d, &p.Roles, d.role)
		case "pages":
			return readMap(d, &p.Pages, d.rule)
		case "funcs":
			return readMap(d, &p.Funcs, d.rule)
		case "fragments":
			return readMap(d, &p.Fragments, d.rule)
		case "tables":
			return readMap(d, &p.Tables, func(ops *map[Op]Rule) error { return readMap(d, ops, d.rule) })
		}
		return errUnknownField
	})
}

func (d decoder) role(def *RoleDef) error {
	return d.object(func(field string) error {
		switch field {
		case "includes":
			return readList(d, &def.Includes, readText)
		case "grantedBy":
			return readText(d, &def.GrantedBy)
		case "require":
			return readList(d, &def.Require, decoder.condition)
		}
		return errUnknownField
	})
}

func (d decoder) rule(r *Rule) error {
	err := d.object(func(field string) error {
		switch field {
		case "effect":
			var name string
			if err := readText(d, &name); err != nil {
				return err
			}
			i := slices.Index(effectNames[:], name)
			if i <= 0 {
				return errors.New("unknown effect; the effects are allow, public, public-because, public-with-key and inherit")
			}
			r.effect = effect(i)
			return nil
		case "reason":
			return readText(d, &r.reason)
		case "roles":
			return readList(d, &r.roles, readText)
		case "deny":
			return readList(d, &r.deny, readText)
		case "denyWhen":
			return readList(d, &r.denyWhen, decoder.condition)
		case "require":
			return readList(d, &r.require, decoder.condition)
		case "in":
			return readText(d, &r.in)
		case "of":
			return readText(d, &r.of)
		case "menu":
			return d.menu(r)
		}
		return d.flag(r, field)
	})
	if err == nil && r.effect == noEffect {
		err = errors.New("a rule has no effect")
	}
	return err
}

// flag reads a field that may only be true, since false is said by leaving it out.
func (d decoder) flag(r *Rule, field string) error {
	flags := map[string]*bool{"orKey": &r.orKey, "once": &r.once, "tied": &r.tied, "hidden": &r.hidden, "unrouted": &r.unrouted}
	flag := flags[field]
	if flag == nil {
		return errUnknownField
	}
	tok, err := d.Token()
	if err == nil && tok != true {
		err = errors.New("a switch can only be true; leave it out instead")
	}
	*flag = true
	return err
}

func (d decoder) menu(r *Rule) error {
	ordered := false
	err := d.object(func(field string) error {
		switch field {
		case "label":
			return readText(d, &r.label)
		case "order":
			ordered = true
			return d.integer(&r.order)
		}
		return errUnknownField
	})
	if err == nil && (r.label == "" || !ordered) {
		err = errors.New("a menu entry needs label and order")
	}
	return err
}

func (d decoder) integer(n *int) error {
	tok, err := d.Token()
	if err != nil {
		return err
	}
	number, ok := tok.(json.Number)
	if !ok || json.Unmarshal([]byte(number), n) != nil {
		return errors.New("expected a whole number")
	}
	return nil
}

func (d decoder) condition(c *Condition) error {
	var text string
	if err := readText(d, &text); err != nil {
		return err
	}
	return c.UnmarshalText([]byte(text))
}

var errUnknownField = errors.New("unknown field")

func (d decoder) open(bracket json.Delim) error {
	tok, err := d.Token()
	if err == nil && tok != bracket {
		err = fmt.Errorf("expected %q", rune(bracket))
	}
	return err
}

// object calls field for each name in an object, with the decoder before its value.
func (d decoder) object(field func(string) error) error {
	if err := d.open('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for d.More() {
		tok, err := d.Token()
		if err != nil {
			return err
		}
		name := tok.(string) // a decoder gives nothing else before a colon
		if seen[name] {
			return errors.New("a name stands twice")
		}
		seen[name] = true
		if err := field(name); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

func readMap[K ~string, V any](d decoder, m *map[K]V, read func(*V) error) error {
	*m = map[K]V{}
	err := d.object(func(name string) error {
		var v V
		err := read(&v)
		(*m)[K(name)] = v
		return err
	})
	if err == nil && len(*m) == 0 {
		err = errors.New("an empty object; leave it out instead")
	}
	return err
}

func readList[T any](d decoder, list *[]T, read func(decoder, *T) error) error {
	if err := d.open('['); err != nil {
		return err
	}
	for d.More() {
		var v T
		if err := read(d, &v); err != nil {
			return err
		}
		*list = append(*list, v)
	}
	if len(*list) == 0 {
		return errors.New("an empty list; leave it out instead")
	}
	_, err := d.Token()
	return err
}

func readText[T ~string](d decoder, s *T) error {
	tok, err := d.Token()
	if err != nil {
		return err
	}
	text, ok := tok.(string)
	if !ok || text == "" {
		return errors.New("expected a text that is not empty")
	}
	*s = T(text)
	return nil
}
