package authz

import (
	"context"
	"time"
)

// A Reason says why a decision fell as it did. The audit events carry its text under "reason".
type Reason uint8

// The reasons. The zero Reason refuses, as the zero [Decision] does.
const (
	Undeclared  Reason = iota // no line of the policy has this name, or it only inherits
	Allowed                   // every line of the rule is satisfied
	Anonymous                 // nobody is signed in
	Foreign                   // nothing is held in this tenant; answered like a missing object
	Outsider                  // not a member of the backend
	Denied                    // a deny role is held, or a deny condition holds
	NoRole                    // none of the roles is held, or its own demands are unmet
	NotTied                   // not tied to this object; answered like a missing object
	Unmet                     // a required condition is not met
	NoKey                     // no key, not one for this, or one that was used before
	NoTenant                  // the rule is decided in a tenant and none was given
	Unavailable               // Config.Subject or Config.Spend failed
)

var reasonNames = [...]string{
	"undeclared", "allowed", "anonymous", "foreign", "outsider", "denied", "role", "tie", "condition", "key", "tenant", "unavailable",
}

// String returns the reason in one word.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unknown"
}

// A Decision is the answer for one subject, name and object. The zero Decision denies.
type Decision struct {
	Allowed bool
	Reason  Reason
	about   *Condition
	failed  *failure // the condition could not be told
}

// Detail names the condition that the reason is about, in its text form, so that a host can ask for the proof
// that is missing; otherwise it is empty.
func (d Decision) Detail() string {
	if d.about == nil {
		return ""
	}
	return d.about.String()
}

func because(r Reason) Decision { return Decision{Reason: r} }

// judge is what a decision needs beside the policy and the subject.
type judge struct {
	conditions map[string]*hostCondition
	country    *hostCondition
}

// decide is the whole decision: declared, and a tenant where one is needed, and no deny, and (the key, or signed in,
// a member and holder of a role, or tied), and every condition. Whatever is not said here is denied.
func (r *rule) decide(ctx context.Context, sub *Subject, at *Object, keyed bool) Decision {
	return r.decideHolding(ctx, sub, nil, at, keyed)
}

// decideHolding is decide for a subject whose roles have been looked up, unless h is nil.
func (r *rule) decideHolding(ctx context.Context, sub *Subject, h *holding, at *Object, keyed bool) Decision {
	if r == nil {
		return Decision{}
	}
	if r.in != "" && at.Tenant == "" {
		return because(NoTenant)
	}
	if !r.open() {
		var held, barred bool
		if h != nil {
			held, barred = r.bundlesHeld(ctx, sub, h, at)
		} else {
			held, barred = r.rolesHeld(ctx, sub, at)
		}
		tied := len(sub.Ties) > 0 && r.tiable() && sub.tied(r.name, at)
		switch {
		case barred:
			return because(Denied)
		case keyed && r.keyed():
		case r.effect == publicWithKey:
			return because(NoKey)
		case r.effect == inherit:
			return because(Undeclared) // decides nothing but what its page has decided
		case sub.ID == "":
			return because(Anonymous)
		case tied && (held || !r.tied):
		case !held && r.in != "" && !sub.belongs(at.Tenant):
			return because(Foreign)
		case !sub.Backend && !tied:
			return because(Outsider)
		case !held:
			return because(NoRole)
		case r.tied:
			return because(NotTied)
		}
	}
	for i := range r.denyWhen {
		if holds, failed := r.home.judge.met(ctx, &r.denyWhen[i], sub, at, true); holds {
			return Decision{Reason: Denied, about: &r.denyWhen[i], failed: failed}
		}
	}
	for i := range r.require {
		if met, failed := r.home.judge.met(ctx, &r.require[i], sub, at, false); !met {
			return Decision{Reason: Unmet, about: &r.require[i], failed: failed}
		}
	}
	return Decision{Allowed: true, Reason: Allowed}
}

