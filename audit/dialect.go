package audit

import (
	"fmt"
	"strconv"
	"strings"
)

// A Dialect is the SQL of one database.
type Dialect struct {
	name    string
	quote   string
	lock    string // behind a SELECT whose rows are to be changed
	number  bool   // parameters are $1, $2
	schema  string
	settled string // condition that no running transaction can still bring a row before this one
}

// The databases whose SQL is known. They need SQLite 3.35, PostgreSQL 13, MariaDB 10.6.
var (
	SQLite   = Dialect{name: "sqlite", quote: `"`, schema: sqliteSchema}
	Postgres = Dialect{
		name: "postgres", quote: `"`, lock: " FOR UPDATE", number: true, schema: postgresSchema,
		settled: " AND xid < pg_snapshot_xmin(pg_current_snapshot())",
	}
	MariaDB = Dialect{name: "mariadb", quote: "`", lock: " FOR UPDATE", schema: mariadbSchema}
)

// String is the dialect's name.
func (d Dialect) String() string { return d.name }

// HistorySchema returns the statements that make the history table, each ended by a semicolon and a line feed, and the
// triggers that let nobody change or remove what is in it. Run them as the owner of the database, then
// [HistoryGrants].
func HistorySchema(d Dialect) string { return d.schema }

// HistoryGrants returns the statements that give two database accounts what they need and no more: app, the application's
// own, may add and read history; sealer, the one of [Log.SealHistory], may read it and mark batches. Run them as the owner,
// which should be neither. SQLite has no accounts; for it there are none. The names are letters, digits and underscores.
func HistoryGrants(d Dialect, app, sealer string) (string, error) {
	if !validColumn(app) || !validColumn(sealer) || app == sealer {
		return "", fmt.Errorf("audit: database accounts are two different names of lower-case letters, digits and underscores")
	}
	app, sealer = d.ident(app), d.ident(sealer)
	switch d.name {
	case Postgres.name:
		return "REVOKE ALL ON skans_history FROM PUBLIC, " + app + ", " + sealer + ";\n" +
			"GRANT SELECT, INSERT ON skans_history TO " + app + ";\n" +
			"GRANT SELECT, UPDATE (batch) ON skans_history TO " + sealer + ";\n", nil
	case MariaDB.name:
		return "GRANT SELECT, INSERT ON skans_history TO " + app + ";\n" +
			"GRANT SELECT, UPDATE (batch) ON skans_history TO " + sealer + ";\n", nil
	}
	return "", nil
}

// ident quotes a name that was checked before.
func (d Dialect) ident(name string) string {
	return d.quote + strings.ReplaceAll(name, ".", d.quote+"."+d.quote) + d.quote
}

func (d Dialect) idents(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = d.ident(name)
	}
	return strings.Join(quoted, ", ")
}

// param is the n-th parameter, from 1.
func (d Dialect) param(n int) string {
	if d.number {
		return "$" + strconv.Itoa(n)
	}
	return "?"
}

// params are n parameters in brackets, the first being the given one.
func (d Dialect) params(first, n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = d.param(first + i)
	}
	return "(" + strings.Join(all, ", ") + ")"
}

const sqliteSchema = `CREATE TABLE IF NOT EXISTS skans_history (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	at INTEGER NOT NULL,
	tbl TEXT NOT NULL,
	rowkey TEXT NOT NULL,
	field TEXT NOT NULL,
	kind TEXT NOT NULL,
	oldval BLOB,
	newval BLOB,
	oldsubject TEXT NOT NULL,
	newsubject TEXT NOT NULL,
	actor TEXT NOT NULL,
	actorsession TEXT NOT NULL,
	job TEXT NOT NULL,
	behalf TEXT NOT NULL,
	request TEXT NOT NULL,
	batch INTEGER
);
CREATE INDEX IF NOT EXISTS skans_history_row ON skans_history (tbl, rowkey, field, id);
CREATE INDEX IF NOT EXISTS skans_history_batch ON skans_history (batch, id);
CREATE TRIGGER IF NOT EXISTS skans_history_fixed
	BEFORE UPDATE OF id, at, tbl, rowkey, field, kind, oldval, newval, oldsubject, newsubject, actor, actorsession, job, behalf, request ON skans_history
BEGIN SELECT RAISE(ABORT, 'history is never changed'); END;
CREATE TRIGGER IF NOT EXISTS skans_history_sealed
	BEFORE UPDATE OF batch ON skans_history WHEN OLD.batch IS NOT NULL OR NEW.batch IS NULL
BEGIN SELECT RAISE(ABORT, 'history is sealed once'); END;
CREATE TRIGGER IF NOT EXISTS skans_history_kept
	BEFORE DELETE ON skans_history
BEGIN SELECT RAISE(ABORT, 'history is never deleted'); END;
CREATE TABLE IF NOT EXISTS skans_actor (
	one INTEGER PRIMARY KEY CHECK (one = 1),
	actor TEXT NOT NULL,
	actorsession TEXT NOT NULL,
	job TEXT NOT NULL,
	behalf TEXT NOT NULL,
	request TEXT NOT NULL
);
`

