package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/skans-go/skans/audit"
	"github.com/skans-go/skans/sanitize"
)

// shownEvents bounds the list on an audit page to the latest.
const shownEvents = 200

type auditView struct {
	page
	Verified verdict
	Events   []eventRow
	Changes  []changeRow
}

type verdict struct {
	OK                bool
	Events, History   uint64
	FirstBad, Problem string
}

func verdictOf(r audit.Report) verdict {
	return verdict{OK: r.OK(), Events: r.Events, FirstBad: fmt.Sprintf("%s %d", r.Class, r.FirstBad), Problem: r.Problem}
}

type eventRow struct{ Seq, At, Name, Actor, Attrs string }

type changeRow struct{ At, Row, Field, Old, New, Actor string }

// mailAudit shows what happened in one mailbox, and who changed what.
func (a *app) mailAudit(w http.ResponseWriter, r *http.Request, in boxForm) {
	view := &auditView{}
	err := a.fillAudit(r, view, func(e audit.Event) bool { return attr(e, "mailbox") == in.Box || attr(e, "tenant") == in.Box })
	if err == nil {
		view.Changes, err = a.changes(r, in.Box)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.render(w, r, pageMailAudit, "Audit", view)
}

// adminAudit shows everything that happened.
func (a *app) adminAudit(w http.ResponseWriter, r *http.Request, _ none) {
	view := &auditView{}
	if err := a.fillAudit(r, view, func(audit.Event) bool { return true }); err != nil {
		a.fail(w, r, err)
		return
	}
	a.render(w, r, pageAdminAudit, "Audit", view)
}

func (a *app) fillAudit(r *http.Request, view *auditView, of func(audit.Event) bool) error {
	report, err := audit.Verify(r.Context(), os.DirFS(a.logDir), audit.Trust{Keys: a.log.PublicKeys(), AtLeast: a.log.Witness()})
	if err != nil {
		return err
	}
	view.Verified = verdictOf(report)
	if view.Verified.OK {
		history, err := audit.VerifyHistory(r.Context(), a.store.DB(), audit.SQLite, a.log.Query(r.Context(), audit.Filter{Event: "history"}))
		if err != nil {
			return err
		}
		view.Verified.OK, view.Verified.History = history.OK(), history.Rows
		view.Verified.Problem, view.Verified.FirstBad = history.Problem, fmt.Sprintf("field history, batch %d", history.FirstBad)
	}
	for e, err := range a.log.Query(r.Context(), audit.Filter{}) {
		if err != nil {
			return err
		}
		if e.Class == "usage" || !of(e) { // every page view would bury what happened
			continue
		}
		if len(view.Events) == shownEvents {
			view.Events = view.Events[1:]
		}
		view.Events = append(view.Events, a.eventRow(r, e))
	}
	for i, j := 0, len(view.Events)-1; i < j; i, j = i+1, j-1 { // the latest first
		view.Events[i], view.Events[j] = view.Events[j], view.Events[i]
	}
	return nil
}

func (a *app) eventRow(r *http.Request, e audit.Event) eventRow {
	var attrs strings.Builder
	for _, at := range e.Attrs {
		fmt.Fprintf(&attrs, "%s=%s ", at.Key, at.Value)
	}
	actor := e.Actor.Job
	if e.Actor.User != "" {
		actor = a.nameOf(r, e.Actor.User)
	}
	return eventRow{
		Seq: fmt.Sprintf("%s %d", e.Class, e.Seq), At: when(e.Time), Name: e.Name, Actor: sanitize.Log(actor), Attrs: sanitize.Log(attrs.String()),
	}
}

func attr(e audit.Event, key string) string {
	v, ok := e.Attr(key)
	if !ok {
		return ""
	}
	return v.String()
}

// changes lists every value that the audited fields of a mailbox's latest conversations had.
func (a *app) changes(r *http.Request, box string) ([]changeRow, error) {
	var rows []changeRow
	latest, err := a.store.Conversations(r.Context(), box, "", 0, pageSize)
	if err != nil {
		return nil, err
	}
	for _, c := range latest {
		for _, field := range []string{"status", "assignee"} {
			more, err := a.fieldHistory(r.Context(), c.ID, field)
			if err != nil {
				return nil, err
			}
			for i := range more {
				more[i].Row = subject(c.Subject)
				if field == "assignee" {
					more[i].Old, more[i].New = a.nameOf(r, more[i].Old), a.nameOf(r, more[i].New)
				}
				more[i].Actor = a.nameOf(r, more[i].Actor)
			}
			rows = append(rows, more...)
		}
	}
	return rows, nil
}

func (a *app) fieldHistory(ctx context.Context, id, field string) ([]changeRow, error) {
	var rows []changeRow
	for v, err := range a.history.conversations.Values(ctx, a.store.DB(), id, field) {
		if err != nil {
			return nil, err
		}
		rows = append(rows, changeRow{At: when(v.At), Field: field, Old: v.Old.String, New: v.New.String, Actor: v.Actor.User})
	}
	return rows, nil
}

// adminSystem shows what every part says of itself.
func (a *app) adminSystem(w http.ResponseWriter, r *http.Request, _ none) {
	type text struct{ Name, Text string }
	view := &struct {
		page
		Texts []text
	}{Texts: []text{
		{"Who may do what", a.sec.guard.Matrix()},
		{"Sessions", a.sec.sessions.Describe()},
		{"Transport", a.sec.transport.Describe()},
		{"Response headers", a.sec.headers.Describe()},
		{"Signing in", a.sec.flow.Describe()},
		{"Passwords", a.sec.policy.Describe()},
		{"Audit log", a.log.Describe()},
		{"What comes in", strings.Join(a.schemas, "\n")},
	}}
	a.render(w, r, pageAdminSystem, "System", view)
}
