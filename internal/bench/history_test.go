package bench

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the database

	"github.com/skans-go/skans/audit"
)

// One UPDATE of one field in a transaction of its own, on SQLite with a write-ahead log: alone, with its change recorded by
// History.Change, and with it recorded by a trigger. "durable" syncs at each commit, "fast" does not (synchronous=NORMAL).

type contact struct {
	ID    int64  `db:"id" audit:"key"`
	Owner string `db:"owner" audit:"subject"`
	Email string `db:"email" audit:"track"`
	Note  string `db:"note"`
}

var contacts = audit.MustTable[contact]("contacts")

// A register is a database with one contact in it, and its history.
type register struct {
	db      *sql.DB
	history *audit.History[contact]
	row     contact
	changes int
}

func newRegister(tb testing.TB, synchronous string) *register {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(tb.TempDir(), "db")+
		"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous("+synchronous+")&_txlock=immediate")
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	for _, statement := range []string{
		`CREATE TABLE contacts (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, email TEXT NOT NULL, note TEXT NOT NULL)`,
		`INSERT INTO contacts VALUES (42, 'anna', 'anna@example.com', 'calls before noon')`,
		audit.HistorySchema(audit.SQLite),
	} {
		_, err := db.Exec(statement)
		require.NoError(tb, err)
	}
	history, err := contacts.Open(auditLog(tb, tb.TempDir()), audit.SQLite)
	require.NoError(tb, err)
	return &register{db: db, history: history, row: contact{42, "anna", "anna@example.com", "calls before noon"}}
}

func withTriggers(tb testing.TB, r *register) *register {
	_, err := r.db.Exec(r.history.TriggerSQL())
	require.NoError(tb, err)
	return r
}

// update sets a new address in a transaction, with record called in it.
func (r *register) update(record func(ctx context.Context, tx *sql.Tx, before, after contact) error) error {
	ctx := audit.WithActor(context.Background(), audit.Actor{User: "anna", Session: "s1"})
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	r.changes++
	before, after := r.row, r.row
	after.Email = fmt.Sprintf("anna-%d@example.com", r.changes)
	if _, err := tx.ExecContext(ctx, `UPDATE contacts SET email = ? WHERE id = ?`, after.Email, after.ID); err != nil {
		return err
	}
	if record != nil {
		if err := record(ctx, tx, before, after); err != nil {
			return err
		}
	}
	r.row = after
	return tx.Commit()
}

// Each way leaves the same row, and the audited ones each value that it had.
func TestUpdatesDoTheSame(t *testing.T) {
	plain, changed, triggered := newRegister(t, "FULL"), newRegister(t, "FULL"), withTriggers(t, newRegister(t, "FULL"))
	for range 3 {
		require.NoError(t, plain.update(nil))
		require.NoError(t, changed.update(changed.history.Change))
		require.NoError(t, triggered.update(nil))
	}
	for r, want := range map[*register]int{plain: 0, changed: 3, triggered: 3} {
		var email string
		require.NoError(t, r.db.QueryRow(`SELECT email FROM contacts WHERE id = 42`).Scan(&email))
		require.Equal(t, "anna-3@example.com", email)
		var values []string
		for v, err := range r.history.Values(t.Context(), r.db, 42, "email") {
			require.NoError(t, err)
			values = append(values, v.New.String)
		}
		require.Len(t, values, want)
		if want > 0 {
			require.Equal(t, []string{"anna-1@example.com", "anna-2@example.com", "anna-3@example.com"}, values)
		}
	}
}

func BenchmarkUpdate(b *testing.B) {
	for name, synchronous := range map[string]string{"durable": "FULL", "fast": "NORMAL"} {
		b.Run(name, func(b *testing.B) {
			plain, changed, triggered := newRegister(b, synchronous), newRegister(b, synchronous), withTriggers(b, newRegister(b, synchronous))
			do := func(r *register, record func(context.Context, *sql.Tx, contact, contact) error) func() {
				return func() {
					if err := r.update(record); err != nil {
						b.Fatal(err)
					}
				}
			}
			beside(b, side{"skans", do(changed, changed.history.Change)}, side{"plain", do(plain, nil)})
			b.Run("trigger", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					do(triggered, nil)()
				}
			})
			b.Run("trigger-vs-plain", func(b *testing.B) { inTurns(b, do(triggered, nil), do(plain, nil)) })
		})
	}
}
