package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/skans-go/skans/examples/mail/internal/store"
	"github.com/skans-go/skans/password/activation"
	"github.com/skans-go/skans/password/throttle"
)

// forgotPage shows the form.
func (a *app) forgotPage(w http.ResponseWriter, r *http.Request, _ none) {
	a.render(w, r, pageForgot, "Forgot your password?", &page{})
}

// forgot takes an address and answers everybody alike. Whether it is anybody's is found out later, off the request.
func (a *app) forgot(w http.ResponseWriter, r *http.Request, in forgotForm) {
	ok, wait, err := a.sec.limiter.Take(r.Context(), quotaForgot, throttle.ByAddr()(r))
	if err == nil && !ok {
		w.Header().Set("Retry-After", throttle.RetryAfter(wait))
		view := &page{Problem: "Your network asked for this too often. Try again later."}
		a.renderStatus(w, r, http.StatusTooManyRequests, pageForgot, "Forgot your password?", view)
		return
	}
	if err == nil {
		err = a.sec.activation.Request(r.Context(), activation.Reset, in.Email)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.render(w, r, pageForgotten, "Look into your mailbox", &page{})
}

// recipient finds whom a link goes to: always at the account's own address, never at what was typed.
func (a *app) recipient(ctx context.Context, purpose activation.Purpose, submitted string) (activation.Recipient, bool, error) {
	person, err := a.store.PersonByName(ctx, strings.ToLower(strings.TrimSpace(submitted)))
	if errors.Is(err, store.ErrNotFound) {
		return activation.Recipient{}, false, nil
	}
	// A reset is for those who had a password; who never had one is activated by an administrator.
	fits := (purpose == activation.Activate) == (person.Password == "")
	return activation.Recipient{Subject: person.ID, State: person.Password, Address: person.Name}, fits && !person.Disabled, err
}

// sendKey puts a link into the outbox.
func (a *app) sendKey(ctx context.Context, m activation.Message) error {
	key := m.Link[strings.LastIndexByte(m.Link, '/')+1:]
	path, subject, what := "/reset", "Set a new password", "Somebody asked for a new password for your account."
	if m.Purpose == activation.Activate {
		path, subject, what = "/activate", "Activate your account", "An account was made for you in the shared mailbox."
	}
	link := a.base + path + "?key=" + url.QueryEscape(key) // in the query, because the log has the paths of requests
	return a.post(ctx, m.Address, subject, fmt.Sprintf("%s\n\nThis link lets you choose a password, once, until %s:\n\n%s\n\n"+
		"If you did not ask for it, do nothing: nothing has changed.\n", what, when(m.Expires), link))
}

// resetPage and reset are as activatePage and activate, for an account that has a password.
func (a *app) resetPage(w http.ResponseWriter, r *http.Request, in activatePageForm) {
	a.showKeyForm(w, r, http.StatusOK, resetting, in.Key, nil)
}

func (a *app) reset(w http.ResponseWriter, r *http.Request, in activateForm) {
	a.setPassword(w, r, resetting, in)
}
