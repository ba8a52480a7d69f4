package sqltest_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/audit"
	"github.com/stretchr/testify/require"
)

// A server is a log that is closed and opened again, and what it reported.
type server struct {
	*audit.Log
	cfg audit.Config

	mu     sync.Mutex
	alerts []string
}

func start(t *testing.T) *server {
	t.Helper()
	keys, err := skans.NewKeyring(skans.GenerateKey("a"))
	require.NoError(t, err)
	s := &server{cfg: audit.Config{Dir: t.TempDir(), Keys: keys, Server: "test-1"}}
	s.cfg.Alert = func(err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.alerts = append(s.alerts, err.Error())
	}
	s.Log, err = audit.Open(t.Context(), s.cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// restart seals history in a new process, as it were, until nothing is left.
func (s *server) restart(t *testing.T, db *sql.DB, d audit.Dialect) {
	t.Helper()
	require.NoError(t, s.Close())
	var err error
	s.Log, err = audit.Open(t.Context(), s.cfg)
	require.NoError(t, err)
	for range 2 {
		_, err = s.SealHistory(t.Context(), db, d)
		require.NoError(t, err)
	}
}

func (s *server) told() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.alerts, "\n")
}

// A cutter ends a context as soon as a batch is recorded, before its rows are marked.
type cutter struct{ cancel context.CancelFunc }

func (c cutter) Detect(event string, _ []slog.Attr, _ time.Time) (audit.Alarm, bool) {
	if event == audit.EventHistorySealed {
		c.cancel()
	}
	return audit.Alarm{}, false
}

// sealAndDie records a batch and does not come to mark it.
func (s *server) sealAndDie(t *testing.T, db *sql.DB, d audit.Dialect) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	defer s.Watch(cutter{cancel}, func(context.Context, audit.Alarm) {})()
	_, err := s.SealHistory(ctx, db, d)
	require.Error(t, err)
	require.Error(t, ctx.Err(), "it was recorded")
	require.Zero(t, number(t, db, "SELECT COUNT(*) FROM skans_history WHERE batch = (SELECT MAX(batch) FROM skans_history) AND id >= 10"), "not marked")
}

func number(t *testing.T, db *sql.DB, query string) (n int64) {
	t.Helper()
	require.NoError(t, db.QueryRow(query).Scan(&n))
	return n
}

// addRows inserts history rows of those numbers, as transactions that took them and commit now.
func addRows(t *testing.T, db *sql.DB, d audit.Dialect, ids ...int64) {
	t.Helper()
	overriding := ""
	if d.String() == "postgres" {
		overriding = "OVERRIDING SYSTEM VALUE "
	}
	for _, id := range ids {
		_, err := db.Exec(fmt.Sprintf("INSERT INTO skans_history (id, at, tbl, rowkey, field, kind, oldval, newval, oldsubject, newsubject, actor, actorsession, job, behalf, request) "+
			"%sVALUES (%d, 7, 'contacts', '%d', 'email', 'track', NULL, 'pa', '', 'bo', 'anna', '', '', '', '')", overriding, id, id))
		require.NoError(t, err)
	}
}

// TestCrashBetweenRootAndRows is a batch whose root is in the log and whose rows were never marked. Transactions with
// numbers in between commit before the next start.
func TestCrashBetweenRootAndRows(t *testing.T) {
	tests := map[string]func(t *testing.T, s *server, db *sql.DB, d audit.Dialect){
		"new process": func(t *testing.T, s *server, db *sql.DB, d audit.Dialect) { s.restart(t, db, d) },
		"same process": func(t *testing.T, s *server, db *sql.DB, d audit.Dialect) {
			_, err := s.SealHistory(t.Context(), db, d)
			require.NoError(t, err)
		},
	}
	for name, again := range tests {
		t.Run(name, func(t *testing.T) {
			databases(t, func(t *testing.T, db *sql.DB, d audit.Dialect) {
				s := start(t)
				addRows(t, db, d, 1, 2)
				_, err := s.SealHistory(t.Context(), db, d)
				require.NoError(t, err)
				addRows(t, db, d, 10, 11, 12, 14, 17)
				s.sealAndDie(t, db, d)
				require.Contains(t, checkHistory(t, s.Log, db, d).Problem, "are there", "until somebody looks, rows are missing")
				addRows(t, db, d, 13, 15, 16, 18)
				for range 2 { // the second is the usual case again
					again(t, s, db, d)
					report := checkHistory(t, s.Log, db, d)
					require.True(t, report.OK(), report.Problem)
					require.EqualValues(t, 11, report.Rows)
					require.Zero(t, report.Unsealed)
				}
				require.EqualValues(t, 3, number(t, db, "SELECT COUNT(DISTINCT batch) FROM skans_history"))
				require.EqualValues(t, 1, number(t, db, "SELECT COUNT(DISTINCT batch) FROM skans_history WHERE id IN (10, 11, 12, 14, 17)"))
				require.Empty(t, s.told())
			})
		})
	}
}

