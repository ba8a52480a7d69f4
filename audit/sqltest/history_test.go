package sqltest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/skans-go/skans"
	"github.com/skans-go/skans/audit"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"
)

type contact struct {
	ID    int64          `db:"id" audit:"key"`
	Owner string         `db:"owner" audit:"subject"`
	Email string         `db:"email" audit:"track"`
	Phone sql.NullString `db:"phone" audit:"track"`
	PIN   skans.Secret   `db:"pin" audit:"mac"`
	Token string         `db:"token" audit:"changed"`
	Score float64        `db:"score" audit:"track"`
	Photo []byte         `db:"photo" audit:"track"`
	Note  string         `db:"note"`
}

var contacts = audit.MustTable[contact]("contacts")

var schema = map[string]string{
	"sqlite":   `CREATE TABLE contacts (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, email TEXT NOT NULL, phone TEXT, pin TEXT NOT NULL, token TEXT NOT NULL, score REAL NOT NULL, photo BLOB, note TEXT NOT NULL)`,
	"postgres": `CREATE TABLE contacts (id bigint PRIMARY KEY, owner text NOT NULL, email text NOT NULL, phone text, pin text NOT NULL, token text NOT NULL, score double precision NOT NULL, photo bytea, note text NOT NULL)`,
	"mariadb":  `CREATE TABLE contacts (id bigint PRIMARY KEY, owner varchar(99) NOT NULL, email varchar(99) NOT NULL, phone varchar(99), pin varchar(99) NOT NULL, token varchar(99) NOT NULL, score double NOT NULL, photo longblob, note varchar(99) NOT NULL) CHARACTER SET utf8mb4`,
}

// databases runs a test on each database that is there, in a schema of its own that is dropped afterwards.
func databases(t *testing.T, test func(t *testing.T, db *sql.DB, d audit.Dialect)) {
	t.Run("sqlite", func(t *testing.T) {
		db, err := sql.Open("sqlite", "file:"+t.TempDir()+"/test.db?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_txlock=immediate")
		require.NoError(t, err)
		prepare(t, db, audit.SQLite, test)
	})
	t.Run("postgres", func(t *testing.T) {
		addr := address(t, "SKANS_TEST_POSTGRES", "127.0.0.1:5432")
		admin, err := sql.Open("pgx", "postgres://postgres@"+addr+"/test")
		require.NoError(t, err)
		defer admin.Close()
		name := fmt.Sprintf("skans_audit_%d", time.Now().UnixNano())
		_, err = admin.Exec("CREATE SCHEMA " + name)
		require.NoError(t, err)
		defer func() { _, _ = admin.Exec("DROP SCHEMA " + name + " CASCADE") }()
		db, err := sql.Open("pgx", "postgres://postgres@"+addr+"/test?search_path="+name)
		require.NoError(t, err)
		prepare(t, db, audit.Postgres, test)
	})
	t.Run("mariadb", func(t *testing.T) {
		addr := address(t, "SKANS_TEST_MARIADB", "127.0.0.1:3306")
		admin, err := sql.Open("mysql", "root@tcp("+addr+")/test")
		require.NoError(t, err)
		defer admin.Close()
		name := fmt.Sprintf("skans_audit_%d", time.Now().UnixNano())
		_, err = admin.Exec("CREATE DATABASE " + name)
		require.NoError(t, err)
		defer func() { _, _ = admin.Exec("DROP DATABASE " + name) }()
		db, err := sql.Open("mysql", "root@tcp("+addr+")/"+name+"?multiStatements=true")
		require.NoError(t, err)
		prepare(t, db, audit.MariaDB, test)
	})
}

// address returns where a server listens. Without one the test is skipped; on CI it fails, for there the servers are
// part of the promise.
func address(t *testing.T, variable, usual string) string {
	t.Helper()
	addr := os.Getenv(variable)
	if addr == "" {
		addr = usual
	}
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err == nil {
		require.NoError(t, conn.Close())
		return addr
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("no server at %s (%s)", addr, variable)
	}
	t.Skipf("no server at %s; set %s to run this test", addr, variable)
	return ""
}

func prepare(t *testing.T, db *sql.DB, d audit.Dialect, test func(t *testing.T, db *sql.DB, d audit.Dialect)) {
	t.Helper()
	defer db.Close()
	for _, statement := range []string{schema[d.String()], audit.HistorySchema(d)} {
		_, err := db.Exec(statement)
		require.NoError(t, err)
	}
	test(t, db, d)
}

