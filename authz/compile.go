package authz

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A snapshot is a compiled policy. It never changes; Reload puts another in its place.
type snapshot struct {
	judge  *judge
	roles  *roles
	rules  map[string]*rule // pages, functions and fragments, which share one space of names
	tables map[Table]map[Op]*rule
	menu   []*rule // in the order of the menu
	sorted []*rule // all rules, for texts
}

// A rule is a compiled Rule.
type rule struct {
	Rule
	home     *snapshot
	kind     kind
	name     string
	allowing *holders
	denying  roleSet // nil: no deny
	local    *rule   // of a fragment: the rule in the tenant of the page that includes it
}

// tiable reports whether a [Tie] can be to the rule's name.
func (r *rule) tiable() bool { return r.kind == pageKind || r.kind == funcKind }

// find returns the rule of a name, or nil. A name of one kind is unknown as another.
func (s *snapshot) find(k kind, name string) *rule {
	if r := s.rules[name]; r != nil && r.kind == k {
		return r
	}
	return nil
}

type compiler struct {
	judge      *judge
	roles      *roles
	lists      map[string]*holders
	denies     map[*holders]roleSet
	conditions func(where string, list []Condition) error
	key, spend bool // whether capability keys can be made and spent
}

// compile checks a policy and everything it names. The errors say what to change.
func (c *compiler) compile(p Policy) (*snapshot, error) {
	r, err := compileRoles(p.Roles, c.conditions)
	if err != nil {
		return nil, err
	}
	c.roles, c.lists, c.denies = r, map[string]*holders{}, map[*holders]roleSet{}
	pages, funcs, fragments := keysOf(p.Pages), keysOf(p.Funcs), keysOf(p.Fragments)
	names := slices.Concat(pages, funcs, fragments)
	errs := []error{checkNames("policy", names), checkNames("table", keysOf(p.Tables))}
	s := &snapshot{judge: c.judge, roles: r, rules: make(map[string]*rule, len(names)), tables: map[Table]map[Op]*rule{}}
	add := func(k kind, name string, from Rule) *rule {
		ru, err := c.rule(k, name, from)
		if err != nil {
			errs = append(errs, fmt.Errorf("authz: %s %q: %w", k, clip(name), err))
			return nil
		}
		ru.home = s
		if k == fragmentKind {
			local := *ru
			local.in = "page"
			ru.local = &local
		}
		s.sorted = append(s.sorted, ru)
		return ru
	}
	for _, name := range pages { // in order, since sorting again what is sorted costs nothing
		s.rules[name] = add(pageKind, name, p.Pages[Page(name)])
	}
	for _, name := range funcs {
		s.rules[name] = add(funcKind, name, p.Funcs[Func(name)])
	}
	for _, name := range fragments {
		s.rules[name] = add(fragmentKind, name, p.Fragments[Fragment(name)])
	}
	for table, ops := range p.Tables {
		s.tables[table] = map[Op]*rule{}
		if len(ops) == 0 {
			errs = append(errs, fmt.Errorf("authz: table %q has no operation; declare one or drop the table", clip(string(table))))
		}
		for op, from := range ops {
			if !slices.Contains([]Op{Select, Insert, Update, Delete}, op) {
				errs = append(errs, fmt.Errorf("authz: table %q: unknown operation %q", clip(string(table)), clip(string(op))))
				continue
			}
			s.tables[table][op] = add(tableKind, tableName(table, op), from)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, sortedErrors(errs)
	}
	s.finish()
	return s, nil
}

// finish puts rules and menu into their order.
func (s *snapshot) finish() {
	slices.SortFunc(s.sorted, func(a, b *rule) int {
		if a.kind != b.kind {
			return int(a.kind) - int(b.kind)
		}
		return strings.Compare(a.name, b.name)
	})
	for _, r := range s.sorted {
		if r.label != "" {
			s.menu = append(s.menu, r)
		}
	}
	slices.SortFunc(s.menu, func(a, b *rule) int {
		if a.order != b.order {
			return cmp.Compare(a.order, b.order)
		}
		if a.label != b.label {
			return strings.Compare(a.label, b.label)
		}
		return strings.Compare(a.name, b.name)
	})
}

// rule checks one rule and compiles it.
func (c *compiler) rule(k kind, name string, from Rule) (*rule, error) {
	err := cmp.Or(from.check(k, name), c.available(&from),
		c.roles.known("allows", from.roles), c.roles.known("denies", from.deny),
		c.conditions("require", from.require), c.conditions("deny when", from.denyWhen))
	if err != nil {
		return nil, err
	}
	out := &rule{Rule: from, kind: k, name: name, allowing: c.holding(from.roles)}
	if len(from.deny) > 0 {
		h := c.holding(from.deny)
		if c.denies[h] == nil {
			c.denies[h] = h.any()
		}
		out.denying = c.denies[h]
	}
	return out, nil
}

// available refuses what the configuration has no means for.
func (c *compiler) available(r *Rule) error {
	switch {
	case r.keyed() && !c.key:
		return errors.New("is opened by a key; set Config.Keys")
	case r.once && !c.spend:
		return errors.New("takes each key once; set Config.Spend")
	}
	return nil
}

// check refuses combinations that mean nothing, or something else than they seem to.
func (r *Rule) check(k kind, name string) error {
	switch {
	case r.effect == noEffect:
		return errors.New("has no effect; begin with Allow, Public, PublicBecause, PublicWithKey or Inherit")
	case r.effect == allow && len(r.roles) == 0:
		return errors.New("allows no role; name one, or leave the line out")
	case r.effect != allow && len(r.roles) > 0: // only JSON can say this
		return errors.New("lists roles and does not ask for them; the effect is allow, or the list goes")
	case r.effect != publicBecause && r.reason != "":
		return errors.New("gives a reason; only public-because does")
	case r.effect == inherit && k != fragmentKind:
		return errors.New("only a fragment can inherit")
	case r.effect == inherit && Rule{effect: inherit}.String() != r.String():
		return errors.New("inherits and can say nothing more; give it a rule of its own instead")
	case r.effect == public && (k == funcKind || k == tableKind && !strings.HasSuffix(name, " "+string(Select))):
		return errors.New("is a change open to everybody; use PublicWithKey, or PublicBecause and say why")
	case r.effect == publicBecause && (k == pageKind || k == fragmentKind || strings.HasSuffix(name, " "+string(Select))):
		return errors.New("is only read; use Public")
	case r.effect == publicBecause && len(r.reason) < 3:
		return errors.New("is open to everybody; PublicBecause needs the reason")
	case r.keyed() && (k == fragmentKind || k == tableKind):
		return errors.New("cannot be opened by a key; only pages and functions can")
	case r.orKey && r.effect != allow:
		return errors.New("OrKey belongs to Allow")
	case r.once && !r.keyed():
		return errors.New("Once belongs to a rule with a key")
	case r.tied && r.effect != allow:
		return errors.New("Tied belongs to Allow")
	case r.tied && (k == fragmentKind || k == tableKind):
		return errors.New("ties are to pages and functions only; drop Tied")
	case r.open() && len(r.deny) > 0:
		return errors.New("is open to everybody and denies a role; signing out would open it, so the deny is for show")
	case r.label != "" && k != pageKind:
		return errors.New("only a page can stand in the menu")
	case r.unrouted && (k == fragmentKind || k == tableKind):
		return errors.New("never has a route; drop Unrouted")
	case r.of != "" && k == tableKind:
		return errors.New("is a table; Of belongs to routes")
	}
	if !printable(r.reason) || !printable(r.label) {
		return errors.New("has a text that is not one line of valid UTF-8 of at most 200 bytes")
	}
	for _, word := range []string{r.in, r.of} {
		if word != "" && !isWord(word) {
			return errors.New("In and Of take the name of a path value: letters, digits and '_'")
		}
	}
	return nil
}

// printable refuses texts that could look like another line of the matrix.
func printable(s string) bool {
	return len(s) <= 200 && utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) })
}

func isWord(s string) bool {
	for i, c := range s {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// conditionCheck refuses conditions that are malformed, or named and not configured.
func conditionCheck[F any](known map[string]F) func(string, []Condition) error {
	return func(where string, list []Condition) error {
		seen := map[string]bool{}
		for _, c := range list {
			if err := c.check(); err != nil {
				return fmt.Errorf("%s: %w", where, err)
			}
			if _, ok := known[c.words]; c.kind == named && !ok {
				return fmt.Errorf("%s: condition %q is not in Config.Conditions", where, c.words)
			}
			if seen[c.String()] {
				return fmt.Errorf("%s: condition %q stands twice", where, c.String())
			}
			seen[c.String()] = true
		}
		return nil
	}
}

// sortedErrors joins errors in an order that does not depend on that of maps.
func sortedErrors(errs []error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}
