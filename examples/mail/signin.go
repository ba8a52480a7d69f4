package main

import (
	"errors"
	"html/template"
	"net/http"
	"strconv"

	"github.com/skans-go/skans/authz"
	"github.com/skans-go/skans/examples/mail/internal/store"
	"github.com/skans-go/skans/password/throttle"
	"github.com/skans-go/skans/sanitize/headers"
	"github.com/skans-go/skans/session"
	"github.com/skans-go/skans/session/signin"
)

type signInView struct {
	page
	Next    string
	Captcha template.HTML // a task for the browser, where too many passwords were wrong
}

// signInPage shows the form.
func (a *app) signInPage(w http.ResponseWriter, r *http.Request, in signInPageForm) {
	if user, signedIn := session.From(r.Context()).User(); signedIn {
		person, err := a.store.Person(r.Context(), user)
		switch {
		case err == nil && !person.Disabled:
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		case err != nil && !errors.Is(err, store.ErrNotFound):
			a.fail(w, r, err)
			return
		}
		if err := a.sec.sessions.End(r.Context(), session.From(r.Context()).ID()); err != nil { // of somebody who is nobody any more
			a.fail(w, r, err)
			return
		}
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	a.showSignIn(w, r, http.StatusOK, &signInView{Next: authz.LocalPath(in.Next)})
}

// showSignIn shows the form, with a CAPTCHA as soon as the next try will need one.
func (a *app) showSignIn(w http.ResponseWriter, r *http.Request, status int, view *signInView) {
	ctx := r.Context()
	d, err := a.sec.limiter.Check(ctx, throttle.Attempt{Addr: a.sec.transport.ClientAddr(r)})
	if err == nil && d.CaptchaDue {
		view.Captcha, err = a.sec.captcha.Challenge(ctx, headers.Nonce(ctx))
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.renderStatus(w, r, status, pageSignIn, "Sign in", view)
}

// signIn takes name and password.
func (a *app) signIn(w http.ResponseWriter, r *http.Request, in signInForm) {
	a.outcome(w, r, a.sec.flow.Password(w, r, in.Name, in.Password, in.Captcha), authz.LocalPath(in.Next))
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
			a.showRecovery(w, r, codes, next)
			return
		}
		http.Redirect(w, r, next, http.StatusSeeOther)
	case signin.NeedCaptcha:
		view := &signInView{Next: next}
		view.Problem = "Several passwords from your network were wrong. Enter name and password once more; your browser first solves a small task."
		a.showSignIn(w, r, http.StatusForbidden, view)
	case signin.Denied:
		a.denied(w, r, out, next)
	}
}

// denied shows the form again with the one sentence for every reason.
func (a *app) denied(w http.ResponseWriter, r *http.Request, out signin.Denied, next string) {
	if out.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(out.RetryAfter.Seconds())+1))
	}
	view := &signInView{Next: next}
	view.Problem = out.Public()
	a.showSignIn(w, r, out.Status, view)
}

func (a *app) enrolment(w http.ResponseWriter, r *http.Request, out signin.NeedEnrolment, next string) {
	view, err := newFactorView(out.Pending)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	view.Next = next
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
