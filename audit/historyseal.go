package audit

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// sealRows is how many history rows one batch holds at most.
const sealRows = 1000

// sealedColumns are what a history row is sealed with, in this order; sealedStorage are their storage classes: integer, text, blob.
var sealedColumns = append([]string{"id"}, historyColumns...)

const sealedStorage = "iittttbbttttttt"

// sealed are the sealed columns for a SELECT and, behind them, a text of one letter for each: n for NULL, else its storage
// class. SQLite keeps a value of any class in any column: a key made a blob is the same bytes and found by no query.
func (d Dialect) sealed() string {
	letters := make([]string, len(sealedColumns))
	for i, column := range sealedColumns {
		letters[i] = "CASE WHEN " + column + " IS NULL THEN 'n' ELSE '" + sealedStorage[i:i+1] + "' END"
		if d.name == SQLite.name {
			letters[i] = "substr(typeof(" + column + "), 1, 1)"
		}
	}
	columns := strings.Join(sealedColumns, ", ")
	if d.name == SQLite.name {
		return columns + ", " + strings.Join(letters, " || ")
	}
	return columns + ", CONCAT(" + strings.Join(letters, ", ") + ")"
}

// SealHistory puts the rows of the history table that are committed and not yet sealed under a Merkle root, which it records
// as [EventHistorySealed] in this log, and returns how many there were. A row's batch is marked in the row itself, so that
// a transaction that commits late, after rows with larger numbers were sealed, is sealed in a later batch and never
// missed. Call it every second, as [Log.RunHistory] does, from one process a database; what is between two calls is unsealed. It needs a login that
// may update the column batch.
func (l *Log) SealHistory(ctx context.Context, db *sql.DB, d Dialect) (int, error) {
	l.historyMu.Lock()
	defer l.historyMu.Unlock()
	if !l.historySeen {
		if err := l.markLast(ctx, db, d); err != nil {
			return 0, fmt.Errorf("audit: seal history: %w", err)
		}
		l.historySeen, l.historyDoubt = true, false
	}
	total := 0
	for {
		n, err := l.sealBatch(ctx, db, d)
		total += n
		if err != nil {
			l.historySeen = false // the last batch may be recorded and not marked
			return total, fmt.Errorf("audit: seal history: %w", err)
		}
		if n < sealRows {
			return total, nil
		}
	}
}

// RunHistory calls [Log.SealHistory] every second until ctx ends, and returns the context's error; others go to [Config.Alert].
func (l *Log) RunHistory(ctx context.Context, db *sql.DB, d Dialect) error {
	ticker := time.NewTicker(sealEvery)
	defer ticker.Stop()
	for {
		if _, err := l.SealHistory(ctx, db, d); err != nil && ctx.Err() == nil {
			l.alert(err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *Log) sealBatch(ctx context.Context, db *sql.DB, d Dialect) (n int, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreDone(tx.Rollback()))
		}
	}()
	ids, root, err := openRows(ctx, tx, d.sealed()+" FROM skans_history WHERE batch IS NULL"+d.settled+" ORDER BY id LIMIT "+strconv.Itoa(sealRows)+d.lock)
	if err != nil {
		return 0, err
	}
	if len(ids) == 0 {
		return 0, tx.Rollback()
	}
	wall, _ := l.clock()
	batch := max(wall.UnixNano(), l.historyBatch+1)
	if err = mark(ctx, tx, d, batch, ids); err != nil {
		return 0, err
	}
	if err = l.Record(ctx, EventHistorySealed, slog.Int64("batch", batch), slog.Int("count", len(ids)), slog.String("root", hex.EncodeToString(root[:])),
		slog.Int64("first", ids[0]), slog.Int64("last", ids[len(ids)-1]), slog.String("ids", runsOf(ids))); err != nil {
		l.historyDoubt = true // one that timed out may be written later
		return 0, err
	}
	l.historyBatch = batch
	return len(ids), tx.Commit()
}

// openRows runs a SELECT of [Dialect.sealed] and returns which rows it found and the root over them.
func openRows(ctx context.Context, tx *sql.Tx, query string) (ids []int64, root digest, err error) {
	rows, err := tx.QueryContext(ctx, "SELECT "+query)
	if err != nil {
		return nil, root, err
	}
	var t tree
	for row, err := range historyRows(rows, false) {
		if err != nil {
			return nil, root, err
		}
		t.add(row.leaf)
		ids = append(ids, row.id)
	}
	return ids, t.root(), nil
}

// mark puts rows that are in no batch into one.
func mark(ctx context.Context, tx *sql.Tx, d Dialect, batch int64, ids []int64) error {
	_, err := tx.ExecContext(ctx, "UPDATE skans_history SET batch = "+d.param(1)+" WHERE batch IS NULL AND id IN ("+listOf(ids)+")", batch)
	return err
}

func listOf(ids []int64) string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = strconv.FormatInt(id, 10)
	}
	return strings.Join(list, ", ")
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// A historyRow is what a seal is over.
type historyRow struct {
	id    int64
	batch int64
	leaf  digest
}