// rolesHeld goes through the roles once: whether one allows, and whether one bars.
func (r *rule) rolesHeld(ctx context.Context, sub *Subject, at *Object) (held, barred bool) {
	tenanted, denies := r.in != "", r.denying != nil
	for i := range sub.Roles {
		g := &sub.Roles[i]
		here := g.Tenant == "" || tenanted && g.Tenant == at.Tenant
		if !here && (tenanted || !denies) {
			continue
		}
		n := r.home.roles.table.index(string(g.Role))
		if n < 0 {
			barred = barred || denies
			continue
		}
		barred = barred || r.denying.has(n)
		held = held || here && (r.allowing.free.has(n) || r.allowing.gated != nil && r.home.demands(ctx, r.allowing.gated[n], sub, at))
		if held && !denies {
			break
		}
	}
	return held, barred
}

// bundlesHeld is rolesHeld for roles that have been looked up.
func (r *rule) bundlesHeld(ctx context.Context, sub *Subject, h *holding, at *Object) (held, barred bool) {
	var here *bundle
	bars := &h.anywhere
	if r.in != "" {
		here, bars = h.in(at.Tenant), &h.everywhere
	}
	for _, b := range [...]*bundle{&h.everywhere, here} {
		held = held || b != nil && r.bundleAllows(ctx, sub, b, at)
	}
	if r.denying != nil {
		barred = bars.unknown || bars.roles.meets(r.denying) || here != nil && (here.unknown || here.roles.meets(r.denying))
	}
	return held, barred
}

func (r *rule) bundleAllows(ctx context.Context, sub *Subject, b *bundle, at *Object) bool {
	if b.roles.meets(r.allowing.free) {
		return true
	}
	for n, ways := range r.allowing.gated {
		if b.roles.has(n) && r.home.demands(ctx, ways, sub, at) {
			return true
		}
	}
	return false
}

// demands reports whether in one of the ways every role's Require is met.
func (s *snapshot) demands(ctx context.Context, ways [][]int, sub *Subject, at *Object) bool {
next:
	for _, way := range ways {
		for _, role := range way {
			for i := range s.roles.defs[role].Require {
				if met, _ := s.judge.met(ctx, &s.roles.defs[role].Require[i], sub, at, false); !met {
					continue next
				}
			}
		}
		return true
	}
	return false
}

// skew is how far another server's clock may be ahead when it notes a proof.
const skew = time.Minute

// met decides one condition. broken is the answer where it cannot be told: an error, a panic, a late answer.
func (j *judge) met(ctx context.Context, c *Condition, sub *Subject, at *Object, broken bool) (bool, *failure) {
	switch c.kind {
	case secondFactor:
		return !latest(sub.Proofs, true).IsZero(), nil
	case fresh, freshSecondFactor:
		when := latest(sub.Proofs, c.kind == freshSecondFactor)
		return !when.IsZero() && time.Since(when) <= c.age, nil
	case network:
		if !sub.Addr.IsValid() || sub.Addr.Zone() != "" {
			return broken, nil
		}
		addr := sub.Addr.Unmap()
		for _, p := range c.nets {
			if p.Contains(addr) {
				return true, nil
			}
		}
		return false, nil
	case country:
		return j.country.holds(ctx, c, sub, at, broken)
	case named:
		return j.conditions[c.words].holds(ctx, c, sub, at, broken)
	}
	return broken, nil
}

// latest returns the time of the latest proof, or zero. A proof from the future is none.
func latest(proofs map[string]time.Time, second bool) time.Time {
	var last, limit time.Time
	for method, at := range proofs {
		if second && method != "otp" && method != "hwk" && method != "recovery" {
			continue
		}
		if at.After(last) {
			if limit.IsZero() {
				limit = time.Now().Add(skew)
			}
			if at.Before(limit) {
				last = at
			}
		}
	}
	return last
}
