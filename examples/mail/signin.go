package main

import (
	"context"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"strconv"

	"github.com/skans-go/skans/authz"
	"github.com/skans-go/skans/examples/mail/internal/store"
	"github.com/skans-go/skans/password"
	"github.com/skans-go/skans/password/activation"
	"github.com/skans-go/skans/session"
	"github.com/skans-go/skans/session/signin"
)

type signInView struct {
	page
	Next string
}

// signInPage shows the form.
func (a *app) signInPage(w http.ResponseWriter, r *http.Request, in signInPageForm) {
	if _, signedIn := session.From(r.Context()).User(); signedIn {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	a.render(w, r, pageSignIn, "Sign in", &signInView{Next: authz.LocalPath(in.Next)})
}

// signIn takes name and password.
func (a *app) signIn(w http.ResponseWriter, r *http.Request, in signInForm) {
	a.outcome(w, r, a.sec.flow.Password(w, r, in.Name, in.Password), authz.LocalPath(in.Next))
}

// factorPage shows the second step again, after a reload; without a pending sign-in it is the first one's turn.
func (a *app) factorPage(w http.ResponseWriter, r *http.Request, in signInPageForm) {
	out := a.sec.flow.Resume(w, r)
	if _, denied := out.(signin.Denied); denied {
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	a.outcome(w, r, out, authz.LocalPath(in.Next))
}

// factor takes the code of the second factor.
func (a *app) factor(w http.ResponseWriter, r *http.Request, in codeForm) {
	a.outcome(w, r, a.sec.flow.Factor(w, r, in.Code.Reveal()), authz.LocalPath(in.Next))
}

// enrol takes the first code of a new second factor.
func (a *app) enrol(w http.ResponseWriter, r *http.Request, in codeForm) {
	a.outcome(w, r, a.sec.flow.Confirm(w, r, in.Code.Reveal()), authz.LocalPath(in.Next))
}

// outcome shows the next step of signing in. Nobody is signed in but by Commit.
func (a *app) outcome(w http.ResponseWriter, r *http.Request, out signin.Outcome, next string) {
	switch out := out.(type) {
	case signin.NeedFactor:
		view := &signInView{Next: next}
		if out.Wrong {
			view.Problem = "That code is not right. Tries left: " + strconv.Itoa(out.TriesLeft) + "."
		}
		a.render(w, r, pageFactor, "Second factor", view)
	case signin.NeedEnrolment:
		a.enrolment(w, r, out, next)
	case signin.Granted:
		if err := out.Commit(w, r); err != nil {
			a.fail(w, r, err)
			return
		}
		if codes := out.Recovery(); len(codes) > 0 {
			a.render(w, r, pageRecovery, "Recovery codes", &struct {
				page
				Codes []string
				Next  string
			}{Codes: codes, Next: next})
			return
		}
		http.Redirect(w, r, next, http.StatusSeeOther)
	case signin.Denied:
		a.denied(w, r, out, next)
	default: // a CAPTCHA, which this mailbox has not configured
		a.denied(w, r, signin.Denied{Status: http.StatusForbidden}, next)
	}
}

// denied shows the form again with the one sentence for every reason.
func (a *app) denied(w http.ResponseWriter, r *http.Request, out signin.Denied, next string) {
	if out.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(out.RetryAfter.Seconds())+1))
	}
	view := &signInView{Next: next}
	view.Problem = out.Public()
	a.renderStatus(w, r, out.Status, pageSignIn, "Sign in", view)
}

func (a *app) enrolment(w http.ResponseWriter, r *http.Request, out signin.NeedEnrolment, next string) {
	picture, err := out.Pending.PNG(256)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	view := &struct {
		page
		QR     template.URL
		Secret string
		Next   string
	}{QR: template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(picture)), Secret: out.Pending.Secret().Reveal(), Next: next}
	if out.Wrong {
		view.Problem = "That code is not right. Tries left: " + strconv.Itoa(out.TriesLeft) + "."
	}
	a.render(w, r, pageEnrol, "Set up your second factor", view)
}

// signOut ends the session.
func (a *app) signOut(w http.ResponseWriter, r *http.Request, _ none) {
	if err := session.From(r.Context()).Logout(r.Context()); err != nil {
		a.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

type activateView struct {
	page
	Key, Name string
	Problems  []string
}

// activatePage shows the form for a first password. It uses nothing up: programs that look into mail open links too.
func (a *app) activatePage(w http.ResponseWriter, r *http.Request, in activatePageForm) {
	a.showActivation(w, r, http.StatusOK, in.Key, nil)
}

func (a *app) showActivation(w http.ResponseWriter, r *http.Request, status int, key string, problems []string) {
	view := &activateView{}
	id, err := a.sec.activation.Peek(r.Context(), activation.Activate, key)
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
	a.renderStatus(w, r, status, pageActivate, "Activate your account", view)
}

// errPolicy says that a new password is not accepted; the key stays good.
var errPolicy = errors.New("password refused by the policy")

// activate sets a first password. What can be refused or fail comes before the key is used up; what is left is one write.
func (a *app) activate(w http.ResponseWriter, r *http.Request, in activateForm) {
	ctx, key := r.Context(), in.Key.Reveal()
	if !in.Password.Equal(in.Again) {
		a.showActivation(w, r, http.StatusUnprocessableEntity, key, []string{"The two passwords differ."})
		return
	}
	var problems []string
	var before, hash string
	id, err := a.sec.activation.Redeem(ctx, activation.Activate, key, func(id string) (state string, err error) {
		person, err := a.store.Person(ctx, id)
		if err != nil {
			return "", err
		}
		before = person.Password
		if problems = a.passwordProblems(ctx, person, in.Password.Reveal()); len(problems) > 0 {
			return "", errPolicy
		}
		hash, err = a.sec.hasher.Hash(ctx, id, in.Password.Reveal())
		return before, err
	})
	switch {
	case errors.Is(err, errPolicy):
		a.showActivation(w, r, http.StatusUnprocessableEntity, key, problems)
	case errors.Is(err, activation.ErrKey):
		a.showActivation(w, r, http.StatusGone, "", nil)
	case err != nil:
		a.fail(w, r, err)
	default:
		if err := a.store.ReplacePassword(ctx, id, before, hash); err != nil {
			a.fail(w, r, err)
			return
		}
		a.render(w, r, pageActivated, "Activated", &page{})
	}
}

func (a *app) passwordProblems(ctx context.Context, p store.Person, plain string) []string {
	var texts []string
	about := password.About{Username: p.Name, Email: p.Name, Names: []string{p.Display}, Service: "Shared mailbox"}
	for _, problem := range a.sec.policy.CheckContext(ctx, plain, about) {
		texts = append(texts, problem.Message)
	}
	return texts
}
