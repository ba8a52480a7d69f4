package sqltest_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/audit"
	"github.com/stretchr/testify/require"
)

// BenchmarkUpdate compares an UPDATE in a transaction of its own with the same one and its history.
func BenchmarkUpdate(b *testing.B) {
	for _, d := range []audit.Dialect{audit.SQLite, audit.Postgres, audit.MariaDB} {
		b.Run(d.String(), func(b *testing.B) {
			db := benchDB(b, d)
			keys, err := skans.NewKeyring(skans.GenerateKey("a"))
			require.NoError(b, err)
			log, err := audit.Open(b.Context(), audit.Config{Dir: b.TempDir(), Keys: keys, Server: "s"})
			require.NoError(b, err)
			defer log.Close()
			h, err := contacts.Open(log, d)
			require.NoError(b, err)
			ctx := audit.WithActor(b.Context(), audit.Actor{User: "anna"})
			update := "UPDATE contacts SET email = ? WHERE id = 1"
			if d.String() == "postgres" {
				update = "UPDATE contacts SET email = $1 WHERE id = 1"
			}
			n := 0
			run := func(name string, f func(ctx context.Context, tx *sql.Tx, email string) error) {
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						n++
						tx, err := db.Begin()
						require.NoError(b, err)
						require.NoError(b, f(ctx, tx, fmt.Sprintf("%d@example.com", n)))
						require.NoError(b, tx.Commit())
					}
				})
			}
			run("plain", func(ctx context.Context, tx *sql.Tx, email string) error {
				_, err := tx.ExecContext(ctx, update, email)
				return err
			})
			run("change", func(ctx context.Context, tx *sql.Tx, email string) error {
				if _, err := tx.ExecContext(ctx, update, email); err != nil {
					return err
				}
				return h.Change(ctx, tx, contact{ID: 1, Email: "before"}, contact{ID: 1, Email: email})
			})
			run("modify", func(ctx context.Context, tx *sql.Tx, email string) error {
				return h.Modify(ctx, tx, 1, func(c *contact) error { c.Email = email; return nil })
			})
		})
	}
}

func benchDB(b *testing.B, d audit.Dialect) *sql.DB {
	b.Helper()
	name := fmt.Sprintf("skans_bench_%d", time.Now().UnixNano())
	var db *sql.DB
	open := func(driver, source string) *sql.DB {
		db, err := sql.Open(driver, source)
		require.NoError(b, err)
		b.Cleanup(func() { _ = db.Close() })
		return db
	}
	reach := func(addr string) {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			b.Skipf("no server at %s", addr)
		}
		_ = conn.Close()
	}
	switch d.String() {
	case "postgres":
		reach("127.0.0.1:5432")
		admin := open("pgx", "postgres://postgres@127.0.0.1:5432/test")
		_, err := admin.Exec("CREATE SCHEMA " + name)
		require.NoError(b, err)
		b.Cleanup(func() { _, _ = admin.Exec("DROP SCHEMA " + name + " CASCADE") })
		db = open("pgx", "postgres://postgres@127.0.0.1:5432/test?search_path="+name)
	case "mariadb":
		reach("127.0.0.1:3306")
		admin := open("mysql", "root@tcp(127.0.0.1:3306)/test")
		_, err := admin.Exec("CREATE DATABASE " + name)
		require.NoError(b, err)
		b.Cleanup(func() { _, _ = admin.Exec("DROP DATABASE " + name) })
		db = open("mysql", "root@tcp(127.0.0.1:3306)/"+name+"?multiStatements=true")
	default:
		db = open("sqlite", "file:"+b.TempDir()+"/test.db?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate")
	}
	for _, statement := range []string{schema[d.String()], audit.HistorySchema(d), "INSERT INTO contacts VALUES (1, 'bo', '', NULL, '', '', 0, NULL, '')"} {
		_, err := db.Exec(statement)
		require.NoError(b, err)
	}
	return db
}
