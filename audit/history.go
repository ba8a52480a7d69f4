package audit

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"time"

	"github.com/skans-go/skans"
)

// A History records what happens to the declared fields of one table, in the table skans_history beside it and in the
// caller's transaction: a change that is rolled back leaves nothing, one that is committed cannot be without its rows.
type History[T any] struct {
	table   *Table[T]
	dialect Dialect
	log     *Log
}

// Open binds the table to a log, whose keys and vault it uses, and to the SQL of a database.
func (t *Table[T]) Open(log *Log, d Dialect) (*History[T], error) {
	if log == nil || d.name == "" {
		return nil, errors.New("audit: Table.Open needs a log and one of the dialects SQLite, Postgres, MariaDB")
	}
	return &History[T]{table: t, dialect: d, log: log}, nil
}

// A Value is one change of one field.
type Value struct {
	Field    string
	Row      string // key of the row, as text
	Old, New sql.NullString
	Kind     string // "track"; "mac": Old and New are keyed digests; "changed": both are empty
	Actor    Actor
	Request  string
	At       time.Time
	Erased   bool // the subject's key was destroyed; Old or New is gone
}

// A Querier is a *sql.DB, *sql.Conn or *sql.Tx.
type Querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// A change is one row of the history table.
type change struct {
	row, field, kind       string
	old, new               sql.NullString
	oldSubject, newSubject string
}

// Change records the differences between two states of a row in tx. The caller updates the row itself. It fails with
// [ErrNoActor], [ErrKey], [ErrValue] or the database's error, and tx must then be rolled back.
func (h *History[T]) Change(ctx context.Context, tx *sql.Tx, before, after T) error {
	changes, err := h.diff(ctx, &before, &after)
	if err != nil {
		return err
	}
	return h.insert(ctx, tx, changes)
}

// Create records the first values of a row that tx inserted: from NULL, where they are not NULL themselves.
func (h *History[T]) Create(ctx context.Context, tx *sql.Tx, row T) error {
	changes, err := h.diff(ctx, nil, &row)
	if err != nil {
		return err
	}
	return h.insert(ctx, tx, changes)
}

// Delete records the last values of a row that tx deletes.
func (h *History[T]) Delete(ctx context.Context, tx *sql.Tx, row T) error {
	changes, err := h.diff(ctx, &row, nil)
	if err != nil {
		return err
	}
	return h.insert(ctx, tx, changes)
}

// Modify locks and reads the row of that key, lets change edit it, updates what is different and records it. Between two
// that modify one row, the second sees what the first wrote. Key and table are the schema's; an error of change is returned
// as it is.
func (h *History[T]) Modify(ctx context.Context, tx *sql.Tx, key any, change func(*T) error) error {
	if ActorFrom(ctx).IsZero() {
		return ErrNoActor
	}
	t := h.table
	query := "SELECT " + h.columns() + " FROM " + h.dialect.ident(t.name) + " WHERE " + h.dialect.ident(t.columns[t.key].name) + " = " +
		h.dialect.param(1) + h.dialect.lock
	rows, err := tx.QueryContext(ctx, query, key)
	if err != nil {
		return fmt.Errorf("audit: read %s: %w", t.name, err)
	}
	all, err := h.scan(rows)
	if err != nil {
		return err
	}
	if len(all) != 1 {
		return fmt.Errorf("%w: table %s", ErrKey, t.name)
	}
	before, after := all[0], all[0]
	if err = change(&after); err != nil {
		return err
	}
	changes, err := h.diff(ctx, &before, &after) // refuses what cannot be recorded before anything is written
	if err != nil {
		return err
	}
	if err = h.update(ctx, tx, &before, &after); err != nil {
		return err
	}
	return h.insert(ctx, tx, changes)
}

// update writes the columns that differ, declared or not.
func (h *History[T]) update(ctx context.Context, tx *sql.Tx, before, after *T) error {
	t := h.table
	var sets []string
	var args []any
	for _, c := range t.columns {
		old, new := t.value(before, c), t.value(after, c)
		was, err := textOf(old)
		if err != nil {
			return err
		}
		is, err := textOf(new)
		if err != nil {
			return err
		}
		if was != is {
			args = append(args, argument(new))
			sets = append(sets, h.dialect.ident(c.name)+" = "+h.dialect.param(len(args)))
		}
	}
	if len(sets) == 0 {
		return nil
	}
	args = append(args, t.value(after, t.columns[t.key]))
	query := "UPDATE " + h.dialect.ident(t.name) + " SET " + strings.Join(sets, ", ") + " WHERE " +
		h.dialect.ident(t.columns[t.key].name) + " = " + h.dialect.param(len(args))
	if _, err := tx.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("audit: update %s: %w", t.name, err)
	}
	return nil
}

