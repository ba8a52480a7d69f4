package sqltest_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/skans-go/skans/audit"
	"github.com/stretchr/testify/require"
)

func modify(t *testing.T, db *sql.DB, h *audit.History[contact], id int64, email string) {
	t.Helper()
	require.NoError(t, inTx(t, db, func(tx *sql.Tx) error {
		return h.Modify(anna(t), tx, id, func(c *contact) error { c.Email = email; return nil })
	}))
}

func checkHistory(t *testing.T, log *audit.Log, db *sql.DB, d audit.Dialect) audit.HistoryReport {
	t.Helper()
	report, err := audit.VerifyHistory(t.Context(), db, d, log.Query(t.Context(), audit.Filter{Event: "history"}))
	require.NoError(t, err)
	return report
}

// disarm does what an attacker with the owner's rights does first.
func disarm(t *testing.T, db *sql.DB, d audit.Dialect) {
	t.Helper()
	for _, name := range []string{"skans_history_fixed", "skans_history_kept", "skans_history_sealed"} {
		statement := "DROP TRIGGER IF EXISTS " + name
		if d.String() == "postgres" {
			statement += " ON skans_history"
		}
		_, err := db.Exec(statement)
		require.NoError(t, err)
	}
}

func TestSealedHistory(t *testing.T) {
	tests := map[string]struct{ statement, problem string }{
		"NULL made empty":        {"UPDATE skans_history SET oldval = '' WHERE oldval IS NULL", "changed"},
		"changed":                {"UPDATE skans_history SET newval = oldval WHERE id = (SELECT x FROM (SELECT MIN(id) AS x FROM skans_history WHERE oldval IS NOT NULL) AS s)", "changed"},
		"actor":                  {"UPDATE skans_history SET actor = 'bo' WHERE id = (SELECT x FROM (SELECT MIN(id) AS x FROM skans_history) AS s)", "changed"},
		"deleted":                {"DELETE FROM skans_history WHERE id = (SELECT x FROM (SELECT MIN(id) AS x FROM skans_history) AS s)", "are there"},
		"all deleted":            {"DELETE FROM skans_history", "are there"},
		"last batch deleted":     {"DELETE FROM skans_history WHERE batch = (SELECT x FROM (SELECT MAX(batch) AS x FROM skans_history) AS s)", "are there"},
		"moved to another batch": {"UPDATE skans_history SET batch = (SELECT x FROM (SELECT MAX(batch) AS x FROM skans_history) AS s)", "are there"},
		"unsealed":               {"UPDATE skans_history SET batch = NULL", "are there"},
		"sealed by a stranger":   {"UPDATE skans_history SET batch = batch + 1", "are there"},
		"inserted": {"INSERT INTO skans_history (at, tbl, rowkey, field, kind, oldsubject, newsubject, actor, actorsession, job, behalf, request, batch) " +
			"SELECT 1, 'contacts', '1', 'email', 'track', '', '', 'eva', '', '', '', '', MAX(batch) + 1 FROM skans_history", "does not know"},
	}
	databases(t, func(t *testing.T, db *sql.DB, d audit.Dialect) {
		log := openLog(t, audit.Config{})
		h := open(t, log, d)
		for i := range int64(3) {
			create(t, db, d, h, contact{ID: i, Owner: "bo", Email: "a"})
			modify(t, db, h, i, "b")
			require.NotZero(t, checkHistory(t, log, db, d).Unsealed)
			n, err := log.SealHistory(t.Context(), db, d)
			require.NoError(t, err)
			require.NotZero(t, n)
		}
		n, err := log.SealHistory(t.Context(), db, d)
		require.NoError(t, err)
		require.Zero(t, n)
		report := checkHistory(t, log, db, d)
		require.True(t, report.OK(), report.Problem)
		require.NotZero(t, report.Rows)
		require.Zero(t, report.Unsealed)
		disarm(t, db, d)
		copyOf := "CREATE TABLE kept AS SELECT * FROM skans_history"
		_, err = db.Exec(copyOf)
		require.NoError(t, err)
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				_, err := db.Exec(tt.statement)
				require.NoError(t, err)
				report := checkHistory(t, log, db, d)
				require.Contains(t, report.Problem, tt.problem)
				_, err = db.Exec("DELETE FROM skans_history")
				require.NoError(t, err)
				restore := "INSERT INTO skans_history SELECT * FROM kept"
				if d.String() == "postgres" {
					restore = "INSERT INTO skans_history OVERRIDING SYSTEM VALUE SELECT * FROM kept"
				}
				_, err = db.Exec(restore)
				require.NoError(t, err)
				require.True(t, checkHistory(t, log, db, d).OK())
			})
		}
		require.NoError(t, log.Seal())
	})
}

