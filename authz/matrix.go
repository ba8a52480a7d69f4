package authz

import (
	"fmt"
	"slices"
	"strings"
)

// Matrix returns who may do what: one line for each route (or name without one) and role, sorted, with everything else
// that must hold. It is made for a golden file in the host's repository, where a widened right is one more line. A rule
// that can never allow is "nobody".
func (g *Guard) Matrix() string {
	s := g.snap.Load()
	lines := []string{}
	for _, r := range s.sorted {
		wheres := []string{}
		for _, rt := range g.routesOf(r.name) {
			wheres = append(wheres, rt.where())
		}
		if len(wheres) == 0 {
			wheres = []string{"-"}
		}
		slices.Sort(wheres)
		for _, where := range slices.Compact(wheres) {
			for _, who := range s.whoText(r) {
				lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s | %s | %s | %s", r.kind, r.name, where, who, r.demands())))
			}
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

func (rt *route) where() string {
	if rt.pattern == "" {
		return "other router"
	}
	return rt.pattern
}

func (s *snapshot) whoText(r *rule) []string {
	switch r.effect {
	case public:
		return []string{"everybody"}
	case publicBecause:
		return []string{fmt.Sprintf("everybody: %q", r.reason)}
	case publicWithKey:
		return []string{"key"}
	case inherit:
		return []string{"as its page"}
	}
	var out []string
	for _, role := range s.who(r) {
		out = append(out, "role "+string(role))
	}
	if !r.tied && r.tiable() {
		out = append(out, "tie")
	}
	if r.orKey {
		out = append(out, "key")
	}
	if len(out) == 0 {
		out = []string{"nobody"}
	}
	return out
}

// demands is the rule's text without who is allowed.
func (r *rule) demands() string {
	rest := r.Rule
	rest.effect, rest.reason, rest.roles, rest.orKey, rest.label = allow, "", nil, false, ""
	return strings.TrimPrefix(strings.TrimPrefix(rest.String(), "allow"), "; ")
}

// Describe returns the whole policy as sorted, stable text: every role, rule and table as it is written, and what the
// guard is configured to do.
func (g *Guard) Describe() string {
	s := g.snap.Load()
	var b strings.Builder
	fmt.Fprintf(&b, "login %q\ntimeout %s\n", g.cfg.LoginURL, g.cfg.Timeout)
	for i, name := range s.roles.names {
		def := s.roles.defs[i]
		fmt.Fprintf(&b, "role %s", name)
		if len(def.Includes) > 0 {
			fmt.Fprintf(&b, "; includes %s", strings.Join(sortedRoles(def.Includes), " "))
		}
		if def.GrantedBy != "" {
			fmt.Fprintf(&b, "; granted by %s", def.GrantedBy)
		}
		for _, c := range def.Require {
			fmt.Fprintf(&b, "; require %s", c)
		}
		b.WriteByte('\n')
	}
	for _, r := range s.sorted {
		fmt.Fprintf(&b, "%s %s: %s\n", r.kind, r.name, r.Rule)
	}
	return b.String()
}
