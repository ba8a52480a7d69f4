package main

import (
	"database/sql"
	"net/http"

	"github.com/skans-go/skans/examples/mail/internal/store"
	"github.com/skans-go/skans/password/activation"
	"github.com/skans-go/skans/sanitize"
)

type usersView struct {
	page
	People []userRow
}

type userRow struct {
	ID, Name, Display           string
	Activated, Factor, Disabled bool
	System, Self                bool
}

// users lists everybody. Links, keys and codes go to their owners, and to nobody who looks at this page.
func (a *app) users(w http.ResponseWriter, r *http.Request, _ none) {
	self, err := a.person(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	people, err := a.store.People(r.Context())
	if err != nil {
		a.fail(w, r, err)
		return
	}
	view := &usersView{}
	for _, p := range people {
		factor, err := a.sec.factors.Status(r.Context(), p.ID)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		view.People = append(view.People, userRow{
			ID: p.ID, Name: sanitize.Line(p.Name), Display: sanitize.Line(p.Display),
			Activated: p.Password != "", Factor: factor.Enrolled, Disabled: p.Disabled, System: p.System, Self: p.ID == self.ID,
		})
	}
	a.render(w, r, pageUsers, "Users", view)
}

// another finds the person that an administrator acts on. Their own account is not found: its password and second factor are
// changed on the page for that, with a proof, and an administrator who closes their own account may be the last one.
func (a *app) another(r *http.Request, id string) (store.Person, error) {
	self, err := a.person(r)
	if err != nil {
		return store.Person{}, err
	}
	if id == self.ID {
		return store.Person{}, store.ErrNotFound
	}
	return a.store.Person(r.Context(), id)
}

// issueReset sends somebody a link to set a password.
func (a *app) issueReset(w http.ResponseWriter, r *http.Request, in personForm) {
	person, err := a.another(r, in.Person)
	if err == nil {
		err = a.log.Record(r.Context(), eventResetIssued, attrs("user", person.ID)...)
	}
	if err == nil {
		purpose := activation.Reset
		if person.Password == "" {
			purpose = activation.Activate
		}
		err = a.sec.activation.Request(r.Context(), purpose, person.Name)
	}
	a.backToUsers(w, r, err)
}

// resetFactor takes off the second factor of somebody who has lost it, and ends their sessions.
func (a *app) resetFactor(w http.ResponseWriter, r *http.Request, in personForm) {
	person, err := a.another(r, in.Person)
	if err != nil {
		a.backToUsers(w, r, err)
		return
	}
	factor, err := a.sec.factors.Status(r.Context(), person.ID)
	if err == nil && factor.Enrolled {
		err = a.sec.flow.ResetFactor(r, person.ID)
	}
	a.backToUsers(w, r, err)
}

// setState closes an account or opens it again, with its history. A closed one has no sessions and no links that work.
func (a *app) setState(w http.ResponseWriter, r *http.Request, in stateForm) {
	ctx, disabled := r.Context(), in.State == "disabled"
	event := eventEnabled
	if disabled {
		event = eventDisabled
	}
	person, err := a.another(r, in.Person)
	if err == nil {
		err = a.log.Record(ctx, event, attrs("user", person.ID)...)
	}
	if err == nil {
		err = a.store.Tx(ctx, func(tx *sql.Tx) error {
			return a.history.people.Modify(ctx, tx, person.ID, func(p *store.Person) error {
				p.Disabled = disabled
				return nil
			})
		})
	}
	if err == nil && disabled {
		err = a.shutOut(ctx, person.ID)
	}
	a.backToUsers(w, r, err)
}

func (a *app) backToUsers(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		a.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/admin/users", http.StatusSeeOther)
}
