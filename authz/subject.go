package authz

import (
	"net/netip"
	"time"
)

// A Subject is who asks, as the host knows it for this request: from its session and its database, never from anything
// that the client can set. The zero Subject is an anonymous visitor.
type Subject struct {
	// ID is the signed-in user; empty: nobody is signed in.
	ID string
	// Backend says that the person belongs to the organisation behind the service. It is stored apart from the
	// roles, so that a role given by mistake opens nothing to an outsider.
	Backend bool
	// Roles held, each in a tenant.
	Roles []Grant
	// Ties to single pages or functions and objects.
	Ties []Tie
	// Proofs says when each method was last proved in this session, by its name in RFC 8176 ("pwd", "otp", "hwk") or
	// "recovery" for a recovery code. A zero time means: not proved.
	Proofs map[string]time.Time
	// Addr is the client's address; the guard fills it in where it is zero (Config.ClientAddr).
	Addr netip.Addr
}

// A Grant is a role held in a tenant; with an empty tenant it is held everywhere. A host that reads grants from a
// database makes sure that a missing value does not become the empty one.
type Grant struct {
	Tenant string
	Role   Role
}

// A Tie binds a person to one page or function and one object, compared exactly. It passes the backend gate, and counts
// in place of a role unless the rule is [Rule.Tied].
type Tie struct {
	Name   string
	Object Object
}

// An Object is what something is done to: an id within a tenant. Either may be empty.
type Object struct {
	Tenant string
	ID     string
}

// tied reports whether s has the tie itself.
func (s *Subject) tied(name string, at *Object) bool {
	for i := range s.Ties {
		if t := &s.Ties[i]; t.Name == name && t.Object == *at {
			return true
		}
	}
	return false
}

// belongs reports whether s holds anything in the tenant itself.
func (s *Subject) belongs(tenant string) bool {
	for i := range s.Roles {
		if s.Roles[i].Tenant == tenant {
			return true
		}
	}
	return false
}
