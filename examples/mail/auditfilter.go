package main

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/skans-go/skans/audit"
	"github.com/skans-go/skans/examples/mail/internal/store"
	"github.com/skans-go/skans/validate"
)

// A scope says which events somebody may see. The filter of a page narrows it and never widens it.
type scope func(audit.Event) bool

func everything(audit.Event) bool { return true }

func inMailbox(box string) scope {
	return func(e audit.Event) bool { return attr(e, "mailbox") == box || attr(e, "tenant") == box }
}

func attr(e audit.Event, key string) string {
	v, ok := e.Attr(key)
	if !ok {
		return ""
	}
	return v.String()
}

// usageClass has every page view. It is shown to whoever chooses it, because it would bury what happened.
const usageClass = "usage"

// chosen yields the events that a filter chooses within a scope.
func (a *app) chosen(ctx context.Context, f audit.Filter, seen scope) iter.Seq2[audit.Event, error] {
	return func(yield func(audit.Event, error) bool) {
		for e, err := range a.log.Query(ctx, f) {
			if err == nil && (e.Class == usageClass && f.Class != usageClass || !seen(e)) {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// filter says in the log's terms what a visitor asked for. Days are those of UTC, as all times on the page.
func (a *app) filter(ctx context.Context, in EventFilter) (audit.Filter, error) {
	f := audit.Filter{Class: in.Class, Event: in.Event, User: in.Person}
	person, err := a.store.PersonByName(ctx, strings.ToLower(in.Person))
	switch {
	case err == nil:
		f.User = person.ID
	case !errors.Is(err, store.ErrNotFound):
		return f, err
	}
	if in.From != nil {
		f.From = in.From.Time(time.UTC)
	}
	if in.Until != nil {
		f.Until = in.Until.Time(time.UTC).AddDate(0, 0, 1)
	}
	return f, nil
}

// A filterView shows the filter's form as it was sent.
type filterView struct {
	EventFilter
	Since, To string
	Classes   []string
}

func viewOf(in EventFilter) filterView {
	return filterView{EventFilter: in, Since: dayOf(in.From), To: dayOf(in.Until), Classes: classNames()}
}

func dayOf(d *validate.Date) string { return cmp.Or(d, &validate.Date{}).String() }

// classNames are the classes of this log.
func classNames() []string {
	var names []string
	for _, class := range append(audit.DefaultClasses(), auditConfig("", nil, nil).Classes...) {
		names = append(names, class.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
