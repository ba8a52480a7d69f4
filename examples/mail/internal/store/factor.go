package store

import (
	"context"
	"database/sql"
	_ "embed"
	"strings"

	"github.com/skans-go/skans/totp"
)

//go:embed factor.sql
var factorSchema string

// Factors returns the store of second factors in the same database: one that forgot them at a restart would let
// whoever has a password enrol a factor of their own.
func (s *Store) Factors() totp.Store { return factors{s} }

// factors implements totp.Store. Each change is one statement, or one transaction that holds the write lock from its start.
type factors struct{ s *Store }

func (f factors) Load(ctx context.Context, user string) (totp.Record, error) {
	var r totp.Record
	err := f.s.db.QueryRowContext(ctx, `select active, active_sealed, last_step, pending, pending_sealed,
		(select count(*) from recovery where recovery.person = factor.person) from factor where person = ?`, user).
		Scan(&r.Active.ID, &r.Active.Sealed, &r.LastStep, &r.Pending.ID, &r.Pending.Sealed, &r.Recovery)
	if one(err) == ErrNotFound {
		return totp.Record{}, nil
	}
	if err != nil {
		return totp.Record{}, err
	}
	for _, factor := range []*totp.Factor{&r.Active, &r.Pending} {
		if factor.ID == "" {
			*factor = totp.Factor{}
		}
	}
	return r, nil
}

func (f factors) Begin(ctx context.Context, user string, pending totp.Factor) error {
	_, err := f.s.db.ExecContext(ctx, `insert into factor (person, pending, pending_sealed) values (?, ?, ?)
		on conflict (person) do update set pending = excluded.pending, pending_sealed = excluded.pending_sealed`, user, pending.ID, pending.Sealed)
	return err
}

func (f factors) Confirm(ctx context.Context, user, id string, step int64, recovery [][]byte) (ok bool, err error) {
	err = f.s.Tx(ctx, func(tx *sql.Tx) error {
		ok, err = did(tx.ExecContext(ctx, `update factor set active = pending, active_sealed = pending_sealed, last_step = ?,
			pending = '', pending_sealed = x'' where person = ? and pending = ? and pending <> ''`, step, user, id))
		if err != nil || !ok {
			return err
		}
		return replaceRecovery(ctx, tx, user, recovery)
	})
	return ok && err == nil, err
}

func (f factors) Advance(ctx context.Context, user, id string, step int64) (bool, error) {
	return did(f.s.db.ExecContext(ctx, "update factor set last_step = ? where person = ? and active = ? and active <> '' and last_step < ?",
		step, user, id, step))
}

func (f factors) SetRecovery(ctx context.Context, user, id string, recovery [][]byte) (ok bool, err error) {
	err = f.s.Tx(ctx, func(tx *sql.Tx) error {
		ok, err = did(tx.ExecContext(ctx, "update factor set active = active where person = ? and active = ? and active <> ''", user, id))
		if err != nil || !ok {
			return err
		}
		return replaceRecovery(ctx, tx, user, recovery)
	})
	return ok && err == nil, err
}

func (f factors) UseRecovery(ctx context.Context, user string, hashes [][]byte) (left int, ok bool, err error) {
	if len(hashes) == 0 {
		return 0, false, nil
	}
	args := []any{user}
	for _, hash := range hashes {
		args = append(args, hash)
	}
	err = f.s.Tx(ctx, func(tx *sql.Tx) error {
		ok, err = did(tx.ExecContext(ctx, `delete from recovery where person = ? and hash in (?`+strings.Repeat(", ?", len(hashes)-1)+")", args...))
		if err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "select count(*) from recovery where person = ?", user).Scan(&left)
	})
	return left, ok && err == nil, err
}

func (f factors) Reseal(ctx context.Context, user, id string, sealed []byte) (bool, error) {
	return did(f.s.db.ExecContext(ctx, "update factor set active_sealed = ? where person = ? and active = ? and active <> ''", sealed, user, id))
}

func (f factors) Remove(ctx context.Context, user string) (bool, error) {
	return did(f.s.db.ExecContext(ctx, "delete from factor where person = ?", user))
}

func replaceRecovery(ctx context.Context, tx *sql.Tx, user string, hashes [][]byte) error {
	if _, err := tx.ExecContext(ctx, "delete from recovery where person = ?", user); err != nil {
		return err
	}
	for _, hash := range hashes {
		if _, err := tx.ExecContext(ctx, "insert into recovery (person, hash) values (?, ?)", user, hash); err != nil {
			return err
		}
	}
	return nil
}

// did reports whether a statement changed a row.
func did(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}