// TestRestartExcusesNothing is an owner of the database without the key, who makes the last batch look like one that a
// crash left, and has the application started again.
func TestRestartExcusesNothing(t *testing.T) {
	tests := map[string][]string{
		"deleted":                       {"DELETE FROM skans_history WHERE id >= 10"},
		"deleted, all":                  {"DELETE FROM skans_history"},
		"unsealed, actor forged":        {"UPDATE skans_history SET batch = NULL WHERE id >= 10", "UPDATE skans_history SET actor = 'eva' WHERE id = 12"},
		"unsealed, time forged":         {"UPDATE skans_history SET batch = NULL WHERE id >= 10", "UPDATE skans_history SET at = at + 1 WHERE id = 10"},
		"unsealed, value forged":        {"UPDATE skans_history SET batch = NULL WHERE id >= 10", "UPDATE skans_history SET newval = 'pb' WHERE id = 14"},
		"unsealed, value emptied":       {"UPDATE skans_history SET batch = NULL WHERE id >= 10", "UPDATE skans_history SET oldval = '' WHERE id = 14"},
		"unsealed, one deleted":         {"UPDATE skans_history SET batch = NULL WHERE id >= 10", "DELETE FROM skans_history WHERE id = 14"},
		"unsealed, one made another":    {"UPDATE skans_history SET batch = NULL WHERE id >= 10", "UPDATE skans_history SET id = 13 WHERE id = 14"},
		"unsealed, two swapped":         {"UPDATE skans_history SET batch = NULL WHERE id >= 10", "UPDATE skans_history SET rowkey = CASE id WHEN 10 THEN '12' ELSE '10' END WHERE id IN (10, 12)"},
		"one unsealed":                  {"UPDATE skans_history SET batch = NULL WHERE id = 12"},
		"one unsealed, forged":          {"UPDATE skans_history SET batch = NULL, actor = 'eva' WHERE id = 12"},
		"moved to the batch before":     {"UPDATE skans_history SET batch = (SELECT x FROM (SELECT MIN(batch) AS x FROM skans_history) AS s)"},
		"moved to a batch of their own": {"UPDATE skans_history SET batch = batch + 1 WHERE id >= 10"},
	}
	databases(t, func(t *testing.T, db *sql.DB, d audit.Dialect) {
		disarm(t, db, d)
		for name, statements := range tests {
			t.Run(name, func(t *testing.T) {
				_, err := db.Exec("DELETE FROM skans_history")
				require.NoError(t, err)
				s := start(t)
				for _, ids := range [][]int64{{1, 2}, {10, 12, 14}} {
					addRows(t, db, d, ids...)
					_, err := s.SealHistory(t.Context(), db, d)
					require.NoError(t, err)
				}
				require.True(t, checkHistory(t, s.Log, db, d).OK())
				for _, statement := range statements {
					if d.String() == "postgres" && strings.Contains(statement, "SET id") {
						_, err := db.Exec("ALTER TABLE skans_history ALTER COLUMN id SET GENERATED BY DEFAULT")
						require.NoError(t, err)
						statement = "UPDATE skans_history SET id = 13 WHERE id = 14"
					}
					_, err := db.Exec(statement)
					require.NoError(t, err)
				}
				addRows(t, db, d, 11, 15) // late ones, and a batch to come
				s.restart(t, db, d)
				report := checkHistory(t, s.Log, db, d)
				require.False(t, report.OK())
				require.Zero(t, report.Unsealed, "what came later is sealed all the same")
				require.Contains(t, s.told(), "3 rows were sealed")
				s.restart(t, db, d)
				require.False(t, checkHistory(t, s.Log, db, d).OK(), "and stays so")
			})
		}
	})
}

