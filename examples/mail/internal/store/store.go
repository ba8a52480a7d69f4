// Package store keeps the mailbox in SQLite: people, memberships, conversations, messages and the outbox. What a letter
// says is sealed under its customer before it is stored, bound to its place, so that neither a copy of the file nor a row
// that was moved gives it away, and so that a customer can be erased. It decides nothing about who may do what; that is the policy's.
package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"strings"

	_ "modernc.org/sqlite" // the driver

	"github.com/skans-go/skans"
)

// ErrNotFound says that there is no such row, or none in that mailbox.
var ErrNotFound = errors.New("store: not found")

//go:embed schema.sql
var schema string

const schemaVersion = 1

// A Store is the open database. Safe for concurrent use.
type Store struct {
	db    *sql.DB
	keys  *skans.Keyring
	vault *skans.Vault
}

// Open opens or creates the database file, readable by its owner only, and checks that it is sound. What letters say is
// sealed by the vault that it asks for, whose keys are in the same database. Further statements (the schema of another
// package's tables) run once, when the file is new.
func Open(ctx context.Context, path string, keys *skans.Keyring, vault func(skans.KeyStore) (*skans.Vault, error), further ...string) (*Store, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	// FULL: a transaction is on disk when commit returns, so that a letter which we accepted survives a power cut.
	// IMMEDIATE: a writer takes its lock at the start instead of failing half-way.
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)"+
		"&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=secure_delete(1)")
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	s := &Store{db: db, keys: keys}
	if err = s.prepare(ctx, further); err == nil {
		err = s.finishErasures(ctx)
	}
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	if s.vault, err = vault(s.KeyStore()); err != nil {
		_ = db.Close()
		return nil, err
	}
	return s, nil
}

// Vault returns what seals the letters.
func (s *Store) Vault() *skans.Vault { return s.vault }

func (s *Store) prepare(ctx context.Context, further []string) error {
	var verdict string
	if err := s.db.QueryRowContext(ctx, "pragma quick_check(1)").Scan(&verdict); err != nil {
		return fmt.Errorf("it cannot be read; restore it from a backup: %w", err)
	}
	if verdict != "ok" {
		return fmt.Errorf("it is corrupted; restore it from a backup: %s", verdict)
	}
	return s.Tx(ctx, func(tx *sql.Tx) error {
		var version int
		if err := tx.QueryRowContext(ctx, "pragma user_version").Scan(&version); err != nil {
			return err
		}
		switch version {
		case schemaVersion:
			return nil
		case 0:
			for _, statements := range append([]string{schema, factorSchema, vaultSchema}, further...) {
				if _, err := tx.ExecContext(ctx, statements); err != nil {
					return err
				}
			}
			_, err := tx.ExecContext(ctx, fmt.Sprintf("pragma user_version = %d", schemaVersion))
			return err
		}
		return fmt.Errorf("its schema has version %d and this program knows %d; use the program that made it", version, schemaVersion)
	})
}

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// DB returns the handle, for reads by another package.
func (s *Store) DB() *sql.DB { return s.db }

// Tx runs do in a transaction, which is kept if do returns nil and undone if it does not.
func (s *Store) Tx(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// NewID returns a random id (128 bits) for a row, fit for an address.
func NewID() string { return strings.ToLower(rand.Text()) }

// one makes the absence of a row ErrNotFound.
func one(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

// changed reports ErrNotFound if a statement changed no row.
func changed(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}
