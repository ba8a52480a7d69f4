package audit

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
)

// markLast looks whether the last batch that was recorded was also marked. A crash between the two leaves a root whose
// rows are there, in no batch: they are marked again, if they are the rows that the root is over, id by id and byte by
// byte. Anything else is no crash but somebody's work on the table: it is reported, and verification goes on to find it.
func (l *Log) markLast(ctx context.Context, db *sql.DB, d Dialect) error {
	if l.historyDoubt && l.routes.find(EventHistorySealed).writing() {
		return fmt.Errorf("%w: the last batch may yet be recorded", ErrTimeout)
	}
	last, err := l.lastBatch(ctx)
	if err != nil || last.batch == 0 {
		return err
	}
	l.historyBatch = max(l.historyBatch, last.batch)
	var there int64
	if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM skans_history WHERE batch = "+d.param(1), last.batch).Scan(&there); err != nil {
		return err
	}
	if there == 0 {
		there, err = last.remark(ctx, db, d)
	}
	if err == nil && there != last.count {
		l.alert(fmt.Errorf("%w: history batch %d: %d rows were sealed, %d are there", ErrTampered, last.batch, last.count, there))
	}
	return err
}

// A sealedBatch is what an [EventHistorySealed] says.
type sealedBatch struct {
	batch, count int64
	root         string
	ids          []int64
}

// lastBatch returns the last one of the log; its batch is 0 if there is none.
func (l *Log) lastBatch(ctx context.Context) (sealedBatch, error) {
	var last Event
	for e, err := range l.Query(ctx, Filter{Event: EventHistorySealed}) {
		if err != nil {
			return sealedBatch{}, err
		}
		if e.Name == EventHistorySealed {
			last = e
		}
	}
	batch, _ := last.Attr("batch")
	count, _ := last.Attr("count")
	root, _ := last.Attr("root")
	ids, _ := last.Attr("ids")
	if last.Name == "" {
		return sealedBatch{}, nil
	}
	if batch.Kind() != slog.KindInt64 || count.Kind() != slog.KindInt64 || root.Kind() != slog.KindString || ids.Kind() != slog.KindString {
		return sealedBatch{}, errFormat
	}
	b := sealedBatch{batch: batch.Int64(), count: count.Int64(), root: root.String()}
	var err error
	b.ids, err = parseRuns(ids.String())
	return b, err
}

// remark marks the batch's rows if all of them are there, in no batch, and unchanged, and returns how many it marked: all or
// none.
func (b sealedBatch) remark(ctx context.Context, db *sql.DB, d Dialect) (n int64, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() {
		if n == 0 {
			err = errors.Join(err, ignoreDone(tx.Rollback()))
		}
	}()
	// By id, for between the first and the last there may be rows of transactions that committed after the batch was made.
	ids, root, err := openRows(ctx, tx, d.sealed()+" FROM skans_history WHERE batch IS NULL AND id IN ("+listOf(b.ids)+") ORDER BY id"+d.lock)
	if err != nil || int64(len(ids)) != b.count || hex.EncodeToString(root[:]) != b.root {
		return 0, err
	}
	if err = mark(ctx, tx, d, b.batch, ids); err != nil {
		return 0, err
	}
	if err = tx.Commit(); err != nil {
		return 0, err
	}
	return b.count, nil
}

// runsOf writes rising ids as runs: "5-7,9".
func runsOf(ids []int64) string {
	var b strings.Builder
	for i := 0; i < len(ids); {
		j := i
		for j+1 < len(ids) && ids[j+1] == ids[j]+1 {
			j++
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(ids[i], 10))
		if j > i {
			b.WriteString("-" + strconv.FormatInt(ids[j], 10))
		}
		i = j + 1
	}
	return b.String()
}

// parseRuns reads what runsOf wrote: 1 to sealRows ids above 0, rising.
func parseRuns(s string) ([]int64, error) {
	var ids []int64
	for run := range strings.SplitSeq(s, ",") {
		from, to, more := strings.Cut(run, "-")
		if !more {
			to = from
		}
		first, err := strconv.ParseInt(from, 10, 64)
		if err != nil {
			return nil, errFormat
		}
		last, err := strconv.ParseInt(to, 10, 64)
		if err != nil || first < 1 || last < first || last-first >= sealRows-int64(len(ids)) || len(ids) > 0 && first <= ids[len(ids)-1] {
			return nil, errFormat
		}
		for id := first; id <= last; id++ {
			if ids = append(ids, id); id == last {
				break // last may be the largest there is
			}
		}
	}
	return ids, nil
}
