package authz

import (
	"context"
	"time"
)

// A Reason says why a decision fell as it did.
type Reason string

// The reasons. The audit events carry them under "reason".
const (
	Allowed     Reason = "allowed"
	Undeclared  Reason = "undeclared"  // no line of the policy has this name
	Anonymous   Reason = "anonymous"   // nobody is signed in
	Foreign     Reason = "foreign"     // nothing is held in this tenant; answered like a missing object
	Outsider    Reason = "outsider"    // not a member of the backend
	Denied      Reason = "denied"      // a deny role is held, or a deny condition holds
	NoRole      Reason = "role"        // none of the roles is held, or its own demands are unmet
	NotTied     Reason = "tie"         // not tied to this object; answered like a missing object
	Unmet       Reason = "condition"   // a required condition is not met; Detail names it
	NoKey       Reason = "key"         // no key, or not one for this
	Unavailable Reason = "unavailable" // Config.Subject or Config.Spend failed
	NoTenant    Reason = "tenant"      // the rule is decided in a tenant and none was given
)

// A Decision is the answer for one subject, name and object. The zero Decision denies.
type Decision struct {
	Allowed bool
	Reason  Reason
	// Detail names what the reason is about, where that is one thing: the condition in its text form.
	Detail string
	// Steps lists everything that speaks for and against, in sentences; only [Guard.Explain] fills it in.
	Steps []string
}

// judge is what a decision needs beside the policy and the subject.
type judge struct {
	conditions map[string]*hostCondition
	country    *hostCondition
}

// decide is the whole decision: declared, and no deny, and (the key, or the gate, the tenant and a role or tie), and
// every condition. Whatever is not said here is denied.
func (r *rule) decide(ctx context.Context, s *snapshot, j *judge, sub *Subject, at Object, keyed bool) Decision {
	if r == nil {
		return Decision{Reason: Undeclared}
	}
	if r.in != "" && at.Tenant == "" {
		return Decision{Reason: NoTenant}
	}
	if r.effect != public && r.effect != publicBecause {
		if reason := r.entitled(ctx, s, j, sub, at, keyed && r.keyed()); reason != Allowed {
			return Decision{Reason: reason}
		}
	}
	for i := range r.denyWhen {
		if j.met(ctx, &r.denyWhen[i], sub, at, true) {
			return Decision{Reason: Denied, Detail: r.denyWhen[i].String()}
		}
	}
	for i := range r.require {
		if !j.met(ctx, &r.require[i], sub, at, false) {
			return Decision{Reason: Unmet, Detail: r.require[i].String()}
		}
	}
	return Decision{Allowed: true, Reason: Allowed}
}

// entitled decides everything about the person: deny first, then key, gate, tie and role.
func (r *rule) entitled(ctx context.Context, s *snapshot, j *judge, sub *Subject, at Object, keyed bool) Reason {
	held, denied := r.rolesHeld(ctx, s, j, sub, at)
	if denied {
		return Denied
	}
	if keyed {
		return Allowed
	}
	if r.effect != allow {
		return NoKey
	}
	if sub.ID == "" {
		return Anonymous
	}
	tied := len(sub.Ties) > 0 && sub.tied(r.name, at)
	switch {
	case tied && (held || !r.tied):
		return Allowed
	case r.in != "" && !held && !sub.belongs(at.Tenant):
		return Foreign
	case !sub.Backend && !tied:
		return Outsider
	case !held:
		return NoRole
	case r.tied:
		return NotTied
	}
	return Allowed
}

// rolesHeld goes through the roles once: whether one allows, and whether one denies.
func (r *rule) rolesHeld(ctx context.Context, s *snapshot, j *judge, sub *Subject, at Object) (held, denied bool) {
	for i := range sub.Roles {
		g := &sub.Roles[i]
		here := g.Tenant == "" || r.in != "" && g.Tenant == at.Tenant
		if !here && (r.denying == nil || r.in != "") {
			continue
		}
		n := s.roles.table.index(string(g.Role))
		if n < 0 {
			denied = denied || r.denying != nil
			continue
		}
		if r.denying.has(n) {
			denied = true
		}
		if here && !held {
			held = r.allowing.free.has(n) || len(r.allowing.gated) > 0 && j.demands(ctx, s, r.allowing.gated[n], sub, at)
		}
	}
	return held, denied
}

// demands reports whether in one of the ways every role's Require is met.
func (j *judge) demands(ctx context.Context, s *snapshot, ways [][]int, sub *Subject, at Object) bool {
next:
	for _, way := range ways {
		for _, role := range way {
			for i := range s.roles.defs[role].Require {
				if !j.met(ctx, &s.roles.defs[role].Require[i], sub, at, false) {
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
func (j *judge) met(ctx context.Context, c *Condition, sub *Subject, at Object, broken bool) bool {
	switch c.kind {
	case secondFactor:
		return !latest(sub.Proofs, true).IsZero()
	case fresh, freshSecondFactor:
		when := latest(sub.Proofs, c.kind == freshSecondFactor)
		return !when.IsZero() && time.Since(when) <= c.age
	case network:
		addr := sub.Addr.Unmap()
		for _, p := range c.nets {
			if p.Contains(addr) {
				return true
			}
		}
		return !addr.IsValid() && broken
	case country:
		return j.country.holds(ctx, c, sub, at, broken)
	case named:
		return j.conditions[c.words].holds(ctx, c, sub, at, broken)
	}
	return broken
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
