package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/skans-go/skans/audit"
	"github.com/skans-go/skans/sanitize"
)

// shownEvents bounds the list on an audit page to the latest.
const shownEvents = 200

type auditView struct {
	page
	Verified verdict
	Filter   filterView
	Export   string // address of the download
	Found    int
	Events   []eventRow
	Changes  []changeRow
	Linked   bool // each change names its conversation
	Mailbox  string
}

type eventRow struct{ Seq, At, Name, Actor, Attrs string }

// mailAudit shows what happened in one mailbox, and who changed what.
func (a *app) mailAudit(w http.ResponseWriter, r *http.Request, in mailAuditForm) {
	view := &auditView{Export: "/m/" + in.Box + "/audit/export", Mailbox: in.Box, Linked: true}
	err := a.fillAudit(r, view, in.EventFilter, inMailbox(in.Box))
	if err == nil {
		view.Changes, err = a.latestChanges(r, in.Box)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.render(w, r, pageMailAudit, "Audit", view)
}

// adminAudit shows everything that happened.
func (a *app) adminAudit(w http.ResponseWriter, r *http.Request, in EventFilter) {
	view := &auditView{Export: "/admin/audit/export"}
	if err := a.fillAudit(r, view, in, everything); err != nil {
		a.fail(w, r, err)
		return
	}
	a.render(w, r, pageAdminAudit, "Audit", view)
}

func (a *app) fillAudit(r *http.Request, view *auditView, in EventFilter, seen scope) (err error) {
	if view.Verified, err = a.verify(r, seen); err != nil {
		return err
	}
	view.Filter = viewOf(in)
	f, err := a.filter(r.Context(), in)
	if err != nil {
		return err
	}
	var latest []audit.Event
	for e, err := range a.chosen(r.Context(), f, seen) {
		if err != nil && !view.Verified.OK {
			a.errors.Print(err) // what was damaged cannot be listed; the verdict names it
			break
		}
		if err != nil {
			return err
		}
		if view.Found++; len(latest) == shownEvents {
			latest = latest[1:]
		}
		latest = append(latest, e)
	}
	for _, e := range slices.Backward(latest) {
		view.Events = append(view.Events, a.eventRow(r, e))
	}
	return nil
}

func (a *app) eventRow(r *http.Request, e audit.Event) eventRow {
	var attrs strings.Builder
	for _, at := range e.Attrs {
		value := at.Value.String()
		if at.Key == "user" && e.Subject == "" { // else it is a customer's id
			value = a.nameOf(r, value)
		}
		fmt.Fprintf(&attrs, "%s=%s ", at.Key, value)
	}
	if e.Erased {
		attrs.WriteString("(erased)")
	}
	actor := e.Actor.Job
	if e.Actor.User != "" {
		actor = a.nameOf(r, e.Actor.User)
	}
	return eventRow{
		Seq: fmt.Sprintf("%s %d", e.Class, e.Seq), At: when(e.Time), Name: e.Name, Actor: sanitize.Log(actor), Attrs: sanitize.Log(attrs.String()),
	}
}

type changeRow struct{ At, Row, Link, Field, Old, New, Actor string }

// trackedFields are the columns of a conversation whose every value is kept.
var trackedFields = []string{"subject", "customer", "status", "assignee"}

// latestChanges lists what happened to the audited fields of a mailbox's latest conversations.
func (a *app) latestChanges(r *http.Request, box string) ([]changeRow, error) {
	latest, err := a.store.Conversations(r.Context(), box, "", 0, pageSize)
	if err != nil {
		return nil, err
	}
	var rows []changeRow
	for _, c := range latest {
		more, err := a.changes(r, c.ID)
		if err != nil {
			return nil, err
		}
		for i := range more {
			more[i].Row, more[i].Link = titleOf(c), "/m/"+box+"/c/"+c.ID+"/history"
		}
		rows = append(rows, more...)
	}
	return rows, nil
}

// changes lists every value that the audited fields of a conversation had, field by field, the oldest first.
func (a *app) changes(r *http.Request, id string) ([]changeRow, error) {
	var rows []changeRow
	for _, field := range trackedFields {
		more, err := a.valuesOf(r.Context(), id, field)
		if err != nil {
			return nil, err
		}
		for _, v := range more {
			row := changeRow{At: when(v.At), Field: field, Old: v.Old.String, New: v.New.String, Actor: v.Actor.Job}
			if field == "assignee" {
				row.Old, row.New = a.nameOf(r, row.Old), a.nameOf(r, row.New)
			}
			if v.Erased {
				row.Old, row.New = erasedText, erasedText
			}
			if v.Actor.User != "" {
				row.Actor = a.nameOf(r, v.Actor.User)
			}
			row.Old, row.New = sanitize.Line(row.Old), sanitize.Line(row.New)
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func (a *app) valuesOf(ctx context.Context, id, field string) ([]audit.Value, error) {
	var all []audit.Value
	for v, err := range a.history.conversations.Values(ctx, a.store.DB(), id, field) {
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// fieldHistory shows who changed what of one conversation, and that nobody changed that.
func (a *app) fieldHistory(w http.ResponseWriter, r *http.Request, in assignForm) {
	c, err := a.store.Conversation(r.Context(), in.Box, in.ID)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	view := &auditView{Mailbox: in.Box}
	if view.Verified, err = a.verify(r, inMailbox(in.Box)); err == nil {
		view.Changes, err = a.changes(r, c.ID)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.render(w, r, pageHistory, "History: "+titleOf(c), view)
}
