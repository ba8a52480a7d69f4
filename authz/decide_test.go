package authz_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/authz"
)

const act = authz.Func("act")

// decider is a guard for one rule of the function "act", without routes.
func decider(t testing.TB, roles map[authz.Role]authz.RoleDef, rule authz.Rule, change func(*authz.Config)) *authz.Guard {
	t.Helper()
	cfg := authz.Config{Subject: nobody}
	if change != nil {
		change(&cfg)
	}
	g, err := authz.New(authz.Policy{Roles: roles, Funcs: map[authz.Func]authz.Rule{act: rule.Unrouted()}}, cfg)
	require.NoError(t, err)
	return g
}

func plainRoles() map[authz.Role]authz.RoleDef {
	return map[authz.Role]authz.RoleDef{
		reader: {}, suspended: {}, editor: {Includes: []authz.Role{reader}}, "chief": {Includes: []authz.Role{editor, suspended}},
	}
}

func TestDecide(t *testing.T) {
	tied := func(s authz.Subject, name string, at authz.Object) authz.Subject {
		s.Ties = []authz.Tie{{Name: name, Object: at}}
		return s
	}
	outsider := func(s authz.Subject) authz.Subject { s.Backend = false; return s }
	at := authz.Object{Tenant: "t1", ID: "7"}
	for name, c := range map[string]struct {
		rule authz.Rule
		who  authz.Subject
		at   authz.Object
		want authz.Reason
	}{
		"role held":                           {authz.Allow(reader), person("a", "", reader), authz.Object{}, authz.Allowed},
		"role by inclusion":                   {authz.Allow(reader), person("a", "", editor), authz.Object{}, authz.Allowed},
		"inclusion is not mutual":             {authz.Allow(editor), person("a", "", reader), authz.Object{}, authz.NoRole},
		"nobody signed in":                    {authz.Allow(reader), authz.Subject{}, authz.Object{}, authz.Anonymous},
		"roles without a user are nothing":    {authz.Allow(reader), person("", "", reader), authz.Object{}, authz.Anonymous},
		"membership without role":             {authz.Allow(reader), person("a", ""), authz.Object{}, authz.NoRole},
		"role without membership":             {authz.Allow(reader), outsider(person("a", "", reader)), authz.Object{}, authz.Outsider},
		"a user called as a role":             {authz.Allow(reader), person("reader", ""), authz.Object{}, authz.NoRole},
		"a tenant called as a role":           {authz.Allow(reader), person("a", "reader", suspended), authz.Object{}, authz.NoRole},
		"Cyrillic letter":                     {authz.Allow(reader), person("a", "", "rеader"), authz.Object{}, authz.NoRole},
		"zero-width character":                {authz.Allow(reader), person("a", "", "reader\u200b"), authz.Object{}, authz.NoRole},
		"trailing blank":                      {authz.Allow(reader), person("a", "", "reader "), authz.Object{}, authz.NoRole},
		"other case":                          {authz.Allow(reader), person("a", "", "Reader"), authz.Object{}, authz.NoRole},
		"empty role":                          {authz.Allow(reader), person("a", "", ""), authz.Object{}, authz.NoRole},
		"deny after allow":                    {authz.Allow(reader).Deny(suspended), person("a", "", reader, suspended), authz.Object{}, authz.Denied},
		"deny before allow":                   {authz.Allow(reader).Deny(suspended), person("a", "", suspended, reader), authz.Object{}, authz.Denied},
		"deny by inclusion":                   {authz.Allow(reader).Deny(suspended), person("a", "", "chief"), authz.Object{}, authz.Denied},
		"deny of the allowed role itself":     {authz.Allow(reader).Deny(reader), person("a", "", editor), authz.Object{}, authz.Denied},
		"deny beats a tie":                    {authz.Allow(reader).Deny(suspended), tied(person("a", "", suspended), "act", authz.Object{}), authz.Object{}, authz.Denied},
		"misspelt deny role denies":           {authz.Allow(reader).Deny(suspended), person("a", "", reader, "suspended "), authz.Object{}, authz.Denied},
		"unknown role without deny":           {authz.Allow(reader), person("a", "", "ghost", reader), authz.Object{}, authz.Allowed},
		"deny held in another tenant":         {authz.Allow(reader).Deny(suspended).In("t"), withRole(person("a", "t1", reader), "t2", suspended), at, authz.Allowed},
		"deny held in any tenant, without In": {authz.Allow(reader).Deny(suspended), withRole(person("a", "", reader), "t2", suspended), authz.Object{}, authz.Denied},
		"deny held everywhere":                {authz.Allow(reader).Deny(suspended).In("t"), withRole(person("a", "t1", reader), "", suspended), at, authz.Denied},
		"role in the tenant":                  {authz.Allow(reader).In("t"), person("a", "t1", reader), at, authz.Allowed},
		"role everywhere, in the tenant":      {authz.Allow(reader).In("t"), person("a", "", reader), at, authz.Allowed},
		"role in another tenant":              {authz.Allow(reader).In("t"), person("a", "t2", reader), at, authz.Foreign},
		"tenant in other case":                {authz.Allow(reader).In("t"), person("a", "T1", reader), at, authz.Foreign},
		"too little in the tenant":            {authz.Allow(editor).In("t"), person("a", "t1", reader), at, authz.NoRole},
		"no tenant given":                     {authz.Allow(reader).In("t"), person("a", "", reader), authz.Object{ID: "7"}, authz.NoTenant},
		"tenant role without In":              {authz.Allow(reader), person("a", "t1", reader), at, authz.NoRole},
		"tie in place of a role":              {authz.Allow(reader), tied(person("a", ""), "act", at), at, authz.Allowed},
		"tie passes the gate":                 {authz.Allow(reader), tied(outsider(person("a", "")), "act", at), at, authz.Allowed},
		"tie to another id":                   {authz.Allow(reader), tied(outsider(person("a", "")), "act", authz.Object{Tenant: "t1", ID: "8"}), at, authz.Outsider},
		"tie to another tenant":               {authz.Allow(reader), tied(person("a", ""), "act", authz.Object{Tenant: "t2", ID: "7"}), at, authz.NoRole},
		"tie to another name":                 {authz.Allow(reader), tied(person("a", ""), "other", at), at, authz.NoRole},
		"tie without a user":                  {authz.Allow(reader), tied(person("", ""), "act", at), at, authz.Anonymous},
		"Tied needs the tie":                  {authz.Allow(reader).Tied(), person("a", "", reader), at, authz.NotTied},
		"Tied needs the role":                 {authz.Allow(reader).Tied(), tied(person("a", ""), "act", at), at, authz.NoRole},
		"Tied with both":                      {authz.Allow(reader).Tied(), tied(person("a", "", reader), "act", at), at, authz.Allowed},
		"open with a reason":                  {authz.PublicBecause("report a fault"), authz.Subject{}, authz.Object{}, authz.Allowed},
		"a key is not in a decision":          {authz.PublicWithKey(), person("a", "", reader), at, authz.NoKey},
	} {
		t.Run(name, func(t *testing.T) {
			g := decider(t, plainRoles(), c.rule, withKeys(t))
			d := g.Decide(context.Background(), c.who, act, c.at)
			require.Equal(t, c.want.String(), d.Reason.String())
			require.Equal(t, c.want == authz.Allowed, d.Allowed)
			require.Equal(t, d, g.Right(act).Decide(context.Background(), &c.who, c.at))
			require.Equal(t, d, g.Explain(c.who, act, c.at).Decision)
		})
	}
}

