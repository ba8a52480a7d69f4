package main

import (
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"

	"github.com/skans-go/skans/session/signin"
	"github.com/skans-go/skans/totp"
)

// changePassword sets a new password for who gives the current one. All their other sessions end.
func (a *app) changePassword(w http.ResponseWriter, r *http.Request, in passwordForm) {
	person, err := a.person(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	problems := a.passwordProblems(r.Context(), person, in.Password.Reveal())
	if !in.Password.Equal(in.Again) {
		problems = []string{"The two passwords differ."}
	}
	if len(problems) > 0 {
		a.showAccount(w, r, http.StatusUnprocessableEntity, accountView{Problems: problems})
		return
	}
	err = a.sec.flow.ChangePassword(r, in.Current, in.Password)
	if denied := (signin.Denied{}); errors.As(err, &denied) && denied.Status == http.StatusForbidden {
		a.showAccount(w, r, denied.Status, accountView{Problems: []string{"The password was not changed: the current one is not right, or there were too many tries."}})
		return
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.showAccount(w, r, http.StatusOK, accountView{Done: "Your password is changed. All your other devices are signed out."})
}

// renewFactor begins the change to another authenticator app. The one in use stays good until the new one shows a code.
func (a *app) renewFactor(w http.ResponseWriter, r *http.Request, _ none) {
	pending, err := a.sec.flow.EnrollFactor(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.showFactor(w, r, http.StatusOK, pending, "")
}

type factorView struct {
	page
	QR     template.URL
	Secret string
	Next   string
}

func newFactorView(pending *totp.Pending) (*factorView, error) {
	picture, err := pending.PNG(256)
	return &factorView{
		QR: template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(picture)), Secret: pending.Secret().Reveal(),
	}, err
}

func (a *app) showFactor(w http.ResponseWriter, r *http.Request, status int, pending *totp.Pending, problem string) {
	view, err := newFactorView(pending)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	view.Problem = problem
	a.renderStatus(w, r, status, pageNewFactor, "Set up another authenticator app", view)
}

// confirmFactor takes the first code of the new app, and the old one is over.
func (a *app) confirmFactor(w http.ResponseWriter, r *http.Request, in confirmForm) {
	codes, err := a.sec.flow.ConfirmFactor(r, in.Code.Reveal())
	if errors.Is(err, totp.ErrCode) {
		person, err := a.person(r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		pending, err := a.sec.factors.Pending(r.Context(), person.ID)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		a.showFactor(w, r, http.StatusUnprocessableEntity, pending, "That code is not right.")
		return
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.showRecovery(w, r, codes, "/account")
}

// renewRecovery replaces the recovery codes.
func (a *app) renewRecovery(w http.ResponseWriter, r *http.Request, _ none) {
	codes, err := a.sec.flow.RenewRecovery(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.showRecovery(w, r, codes, "/account")
}

// showRecovery shows recovery codes, this once.
func (a *app) showRecovery(w http.ResponseWriter, r *http.Request, codes []string, next string) {
	a.render(w, r, pageRecovery, "Recovery codes", &struct {
		page
		Codes []string
		Next  string
	}{Codes: codes, Next: next})
}