// TestLateCommit is a transaction that took its numbers before another and commits after that one was sealed.
func TestLateCommit(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, d audit.Dialect) {
		if d.String() == "sqlite" {
			t.Skip("SQLite has one writer at a time, so that commits come in the order of numbers")
		}
		log := openLog(t, audit.Config{})
		h := open(t, log, d)
		create(t, db, d, h, contact{ID: 1, Owner: "bo"})
		create(t, db, d, h, contact{ID: 2, Owner: "bo"})
		slow, err := db.Begin()
		require.NoError(t, err)
		require.NoError(t, h.Modify(anna(t), slow, 1, func(c *contact) error { c.Email = "slow"; return nil }))
		modify(t, db, h, 2, "quick")
		if d.String() == "postgres" { // InnoDB makes a locking read wait for the slow one, PostgreSQL seals what is settled
			_, err = log.SealHistory(t.Context(), db, d)
			require.NoError(t, err)
			require.True(t, checkHistory(t, log, db, d).OK())
		}
		require.NoError(t, slow.Commit())
		_, err = log.SealHistory(t.Context(), db, d)
		require.NoError(t, err)
		report := checkHistory(t, log, db, d)
		require.True(t, report.OK(), report.Problem)
		require.Zero(t, report.Unsealed)
	})
}

func TestTriggers(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, d audit.Dialect) {
		log := openLog(t, audit.Config{})
		h := open(t, log, d)
		_, err := db.Exec(h.TriggerSQL())
		require.NoError(t, err)
		_, err = db.Exec(h.TriggerSQL())
		require.NoError(t, err, "may run again")
		ctx := anna(t)
		require.NoError(t, inTx(t, db, func(tx *sql.Tx) error {
			return h.Announce(ctx, tx, func() error { return insert(t, tx, d, contact{ID: 7, Owner: "bo", Email: "a"}) })
		}))
		_, err = db.Exec("UPDATE contacts SET email = 'b', note = 'x', pin = '1'")
		require.NoError(t, err)
		_, err = db.Exec("UPDATE contacts SET email = 'b', phone = ''")
		require.NoError(t, err)
		_, err = db.Exec("DELETE FROM contacts")
		require.NoError(t, err)
		v := values(t, h, db, 7, "email")
		require.Len(t, v, 3)
		require.Equal(t, []sql.NullString{{}, text("a"), text("b")}, []sql.NullString{v[0].Old, v[1].Old, v[2].Old})
		require.Equal(t, []sql.NullString{text("a"), text("b"), {}}, []sql.NullString{v[0].New, v[1].New, v[2].New})
		require.Equal(t, audit.Actor{User: "anna", Session: "s1"}, v[0].Actor)
		require.True(t, strings.HasPrefix(v[1].Actor.Job, "sql"), "nobody was announced: %+v", v[1].Actor)
		require.Empty(t, v[1].Actor.User)
		p := values(t, h, db, 7, "phone")
		require.Len(t, p, 2)
		require.Equal(t, text(""), p[0].New)
		require.False(t, p[0].Old.Valid)
		require.Equal(t, "changed", values(t, h, db, 7, "pin")[1].Kind)
		require.Empty(t, values(t, h, db, 7, "note"))
		_, err = log.SealHistory(t.Context(), db, d)
		require.NoError(t, err)
		require.True(t, checkHistory(t, log, db, d).OK())
	})
}

func TestNoCanaryOnDisk(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, d audit.Dialect) {
		log := openLog(t, audit.Config{})
		h := open(t, log, d)
		const canary = "canary-7f3a"
		c := contact{ID: 1, Owner: "bo", Token: canary, Note: canary}
		create(t, db, d, h, c)
		require.NoError(t, inTx(t, db, func(tx *sql.Tx) error {
			return h.Modify(anna(t), tx, 1, func(c *contact) error { c.Token, c.Note = canary+"2", canary+"3"; return nil })
		}))
		rows, err := db.Query("SELECT oldval, newval FROM skans_history")
		require.NoError(t, err)
		defer rows.Close()
		for rows.Next() {
			var old, new []byte
			require.NoError(t, rows.Scan(&old, &new))
			require.NotContains(t, string(old)+string(new), canary)
		}
		require.NoError(t, rows.Err())
	})
}
