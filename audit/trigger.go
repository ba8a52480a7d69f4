package audit

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// TriggerSQL returns statements that let the database itself record every change of the table, by raw SQL too. Use them or the
// methods of History for one table, not both: each change would be recorded twice. Values are as the database writes
// them as text. What needs a key is recorded as changed only: fields tagged mac, and, with a Vault, tracked fields of a
// table with a subject. The actor is the one that [History.Announce] named in the transaction; without one, job is
// "sql:" and the database's user ("sql" on SQLite, which has none).
func (h *History[T]) TriggerSQL() string {
	var b strings.Builder
	for _, op := range []string{"INSERT", "UPDATE", "DELETE"} {
		switch h.dialect.name {
		case Postgres.name:
			h.postgresTrigger(&b, op)
		case MariaDB.name:
			fmt.Fprintf(&b, "CREATE OR REPLACE TRIGGER %s AFTER %s ON %s FOR EACH ROW BEGIN\n", h.triggerName(op), op, h.dialect.ident(h.table.name))
			h.triggerBody(&b, op)
			b.WriteString("END;\n")
		default:
			fmt.Fprintf(&b, "DROP TRIGGER IF EXISTS %s;\nCREATE TRIGGER %s AFTER %s ON %s FOR EACH ROW BEGIN\n", h.triggerName(op), h.triggerName(op), op,
				h.dialect.ident(h.table.name))
			h.triggerBody(&b, op)
			b.WriteString("END;\n")
		}
	}
	return b.String()
}

func (h *History[T]) triggerName(op string) string {
	return h.dialect.ident("skans_" + strings.ReplaceAll(h.table.name, ".", "_") + "_" + strings.ToLower(op))
}

func (h *History[T]) postgresTrigger(b *strings.Builder, op string) {
	name := h.triggerName(op)
	fmt.Fprintf(b, "CREATE OR REPLACE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n", name)
	h.triggerBody(b, op)
	fmt.Fprintf(b, "RETURN NULL;\nEND $$;\nCREATE OR REPLACE TRIGGER %s AFTER %s ON %s FOR EACH ROW EXECUTE FUNCTION %s();\n",
		name, op, h.dialect.ident(h.table.name), name)
}

// triggerBody is one INSERT for each declared field.
func (h *History[T]) triggerBody(b *strings.Builder, op string) {
	s := triggerWords[h.dialect.name]
	key := h.dialect.ident(h.table.columns[h.table.key].name)
	there := "NEW."
	if op == "DELETE" {
		there = "OLD."
	}
	for _, c := range h.table.columns {
		if c.kind == "" {
			continue
		}
		kind, column := c.kind, h.dialect.ident(c.name)
		if kind == fieldMAC || kind == fieldTrack && h.log.vault != nil && h.table.subject >= 0 {
			kind = fieldChanged
		}
		oldval, newval := fmt.Sprintf(s.bytes, "OLD."+column), fmt.Sprintf(s.bytes, "NEW."+column)
		oldsubject, newsubject := "''", "''"
		if h.table.subject >= 0 {
			subject := h.dialect.ident(h.table.columns[h.table.subject].name)
			oldsubject, newsubject = fmt.Sprintf(s.text, "OLD."+subject), fmt.Sprintf(s.text, "NEW."+subject)
		}
		condition := fmt.Sprintf(s.differ, "OLD."+column, "NEW."+column)
		switch op {
		case "INSERT":
			oldval, oldsubject, condition = "NULL", "''", "NEW."+column+" IS NOT NULL"
		case "DELETE":
			newval, newsubject, condition = "NULL", "''", "OLD."+column+" IS NOT NULL"
		}
		if kind == fieldChanged {
			oldval, newval = "NULL", "NULL"
		}
		fmt.Fprintf(b, "INSERT INTO skans_history (%s)\nSELECT %s, '%s', %s, '%s', '%s', %s, %s, %s, %s, %s%s WHERE %s;\n", strings.Join(historyColumns, ", "),
			s.now, h.table.name, fmt.Sprintf(s.text, there+key), c.name, kind, oldval, newval, oldsubject, newsubject, s.actor, s.from, condition)
	}
}

