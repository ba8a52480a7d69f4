package authz_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/authz"
)

// dice draws small numbers from a fuzzer's bytes.
type dice struct{ data []byte }

func (d *dice) roll(n int) int {
	if len(d.data) == 0 {
		return 0
	}
	b := d.data[0]
	d.data = d.data[1:]
	return int(b) % n
}

func (d *dice) roles(names []authz.Role) (out []authz.Role) {
	for _, name := range names {
		if d.roll(3) == 1 {
			out = append(out, name)
		}
	}
	return out
}

// scene is a random policy of one rule, and somebody who asks.
type scene struct {
	defs             map[authz.Role]authz.RoleDef
	needs            map[authz.Role]string // the condition that a role requires
	allow, deny      []authz.Role
	in, tied         bool
	require, against string
	met              map[string]bool
	who              authz.Subject
	at               authz.Object
}

func newScene(d *dice) *scene {
	names := []authz.Role{"ra", "rb", "rc", "rd", "re"}
	s := &scene{defs: map[authz.Role]authz.RoleDef{}, needs: map[authz.Role]string{}, met: map[string]bool{}}
	for _, c := range []string{"ca", "cb", "cc"} {
		s.met[c] = d.roll(2) == 1
	}
	condition := func() string { return []string{"", "", "", "", "ca", "cb", "cc"}[d.roll(7)] }
	for i, name := range names {
		def := authz.RoleDef{Includes: d.roles(names[:i])} // earlier ones only: no cycle
		if c := condition(); c != "" {
			def.Require, s.needs[name] = []authz.Condition{authz.Named(c)}, c
		}
		s.defs[name] = def
	}
	s.allow = append(d.roles(names[1:]), "ra")
	if d.roll(3) == 0 {
		s.deny = d.roles(names)
	}
	s.in, s.tied, s.require, s.against = d.roll(2) == 1, d.roll(4) == 1, condition(), condition()
	tenants := []string{"", "t1", "t2"}
	s.who = authz.Subject{ID: []string{"anna", "ra", "bo", ""}[d.roll(4)], Backend: d.roll(4) != 0}
	s.at = authz.Object{Tenant: tenants[d.roll(3)], ID: "7"}
	for range 1 + d.roll(4) {
		role := append(names, "RA", "ghost")[d.roll(7)]
		s.who.Roles = append(s.who.Roles, authz.Grant{Tenant: tenants[d.roll(3)], Role: role})
	}
	for range d.roll(2) {
		s.who.Ties = append(s.who.Ties, authz.Tie{Name: []string{"act", "other"}[d.roll(2)], Object: authz.Object{Tenant: tenants[d.roll(3)], ID: []string{"7", "8"}[d.roll(2)]}})
	}
	return s
}

func (s *scene) rule() authz.Rule {
	r := authz.Allow(s.allow...).Deny(s.deny...).Unrouted()
	if s.in {
		r = r.In("t")
	}
	if s.tied {
		r = r.Tied()
	}
	if s.require != "" {
		r = r.Require(authz.Named(s.require))
	}
	if s.against != "" {
		r = r.DenyWhen(authz.Named(s.against))
	}
	return r
}

// has follows inclusion from a held role, asking for every Require on the way unless blind.
func (s *scene) has(held, wanted authz.Role, blind bool) bool {
	def, known := s.defs[held]
	if !known || !blind && s.needs[held] != "" && !s.met[s.needs[held]] {
		return false
	}
	return held == wanted || slices.ContainsFunc(def.Includes, func(r authz.Role) bool { return s.has(r, wanted, blind) })
}

// allowed is the design's sentence, word by word: allow = declared AND the interface's gate AND tenant AND no deny AND
// (role or direct grant) AND every condition.
func (s *scene) allowed() bool {
	tied := slices.Contains(s.who.Ties, authz.Tie{Name: "act", Object: s.at})
	role, denied := false, false
	for _, g := range s.who.Roles {
		here := g.Tenant == "" || s.in && g.Tenant == s.at.Tenant
		for _, wanted := range s.allow {
			role = role || here && s.has(g.Role, wanted, false)
		}
		_, known := s.defs[g.Role]
		for _, barred := range s.deny {
			denied = denied || (here || !s.in) && (!known || s.has(g.Role, barred, true))
		}
	}
	gate := s.who.ID != "" && (s.who.Backend || tied)
	tenant := !s.in || s.at.Tenant != ""
	right := role || tied
	if s.tied {
		right = role && tied
	}
	conditions := (s.require == "" || s.met[s.require]) && (s.against == "" || !s.met[s.against])
	return gate && tenant && !denied && right && conditions
}