const postgresSchema = `CREATE TABLE IF NOT EXISTS skans_history (
	id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at bigint NOT NULL,
	tbl text NOT NULL,
	rowkey text NOT NULL,
	field text NOT NULL,
	kind text NOT NULL,
	oldval bytea,
	newval bytea,
	oldsubject text NOT NULL,
	newsubject text NOT NULL,
	actor text NOT NULL,
	actorsession text NOT NULL,
	job text NOT NULL,
	behalf text NOT NULL,
	request text NOT NULL,
	xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
	batch bigint
);
CREATE INDEX IF NOT EXISTS skans_history_row ON skans_history (tbl, rowkey, field, id);
CREATE INDEX IF NOT EXISTS skans_history_batch ON skans_history (batch, id);
CREATE INDEX IF NOT EXISTS skans_history_open ON skans_history (id) WHERE batch IS NULL;
CREATE OR REPLACE FUNCTION skans_history_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'UPDATE' THEN
		IF OLD.batch IS NULL AND NEW.batch IS NOT NULL AND to_jsonb(OLD) - 'batch' = to_jsonb(NEW) - 'batch' THEN
			RETURN NEW;
		END IF;
	END IF;
	RAISE EXCEPTION 'history is never changed or deleted';
END $$;
CREATE OR REPLACE TRIGGER skans_history_fixed BEFORE UPDATE OR DELETE ON skans_history
	FOR EACH ROW EXECUTE FUNCTION skans_history_guard();
CREATE OR REPLACE TRIGGER skans_history_kept BEFORE TRUNCATE ON skans_history
	FOR EACH STATEMENT EXECUTE FUNCTION skans_history_guard();
`

const mariadbSchema = `CREATE TABLE IF NOT EXISTS skans_history (
	id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
	at bigint NOT NULL,
	tbl varchar(127) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	rowkey varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	field varchar(63) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	kind varchar(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	oldval longblob,
	newval longblob,
	oldsubject varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	newsubject varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	actor varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	actorsession varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	job varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	behalf varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	request varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	batch bigint,
	KEY skans_history_row (tbl, rowkey, field, id),
	KEY skans_history_batch (batch, id)
) ENGINE=InnoDB;
CREATE OR REPLACE TRIGGER skans_history_fixed BEFORE UPDATE ON skans_history FOR EACH ROW
	IF OLD.batch IS NOT NULL OR NEW.batch IS NULL OR NOT (
		NEW.id <=> OLD.id AND NEW.at <=> OLD.at AND NEW.tbl <=> OLD.tbl AND NEW.rowkey <=> OLD.rowkey AND NEW.field <=> OLD.field
		AND NEW.kind <=> OLD.kind AND NEW.oldval <=> OLD.oldval AND NEW.newval <=> OLD.newval
		AND NEW.oldsubject <=> OLD.oldsubject AND NEW.newsubject <=> OLD.newsubject AND NEW.actor <=> OLD.actor
		AND NEW.actorsession <=> OLD.actorsession AND NEW.job <=> OLD.job AND NEW.behalf <=> OLD.behalf AND NEW.request <=> OLD.request)
	THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'history is never changed'; END IF;
CREATE OR REPLACE TRIGGER skans_history_kept BEFORE DELETE ON skans_history FOR EACH ROW
	SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'history is never deleted';
`