// TestUnsealedAgainIsSealedAgain: rows that are what they were may be put back into their batch.
func TestUnsealedAgainIsSealedAgain(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, d audit.Dialect) {
		disarm(t, db, d)
		s := start(t)
		addRows(t, db, d, 10, 12, 14)
		_, err := s.SealHistory(t.Context(), db, d)
		require.NoError(t, err)
		_, err = db.Exec("UPDATE skans_history SET batch = NULL")
		require.NoError(t, err)
		require.False(t, checkHistory(t, s.Log, db, d).OK())
		s.restart(t, db, d)
		report := checkHistory(t, s.Log, db, d)
		require.True(t, report.OK(), report.Problem)
		require.EqualValues(t, 3, report.Rows)
		require.Empty(t, s.told())
	})
}

// TestNoEventExcusesABatch: nothing in the log but a batch with the same rows makes a missing batch good.
func TestNoEventExcusesABatch(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, d audit.Dialect) {
		disarm(t, db, d)
		s := start(t)
		addRows(t, db, d, 10)
		_, err := s.SealHistory(t.Context(), db, d)
		require.NoError(t, err)
		batch := number(t, db, "SELECT batch FROM skans_history")
		_, err = db.Exec("DELETE FROM skans_history")
		require.NoError(t, err)
		require.NoError(t, s.Record(t.Context(), "history.released", slog.Int64("batch", batch)))
		s.restart(t, db, d)
		require.Contains(t, checkHistory(t, s.Log, db, d).Problem, "1 rows were sealed, 0 are there")
	})
}

// TestManyRuns is a batch of the largest size whose rows are not one run of numbers.
func TestManyRuns(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, d audit.Dialect) {
		s := start(t)
		var ids []int64
		for i := range int64(1000) {
			ids = append(ids, 1<<62+10+i*3/2)
		}
		require.NoError(t, inTx(t, db, func(tx *sql.Tx) error {
			for _, id := range ids {
				overriding := ""
				if d.String() == "postgres" {
					overriding = "OVERRIDING SYSTEM VALUE "
				}
				if _, err := tx.Exec(fmt.Sprintf("INSERT INTO skans_history (id, at, tbl, rowkey, field, kind, oldsubject, newsubject, actor, actorsession, job, behalf, request) "+
					"%sVALUES (%d, 7, 'contacts', '1', 'email', 'track', '', 'bo', 'anna', '', '', '', '')", overriding, id)); err != nil {
					return err
				}
			}
			return nil
		}))
		s.sealAndDie(t, db, d)
		s.restart(t, db, d)
		report := checkHistory(t, s.Log, db, d)
		require.True(t, report.OK(), report.Problem)
		require.EqualValues(t, 1000, report.Rows)
		require.EqualValues(t, 1, number(t, db, "SELECT COUNT(DISTINCT batch) FROM skans_history"))
	})
}

// TestStorageClasses: SQLite compares a text and a blob of the same bytes as different, and keeps either in any column.
func TestStorageClasses(t *testing.T) {
	tests := map[string]string{
		"NULL to an empty blob": "UPDATE skans_history SET oldval = X'' WHERE oldval IS NULL",
		"NULL to an empty text": "UPDATE skans_history SET oldval = '' WHERE oldval IS NULL",
		"key to a blob":         "UPDATE skans_history SET rowkey = CAST(rowkey AS BLOB)",
		"empty job to a blob":   "UPDATE skans_history SET job = X''",
		"value to a text":       "UPDATE skans_history SET newval = CAST(newval AS TEXT)",
		"time to a blob":        "UPDATE skans_history SET at = CAST(CAST(at AS TEXT) AS BLOB)",
	}
	for name, statement := range tests {
		t.Run(name, func(t *testing.T) {
			db, err := sql.Open("sqlite", "file:"+t.TempDir()+"/test.db?_txlock=immediate")
			require.NoError(t, err)
			prepare(t, db, audit.SQLite, func(t *testing.T, db *sql.DB, d audit.Dialect) {
				log := openLog(t, audit.Config{})
				h := open(t, log, d)
				create(t, db, d, h, contact{ID: 1, Owner: "bo", Email: "a"})
				_, err := log.SealHistory(t.Context(), db, d)
				require.NoError(t, err)
				require.True(t, checkHistory(t, log, db, d).OK())
				disarm(t, db, d)
				_, err = db.Exec(statement)
				require.NoError(t, err)
				require.Equal(t, "a row was changed", checkHistory(t, log, db, d).Problem)
			})
		})
	}
}
