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

// A verdict is a decision in two words, so that it travels in registers.
type verdict struct {
	why   why
	about *Condition // where that is the reason
}

func (v verdict) decision() Decision {
	d := Decision{Allowed: v.why == yes, Reason: reasons[v.why]}
	if v.about != nil {
		d.Detail = v.about.String()
	}
	return d
}

type why uint8

const (
	undeclared why = iota // the zero verdict denies
	yes
	anonymous
	foreign
	outsider
	denied
	noRole
	notTied
	unmet
	noKey
	unavailable
	noTenant
)

var reasons = [...]Reason{Undeclared, Allowed, Anonymous, Foreign, Outsider, Denied, NoRole, NotTied, Unmet, NoKey, Unavailable, NoTenant}

// decide is the whole decision: declared, and no deny, and (the key, or the gate, the tenant and a role or tie), and
// every condition. Whatever is not said here is denied.
func (r *rule) decide(ctx context.Context, s *snapshot, j *judge, sub *Subject, at *Object, keyed bool) verdict {
	if r == nil {
		return verdict{}
	}
	if r.in != "" && at.Tenant == "" {
		return verdict{why: noTenant}
	}
	if !r.open() {
		if why := r.entitled(ctx, s, j, sub, at, keyed); why != yes {
			return verdict{why: why}
		}
	}
	for i := range r.denyWhen {
		if j.met(ctx, &r.denyWhen[i], sub, at, true) {
			return verdict{denied, &r.denyWhen[i]}
		}
	}
	for i := range r.require {
		if !j.met(ctx, &r.require[i], sub, at, false) {
			return verdict{unmet, &r.require[i]}
		}
	}
	return verdict{why: yes}
}

// entitled decides everything about the person: deny first, then key, gate, tie and role.
func (r *rule) entitled(ctx context.Context, s *snapshot, j *judge, sub *Subject, at *Object, keyed bool) why {
	held, barred := r.rolesHeld(ctx, s, j, sub, at)
	if barred {
		return denied
	}
	if keyed && r.keyed() {
		return yes
	}
	if r.effect != allow {
		return noKey
	}
	if sub.ID == "" {
		return anonymous
	}
	tied := len(sub.Ties) > 0 && sub.tied(r.name, at)
	switch {
	case tied && (held || !r.tied):
		return yes
	case !held && r.in != "" && !sub.belongs(at.Tenant):
		return foreign
	case !sub.Backend && !tied:
		return outsider
	case !held:
		return noRole
	case r.tied:
		return notTied
	}
	return yes
}

// rolesHeld goes through the roles once: whether one allows, and whether one denies.
func (r *rule) rolesHeld(ctx context.Context, s *snapshot, j *judge, sub *Subject, at *Object) (held, barred bool) {
	for i := range sub.Roles {
		g := &sub.Roles[i]
		here := g.Tenant == "" || r.in != "" && g.Tenant == at.Tenant
		if !here && (r.denying == nil || r.in != "") {
			continue
		}
		n := s.roles.table.index(string(g.Role))
		if n < 0 {
			barred = barred || r.denying != nil
			continue
		}
		barred = barred || r.denying.has(n)
		if here && !held {
			held = r.allowing.free.has(n) || len(r.allowing.gated) > 0 && j.demands(ctx, s, r.allowing.gated[n], sub, at)
		}
	}
	return held, barred
}

// demands reports whether in one of the ways every role's Require is met.
func (j *judge) demands(ctx context.Context, s *snapshot, ways [][]int, sub *Subject, at *Object) bool {
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
func (j *judge) met(ctx context.Context, c *Condition, sub *Subject, at *Object, broken bool) bool {
	switch c.kind {
	case secondFactor:
		return !latest(sub.Proofs, true).IsZero()
	case fresh, freshSecondFactor:
		when := latest(sub.Proofs, c.kind == freshSecondFactor)
		return !when.IsZero() && time.Since(when) <= c.age
	case network:
		if !sub.Addr.IsValid() || sub.Addr.Zone() != "" {
			return broken
		}
		addr := sub.Addr.Unmap()
		for _, p := range c.nets {
			if p.Contains(addr) {
				return true
			}
		}
		return false
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