func openLog(t *testing.T, cfg audit.Config) *audit.Log {
	t.Helper()
	var err error
	if cfg.Keys == nil {
		cfg.Keys, err = skans.NewKeyring(skans.GenerateKey("a"))
		require.NoError(t, err)
	}
	cfg.Dir, cfg.Server = t.TempDir(), "test-1"
	log, err := audit.Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = log.Close() })
	return log
}

func open(t *testing.T, log *audit.Log, d audit.Dialect) *audit.History[contact] {
	t.Helper()
	h, err := contacts.Open(log, d)
	require.NoError(t, err)
	return h
}

func anna(t *testing.T) context.Context {
	return audit.WithActor(t.Context(), audit.Actor{User: "anna", Session: "s1"})
}

// inTx runs f in a transaction and commits it.
func inTx(t *testing.T, db *sql.DB, f func(tx *sql.Tx) error) error {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	if err = f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func insert(t *testing.T, tx *sql.Tx, d audit.Dialect, c contact) error {
	query := "INSERT INTO contacts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
	for i := 1; d.String() == "postgres" && i <= 9; i++ {
		query = strings.Replace(query, "?", fmt.Sprintf("$%d", i), 1)
	}
	_, err := tx.Exec(query, c.ID, c.Owner, c.Email, c.Phone, c.PIN.Reveal(), c.Token, c.Score, c.Photo, c.Note)
	return err
}

func create(t *testing.T, db *sql.DB, d audit.Dialect, h *audit.History[contact], c contact) {
	t.Helper()
	require.NoError(t, inTx(t, db, func(tx *sql.Tx) error {
		return errors.Join(insert(t, tx, d, c), h.Create(anna(t), tx, c))
	}))
}

func values(t *testing.T, h *audit.History[contact], db audit.Querier, id int64, field string) []audit.Value {
	t.Helper()
	var all []audit.Value
	for v, err := range h.Values(t.Context(), db, id, field) {
		require.NoError(t, err)
		all = append(all, v)
	}
	return all
}

func text(s string) sql.NullString { return sql.NullString{String: s, Valid: true} }

func TestModify(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, d audit.Dialect) {
		log := openLog(t, audit.Config{})
		h := open(t, log, d)
		create(t, db, d, h, contact{ID: 42, Owner: "bo", Email: "a@example.com", PIN: skans.NewSecret("1234"), Token: "t0", Note: "n0"})
		ctx := anna(t)
		change := func(f func(c *contact)) {
			t.Helper()
			require.NoError(t, inTx(t, db, func(tx *sql.Tx) error {
				return h.Modify(ctx, tx, 42, func(c *contact) error { f(c); return nil })
			}))
		}
		change(func(c *contact) { c.Email = "b@example.com" })
		change(func(c *contact) { c.Email = "b@example.com" }) // no change, no row
		change(func(c *contact) { c.Phone = text("") })        // NULL to "" is a change
		change(func(c *contact) { c.PIN = skans.NewSecret("4321") })
		change(func(c *contact) { c.Token, c.Note = "t1", "n1" })
		change(func(c *contact) { c.Photo = []byte{0xff, 0, 1} })

		v := values(t, h, db, 42, "email")
		require.Len(t, v, 2)
		require.Equal(t, sql.NullString{}, v[0].Old)
		require.Equal(t, text("a@example.com"), v[0].New)
		require.Equal(t, text("a@example.com"), v[1].Old)
		require.Equal(t, text("b@example.com"), v[1].New)
		require.Equal(t, audit.Actor{User: "anna", Session: "s1"}, v[1].Actor)
		require.WithinDuration(t, time.Now(), v[1].At, time.Minute)
		v = values(t, h, db, 42, "phone")
		require.Len(t, v, 1)
		require.Equal(t, sql.NullString{}, v[0].Old)
		require.Equal(t, text(""), v[0].New)
		v = values(t, h, db, 42, "pin")
		require.Len(t, v, 2)
		require.Equal(t, "mac", v[1].Kind)
		require.Equal(t, v[0].New, v[1].Old)
		require.NotEqual(t, v[1].Old, v[1].New)
		require.Len(t, v[1].New.String, 64)
		v = values(t, h, db, 42, "token")
		require.Len(t, v, 2)
		require.Equal(t, "changed", v[1].Kind)
		require.Equal(t, sql.NullString{}, v[1].New)
		v = values(t, h, db, 42, "photo")
		require.Len(t, v, 1)
		require.Equal(t, text("\xff\x00\x01"), v[0].New)
		require.Empty(t, values(t, h, db, 42, "note"))

		var note, email string
		require.NoError(t, db.QueryRow("SELECT note, email FROM contacts").Scan(&note, &email))
		require.Equal(t, "n1", note)
		require.Equal(t, "b@example.com", email)
	})
}