func withRole(s authz.Subject, tenant string, role authz.Role) authz.Subject {
	s.Roles = append(s.Roles, authz.Grant{Tenant: tenant, Role: role})
	return s
}

func TestEmptyPolicyDeniesEverything(t *testing.T) {
	h := newHost(t, authz.Policy{}, func(c *authz.Config) { c.Templates = nil })
	var err error
	h.handler, err = h.Handler()
	require.NoError(t, err)
	require.Equal(t, 404, h.do("GET", "/").Code)
	god := person("root", "", "admin", "root", "superuser", "")
	require.Equal(t, authz.Undeclared, h.Decide(context.Background(), god, act, authz.Object{}).Reason)
	require.Equal(t, authz.Undeclared, h.Decide(context.Background(), god, nil, authz.Object{}).Reason)
	require.Empty(t, h.May(god))
	require.False(t, authz.Decision{}.Allowed)
	require.False(t, h.Right(act).Decide(context.Background(), nil, authz.Object{}).Allowed)
}

func TestANameOfOneKindIsUnknownAsAnother(t *testing.T) {
	g := decider(t, plainRoles(), authz.Allow(reader), nil)
	who := person("a", "", reader)
	require.Equal(t, authz.Undeclared, g.Decide(context.Background(), who, authz.Page("act"), authz.Object{}).Reason)
	require.Equal(t, authz.Undeclared, g.Decide(context.Background(), who, authz.Fragment("act"), authz.Object{}).Reason)
}

// TestLongNamesAreComparedWhole: roles that differ only in the middle are different roles.
func TestLongNamesAreComparedWhole(t *testing.T) {
	const held, other, unknown = authz.Role("building-permits-a-reader"), authz.Role("building-permits-b-reader"), authz.Role("building-permits-c-reader")
	defs := map[authz.Role]authz.RoleDef{held: {}, other: {}}
	for rule, want := range map[authz.Role]bool{held: true, other: false} {
		g := decider(t, defs, authz.Allow(rule), nil)
		require.Equal(t, want, g.Decide(context.Background(), person("a", "", held), act, authz.Object{}).Allowed)
		require.False(t, g.Decide(context.Background(), person("a", "", unknown), act, authz.Object{}).Allowed)
	}
}

