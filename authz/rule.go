package authz

import (
	"slices"
	"strconv"
	"strings"
)

type effect uint8

const (
	noEffect effect = iota
	inherit
	public
	publicBecause
	publicWithKey
	allow
)

var effectNames = [...]string{"", "inherit", "public", "public-because", "public-with-key", "allow"}

// A Rule says who may open a page, call a function or use a table. Begin with [Allow], [Public], [PublicWithKey],
// [PublicBecause] or [Inherit] and add to it; every method returns a changed copy. The zero Rule allows nobody and does
// not start.
type Rule struct {
	effect   effect
	reason   string
	roles    []Role
	orKey    bool
	once     bool
	deny     []Role
	denyWhen []Condition
	tied     bool
	require  []Condition
	in, of   string
	hidden   bool
	unrouted bool
	label    string
	order    int
}

// Allow opens to persons who are signed in, belong to the backend and hold one of the roles; or who are tied to
// exactly this name and object (see [Tie]). At least one role is needed.
func Allow(roles ...Role) Rule { return Rule{effect: allow, roles: slices.Clone(roles)} }

// Public opens a page or fragment to everybody. For a function it does not start: a change without login takes
// [PublicWithKey], or [PublicBecause] and a reason.
func Public() Rule { return Rule{effect: public} }

// PublicBecause opens a function to everybody, and says in the matrix why: sign-in, forgotten password, report.
func PublicBecause(reason string) Rule { return Rule{effect: publicBecause, reason: reason} }

// PublicWithKey opens to whoever shows an unguessable key for exactly this name, tenant and object ([Guard.Key]).
func PublicWithKey() Rule { return Rule{effect: publicWithKey} }

// Inherit leaves a fragment to the rule of the page that includes it.
func Inherit() Rule { return Rule{effect: inherit} }

// OrKey also opens an [Allow] rule to whoever shows a key ([Guard.Key]).
func (r Rule) OrKey() Rule { r.orKey = true; return r }

// Once lets each key in a single time. Config.Spend must remember the spent ones.
func (r Rule) Once() Rule { r.once = true; return r }

// Deny closes the rule to every holder of one of these roles, included ones too, whatever else is held, and whether or
// not the role's own Require is met. In a rule without [Rule.In] a role held in any tenant counts; and since
// a misspelt role must not slip through, so does any held role that the policy does not know.
func (r Rule) Deny(roles ...Role) Rule {
	r.deny = append(slices.Clone(r.deny), roles...)
	return r
}

// DenyWhen closes the rule while one of the conditions holds. A condition that errs, panics or is late holds.
func (r Rule) DenyWhen(conditions ...Condition) Rule {
	r.denyWhen = append(slices.Clone(r.denyWhen), conditions...)
	return r
}

// Tied needs a [Tie] of the person to exactly this name and object beside the role.
func (r Rule) Tied() Rule { r.tied = true; return r }

// Require needs every one of the conditions. A condition that errs, panics or is late is not met.
func (r Rule) Require(conditions ...Condition) Rule {
	r.require = append(slices.Clone(r.require), conditions...)
	return r
}

// In says that the rule is decided within a tenant. On a route the tenant is the path value of that name; on a table
// it is the column that holds it. Without In only roles count that are held everywhere.
func (r Rule) In(pathValue string) Rule { r.in = pathValue; return r }

// Of says which path value is the object's id, for ties and keys.
func (r Rule) Of(pathValue string) Rule { r.of = pathValue; return r }

// Hidden answers every refusal with 404 instead of 403 or the login page.
func (r Rule) Hidden() Rule { r.hidden = true; return r }

// Unrouted says that no route bears this name: a page that other handlers render (an error page), or a function that
// only [Guard.Check] asks for. Without it a name that has no route does not start.
func (r Rule) Unrouted() Rule { r.unrouted = true; return r }

// Menu puts a page into the menu of everybody who may open it ([Guard.Menu]), sorted by order, then label.
func (r Rule) Menu(label string, order int) Rule { r.label, r.order = label, order; return r }

// keyed reports whether a key can open the rule.
func (r *Rule) keyed() bool { return r.effect == publicWithKey || r.orKey }

// open reports whether the rule asks nothing about the person.
func (r *Rule) open() bool { return r.effect == public || r.effect == publicBecause }

// plain reports whether the rule is open to everybody without looking at anything.
func (r *Rule) plain() bool {
	return r.open() && len(r.denyWhen) == 0 && len(r.require) == 0
}

// String returns the rule as one line of stable text, as the matrix shows it.
func (r Rule) String() string {
	parts := []string{effectNames[r.effect]}
	if r.effect == noEffect {
		parts[0] = "nobody"
	}
	if r.reason != "" {
		parts = append(parts, strconv.Quote(r.reason))
	}
	add := func(word string, on bool, rest ...string) {
		if on {
			parts = append(parts, strings.TrimSpace(word+" "+strings.Join(rest, " ")))
		}
	}
	add("", len(r.roles) > 0, sortedRoles(r.roles)...)
	add("or key", r.orKey)
	add("once", r.once)
	add("tied", r.tied)
	add("in "+r.in, r.in != "")
	add("of "+r.of, r.of != "")
	add("deny", len(r.deny) > 0, sortedRoles(r.deny)...)
	for _, c := range r.denyWhen {
		add("deny when "+c.String(), true)
	}
	for _, c := range r.require {
		add("require "+c.String(), true)
	}
	add("hidden", r.hidden)
	add("unrouted", r.unrouted)
	add("menu "+strconv.Quote(r.label)+" "+strconv.Itoa(r.order), r.label != "")
	return strings.Join(parts, "; ")
}

func sortedRoles(roles []Role) []string {
	out := make([]string, len(roles))
	for i, r := range roles {
		out[i] = string(r)
	}
	slices.Sort(out)
	return out
}
