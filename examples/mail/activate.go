package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/skans-go/skans/examples/mail/internal/store"
	"github.com/skans-go/skans/password"
	"github.com/skans-go/skans/password/activation"
)

// A keyForm sets a password with a key: the first one, or one in the place of a forgotten one.
type keyForm struct {
	purpose       activation.Purpose
	action, title string
}

var (
	activating = keyForm{activation.Activate, "/activate", "Activate your account"}
	resetting  = keyForm{activation.Reset, "/reset", "Set a new password"}
)

type activateView struct {
	page
	Action, Key, Name string
	Problems          []string
}

// activatePage shows the form for a first password. It uses nothing up: programs that look into mail open links too.
func (a *app) activatePage(w http.ResponseWriter, r *http.Request, in activatePageForm) {
	a.showKeyForm(w, r, http.StatusOK, activating, in.Key, nil)
}

func (a *app) showKeyForm(w http.ResponseWriter, r *http.Request, status int, form keyForm, key string, problems []string) {
	view := &activateView{Action: form.action}
	id, err := a.sec.activation.Peek(r.Context(), form.purpose, key)
	if err == nil {
		person, err := a.store.Person(r.Context(), id)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		view.Key, view.Name, view.Problems = key, person.Name, problems
	} else if !errors.Is(err, activation.ErrKey) {
		a.fail(w, r, err)
		return
	}
	a.renderStatus(w, r, status, pageActivate, form.title, view)
}

// activate sets a first password.
func (a *app) activate(w http.ResponseWriter, r *http.Request, in activateForm) {
	a.setPassword(w, r, activating, in)
}

// errPolicy says that a new password is not accepted; the key stays good.
var errPolicy = errors.New("password refused by the policy")

// setPassword uses a key up and sets the password. What can be refused comes before the key is used up. It signs nobody
// in, and leaves the second factor as it is: a key proves the mailbox and nothing else.
func (a *app) setPassword(w http.ResponseWriter, r *http.Request, form keyForm, in activateForm) {
	ctx, key := r.Context(), in.Key.Reveal()
	if !in.Password.Equal(in.Again) {
		a.showKeyForm(w, r, http.StatusUnprocessableEntity, form, key, []string{"The two passwords differ."})
		return
	}
	var problems []string
	var person store.Person
	id, err := a.sec.activation.Redeem(ctx, form.purpose, key, func(id string) (state string, err error) {
		if person, err = a.store.Person(ctx, id); err != nil {
			return "", err
		}
		if person.Disabled {
			return "", activation.ErrKey
		}
		if problems = a.passwordProblems(ctx, person, in.Password.Reveal()); len(problems) > 0 {
			return "", errPolicy
		}
		return person.Password, nil
	})
	switch {
	case errors.Is(err, errPolicy):
		a.showKeyForm(w, r, http.StatusUnprocessableEntity, form, key, problems)
		return
	case errors.Is(err, activation.ErrKey):
		a.showKeyForm(w, r, http.StatusGone, form, "", nil)
		return
	case err != nil:
		a.fail(w, r, err)
		return
	}
	if err := a.sec.flow.SetPassword(r, id, in.Password); err != nil {
		// The key is used up. Its owner gets another one without having to ask for it.
		a.fail(w, r, errors.Join(err, a.sec.activation.Request(ctx, form.purpose, person.Name)))
		return
	}
	a.render(w, r, pageActivated, "Your password is set", &page{})
}

func (a *app) passwordProblems(ctx context.Context, p store.Person, plain string) []string {
	var texts []string
	about := password.About{Username: p.Name, Email: p.Name, Names: []string{p.Display}, Service: "Shared mailbox"}
	for _, problem := range a.sec.policy.CheckContext(ctx, plain, about) {
		texts = append(texts, problem.Message)
	}
	return texts
}