func TestWhatIsRefused(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, d audit.Dialect) {
		log := openLog(t, audit.Config{})
		h := open(t, log, d)
		create(t, db, d, h, contact{ID: 1, Owner: "bo"})
		nothing := func(*contact) error { return nil }
		require.ErrorIs(t, inTx(t, db, func(tx *sql.Tx) error { return h.Modify(t.Context(), tx, 1, nothing) }), audit.ErrNoActor)
		require.ErrorIs(t, inTx(t, db, func(tx *sql.Tx) error { return h.Change(t.Context(), tx, contact{ID: 1}, contact{ID: 1}) }), audit.ErrNoActor)
		require.ErrorIs(t, inTx(t, db, func(tx *sql.Tx) error { return h.Modify(anna(t), tx, 2, nothing) }), audit.ErrKey)
		require.ErrorIs(t, inTx(t, db, func(tx *sql.Tx) error {
			return h.Modify(anna(t), tx, 1, func(c *contact) error { c.ID = 9; return nil })
		}), audit.ErrKey)
		require.ErrorIs(t, inTx(t, db, func(tx *sql.Tx) error {
			return h.Modify(anna(t), tx, 1, func(c *contact) error { c.Email = strings.Repeat("x", 1<<20+1); return nil })
		}), audit.ErrValue)
		var email string
		require.NoError(t, db.QueryRow("SELECT email FROM contacts").Scan(&email))
		require.Empty(t, email)
		require.Empty(t, values(t, h, db, 2, "email"))
	})
}

func TestRollbackLeavesNothing(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, d audit.Dialect) {
		log := openLog(t, audit.Config{})
		h := open(t, log, d)
		create(t, db, d, h, contact{ID: 1, Owner: "bo", Email: "a"})
		set := func(to string) func(*contact) error { return func(c *contact) error { c.Email = to; return nil } }
		tx, err := db.Begin()
		require.NoError(t, err)
		require.NoError(t, h.Modify(anna(t), tx, 1, set("b")))
		require.NoError(t, tx.Rollback())
		require.Len(t, values(t, h, db, 1, "email"), 1)

		require.NoError(t, inTx(t, db, func(tx *sql.Tx) error {
			if _, err := tx.Exec("SAVEPOINT one"); err != nil {
				return err
			}
			if err := h.Modify(anna(t), tx, 1, set("c")); err != nil {
				return err
			}
			if _, err := tx.Exec("ROLLBACK TO SAVEPOINT one"); err != nil {
				return err
			}
			return h.Modify(anna(t), tx, 1, set("d"))
		}))
		v := values(t, h, db, 1, "email")
		require.Len(t, v, 2)
		require.Equal(t, text("a"), v[1].Old)
		require.Equal(t, text("d"), v[1].New)
	})
}

// TestConcurrentModify lets eight append to one row; each must see what the one before wrote, and the history must be a chain.
func TestConcurrentModify(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, d audit.Dialect) {
		log := openLog(t, audit.Config{})
		h := open(t, log, d)
		create(t, db, d, h, contact{ID: 1, Owner: "bo"})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 5 {
					if err := inTx(t, db, func(tx *sql.Tx) error {
						return h.Modify(anna(t), tx, 1, func(c *contact) error { c.Email += "x"; return nil })
					}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		v := values(t, h, db, 1, "email")
		require.Len(t, v, 41)
		for i := 1; i < len(v); i++ {
			require.Equal(t, v[i-1].New, v[i].Old)
			require.Len(t, v[i].New.String, i)
		}
	})
}