// TestInclusionDepth: casbin follows ten levels of inclusion and then silently stops.
func TestInclusionDepth(t *testing.T) {
	roles := map[authz.Role]authz.RoleDef{"level-a": {}}
	for c := 'b'; c <= 'o'; c++ { // fifteen roles
		roles[authz.Role("level-"+string(c))] = authz.RoleDef{Includes: []authz.Role{authz.Role("level-" + string(c-1))}}
	}
	g := decider(t, roles, authz.Allow("level-a"), nil)
	require.True(t, g.Decide(context.Background(), person("a", "", "level-o"), act, authz.Object{}).Allowed)
	require.Len(t, g.Who(act), 15)
	g = decider(t, roles, authz.Allow("level-o"), nil)
	require.False(t, g.Decide(context.Background(), person("a", "", "level-n"), act, authz.Object{}).Allowed)
}

func TestDemandsOfRoles(t *testing.T) {
	need := func(name string, includes ...authz.Role) authz.RoleDef {
		return authz.RoleDef{Includes: includes, Require: []authz.Condition{authz.Named(name)}}
	}
	roles := map[authz.Role]authz.RoleDef{
		reader: {}, suspended: need("never"),
		editor: need("badge", reader), "chief": need("vault", editor), "clerk": {Includes: []authz.Role{editor}},
		"double": {Includes: []authz.Role{"chief", "night"}}, "night": need("dark", reader),
	}
	for name, c := range map[string]struct {
		met  string
		role authz.Role
		want authz.Role
		ok   bool
	}{
		"own demand unmet":              {"", editor, editor, false},
		"own demand met":                {"badge", editor, editor, true},
		"demand on the way unmet":       {"", editor, reader, false},
		"demand of the included one":    {"", "clerk", reader, false},
		"demand of the included met":    {"badge", "clerk", reader, true},
		"both on the way, one met":      {"vault", "chief", reader, false},
		"both on the way met":           {"vault badge", "chief", reader, true},
		"another way is enough":         {"dark", "double", reader, true},
		"so is the first of them":       {"vault badge", "double", reader, true},
		"another way leads elsewhere":   {"dark", "double", editor, false},
		"a role without demand is held": {"", "clerk", "clerk", true},
	} {
		t.Run(name, func(t *testing.T) {
			g := decider(t, roles, authz.Allow(c.want), named(c.met, "badge", "vault", "dark", "never"))
			require.Equal(t, c.ok, g.Decide(context.Background(), person("a", "", c.role), act, authz.Object{}).Allowed)
		})
	}
	t.Run("deny does not ask for it", func(t *testing.T) {
		g := decider(t, roles, authz.Allow(reader).Deny(suspended), named("", "badge", "vault", "dark", "never"))
		require.Equal(t, authz.Denied, g.Decide(context.Background(), person("a", "", reader, suspended), act, authz.Object{}).Reason)
	})
}

func TestMayAndWho(t *testing.T) {
	h := mailHost(t)
	require.Equal(t, []string{"front/home", "mail/inbox in bygglov", "mails select in bygglov", "sign-in"}, h.May(person("anna", "bygglov", reader)))
	require.Equal(t, []string{"front/home", "sign-in"}, h.May(authz.Subject{}))
	require.Equal(t, []string{"front/home", "mail.delete in *", "mail/inbox in *", "mail/tools", "mails delete in *", "mails select in *", "sign-in"},
		h.May(person("eva", "", editor)))
	require.Equal(t, []authz.Role{admin, editor}, h.Who(mailDelete))
	require.Equal(t, []authz.Role{admin, editor, reader}, h.Who(inbox))
	require.Empty(t, h.Who(authz.Func("unknown")))
}

func TestExplainNamesEverything(t *testing.T) {
	g := decider(t, plainRoles(), authz.Allow(editor).Deny(suspended).In("t").Require(authz.SecondFactor()), nil)
	got := g.Explain(person("a", "t2", reader, suspended), act, authz.Object{Tenant: "t1"})
	require.False(t, got.Allowed)
	require.Equal(t, []string{
		"rule: allow; editor; in t; deny suspended; require second-factor; unrouted",
		"yes: a tenant is given",
		"yes: signed in",
		"yes: member of the backend, or tied",
		"no: holds none of the roles here, or its demands are unmet",
		"yes: holds no role that denies",
		"no: not met: second-factor",
	}, got.Steps)
}