// compare reports whether the scene allows, having compared the decision with the sentence.
func compare(t *testing.T, s *scene) bool {
	g := decider(t, s.defs, s.rule(), func(c *authz.Config) {
		c.Subject = func(*http.Request) (authz.Subject, error) { return s.who, nil }
		c.Conditions = map[string]func(context.Context, authz.Subject, authz.Object) (bool, error){}
		for name, met := range s.met {
			c.Conditions[name] = func(context.Context, authz.Subject, authz.Object) (bool, error) { return met, nil }
		}
	})
	d := g.Decide(context.Background(), s.who, act, s.at)
	require.Equal(t, s.allowed(), d.Allowed, "%s\nwho %+v at %+v: %s\n%s", s.rule(), s.who, s.at, d.Reason, g.Describe())
	require.Equal(t, d.Allowed, d.Reason == authz.Allowed)
	// Within a request roles are looked up once, by other code.
	within := g.Check(httptest.NewRequest("POST", "/", nil), act, s.at)
	require.Equal(t, d.Allowed, within == nil, "%s\nwho %+v at %+v: %s, and in a request %v", s.rule(), s.who, s.at, d.Reason, within)
	if e, ok := errors.AsType[*authz.Refusal](within); ok {
		require.Equal(t, d.Reason.String(), e.Reason.String())
	}
	if d.Allowed {
		for _, step := range g.Explain(s.who, act, s.at).Steps {
			require.NotContains(t, step, "no: ")
		}
	}
	return d.Allowed
}

// TestRolesInManyTenants: each decides in its own tenant, however many there are.
func TestRolesInManyTenants(t *testing.T) {
	for _, tenants := range []int{1, 15, 16, 17, 40} {
		who := person("anna", "")
		for i := range tenants {
			who = withRole(who, fmt.Sprint("t", i), []authz.Role{reader, editor}[i%2])
		}
		g := decider(t, plainRoles(), authz.Allow(editor).In("t"), func(c *authz.Config) {
			c.Subject = func(*http.Request) (authz.Subject, error) { return who, nil }
		})
		for i := range tenants + 1 {
			err := g.Check(httptest.NewRequest("POST", "/", nil), act, authz.Object{Tenant: fmt.Sprint("t", i)})
			require.Equal(t, i < tenants && i%2 == 1, err == nil, "%d of %d: %v", i, tenants, err)
		}
	}
}

// TestManyRolesInARequest: a set of roles is more than one word long.
func TestManyRolesInARequest(t *testing.T) {
	const roles = 130
	defs := map[authz.Role]authz.RoleDef{}
	for i := range roles {
		defs[authz.Role(fmt.Sprintf("r-%03d", 222+i))] = authz.RoleDef{}
	}
	for _, n := range []int{0, 63, 64, 65, 128, 129} {
		role, other := authz.Role(fmt.Sprintf("r-%03d", 222+n)), authz.Role("r-232")
		for rule, want := range map[*authz.Rule]bool{
			new(authz.Allow(role)): true, new(authz.Allow(other)): false, new(authz.Allow(role).Deny(role)): false, new(authz.Allow(role).Deny(other)): true,
		} {
			g := decider(t, defs, *rule, func(c *authz.Config) {
				c.Subject = func(*http.Request) (authz.Subject, error) { return person("anna", "", role), nil }
			})
			require.Equal(t, want, g.Check(httptest.NewRequest("POST", "/", nil), act, authz.Object{}) == nil, "%d: %s", n, rule)
		}
	}
}

func TestDecisionsAreTheSentence(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	allowed := 0
	const scenes = 1500
	for range scenes {
		data := make([]byte, 60)
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		if compare(t, newScene(&dice{data})) {
			allowed++
		}
	}
	require.Greater(t, allowed, scenes/20, "a test in which nobody may anything shows nothing")
	require.Less(t, allowed, scenes/2, "and one in which everybody may")
}

// FuzzDecide compares decisions with the sentence that they are built from.
func FuzzDecide(f *testing.F) {
	for i := range 40 {
		seed := make([]byte, 60)
		for j := range seed {
			seed[j] = byte((i*7 + j*j*(i+3)) % 251)
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) { compare(t, newScene(&dice{data})) })
}