func (t *Table[T]) value(row *T, c column) any {
	return reflect.ValueOf(row).Elem().FieldByIndex(c.index).Interface()
}

// argument lets a Secret be stored.
func argument(value any) any {
	if secret, ok := value.(skans.Secret); ok {
		return secret.Reveal()
	}
	return value
}

// columns are all columns of the schema, for a SELECT.
func (h *History[T]) columns() string {
	names := make([]string, len(h.table.columns))
	for i, c := range h.table.columns {
		names[i] = c.name
	}
	return h.dialect.idents(names)
}

// scan reads rows into structs and closes them.
func (h *History[T]) scan(rows *sql.Rows) (all []T, err error) {
	defer rows.Close()
	for rows.Next() {
		var row T
		into := make([]any, len(h.table.columns))
		secrets := map[int]*string{}
		for i, c := range h.table.columns {
			field := reflect.ValueOf(&row).Elem().FieldByIndex(c.index)
			if into[i] = field.Addr().Interface(); field.Type() == reflect.TypeFor[skans.Secret]() {
				secrets[i] = new(string)
				into[i] = secrets[i]
			}
		}
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("audit: read %s: %w", h.table.name, err)
		}
		for i, s := range secrets {
			reflect.ValueOf(&row).Elem().FieldByIndex(h.table.columns[i].index).Set(reflect.ValueOf(skans.NewSecret(*s)))
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("audit: read %s: %w", h.table.name, err)
	}
	return all, nil
}

func (h *History[T]) sameRow(before, after *T) error {
	key := h.table.columns[h.table.key]
	was, err := keyOf(h.table.value(before, key))
	if err != nil {
		return err
	}
	is, err := keyOf(h.table.value(after, key))
	if err != nil {
		return err
	}
	if was != is {
		return fmt.Errorf("%w: key of %s changed; record a Delete and a Create", ErrKey, h.table.name)
	}
	return nil
}

// diff compares two states of a row; nil is a row that is not there.
func (h *History[T]) diff(ctx context.Context, before, after *T) ([]change, error) {
	if ActorFrom(ctx).IsZero() {
		return nil, ErrNoActor
	}
	t := h.table
	there := after
	if there == nil {
		there = before
	}
	if before != nil && after != nil {
		if err := h.sameRow(before, after); err != nil {
			return nil, err
		}
	}
	row, err := keyOf(t.value(there, t.columns[t.key]))
	if err != nil {
		return nil, err
	}
	var changes []change
	for _, c := range t.columns {
		if c.kind == "" {
			continue
		}
		one := change{row: row, field: c.name, kind: c.kind}
		if one.old, one.oldSubject, err = h.side(before, c); err != nil {
			return nil, err
		}
		if one.new, one.newSubject, err = h.side(after, c); err != nil {
			return nil, err
		}
		if one.old == one.new {
			continue
		}
		if err := h.protect(ctx, &one); err != nil {
			return nil, err
		}
		changes = append(changes, one)
	}
	return changes, nil
}

// side is a field's value in one state of the row, and whom the row was about then.
func (h *History[T]) side(row *T, c column) (value sql.NullString, subject string, err error) {
	if row == nil {
		return sql.NullString{}, "", nil
	}
	if h.table.subject >= 0 {
		s, err := textOf(h.table.value(row, h.table.columns[h.table.subject]))
		if err != nil {
			return value, "", err
		}
		if subject = s.String; len(subject) > 255 {
			return value, "", fmt.Errorf("%w: a subject is at most 255 bytes", ErrValue)
		}
	}
	value, err = h.table.text(row, c)
	return value, subject, err
}

// protect turns values into what is stored of them: "p" and the value, or "s" and the value sealed under its subject.
func (h *History[T]) protect(ctx context.Context, c *change) error {
	if c.kind == fieldChanged {
		c.old, c.new = sql.NullString{}, sql.NullString{}
	}
	for _, side := range []struct {
		value   *sql.NullString
		subject string
	}{{&c.old, c.oldSubject}, {&c.new, c.newSubject}} {
		v := side.value
		switch {
		case !v.Valid:
		case c.kind == fieldMAC:
			v.String = "p" + hex.EncodeToString(h.log.keys.MAC("audit.field", h.table.name, c.field, v.String))
		case h.log.vault == nil || side.subject == "":
			v.String = "p" + v.String
		default:
			sealed, err := h.log.vault.Seal(ctx, h.at(side.subject, c.field, c.row), []byte(v.String))
			if err != nil {
				return fmt.Errorf("audit: seal %s.%s: %w", h.table.name, c.field, err)
			}
			v.String = "s" + string(sealed)
		}
	}
	return nil
}

