package authz_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/authz"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestMatrixAndDescribe(t *testing.T) {
	h := mailHost(t)
	golden(t, "testdata/matrix.golden", h.Matrix())
	golden(t, "testdata/describe.golden", h.Describe())
}

// TestAWidenedRightIsOneLine is why the matrix is made.
func TestAWidenedRightIsOneLine(t *testing.T) {
	h := mailHost(t)
	before := lines(h.Matrix())
	p := mailPolicy()
	p.Funcs[mailDelete] = authz.Allow(editor, reader).Deny(suspended).In("box").Of("id")
	require.NoError(t, h.Reload(p))
	after := lines(h.Matrix())
	require.Len(t, after, len(before)+1)
	for _, line := range before {
		require.Contains(t, after, line)
	}
	require.Contains(t, after, "func mail.delete | POST /m/{box}/{id}/delete | role reader | in box; of id; deny suspended")
}

func TestNobodyInTheMatrix(t *testing.T) {
	g := decider(t, plainRoles(), authz.Allow("chief").Deny(suspended).Tied(), nil)
	require.Equal(t, "func act | - | nobody | tied; deny suspended; unrouted\n", g.Matrix())
	require.Empty(t, g.Who(act))
}

func TestPostgresSQL(t *testing.T) {
	p := mailPolicy()
	p.Tables["Log"] = map[authz.Op]authz.Rule{authz.Insert: authz.PublicBecause("everybody leaves a trace"), authz.Select: authz.Allow(admin)}
	p.Tables[mails][authz.Update] = authz.Allow(editor).Deny(suspended).In("mailbox").Require(authz.SecondFactor())
	p.Tables["news"] = map[authz.Op]authz.Rule{authz.Select: authz.Public(), authz.Delete: authz.Allow(suspended).Deny(suspended)}
	sql, err := p.PostgresSQL(authz.PostgresOptions{Login: "mailapp"})
	require.NoError(t, err)
	golden(t, "testdata/postgres.golden", sql)
}

func TestPostgresSQLThatIsNotMade(t *testing.T) {
	long := mailPolicy()
	long.Roles[authz.Role(strings.Repeat("r", 60))] = authz.RoleDef{}
	visitor := mailPolicy()
	visitor.Roles["anonymous"] = authz.RoleDef{}
	wrong := mailPolicy()
	wrong.Tables[mails][authz.Select] = authz.Allow("ghost")
	for name, c := range map[string]struct {
		policy  authz.Policy
		options authz.PostgresOptions
		says    string
	}{
		"name that would be cut":  {long, authz.PostgresOptions{}, "cut"},
		"role called anonymous":   {visitor, authz.PostgresOptions{}, "anonymous"},
		"policy that is wrong":    {wrong, authz.PostgresOptions{}, "ghost"},
		"type with code in it":    {mailPolicy(), authz.PostgresOptions{TenantType: "text; DROP TABLE mails"}, "TenantType"},
		"setting with code in it": {mailPolicy(), authz.PostgresOptions{TenantSetting: "a.b', true)) OR true --"}, "TenantSetting"},
		"schema with a quote":     {mailPolicy(), authz.PostgresOptions{Schema: `a"b`}, "name"},
		"login with a quote":      {mailPolicy(), authz.PostgresOptions{Login: `a"; --`}, "name"},
		"prefix with a quote":     {mailPolicy(), authz.PostgresOptions{Prefix: `a"`}, "name"},
	} {
		t.Run(name, func(t *testing.T) {
			sql, err := c.policy.PostgresSQL(c.options)
			require.ErrorContains(t, err, c.says)
			require.Empty(t, sql)
		})
	}
}
