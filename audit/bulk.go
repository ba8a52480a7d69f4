package audit

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/skans-go/skans"
)

// bulkFrom is how many history rows go as one JSON parameter instead of one parameter a value; databases bound those.
const bulkFrom = 100

// ChangeAll is [History.Modify] for every row that the condition finds, in three statements however many they are: it locks and
// reads them, lets editRow edit each, updates those that differ and records what did. It returns how many rows differed.
// The condition is SQL of the caller's own, with the dialect's parameters for args; "" finds all rows. Changed columns are
// of string, []byte, integer, bool and finite float types, or nullable ones of these; ErrValue says that one is not.
func (h *History[T]) ChangeAll(ctx context.Context, tx *sql.Tx, editRow func(*T) error, where string, args ...any) (int, error) {
	if ActorFrom(ctx).IsZero() {
		return 0, ErrNoActor
	}
	query := "SELECT " + h.columns() + " FROM " + h.dialect.ident(h.table.name)
	if where != "" {
		query += " WHERE " + where
	}
	rows, err := tx.QueryContext(ctx, query+h.dialect.lock, args...)
	if err != nil {
		return 0, fmt.Errorf("audit: read %s: %w", h.table.name, err)
	}
	all, err := h.scan(rows)
	if err != nil {
		return 0, err
	}
	var changes []edit[T]
	var history []change
	for i := range all {
		one := edit[T]{before: all[i], after: all[i]}
		if err = editRow(&one.after); err != nil {
			return 0, err
		}
		if err = h.sameRow(&one.before, &one.after); err != nil {
			return 0, err
		}
		diff, err := h.diff(ctx, &one.before, &one.after)
		if err != nil {
			return 0, err
		}
		changes, history = append(changes, one), append(history, diff...)
	}
	n, err := h.updateAll(ctx, tx, changes)
	if err != nil || len(history) == 0 {
		return n, err
	}
	wall, _ := h.log.clock()
	return n, h.insertAll(ctx, tx, history, wall)
}

// An edit is one row of ChangeAll.
type edit[T any] struct{ before, after T }

// updateAll writes the changed columns of all rows out of one JSON parameter.
func (h *History[T]) updateAll(ctx context.Context, tx *sql.Tx, changes []edit[T]) (int, error) {
	t := h.table
	touched := make([]bool, len(t.columns))
	var differ []*T
	for i := range changes {
		dirty := false
		for j, c := range t.columns {
			was, err := textOf(t.value(&changes[i].before, c))
			if err != nil {
				return 0, err
			}
			is, err := textOf(t.value(&changes[i].after, c))
			if err != nil {
				return 0, err
			}
			if was != is {
				touched[j], dirty = true, true
			}
		}
		if dirty {
			differ = append(differ, &changes[i].after)
		}
	}
	if len(differ) == 0 {
		return 0, nil
	}
	var set []column
	for j, c := range t.columns {
		if touched[j] {
			set = append(set, c)
		}
	}
	document, err := h.document(differ, set)
	if err != nil {
		return 0, err
	}
	if _, err := tx.ExecContext(ctx, h.bulkUpdate(set), document); err != nil {
		return 0, fmt.Errorf("audit: update %s: %w", t.name, err)
	}
	return len(differ), nil
}

// document is a JSON array of objects: the key and the columns to set.
func (h *History[T]) document(rows []*T, set []column) (string, error) {
	list := make([]map[string]any, len(rows))
	for i, row := range rows {
		list[i] = map[string]any{}
		for _, c := range append([]column{h.table.columns[h.table.key]}, set...) {
			value, err := h.json(h.table.value(row, c))
			if err != nil {
				return "", fmt.Errorf("%s.%s: %w", h.table.name, c.name, err)
			}
			list[i][c.name] = value
		}
	}
	text, err := json.Marshal(list)
	return string(text), err
}

// json is a value as the dialect's UPDATE takes it out of JSON again.
func (h *History[T]) json(value any) (any, error) {
	if secret, ok := value.(skans.Secret); ok {
		return secret.Reveal(), nil
	}
	value, err := driver.DefaultParameterConverter.ConvertValue(value)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrValue, err)
	}
	switch v := value.(type) {
	case string:
		if utf8.ValidString(v) {
			return v, nil
		}
	case []byte:
		if h.dialect.number {
			return `\x` + hex.EncodeToString(v), nil
		}
		return hex.EncodeToString(v), nil
	case float64:
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v, nil
		}
	case bool:
		if !h.dialect.number {
			return int(boolByte(v)), nil
		}
		return v, nil
	case nil, int64:
		return v, nil
	}
	return nil, fmt.Errorf("%w in a change of many rows; use Modify", ErrValue)
}

