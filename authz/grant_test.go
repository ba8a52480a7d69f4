package authz_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/authz"
)

func grantGuard(t *testing.T) *host {
	return newHost(t, authz.Policy{Roles: map[authz.Role]authz.RoleDef{
		reader: {GrantedBy: "owner"}, editor: {GrantedBy: "owner", Includes: []authz.Role{reader}},
		"owner": {GrantedBy: admin}, admin: {GrantedBy: admin, Includes: []authz.Role{"owner"}, Require: []authz.Condition{authz.SecondFactor()}},
		"legacy": {},
	}}, func(c *authz.Config) { c.Templates = nil })
}

func TestMayGrant(t *testing.T) {
	h := grantGuard(t)
	outsider := person("eva", "", "owner")
	outsider.Backend = false
	for name, c := range map[string]struct {
		actor   authz.Subject
		role    authz.Role
		tenant  string
		subject string
		want    error
	}{
		"owner in the tenant":           {person("eva", "t1", "owner"), editor, "t1", "bo", nil},
		"owner everywhere":              {person("eva", "", "owner"), editor, "t1", "bo", nil},
		"owner elsewhere":               {person("eva", "t2", "owner"), editor, "t1", "bo", authz.ErrMayNotGrant},
		"everywhere by a tenant's":      {person("eva", "t1", "owner"), editor, "", "bo", authz.ErrMayNotGrant},
		"to oneself":                    {person("eva", "", "owner"), editor, "t1", "eva", authz.ErrSelfGrant},
		"to oneself in other case":      {person("eva", "", "owner"), editor, "t1", "EVA ", authz.ErrSelfGrant},
		"by the role itself":            {person("bo", "t1", editor), editor, "t1", "eva", authz.ErrMayNotGrant},
		"upwards":                       {person("eva", "", "owner"), admin, "", "bo", authz.ErrMayNotGrant},
		"administrator without proof":   {person("eva", "", admin), admin, "", "bo", authz.ErrMayNotGrant},
		"administrator with proof":      {withProof(person("eva", "", admin)), admin, "", "bo", nil},
		"by inclusion, with proof":      {withProof(person("eva", "", admin)), editor, "t1", "bo", nil},
		"by inclusion, without proof":   {person("eva", "", admin), editor, "t1", "bo", authz.ErrMayNotGrant},
		"outsider":                      {outsider, editor, "t1", "bo", authz.ErrMayNotGrant},
		"anonymous":                     {authz.Subject{Backend: true, Roles: person("x", "", "owner").Roles}, editor, "t1", "bo", authz.ErrMayNotGrant},
		"to nobody":                     {person("eva", "", "owner"), editor, "t1", "", authz.ErrMayNotGrant},
		"unknown role":                  {withProof(person("eva", "", admin)), "ghost", "", "bo", authz.ErrNotGrantable},
		"role in other case":            {person("eva", "", "owner"), "Editor", "t1", "bo", authz.ErrNotGrantable},
		"role that nobody grants":       {withProof(person("eva", "", admin)), "legacy", "", "bo", authz.ErrNotGrantable},
		"a user called as the granting": {person("owner", "", reader), editor, "t1", "bo", authz.ErrMayNotGrant},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, h.MayGrant(c.actor, c.role, c.tenant, c.subject), c.want)
		})
	}
}

func TestTheLastAdministratorStays(t *testing.T) {
	h := grantGuard(t)
	eva := withProof(person("eva", "", admin))
	require.ErrorIs(t, h.MayRevoke(eva, admin, "", "bo", 0), authz.ErrLastHolder)
	require.ErrorIs(t, h.MayRevoke(eva, admin, "", "eva", 0), authz.ErrLastHolder)
	require.NoError(t, h.MayRevoke(eva, admin, "", "eva", 1), "one may step down while another is there")
	require.ErrorIs(t, h.MayRevoke(eva, "owner", "t1", "bo", 0), authz.ErrLastHolder, "owner grants roles too")
	require.NoError(t, h.MayRevoke(eva, editor, "t1", "bo", 0))
	require.ErrorIs(t, h.MayRevoke(person("bo", "t1", editor), editor, "t1", "eva", 5), authz.ErrMayNotGrant)
}

func TestTheFirstAdministrator(t *testing.T) {
	h := grantGuard(t)
	require.NoError(t, h.MayBootstrap(admin, 0))
	require.ErrorIs(t, h.MayBootstrap(admin, 1), authz.ErrNotFirst)
	require.ErrorIs(t, h.MayBootstrap(editor, 0), authz.ErrNotFirst)
	require.ErrorIs(t, h.MayBootstrap("ghost", 0), authz.ErrNotFirst)
}

func TestGrantsAreRecorded(t *testing.T) {
	h := grantGuard(t)
	ctx, eva := context.Background(), person("eva", "t1", "owner")
	require.NoError(t, h.Granted(ctx, eva, editor, "t1", "bo"))
	require.NoError(t, h.Revoked(ctx, eva, editor, "t1", "bo", 0))
	require.ErrorIs(t, h.Granted(ctx, eva, editor, "t1", "eva"), authz.ErrSelfGrant)
	require.Equal(t, []string{
		"authz.granted user=eva role=editor tenant=t1 subject=bo",
		"authz.revoked user=eva role=editor tenant=t1 subject=bo",
		"authz.denied user=eva role=editor tenant=t1 subject=eva rule=authz.granted reason=nobody grants a role to themselves",
	}, h.all())
}
