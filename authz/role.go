package authz

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	maxRoles = 1024
	maxWays  = 32 // different sets of demands by which one role can be reached from another
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
	reach []*reach
}

// reach says which other roles a holder of one has: freely, or under one of several sets of demanding roles. Every role
// on the way that has a Require must have it met.
type reach struct {
	free  roleSet
	gated map[int][][]int
}

// ways returns the sets of roles whose Require must be met to have the target.
func (r *reach) ways(target int) [][]int {
	if r.free.has(target) {
		return [][]int{{}}
	}
	return r.gated[target]
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
		err := cmp.Or(conditions("require", def.Require), r.known("includes", def.Includes))
		if def.GrantedBy != "" {
			err = cmp.Or(err, r.known("is granted by", []Role{def.GrantedBy}))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("authz: role %q: %w", name, err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	r.reach = make([]*reach, len(r.names))
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
			return fmt.Errorf("%s %q, which is not among Roles", where, clip(string(role)))
		}
		if slices.Contains(list[:i], role) {
			return fmt.Errorf("%s %q twice", where, role)
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
	got := &reach{free: make(roleSet, (len(r.names)+63)/64), gated: map[int][][]int{}}
	demanding := len(r.defs[i].Require) > 0
	if demanding {
		got.gated[i] = [][]int{{i}}
	} else {
		got.free.add(i)
	}
	for _, name := range r.defs[i].Includes {
		j := r.table.index(string(name))
		if err := r.walk(j, append(path, i)); err != nil {
			return err
		}
		if err := r.inherit(got, i, j, demanding); err != nil {
			return err
		}
	}
	r.reach[i] = got
	return nil
}

// inherit adds to what i reaches all that the included role j does.
func (r *roles) inherit(got *reach, i, j int, demanding bool) error {
	from := r.reach[j]
	for target := range r.names {
		if from.free.has(target) && !demanding {
			got.free.add(target)
			delete(got.gated, target)
		}
		if got.free.has(target) {
			continue
		}
		for _, way := range from.ways(target) {
			if demanding {
				way = union(way, []int{i})
			}
			got.gated[target] = addWay(got.gated[target], way)
		}
		if len(got.gated[target]) > maxWays {
			return fmt.Errorf("authz: role %q reaches %q by more than %d different demands; simplify Includes",
				r.names[i], r.names[target], maxWays)
		}
	}
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
			for _, way := range r.reach[held].ways(r.table.index(string(role))) {
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
	slots []roleSlot // a power of two of them, at most a quarter in use
}

type roleSlot struct {
	ends   ends
	number int32 // -1: empty
	name   string
}

func newRoleTable(names []Role) roleTable {
	size := 16
	for size < 4*len(names) {
		size *= 2
	}
	t := roleTable{make([]roleSlot, size)}
	for i := range t.slots {
		t.slots[i].number = -1
	}
	mask := uint32(size - 1)
	for i, name := range names {
		e := endsOf(string(name))
		at := e.hash() & mask
		for t.slots[at].number >= 0 {
			at = (at + 1) & mask
		}
		t.slots[at] = roleSlot{e, int32(i), string(name)}
	}
	return t
}

// index returns the role's number, or -1.
func (t *roleTable) index(name string) int {
	mask := uint32(len(t.slots) - 1)
	e := endsOf(name)
	for at := e.hash(); ; at++ {
		slot := &t.slots[at&mask]
		if slot.number < 0 || slot.ends == e && (len(name) <= 16 || slot.name == name) {
			return int(slot.number)
		}
	}
}

// ends holds both ends of a name and its length: all of it up to 16 bytes, so that comparing two words compares most
// names.
type ends struct {
	head, tail uint64
	size       int
}

func endsOf(name string) ends {
	n := len(name)
	switch {
	case n >= 8:
		return ends{word8(name[:8]), word8(name[n-8:]), n}
	case n >= 4:
		return ends{word4(name[:4]), word4(name[n-4:]), n}
	case n > 0:
		return ends{uint64(name[0])<<8 | uint64(name[n/2]), uint64(name[n-1]), n}
	}
	return ends{}
}

func (e ends) hash() uint32 {
	return uint32((e.head*0x9E3779B97F4A7C15 ^ e.tail ^ uint64(e.size)) * 0xD6E8FEB86659FD93 >> 32)
}

func word8(s string) uint64 { return word4(s[:4]) | word4(s[4:8])<<32 }

func word4(s string) uint64 {
	_ = s[3]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}