// bulkUpdate is the UPDATE that reads the document.
func (h *History[T]) bulkUpdate(set []column) string {
	d, t := h.dialect, h.table
	table, key := d.ident(t.name), d.ident(t.columns[t.key].name)
	var sets []string
	switch d.name {
	case Postgres.name:
		for _, c := range set {
			sets = append(sets, d.ident(c.name)+" = j."+d.ident(c.name))
		}
		return "UPDATE " + table + " AS t SET " + strings.Join(sets, ", ") +
			" FROM jsonb_populate_recordset(NULL::" + table + ", $1::jsonb) AS j WHERE t." + key + " = j." + key
	case MariaDB.name:
		columns := []string{key + " " + h.jsonType(t.columns[t.key]) + " PATH '$." + t.columns[t.key].name + "'"}
		for _, c := range set {
			value := "j." + d.ident(c.name)
			if h.isBytes(c) {
				value = "UNHEX(" + value + ")"
			}
			sets = append(sets, "t."+d.ident(c.name)+" = "+value)
			columns = append(columns, d.ident(c.name)+" longtext CHARACTER SET utf8mb4 PATH '$."+c.name+"'")
		}
		return "UPDATE " + table + " AS t JOIN JSON_TABLE(?, '$[*]' COLUMNS (" + strings.Join(columns, ", ") + ")) AS j ON t." + key + " = j." + key +
			" SET " + strings.Join(sets, ", ")
	}
	for _, c := range set {
		value := "json_extract(j.value, '$." + c.name + "')"
		if h.isBytes(c) {
			value = "unhex(" + value + ")"
		}
		sets = append(sets, d.ident(c.name)+" = "+value)
	}
	return "UPDATE " + table + " SET " + strings.Join(sets, ", ") + " FROM json_each(?) AS j WHERE " + table + "." + key +
		" = json_extract(j.value, '$." + t.columns[t.key].name + "')"
}

func (h *History[T]) fieldType(c column) reflect.Type {
	return reflect.TypeFor[T]().FieldByIndex(c.index).Type
}

func (h *History[T]) isBytes(c column) bool {
	typ := h.fieldType(c)
	return typ == reflect.TypeFor[[]byte]() || typ == reflect.TypeFor[sql.Null[[]byte]]() ||
		typ.Kind() == reflect.Slice && typ.Elem().Kind() == reflect.Uint8
}

// jsonType is the type in which MariaDB compares a key; as text or float, large numbers would run together.
func (h *History[T]) jsonType(c column) string {
	switch kind := h.fieldType(c).Kind(); {
	case kind >= reflect.Int && kind <= reflect.Int64:
		return "bigint"
	case kind >= reflect.Uint && kind <= reflect.Uint64:
		return "bigint unsigned"
	}
	return "varchar(255) CHARACTER SET utf8mb4"
}

// insertAll writes any number of history rows out of one JSON parameter.
func (h *History[T]) insertAll(ctx context.Context, tx *sql.Tx, changes []change, at time.Time) error {
	type row struct {
		R string  `json:"r"`
		F string  `json:"f"`
		K string  `json:"k"`
		O *string `json:"o"`
		N *string `json:"n"`
		S string  `json:"s"`
		T string  `json:"t"`
	}
	rows := make([]row, len(changes))
	for i, c := range changes {
		if !utf8.ValidString(c.oldSubject + c.newSubject) {
			return fmt.Errorf("%w: a subject is not UTF-8", ErrValue)
		}
		rows[i] = row{R: c.row, F: c.field, K: c.kind, O: hexOf(c.old), N: hexOf(c.new), S: c.oldSubject, T: c.newSubject}
	}
	document, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	actor := ActorFrom(ctx)
	d := h.dialect
	query := "INSERT INTO skans_history (at, tbl, actor, actorsession, job, behalf, request, rowkey, field, kind, oldval, newval, oldsubject, newsubject) SELECT "
	switch d.name {
	case Postgres.name:
		query += `$1::bigint, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text, j.r, j.f, j.k, decode(j.o, 'hex'), decode(j.n, 'hex'), j.s, j.t
			FROM jsonb_to_recordset($8::jsonb) AS j(r text, f text, k text, o text, n text, s text, t text)`
	case MariaDB.name:
		query += `?, ?, ?, ?, ?, ?, ?, j.r, j.f, j.k, UNHEX(j.o), UNHEX(j.n), j.s, j.t
			FROM JSON_TABLE(?, '$[*]' COLUMNS (r varchar(255) PATH '$.r', f varchar(63) PATH '$.f', k varchar(10) PATH '$.k',
				o longtext PATH '$.o', n longtext PATH '$.n', s varchar(255) PATH '$.s', t varchar(255) PATH '$.t')) AS j`
	default:
		query += `?, ?, ?, ?, ?, ?, ?, j.value->>'r', j.value->>'f', j.value->>'k', unhex(j.value->>'o'), unhex(j.value->>'n'), j.value->>'s', j.value->>'t'
			FROM json_each(?) AS j`
	}
	if _, err := tx.ExecContext(ctx, query, at.UnixNano(), h.table.name, actor.User, actor.Session, actor.Job, actor.Behalf, RequestFrom(ctx),
		string(document)); err != nil {
		return fmt.Errorf("audit: record changes of %s: %w", h.table.name, err)
	}
	return nil
}

func hexOf(v sql.NullString) *string {
	if !v.Valid {
		return nil
	}
	text := hex.EncodeToString([]byte(v.String))
	return &text
}