// triggerWords are what the databases say differently.
var triggerWords = map[string]struct{ now, text, bytes, differ, actor, from string }{
	"sqlite": {
		now: "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) * 1000000", text: "CAST(%s AS TEXT)",
		bytes: "CAST('p' || %s AS BLOB)", differ: "%s IS NOT %s",
		actor: `COALESCE(a.actor, ''), COALESCE(a.actorsession, ''), COALESCE(a.job, CASE WHEN a.one IS NULL THEN 'sql' ELSE '' END), COALESCE(a.behalf, ''), COALESCE(a.request, '')`,
		from:  " FROM (SELECT 1) LEFT JOIN skans_actor AS a ON a.one = 1",
	},
	"postgres": {
		now: "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000", text: "COALESCE((%s)::text, '')",
		bytes: "convert_to('p' || (%s)::text, 'UTF8')", differ: "%s IS DISTINCT FROM %s",
		actor: `COALESCE(current_setting('skans.actor', true), ''), COALESCE(current_setting('skans.session', true), ''),
	CASE WHEN COALESCE(current_setting('skans.announced', true), '') = '' THEN 'sql:' || session_user ELSE current_setting('skans.job', true) END,
	COALESCE(current_setting('skans.behalf', true), ''), COALESCE(current_setting('skans.request', true), '')`,
	},
	"mariadb": {
		now: "CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED) * 1000", text: "COALESCE(CAST(%s AS CHAR), '')",
		bytes: "CONCAT('p', %s)", differ: "NOT (%s <=> %s)",
		actor: `IF(@skans_announced <=> CONNECTION_ID(), @skans_actor, ''), IF(@skans_announced <=> CONNECTION_ID(), @skans_session, ''),
	IF(@skans_announced <=> CONNECTION_ID(), @skans_job, CONCAT('sql:', USER())), IF(@skans_announced <=> CONNECTION_ID(), @skans_behalf, ''),
	IF(@skans_announced <=> CONNECTION_ID(), @skans_request, '')`,
		from: " FROM DUAL",
	},
}

// Announce names the context's actor to the triggers while do runs, which writes in tx, and takes the name back after.
func (h *History[T]) Announce(ctx context.Context, tx *sql.Tx, do func() error) (err error) {
	a := ActorFrom(ctx)
	if a.IsZero() {
		return ErrNoActor
	}
	args := []any{a.User, a.Session, a.Job, a.Behalf, RequestFrom(ctx)}
	set, clear := "INSERT INTO skans_actor (one, actor, actorsession, job, behalf, request) VALUES (1, ?, ?, ?, ?, ?)", "DELETE FROM skans_actor"
	switch h.dialect.name {
	case Postgres.name:
		set = `SELECT set_config('skans.announced', '1', true), set_config('skans.actor', $1, true), set_config('skans.session', $2, true),
	set_config('skans.job', $3, true), set_config('skans.behalf', $4, true), set_config('skans.request', $5, true)`
		clear = "SELECT set_config('skans.announced', '', true), set_config('skans.actor', '', true), set_config('skans.session', '', true)," +
			" set_config('skans.job', '', true), set_config('skans.behalf', '', true), set_config('skans.request', '', true)"
	case MariaDB.name:
		set = "SET @skans_announced = CONNECTION_ID(), @skans_actor = ?, @skans_session = ?, @skans_job = ?, @skans_behalf = ?, @skans_request = ?"
		clear = "SET @skans_announced = NULL"
	}
	if _, err := tx.ExecContext(ctx, set, args...); err != nil {
		return fmt.Errorf("audit: announce the actor: %w", err)
	}
	defer func() {
		// A name that stayed would be blamed for the next one's changes; a cancelled context must not leave it there.
		if _, gone := tx.ExecContext(context.WithoutCancel(ctx), clear); gone != nil && err == nil {
			err = fmt.Errorf("audit: take the actor back: %w", gone)
		}
	}()
	return do()
}
