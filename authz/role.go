package authz

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	maxRoles = 1024
	maxPaths = 32 // different sets of demands by which one role can be reached from another
)

// roleSet is a set of role numbers.
type roleSet []uint64

func (s roleSet) has(i int) bool { return i>>6 < len(s) && s[i>>6]>>(i&63)&1 == 1 }
func (s roleSet) add(i int)      { s[i>>6] |= 1 << (i & 63) }

// roles is the compiled inclusion graph.
type roles struct {
	names []Role // sorted; a role's number is its place
	table roleTable
	defs  []RoleDef
	// reach[i] says which roles a holder of i has, and under which sets of demanding roles: every role on the way that
	// has a Require must have it met.
	reach []map[int][][]int
}

func compileRoles(defs map[Role]RoleDef, conditions func(string, []Condition) error) (*roles, error) {
	if len(defs) > maxRoles {
		return nil, fmt.Errorf("authz: %d roles; at most %d are supported", len(defs), maxRoles)
	}
	r := &roles{names: slices.Sorted(maps.Keys(defs))}
	if err := checkNames("role", keysOf(defs)); err != nil {
		return nil, err
	}
	r.table = newRoleTable(r.names)
	var errs []error
	for _, name := range r.names {
		def := defs[name]
		def.Includes, def.Require = slices.Clone(def.Includes), slices.Clone(def.Require)
		r.defs = append(r.defs, def)
		errs = append(errs, conditions(fmt.Sprintf("role %q", name), def.Require))
		errs = append(errs, r.known(fmt.Sprintf("role %q includes", name), def.Includes))
		if def.GrantedBy != "" {
			errs = append(errs, r.known(fmt.Sprintf("role %q is granted by", name), []Role{def.GrantedBy}))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	r.reach = make([]map[int][][]int, len(r.names))
	for i := range r.names {
		if err := r.walk(i, nil); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// known refuses roles that are not declared, or stand twice.
func (r *roles) known(where string, list []Role) error {
	for i, role := range list {
		if r.table.index(string(role)) < 0 {
			return fmt.Errorf("authz: %s %q, which is not among Roles", where, clip(string(role)))
		}
		if slices.Contains(list[:i], role) {
			return fmt.Errorf("authz: %s %q twice", where, role)
		}
	}
	return nil
}

// walk fills reach[i] after that of every role it includes. path holds the roles that led here.
func (r *roles) walk(i int, path []int) error {
	if slices.Contains(path, i) {
		names := make([]string, 0, len(path)+1)
		for _, p := range append(path[slices.Index(path, i):], i) {
			names = append(names, string(r.names[p]))
		}
		return fmt.Errorf("authz: roles include each other: %s", strings.Join(names, " > "))
	}
	if r.reach[i] != nil {
		return nil
	}
	own := []int{}
	if len(r.defs[i].Require) > 0 {
		own = []int{i}
	}
	reach := map[int][][]int{i: {own}}
	for _, name := range r.defs[i].Includes {
		j := r.table.index(string(name))
		if err := r.walk(j, append(path, i)); err != nil {
			return err
		}
		for target, ways := range r.reach[j] {
			for _, way := range ways {
				reach[target] = addWay(reach[target], union(way, own))
			}
			if len(reach[target]) > maxPaths {
				return fmt.Errorf("authz: role %q reaches %q by more than %d different demands; simplify Includes", r.names[i], r.names[target], maxPaths)
			}
		}
	}
	r.reach[i] = reach
	return nil
}

// addWay adds a set of demands, unless an easier one is there, and drops harder ones.
func addWay(ways [][]int, way []int) [][]int {
	for _, w := range ways {
		if subset(w, way) {
			return ways
		}
	}
	ways = slices.DeleteFunc(slices.Clone(ways), func(w []int) bool { return subset(way, w) })
	return append(ways, way)
}

func subset(a, b []int) bool {
	for _, x := range a {
		if !slices.Contains(b, x) {
			return false
		}
	}
	return true
}

func union(a, b []int) []int {
	out := slices.Clone(a)
	for _, x := range b {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	slices.Sort(out)
	return out
}

// holders says which held roles satisfy a list of wanted ones.
type holders struct {
	free  roleSet         // without further demands
	gated map[int][][]int // with one of these sets of roles' Requires met
}

// holding compiles a list of roles to who holds one of them. Two equal lists share one result: a policy has many rules
// and few such lists.
func (c *compiler) holding(list []Role) *holders {
	key := strings.Join(sortedRoles(list), "\n")
	if h, ok := c.lists[key]; ok {
		return h
	}
	r := c.roles
	h := &holders{free: make(roleSet, (len(r.names)+63)/64)}
	for held := range r.names {
		for _, role := range list {
			for _, way := range r.reach[held][r.table.index(string(role))] {
				if len(way) == 0 {
					h.free.add(held)
				} else {
					if h.gated == nil {
						h.gated = map[int][][]int{}
					}
					h.gated[held] = addWay(h.gated[held], way)
				}
			}
		}
		if h.free.has(held) {
			delete(h.gated, held)
		}
	}
	c.lists[key] = h
	return h
}

// any returns the roles that satisfy whether or not their demands are met, which is what deny looks at.
func (h *holders) any() roleSet {
	s := slices.Clone(h.free)
	for i := range h.gated {
		s.add(i)
	}
	return s
}

// roleTable finds a role's number by its name. A map would cost half of a whole decision.
type roleTable struct {
	names []Role
	slots []int16 // number + 1; 0: empty
}

func newRoleTable(names []Role) roleTable {
	size := 16
	for size < 4*len(names) {
		size *= 2
	}
	t := roleTable{names: names, slots: make([]int16, size)}
	for i, name := range names {
		at := spread(string(name)) & (size - 1)
		for t.slots[at] != 0 {
			at = (at + 1) & (size - 1)
		}
		t.slots[at] = int16(i + 1)
	}
	return t
}

// index returns the role's number, or -1.
func (t *roleTable) index(name string) int {
	mask := len(t.slots) - 1
	for at := spread(name) & mask; ; at = (at + 1) & mask {
		n := int(t.slots[at&mask]) - 1
		if n < 0 || string(t.names[n]) == name {
			return n
		}
	}
}

// spread mixes the length and the bytes in which role names differ most: the last, the first and the middle ones.
func spread(name string) int {
	n := len(name)
	if n == 0 {
		return 0
	}
	h := uint32(n)
	h = h*31 + uint32(name[n-1])
	h = h*31 + uint32(name[0])
	h = h*31 + uint32(name[n/2])
	h = h*31 + uint32(name[(n-1)*3/4])
	h *= 0x9E3779B1
	return int(h >> 16)
}
