package authz

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// PostgresOptions says how the policy's tables and roles are called in the database.
type PostgresOptions struct {
	// Schema holds the tables; empty: "public".
	Schema string
	// Prefix is put before every role; empty: "skans_".
	Prefix string
	// TenantSetting is the run-time parameter that holds the tenant of a transaction; empty: "skans.tenant".
	TenantSetting string
	// TenantType is the type of the tenant columns: "text", "uuid", "bigint" or "integer"; empty: "text".
	TenantType string
	// Login is the database user of the application, which becomes one of the roles in each transaction. Empty: no user
	// is granted the roles.
	Login string
}

const maxPostgresName = 63 // longer ones are cut without an error, and two could become one (NAMEDATALEN - 1)

// PostgresSQL returns what makes PostgreSQL (15 and later) hold the policy's Tables by itself, as text to be reviewed
// and applied by the tables' owner: a role without login for each of the policy's, GRANTs to those whose holders a rule
// can allow, and row-level security, forced on the owner too, that shows the rows of one tenant. Applying it again
// changes nothing; what the policy no longer grants is taken back. In each transaction the application says who acts
// and where:
//
//	SET LOCAL ROLE skans_editor; SELECT set_config('skans.tenant', $1, true);
//
// Without the role the login may nothing, and without the setting no row of a tenant's table is visible: a forgotten
// WHERE or a query for the wrong table finds nothing. It does not hold against somebody who can run statements of their
// own choice as that login, since those can choose role and tenant too. What Go alone can decide is listed as comments:
// conditions, and deny for a person who also holds an allowed role. A superuser and a role with BYPASSRLS see
// everything; the application must log in as neither (PostgreSQL manual, "Row Security Policies").
func (p Policy) PostgresSQL(o PostgresOptions) (string, error) {
	wellFormed := func(_ string, list []Condition) error {
		for _, c := range list {
			if err := c.check(); err != nil {
				return err
			}
		}
		return nil
	}
	c := &compiler{conditions: wellFormed, key: true, spend: true}
	s, err := c.compile(p)
	if err != nil {
		return "", err
	}
	pg := &postgres{PostgresOptions: o, snapshot: s}
	if err := pg.defaults(); err != nil {
		return "", err
	}
	pg.head()
	for _, table := range keysOf(p.Tables) {
		pg.table(Table(table))
	}
	pg.line("COMMIT;")
	return pg.out.String(), nil
}

type postgres struct {
	PostgresOptions
	*snapshot
	out strings.Builder
}

// anybody is the role for rules that are open to everybody.
const anybody = "anonymous"

func (pg *postgres) defaults() error {
	set := func(field *string, fallback string) {
		if *field == "" {
			*field = fallback
		}
	}
	set(&pg.Schema, "public")
	set(&pg.Prefix, "skans_")
	set(&pg.TenantSetting, "skans.tenant")
	set(&pg.TenantType, "text")
	if !slices.Contains([]string{"text", "uuid", "bigint", "integer"}, pg.TenantType) {
		return errors.New("authz: PostgresOptions.TenantType must be text, uuid, bigint or integer")
	}
	space, parameter, _ := strings.Cut(pg.TenantSetting, ".")
	if !isWord(space) || !isWord(parameter) {
		return errors.New("authz: PostgresOptions.TenantSetting must be two words with a dot between, such as skans.tenant")
	}
	for _, name := range []string{pg.Schema, strings.TrimRight(pg.Prefix, "_"), pg.Login} {
		if name != "" && checkName(name) != nil {
			return errors.New("authz: PostgresOptions: a name is not ASCII letters, digits, '_', '-' and '.'")
		}
	}
	if pg.roles.table.index(anybody) >= 0 {
		return fmt.Errorf("authz: role %q is the one of visitors without login in the database; rename it", anybody)
	}
	long := slices.Concat(sortedRoles(pg.roles.names), []string{anybody})
	for i := range long {
		long[i] = pg.Prefix + long[i]
	}
	for table := range pg.tables {
		long = append(long, pg.policyName(table, Select))
	}
	for _, name := range append(long, pg.Schema, pg.Login) {
		if len(name) > maxPostgresName {
			return fmt.Errorf("authz: the database would cut %q to %d bytes; shorten it", clip(name), maxPostgresName)
		}
	}
	return nil
}

func (pg *postgres) line(format string, args ...any) { fmt.Fprintf(&pg.out, format+"\n", args...) }