// historyRows reads a SELECT of [Dialect.sealed], with batch behind it if so asked, and closes rows. A leaf is SHA-256 over 0x00
// and each column: 0 for NULL, else its length plus one, as a varint, and its bytes; then, for each value whose storage
// class is not its column's, the number of the column and the letter of the class.
func historyRows(rows *sql.Rows, withBatch bool) iter.Seq2[historyRow, error] {
	return func(yield func(historyRow, error) bool) {
		defer rows.Close()
		for rows.Next() {
			var r historyRow
			var storage string
			values := make([]sql.RawBytes, len(sealedColumns))
			into := make([]any, len(values), len(values)+2)
			for i := range values {
				into[i] = &values[i]
			}
			if into = append(into, &storage); withBatch {
				into = append(into, &r.batch)
			}
			err := rows.Scan(into...)
			if err == nil {
				r.id, err = strconv.ParseInt(string(values[0]), 10, 64)
			}
			if err == nil && len(storage) != len(sealedStorage) {
				err = errFormat
			}
			if err != nil {
				yield(r, err)
				return
			}
			r.leaf = rowLeaf(values, storage)
			if !yield(r, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(historyRow{}, err)
		}
	}
}

// rowLeaf takes from storage whether a value is NULL: some drivers return an empty blob as nil too.
func rowLeaf(values []sql.RawBytes, storage string) digest {
	body := []byte{0}
	for i, v := range values {
		if storage[i] == 'n' {
			body = append(body, 0)
			continue
		}
		body = append(binary.AppendUvarint(body, uint64(len(v))+1), v...)
	}
	for i := range values {
		if storage[i] != 'n' && storage[i] != sealedStorage[i] {
			body = append(body, byte(i), storage[i])
		}
	}
	return sha256.Sum256(body)
}

// A HistoryReport is the outcome of [VerifyHistory].
type HistoryReport struct {
	Problem  string // "" if every sealed row is there and unchanged
	FirstBad int64  // the batch
	Rows     uint64 // sealed and as they were
	Unsealed uint64 // not yet sealed
}

// OK reports whether nothing is wrong.
func (r HistoryReport) OK() bool { return r.Problem == "" }

// VerifyHistory holds the history table against the roots in a log's events, which [Verify] has found to be intact. It
// reads all of both, in order and in constant memory. The events are those of Filter{Event: "history"}.
func VerifyHistory(ctx context.Context, db Querier, d Dialect, events iter.Seq2[Event, error]) (HistoryReport, error) {
	rows, err := db.QueryContext(ctx, "SELECT "+d.sealed()+", batch FROM skans_history WHERE batch IS NOT NULL ORDER BY batch, id")
	if err != nil {
		return HistoryReport{}, fmt.Errorf("audit: read history: %w", err)
	}
	next, stop := iter.Pull2(historyRows(rows, true))
	v := historyVerifier{next: next}
	err = v.run(events)
	stop()
	if err != nil {
		return HistoryReport{}, fmt.Errorf("audit: verify history: %w", err)
	}
	open, err := db.QueryContext(ctx, "SELECT COUNT(*) FROM skans_history WHERE batch IS NULL")
	if err != nil {
		return HistoryReport{}, fmt.Errorf("audit: read history: %w", err)
	}
	defer open.Close()
	for open.Next() {
		if err := open.Scan(&v.report.Unsealed); err != nil {
			return HistoryReport{}, fmt.Errorf("audit: read history: %w", err)
		}
	}
	return v.report, open.Err()
}

type historyVerifier struct {
	next   func() (historyRow, error, bool)
	row    historyRow
	more   bool
	report HistoryReport
}

func (v *historyVerifier) advance() (err error) {
	v.row, err, v.more = v.next()
	return err
}

func (v *historyVerifier) run(events iter.Seq2[Event, error]) error {
	if err := v.advance(); err != nil {
		return err
	}
	for e, err := range events {
		if err != nil {
			return err
		}
		if e.Name != EventHistorySealed {
			continue
		}
		if err := v.batch(e); err != nil || !v.report.OK() {
			return err
		}
	}
	if v.more {
		v.report.Problem, v.report.FirstBad = "rows are marked as sealed that the log does not know", v.row.batch
	}
	return nil
}

// batch reads the rows of one event.
func (v *historyVerifier) batch(e Event) error {
	number, _ := e.Attr("batch")
	count, _ := e.Attr("count")
	root, _ := e.Attr("root")
	if number.Kind() != slog.KindInt64 || count.Kind() != slog.KindInt64 || root.Kind() != slog.KindString {
		return errFormat
	}
	var t tree
	for v.more && v.row.batch == number.Int64() {
		t.add(v.row.leaf)
		if err := v.advance(); err != nil {
			return err
		}
	}
	got := t.root()
	switch {
	case v.more && v.row.batch < number.Int64():
		v.report.Problem, v.report.FirstBad = "rows are marked as sealed that the log does not know", v.row.batch
	case t.count != uint64(count.Int64()):
		v.report.Problem, v.report.FirstBad = fmt.Sprintf("%d rows were sealed, %d are there", count.Int64(), t.count), number.Int64()
	case hex.EncodeToString(got[:]) != root.String():
		v.report.Problem, v.report.FirstBad = "a row was changed", number.Int64()
	default:
		v.report.Rows += t.count
	}
	return nil
}
