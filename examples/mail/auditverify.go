package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/skans-go/skans/audit"
)

// A verdict is what a verification found, for a page.
type verdict struct {
	OK                bool
	Events, History   uint64
	FirstBad, Problem string
	Bad               []eventRow // what stands there now, as far as it can be read and this page may show it
}

// maxBad bounds how many of the records are shown among which one was changed.
const maxBad = 20

// verify proves the whole log and field history, or names the first bad record.
func (a *app) verify(r *http.Request, seen scope) (verdict, error) {
	ctx := r.Context()
	report, err := audit.Verify(ctx, os.DirFS(a.logDir), audit.Trust{Keys: a.log.PublicKeys(), AtLeast: a.log.Witness()})
	if err != nil {
		return verdict{}, err
	}
	if !report.OK() {
		return verdict{FirstBad: badRecord(report), Problem: report.Problem, Bad: a.badRows(r, report, seen)}, nil
	}
	history, err := a.verifyHistory(ctx)
	if err == nil && !history.OK() {
		history, err = a.verifyHistory(ctx) // a batch sealed between the two readings looks missing once
	}
	if err != nil {
		return verdict{}, err
	}
	v := verdict{OK: history.OK(), Events: report.Events, History: history.Rows, Problem: history.Problem}
	if !v.OK {
		v.FirstBad = fmt.Sprintf("field history, batch %d", history.FirstBad)
	}
	return v, nil
}

func (a *app) verifyHistory(ctx context.Context) (audit.HistoryReport, error) {
	return audit.VerifyHistory(ctx, a.store.DB(), audit.SQLite, a.log.Query(ctx, audit.Filter{Event: "history"}))
}

func badRecord(r audit.Report) string {
	if r.LastBad > r.FirstBad {
		return fmt.Sprintf("%s, one of %d to %d", r.Class, r.FirstBad, r.LastBad)
	}
	return fmt.Sprintf("%s %d", r.Class, r.FirstBad)
}

// badRows shows the records that the report names. Many of them cannot be read any more.
func (a *app) badRows(r *http.Request, report audit.Report, seen scope) []eventRow {
	var rows []eventRow
	for e, err := range a.log.Query(r.Context(), audit.Filter{Class: report.Class}) {
		if err != nil || e.Seq > report.LastBad || len(rows) == maxBad {
			break
		}
		if e.Seq >= report.FirstBad && seen(e) {
			rows = append(rows, a.eventRow(r, e))
		}
	}
	return rows
}
