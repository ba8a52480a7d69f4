package main

import (
	"embed"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/authz"
	"github.com/skans-go/skans/examples/mail/internal/store"
	"github.com/skans-go/skans/sanitize"
	"github.com/skans-go/skans/sanitize/headers"
	"github.com/skans-go/skans/session"
)

//go:embed web
var webFiles embed.FS

// page is what the layout needs of every view; a view embeds it.
type page struct {
	Title   string
	Menu    []menuItem
	User    string // who is signed in; empty: nobody
	CSRF    string
	Nonce   string // lets this response's script run
	Problem string // what went wrong with the form that this page answers
}

type menuItem struct {
	Href, Label string
	Current     bool
}

func (p *page) base() *page { return p }

// A view is what a page's template gets.
type view interface{ base() *page }

// render fills in what the layout needs and renders a page as far as this visitor may see it.
func (a *app) render(w http.ResponseWriter, r *http.Request, name authz.Page, title string, v view) {
	a.renderStatus(w, r, http.StatusOK, name, title, v)
}

func (a *app) renderStatus(w http.ResponseWriter, r *http.Request, status int, name authz.Page, title string, view view) {
	p := view.base()
	p.Title, p.Nonce = title, headers.Nonce(r.Context())
	p.CSRF = session.From(r.Context()).CSRF("")
	if _, signedIn := session.From(r.Context()).User(); signedIn {
		person, err := a.person(r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		p.User = sanitize.Line(person.Display)
		for _, item := range a.sec.guard.Menu(r) {
			p.Menu = append(p.Menu, menuItem{item.Path, item.Label, item.Page == name})
		}
	}
	if err := a.sec.guard.RenderStatus(w, r, status, name, view); err != nil {
		a.sec.guard.Refuse(w, r, err)
	}
}

// person is who is signed in.
func (a *app) person(r *http.Request) (store.Person, error) {
	user, _ := session.From(r.Context()).User()
	return a.store.Person(r.Context(), user)
}

// fail answers an error: a missing row, and what was erased, as missing, anything else as our fault. What went wrong is told to the log only.
func (a *app) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, skans.ErrErased) {
		a.sec.guard.NotFound(w, r)
		return
	}
	a.errors.Printf("%s: %v", sanitize.Log(r.Pattern), sanitize.Log(err.Error()))
	a.sec.guard.Refuse(w, r, err)
}

// nameOf shows a person's name for an id; empty for none.
func (a *app) nameOf(r *http.Request, id string) string {
	if id == "" {
		return ""
	}
	person, err := a.store.Person(r.Context(), id)
	if err != nil {
		return "somebody who is no longer here"
	}
	return sanitize.Line(person.Display)
}

func subject(s string) string {
	if s = sanitize.Line(s); strings.TrimSpace(s) != "" {
		return s
	}
	return "(no subject)"
}

// titleOf is what a conversation is called.
func titleOf(c store.Conversation) string {
	if c.Erased {
		return erasedText
	}
	return subject(c.Subject)
}

func when(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func optional(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// attrs makes string attributes of keys and values.
func attrs(pairs ...string) []slog.Attr {
	all := make([]slog.Attr, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, slog.String(pairs[i], pairs[i+1]))
	}
	return all
}

// erasedText stands where the data of an erased person was.
const erasedText = "(erased)"