func TestChangeAll(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, d audit.Dialect) {
		log := openLog(t, audit.Config{})
		h := open(t, log, d)
		const rows = 10000
		require.NoError(t, inTx(t, db, func(tx *sql.Tx) error {
			for i := range rows {
				if err := insert(t, tx, d, contact{ID: 1<<60 + int64(i), Owner: "bo", Email: fmt.Sprint(i)}); err != nil {
					return err
				}
			}
			return nil
		}))
		n := 0
		require.NoError(t, inTx(t, db, func(tx *sql.Tx) (err error) {
			n, err = h.ChangeAll(anna(t), tx, func(c *contact) error {
				if c.ID%2 == 0 {
					c.Email += `@"å',example` + "\u202e"
					c.Phone = text("1")
					c.Photo = []byte{1, 0xff}
					c.Score = 0.5
				}
				return nil
			}, "owner = 'bo'")
			return err
		}))
		require.Equal(t, rows/2, n)
		for _, field := range []string{"email", "phone", "photo", "score"} {
			require.Empty(t, values(t, h, db, 1<<60+1, field))
			require.Len(t, values(t, h, db, 1<<60+9998, field), 1, field)
		}
		v := values(t, h, db, 1<<60+9998, "email")
		require.Equal(t, text("9998"), v[0].Old)
		require.Equal(t, text(`9998@"å',example`+"\u202e"), v[0].New)
		var c contact
		require.NoError(t, db.QueryRow("SELECT email, phone, photo, score FROM contacts WHERE id = 1152921504606856974").Scan(&c.Email, &c.Phone, &c.Photo, &c.Score))
		require.Equal(t, contact{Email: `9998@"å',example` + "\u202e", Phone: text("1"), Photo: []byte{1, 0xff}, Score: 0.5}, c)
		require.NoError(t, db.QueryRow("SELECT email FROM contacts WHERE id = 1152921504606856975").Scan(&c.Email))
		require.Equal(t, "9999", c.Email)
		var total int
		require.NoError(t, db.QueryRow("SELECT COUNT(*) FROM skans_history").Scan(&total))
		require.Equal(t, 4*rows/2, total)
	})
}

func TestHistoryIsNotRewritten(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, d audit.Dialect) {
		log := openLog(t, audit.Config{})
		h := open(t, log, d)
		create(t, db, d, h, contact{ID: 1, Owner: "bo", Email: "a"})
		for _, statement := range []string{
			"UPDATE skans_history SET newval = 'x'", "UPDATE skans_history SET actor = 'bo'", "DELETE FROM skans_history",
			"UPDATE skans_history SET batch = 1, at = 7",
		} {
			_, err := db.Exec(statement)
			require.ErrorContains(t, err, "history is never", statement)
		}
		if d.String() == "postgres" {
			_, err := db.Exec("TRUNCATE skans_history")
			require.ErrorContains(t, err, "history is never")
		}
		require.Len(t, values(t, h, db, 1, "email"), 1)
	})
}

func TestErasedSubject(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, d audit.Dialect) {
		keys, err := skans.NewKeyring(skans.GenerateKey("a"))
		require.NoError(t, err)
		vault, err := skans.NewVault(skans.VaultConfig{Keys: keys})
		require.NoError(t, err)
		log := openLog(t, audit.Config{Keys: keys, Vault: vault})
		h := open(t, log, d)
		const canary = "canary-bo@example.com"
		create(t, db, d, h, contact{ID: 1, Owner: "bo", Email: canary})
		create(t, db, d, h, contact{ID: 2, Owner: "eva", Email: "eva@example.com"})
		var stored int
		require.NoError(t, db.QueryRow("SELECT COUNT(*) FROM skans_history WHERE newval LIKE '%canary%'").Scan(&stored))
		require.Zero(t, stored, "values are sealed")
		v := values(t, h, db, 1, "email")
		require.Equal(t, text(canary), v[0].New)

		// The row changes hands: the old value is the old subject's, the new one the new subject's.
		require.NoError(t, inTx(t, db, func(tx *sql.Tx) error {
			return h.Modify(anna(t), tx, 1, func(c *contact) error { c.Owner, c.Email = "eva", "new@example.com"; return nil })
		}))
		_, err = vault.Erase(t.Context(), "bo")
		require.NoError(t, err)
		v = values(t, h, db, 1, "email")
		require.Len(t, v, 2)
		require.True(t, v[0].Erased)
		require.Equal(t, sql.NullString{}, v[0].New)
		require.True(t, v[1].Erased)
		require.Equal(t, sql.NullString{}, v[1].Old)
		require.Equal(t, text("new@example.com"), v[1].New)
		require.False(t, values(t, h, db, 2, "email")[0].Erased)
	})
}

