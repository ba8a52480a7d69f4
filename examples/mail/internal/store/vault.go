package store

import (
	"context"
	"database/sql"
	_ "embed"
	"time"

	"github.com/skans-go/skans"
)

//go:embed vault.sql
var vaultSchema string

// keyStore implements skans.KeyStore. Each change is one statement, or one transaction that holds the write lock from its
// start. Deleted bytes are overwritten (secure_delete); the write-ahead log is emptied by Store.Erase, which has more time
// than the vault gives a key store.
type keyStore struct{ s *Store }

// KeyStore returns the store of the vault's keys in the same database.
func (s *Store) KeyStore() skans.KeyStore { return keyStore{s} }

const keyColumns = "subject, id, wrapped, erased"

func scanKey(row interface{ Scan(...any) error }) (skans.SubjectKey, error) {
	var k skans.SubjectKey
	var erased int64
	if err := row.Scan(&k.Subject, &k.ID, &k.Wrapped, &erased); err != nil {
		return skans.SubjectKey{}, err
	}
	if erased != 0 {
		k.Erased, k.Wrapped = time.UnixMicro(erased).UTC(), nil
	}
	return k, nil
}

func loadKey(row *sql.Row) (skans.SubjectKey, error) {
	k, err := scanKey(row)
	if one(err) == ErrNotFound {
		return skans.SubjectKey{}, skans.ErrUnknownKey
	}
	return k, err
}

func (k keyStore) Load(ctx context.Context, subject string) (skans.SubjectKey, error) {
	return loadKey(k.s.db.QueryRowContext(ctx, "select "+keyColumns+" from subject_key where subject = ?", subject))
}

func (k keyStore) Create(ctx context.Context, key skans.SubjectKey) (stored skans.SubjectKey, err error) {
	err = k.s.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "insert into subject_key (subject, id, wrapped) values (?, ?, ?) on conflict (subject) do nothing",
			key.Subject, key.ID, key.Wrapped)
		if err != nil {
			return err
		}
		stored, err = loadKey(tx.QueryRowContext(ctx, "select "+keyColumns+" from subject_key where subject = ?", key.Subject))
		return err
	})
	return stored, err
}

func (k keyStore) Replace(ctx context.Context, subject string, old, wrapped []byte) (bool, error) {
	return did(k.s.db.ExecContext(ctx, "update subject_key set wrapped = ? where subject = ? and wrapped = ? and erased = 0", wrapped, subject, old))
}

func (k keyStore) Erase(ctx context.Context, subject string, at time.Time) (mark skans.SubjectKey, err error) {
	err = k.s.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `insert into subject_key (subject, id, erased) values (?, '', ?)
			on conflict (subject) do update set wrapped = null, erased = excluded.erased where erased = 0`, subject, at.UnixMicro())
		if err != nil {
			return err
		}
		mark, err = loadKey(tx.QueryRowContext(ctx, "select "+keyColumns+" from subject_key where subject = ?", subject))
		return err
	})
	if err != nil {
		return skans.SubjectKey{}, err
	}
	return mark, nil
}

func (k keyStore) List(ctx context.Context, after string, limit int) ([]skans.SubjectKey, error) {
	return collect(ctx, k.s.db, scanKey, "select "+keyColumns+" from subject_key where subject > ? order by subject limit ?", after, limit)
}

// flush moves the write-ahead log into the database and empties it, as far as readers who are under way let it: what was
// erased would stand there for a while longer.
func (s *Store) flush(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, "pragma wal_checkpoint(truncate)")
	return err
}
