package main

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/skans-go/skans/authz"
	"github.com/skans-go/skans/session/signin"
)

type stepUpView struct {
	page
	Next string
}

// stepUpPage asks for the second factor once more, before something that matters.
func (a *app) stepUpPage(w http.ResponseWriter, r *http.Request, in signInPageForm) {
	a.render(w, r, pageStepUp, "Is it still you?", &stepUpView{Next: authz.LocalPath(in.Next)})
}

// stepUp takes the code and goes on to where the visitor came from. What they wanted to do there, they do again.
func (a *app) stepUp(w http.ResponseWriter, r *http.Request, in codeForm) {
	next := authz.LocalPath(in.Next)
	switch out := a.sec.flow.StepUp(w, r, in.Code.Reveal()).(type) {
	case signin.Granted:
		if err := out.Commit(w, r); err != nil {
			a.fail(w, r, err)
			return
		}
		http.Redirect(w, r, next, http.StatusSeeOther)
	case signin.Denied:
		view := &stepUpView{Next: next}
		view.Problem = out.Public() + " A code works once, so wait for the next one."
		a.renderStatus(w, r, out.Status, pageStepUp, "Is it still you?", view)
	default:
		a.fail(w, r, errors.New("step-up: unexpected outcome"))
	}
}

// needsStepUp reports whether nothing but a fresh second factor is missing.
func needsStepUp(err error) bool {
	refused := (*authz.Refusal)(nil)
	stale := errors.As(err, &refused) && refused.Reason == authz.Unmet && strings.HasPrefix(refused.Detail(), "fresh-second-factor ")
	return stale || errors.Is(err, signin.ErrStale)
}

// toStepUp asks for the second factor and comes back to this page, or to the one that a form was on.
func toStepUp(w http.ResponseWriter, r *http.Request) {
	next := r.URL.RequestURI()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		next = "/"
		if from, err := url.Parse(r.Referer()); err == nil && from.Host == r.Host {
			next = authz.LocalPath(from.RequestURI())
		}
	}
	http.Redirect(w, r, "/step-up?next="+url.QueryEscape(next), http.StatusSeeOther)
}
