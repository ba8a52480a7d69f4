package main

import (
	"net/http"

	"github.com/skans-go/skans/session"
)

type device struct {
	ID, Since, Seen string
	Current         bool
}

type accountView struct {
	page
	Factor   bool
	Recovery int
	Sessions []device
	Done     string
	Problems []string // with a new password
}

// account shows a person's own password form, second factor and devices.
func (a *app) account(w http.ResponseWriter, r *http.Request, _ none) {
	a.showAccount(w, r, http.StatusOK, accountView{})
}

func (a *app) showAccount(w http.ResponseWriter, r *http.Request, status int, view accountView) {
	current := session.From(r.Context())
	user, _ := current.User()
	factor, err := a.sec.factors.Status(r.Context(), user)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	view.Factor, view.Recovery = factor.Enrolled, factor.Recovery
	for info, err := range a.sec.sessions.Sessions(r.Context(), user) {
		if err != nil {
			a.fail(w, r, err)
			return
		}
		view.Sessions = append(view.Sessions, device{info.ID, when(info.Since), when(info.Seen), info.ID == current.ID()})
	}
	a.renderStatus(w, r, status, pageAccount, "Account", &view)
}

// endDevice ends one of a person's own sessions; anybody else's is not found.
func (a *app) endDevice(w http.ResponseWriter, r *http.Request, in deviceForm) {
	user, _ := session.From(r.Context()).User()
	for info, err := range a.sec.sessions.Sessions(r.Context(), user) {
		if err != nil {
			a.fail(w, r, err)
			return
		}
		if info.ID != in.ID {
			continue
		}
		if err := a.sec.sessions.End(r.Context(), in.ID); err != nil {
			a.fail(w, r, err)
			return
		}
		http.Redirect(w, r, "/account", http.StatusSeeOther)
		return
	}
	a.sec.guard.NotFound(w, r)
}
