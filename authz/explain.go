package authz

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// An Explanation is a decision with everything that speaks for and against it, in sentences that begin with "yes: " or
// "no: ", after one that gives the rule.
type Explanation struct {
	Decision
	Steps []string
}

// Explain decides like [Guard.Decide] and says why in full: for an audit, and for the person who asks.
func (g *Guard) Explain(subject Subject, name Name, object Object) Explanation {
	s, ctx := g.snap.Load(), context.Background()
	k, text := spell(name)
	r := s.find(k, text)
	if r == nil {
		return Explanation{Steps: []string{fmt.Sprintf("no: the policy has no %s of this name", k)}}
	}
	return Explanation{r.decide(ctx, &subject, &object, false), r.steps(ctx, &subject, &object)}
}

func (r *rule) steps(ctx context.Context, sub *Subject, at *Object) []string {
	steps := []string{fmt.Sprintf("rule: %s", r.Rule)}
	say := func(ok bool, yes, no string) {
		if ok && yes != "" {
			steps = append(steps, "yes: "+yes)
		} else if !ok {
			steps = append(steps, "no: "+no)
		}
	}
	if r.in != "" {
		say(at.Tenant != "", "a tenant is given", "the rule is decided in a tenant and none is given")
	}
	held, denied := r.rolesHeld(ctx, sub, at)
	tied := r.tiable() && sub.tied(r.name, at)
	switch r.effect {
	case public, publicBecause:
		say(true, "open to everybody", "")
	case publicWithKey:
		say(false, "", "needs a key in the request")
	case inherit:
		say(false, "", "follows the page that includes it")
	default:
		say(sub.ID != "", "signed in", "nobody is signed in")
		say(sub.Backend || tied, "member of the backend, or tied", "not a member of the backend")
		say(held || tied && !r.tied, "holds a role that allows, or is tied", "holds none of the roles here, or its demands are unmet")
		if r.tied {
			say(tied, "tied to this object", "not tied to this object")
		}
	}
	if r.denying != nil {
		say(!denied, "holds no role that denies", "holds a role that denies, or one that the policy does not know")
	}
	for i := range r.denyWhen {
		c := &r.denyWhen[i]
		holds, _ := r.home.judge.met(ctx, c, sub, at, true)
		say(!holds, "does not hold: deny when "+c.String(), "holds, or cannot be told: deny when "+c.String())
	}
	for i := range r.require {
		c := &r.require[i]
		met, _ := r.home.judge.met(ctx, c, sub, at, false)
		say(met, "met: "+c.String(), "not met: "+c.String())
	}
	return steps
}

// May returns what the subject may do now, sorted: the name of each page, function, fragment and table operation,
// followed by " in " and the tenant where the rule is decided in one, "*" for all of them. What needs an object or a
// key is not in it, save for ties, which end in " of " and the id.
func (g *Guard) May(subject Subject) []string {
	s, ctx := g.snap.Load(), context.Background()
	places := []Object{}
	for _, grant := range subject.Roles {
		places = append(places, Object{Tenant: cmp.Or(grant.Tenant, "*")})
	}
	var out []string
	for _, r := range s.sorted {
		for _, tie := range subject.Ties {
			if tie.Name == r.name && r.decide(ctx, &subject, &tie.Object, false).Allowed {
				out = append(out, place(r.name, tie.Object))
			}
		}
		if r.in == "" {
			if r.decide(ctx, &subject, &Object{}, false).Allowed {
				out = append(out, r.name)
			}
			continue
		}
		for _, at := range places {
			if r.decide(ctx, &subject, &at, false).Allowed {
				out = append(out, place(r.name, at))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func place(name string, at Object) string {
	if at.Tenant != "" {
		name += " in " + at.Tenant
	}
	if at.ID != "" {
		name += " of " + at.ID
	}
	return name
}

// Who returns the roles whose holders the name's rule can allow, sorted: those it lists, those that include them, less
// those it denies.
func (g *Guard) Who(name Name) []Role {
	s := g.snap.Load()
	return s.who(s.find(spell(name)))
}

func (s *snapshot) who(r *rule) []Role {
	var out []Role
	if r == nil || r.effect != allow {
		return out
	}
	can := r.allowing.any()
	for i, role := range s.roles.names {
		if can.has(i) && !r.denying.has(i) {
			out = append(out, role)
		}
	}
	return out
}