func (pg *postgres) roleName(r string) string { return quoteIdent(pg.Prefix + r) }

func (pg *postgres) policyName(t Table, op Op) string {
	return pg.Prefix + string(t) + "_" + string(op)
}

// head makes the roles. CREATE ROLE has no IF NOT EXISTS.
func (pg *postgres) head() {
	pg.line("-- Made from the authorisation policy; review, then apply as the owner of the tables.")
	pg.line("BEGIN;")
	if pg.Login != "" {
		// Before it has become one of the roles, the login has none of their rights.
		pg.line("ALTER ROLE %s NOINHERIT;", quoteIdent(pg.Login))
	}
	for _, name := range append(sortedRoles(pg.roles.names), anybody) {
		literal := quoteLiteral(pg.Prefix + name)
		pg.line("DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = %s)"+
			" THEN CREATE ROLE %s; END IF; END $$;", literal, pg.roleName(name))
		pg.line("ALTER ROLE %s NOLOGIN NOINHERIT NOCREATEDB NOCREATEROLE;", pg.roleName(name))
		pg.line("GRANT USAGE ON SCHEMA %s TO %s;", quoteIdent(pg.Schema), pg.roleName(name))
		if pg.Login != "" {
			pg.line("GRANT %s TO %s;", pg.roleName(name), quoteIdent(pg.Login))
		}
	}
}

func (pg *postgres) table(t Table) {
	full := quoteIdent(pg.Schema) + "." + quoteIdent(string(t))
	pg.line("\n-- %s", t)
	pg.line("ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;", full)
	revoked := []string{"PUBLIC"}
	for _, name := range append(sortedRoles(pg.roles.names), anybody) {
		revoked = append(revoked, pg.roleName(name))
	}
	pg.line("REVOKE ALL ON TABLE %s FROM %s;", full, strings.Join(revoked, ", "))
	for _, op := range []Op{Select, Insert, Update, Delete} {
		pg.line("DROP POLICY IF EXISTS %s ON %s;", quoteIdent(pg.policyName(t, op)), full)
		if r := pg.tables[t][op]; r != nil {
			pg.operation(full, t, op, r)
		}
	}
}

func (pg *postgres) operation(full string, t Table, op Op, r *rule) {
	to := []string{}
	if r.open() {
		for _, name := range append(sortedRoles(pg.roles.names), anybody) {
			to = append(to, pg.roleName(name))
		}
	}
	for _, role := range pg.who(r) {
		to = append(to, pg.roleName(string(role)))
	}
	verb := strings.ToUpper(string(op))
	if len(to) == 0 {
		pg.line("-- %s: nobody", verb)
		return
	}
	for _, demand := range r.beyondDatabase() {
		pg.line("-- %s, not enforced here: %s", verb, demand)
	}
	rows := "true"
	if r.in != "" {
		// An unset parameter is NULL at first and '' after a transaction has set it; neither is a tenant.
		rows = fmt.Sprintf("%s = NULLIF(current_setting(%s, true), '')::%s", quoteIdent(r.in), quoteLiteral(pg.TenantSetting), pg.TenantType)
	}
	clause := "USING (" + rows + ")"
	switch op {
	case Insert:
		clause = "WITH CHECK (" + rows + ")"
	case Update:
		clause += " WITH CHECK (" + rows + ")"
	}
	pg.line("GRANT %s ON TABLE %s TO %s;", verb, full, strings.Join(to, ", "))
	pg.line("CREATE POLICY %s ON %s FOR %s TO %s %s;", quoteIdent(pg.policyName(t, op)), full, verb, strings.Join(to, ", "), clause)
}

// beyondDatabase lists what of a rule only the application can decide.
func (r *rule) beyondDatabase() []string {
	var out []string
	if len(r.deny) > 0 {
		out = append(out, "deny "+strings.Join(sortedRoles(r.deny), " ")+" for a person who also holds an allowed role")
	}
	for _, c := range r.denyWhen {
		out = append(out, "deny when "+c.String())
	}
	for _, c := range r.require {
		out = append(out, "require "+c.String())
	}
	if len(r.allowing.gated) > 0 {
		out = append(out, "what the roles themselves require")
	}
	return out
}

func quoteIdent(s string) string   { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
func quoteLiteral(s string) string { return `'` + strings.ReplaceAll(s, `'`, `''`) + `'` }