func (h *History[T]) at(subject, field, row string) skans.At {
	return skans.At{Subject: subject, Table: "skans_history/" + h.table.name, Column: field, Row: row}
}

var historyColumns = []string{
	"at", "tbl", "rowkey", "field", "kind", "oldval", "newval", "oldsubject", "newsubject", "actor", "actorsession", "job", "behalf", "request",
}

// insert writes the rows with one statement.
func (h *History[T]) insert(ctx context.Context, tx *sql.Tx, changes []change) error {
	if len(changes) == 0 {
		return nil
	}
	wall, _ := h.log.clock()
	actor, request := ActorFrom(ctx), RequestFrom(ctx)
	for _, s := range []string{actor.User, actor.Session, actor.Job, actor.Behalf, request} {
		if len(s) > 255 {
			return fmt.Errorf("%w: actor or request id longer than 255 bytes", ErrValue)
		}
	}
	if len(changes) > bulkFrom {
		return h.insertAll(ctx, tx, changes, wall)
	}
	var groups []string
	var args []any
	for _, c := range changes {
		groups = append(groups, h.dialect.params(len(args)+1, len(historyColumns)))
		args = append(args, wall.UnixNano(), h.table.name, c.row, c.field, c.kind, blob(c.old), blob(c.new), c.oldSubject, c.newSubject,
			actor.User, actor.Session, actor.Job, actor.Behalf, request)
	}
	query := "INSERT INTO skans_history (" + strings.Join(historyColumns, ", ") + ") VALUES " + strings.Join(groups, ", ")
	if _, err := tx.ExecContext(ctx, query, args...); err != nil {
		return fmt.Errorf("audit: record change of %s: %w", h.table.name, err)
	}
	return nil
}

func blob(v sql.NullString) any {
	if !v.Valid {
		return nil
	}
	return []byte(v.String)
}

// Values yields every change of one field of one row, oldest first.
func (h *History[T]) Values(ctx context.Context, db Querier, key any, field string) iter.Seq2[Value, error] {
	return func(yield func(Value, error) bool) {
		row, err := keyOf(key)
		if err != nil {
			yield(Value{}, err)
			return
		}
		d := h.dialect
		rows, err := db.QueryContext(ctx, "SELECT "+strings.Join(historyColumns, ", ")+" FROM skans_history WHERE tbl = "+d.param(1)+
			" AND rowkey = "+d.param(2)+" AND field = "+d.param(3)+" ORDER BY id", h.table.name, row, field)
		if err != nil {
			yield(Value{}, fmt.Errorf("audit: read history: %w", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			v, err := h.read(ctx, rows)
			if !yield(v, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(Value{}, fmt.Errorf("audit: read history: %w", err))
		}
	}
}

func (h *History[T]) read(ctx context.Context, rows *sql.Rows) (Value, error) {
	var at int64
	var table string
	var c change
	var old, new []byte
	v := Value{}
	if err := rows.Scan(&at, &table, &c.row, &c.field, &c.kind, &old, &new, &c.oldSubject, &c.newSubject,
		&v.Actor.User, &v.Actor.Session, &v.Actor.Job, &v.Actor.Behalf, &v.Request); err != nil {
		return Value{}, fmt.Errorf("audit: read history: %w", err)
	}
	v.Field, v.Row, v.Kind, v.At = c.field, c.row, c.kind, time.Unix(0, at).UTC()
	v.Old, v.New = sql.NullString{String: string(old), Valid: old != nil}, sql.NullString{String: string(new), Valid: new != nil}
	for _, side := range []struct {
		value   *sql.NullString
		subject string
	}{{&v.Old, c.oldSubject}, {&v.New, c.newSubject}} {
		if err := h.unseal(ctx, &v, side.value, side.subject); err != nil {
			return Value{}, err
		}
	}
	return v, nil
}

func (h *History[T]) unseal(ctx context.Context, v *Value, side *sql.NullString, subject string) error {
	switch {
	case !side.Valid:
		return nil
	case strings.HasPrefix(side.String, "p"):
		side.String = side.String[1:]
		return nil
	case !strings.HasPrefix(side.String, "s"):
		return fmt.Errorf("%w: a value of %s.%s is not in the format of this version", ErrTampered, h.table.name, v.Field)
	case h.log.vault == nil:
		return fmt.Errorf("audit: %s.%s is sealed and the log has no vault", h.table.name, v.Field)
	}
	plain, err := h.log.vault.Open(ctx, h.at(subject, v.Field, v.Row), []byte(side.String[1:]))
	if errors.Is(err, skans.ErrErased) {
		*side, v.Erased = sql.NullString{}, true
		return nil
	}
	if err != nil {
		return fmt.Errorf("audit: open %s.%s: %w", h.table.name, v.Field, err)
	}
	side.String = string(plain)
	return nil
}