func TestWhatIsAChange(t *testing.T) {
	nan, zero := math.NaN(), math.Copysign(0, -1)
	tests := map[string]struct {
		before, after contact
		field         string
		old, new      sql.NullString
		changed       bool
	}{
		"0 to -0":       {contact{}, contact{Score: zero}, "score", text("0"), text("-0"), true},
		"NaN to NaN":    {contact{Score: nan}, contact{Score: nan}, "score", text(""), text(""), false},
		"0 to NaN":      {contact{}, contact{Score: nan}, "score", text("0"), text("NaN"), true},
		"NULL to empty": {contact{}, contact{Phone: text("")}, "phone", sql.NullString{}, text(""), true},
		"empty bytes":   {contact{}, contact{Photo: []byte{}}, "photo", sql.NullString{}, text(""), true},
		"long value":    {contact{}, contact{Email: strings.Repeat("å", 1<<19)}, "email", text(""), text(strings.Repeat("å", 1<<19)), true},
		"not UTF-8":     {contact{}, contact{Photo: []byte("\xff\xfe")}, "photo", sql.NullString{}, text("\xff\xfe"), true},
	}
	databases(t, func(t *testing.T, db *sql.DB, d audit.Dialect) {
		log := openLog(t, audit.Config{})
		h := open(t, log, d)
		id := int64(0)
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				id++
				tt.before.ID, tt.after.ID = id, id
				require.NoError(t, inTx(t, db, func(tx *sql.Tx) error { return h.Change(anna(t), tx, tt.before, tt.after) }))
				v := values(t, h, db, id, tt.field)
				if !tt.changed {
					require.Empty(t, v)
					return
				}
				require.Len(t, v, 1)
				require.Equal(t, tt.old, v[0].Old)
				require.Equal(t, tt.new, v[0].New)
			})
		}
	})
}

// TestGrants logs in as the application's account: it may add and read, not change, delete or truncate.
func TestGrants(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB, d audit.Dialect) {
		if d.String() != "postgres" {
			grants, err := audit.HistoryGrants(d, "app", "sealer")
			require.NoError(t, err)
			require.Equal(t, d.String() == "sqlite", grants == "")
			return
		}
		suffix := fmt.Sprint(time.Now().UnixNano())
		app, sealer := "skans_app_"+suffix, "skans_sealer_"+suffix
		run := func(statement string) error {
			_, err := db.Exec(statement)
			return err
		}
		require.NoError(t, run("CREATE ROLE "+app+"; CREATE ROLE "+sealer))
		defer func() {
			_ = run("DROP OWNED BY " + app + ", " + sealer + "; DROP ROLE " + app + "; DROP ROLE " + sealer)
		}()
		grants, err := audit.HistoryGrants(d, app, sealer)
		require.NoError(t, err)
		require.NoError(t, run(grants))
		require.NoError(t, run("DO $$ BEGIN EXECUTE 'GRANT USAGE ON SCHEMA ' || current_schema() || ' TO "+app+", "+sealer+"'; END $$"))
		as := func(role, statement string) error {
			tx, err := db.Begin()
			require.NoError(t, err)
			defer func() { _ = tx.Rollback() }()
			_, err = tx.Exec("SET LOCAL ROLE " + role)
			require.NoError(t, err)
			_, err = tx.Exec(statement)
			return err
		}
		insert := "INSERT INTO skans_history (at, tbl, rowkey, field, kind, oldsubject, newsubject, actor, actorsession, job, behalf, request) VALUES (1, '', '', '', '', '', '', '', '', '', '', '')"
		require.NoError(t, as(app, insert))
		require.NoError(t, as(app, "SELECT * FROM skans_history"))
		require.NoError(t, as(sealer, "UPDATE skans_history SET batch = 1"))
		for _, denied := range []string{"UPDATE skans_history SET batch = 1", "DELETE FROM skans_history", "TRUNCATE skans_history", "ALTER TABLE skans_history DISABLE TRIGGER ALL"} {
			require.Error(t, as(app, denied), denied)
		}
		require.ErrorContains(t, as(sealer, insert), "permission denied")
		require.ErrorContains(t, as(sealer, "UPDATE skans_history SET actor = 'x'"), "permission denied")
		_, err = audit.HistoryGrants(d, "app; DROP", "sealer")
		require.Error(t, err)
	})
}
