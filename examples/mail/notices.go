package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/skans-go/skans/authz"
	"github.com/skans-go/skans/examples/mail/internal/message"
	"github.com/skans-go/skans/examples/mail/internal/store"
	"github.com/skans-go/skans/password/activation"
	"github.com/skans-go/skans/session/signin"
	"github.com/skans-go/skans/totp"
)

// letterTime bounds what a request waits for the outbox to take a notice.
const letterTime = 2 * time.Second

// post puts a letter of the program's own into the outbox.
func (a *app) post(ctx context.Context, to, subject, text string) error {
	raw, err := message.Compose(message.Outgoing{
		MessageID: store.NewID() + a.sender[strings.LastIndexByte(a.sender, '@'):], FromName: "Shared mailbox", From: a.sender,
		To: to, Subject: subject, Text: text, Date: time.Now(), AutoResponse: true,
	})
	if err != nil {
		return err
	}
	if err := a.store.Post(ctx, raw); err != nil {
		return err
	}
	a.outbox.nudge()
	return nil
}

// happened says what a notice tells, by the name of the event.
var happened = map[string]string{
	signin.EventGranted:         "Somebody signed in to your account from a browser that was not used for it before.",
	signin.EventPasswordChanged: "The password of your account was changed.",
	signin.EventPasswordSet:     "A password was set for your account with a link from a letter to this address.",
	signin.EventFactorChanged:   "An authenticator app was set up for your account. It is the only one that works now.",
	signin.EventFactorRemoved:   "An administrator took the second factor off your account. The next sign-in sets up a new one.",
	signin.EventRecoveryRenewed: "The recovery codes of your account were replaced. The old ones no longer work.",
	totp.EventRecovered:         "A recovery code was used for your account.",
	totp.EventThrottled:         "Too many wrong codes of the second factor were tried for your account. Whoever did it knows your password.",
}

// notice writes to the owner of an account, at the address of the account.
func (a *app) notice(ctx context.Context, n signin.Notice) {
	text, known := happened[n.Event]
	if !known {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, letterTime)
	defer cancel()
	where := ""
	if n.Addr.IsValid() {
		where = fmt.Sprintf("\nFrom:  %s, %s", n.Addr, browserName(n.Agent))
	}
	body := fmt.Sprintf("%s\n\nWhen:  %s%s\n\nIf that was you, there is nothing to do.\n\nIf it was not, open this link. It ends all sessions of your "+
		"account and makes links that were sent for it void:\n\n%s\n", text, when(n.At), where, a.notMeLink(n.User.ID, n.At))
	if err := a.post(ctx, n.User.Name, "Your account: was that you?", body); err != nil {
		a.errors.Printf("notice: %v", err)
	}
}

// factorNotice is for what the second factor's service sees and the sign-in hall does not tell.
func (a *app) factorNotice(ctx context.Context, user, event string) {
	if event != totp.EventRecovered && event != totp.EventThrottled {
		return
	}
	person, err := a.store.Person(ctx, user)
	if err != nil {
		a.errors.Printf("notice: %v", err)
		return
	}
	a.notice(ctx, signin.Notice{Event: event, User: signin.User{ID: person.ID, Name: person.Name}, At: time.Now()})
}

// browserName says in our own words what a browser calls itself. Its own words could be anything, a false link too, and
// would come in a letter from us.
func browserName(agent string) string {
	name := func(table ...string) string {
		for i := 0; i < len(table); i += 2 {
			if strings.Contains(agent, table[i]) {
				return table[i+1]
			}
		}
		return "unknown"
	}
	return name("Edg/", "Edge", "OPR/", "Opera", "Chrome/", "Chrome", "Firefox/", "Firefox", "Safari/", "Safari") + " on " +
		name("Android", "Android", "iPhone", "iPhone", "iPad", "iPad", "Windows", "Windows", "Mac OS X", "macOS", "Linux", "Linux")
}

// The link of a notice is good for a week. Its key is in the query, because the log has the paths of requests.
const notMeLife = 7 * 24 * time.Hour

func (a *app) notMeLink(user string, at time.Time) string {
	key := a.sec.guard.Key(pageNotMe, authz.Object{ID: user}, at.Add(notMeLife))
	return a.base + "/not-me/" + user + "?key=" + url.QueryEscape(key)
}

// notMePage asks before it does anything: programs that look into mail open links too.
func (a *app) notMePage(w http.ResponseWriter, r *http.Request, in notMeForm) {
	key := a.sec.guard.Key(doNotMe, authz.Object{ID: in.Person}, time.Now().Add(time.Hour))
	a.render(w, r, pageNotMe, "That was not you?", &struct {
		page
		Action string
	}{Action: "/not-me/" + in.Person + "?key=" + url.QueryEscape(key)})
}

// notMe ends all sessions of an account and revokes its keys.
func (a *app) notMe(w http.ResponseWriter, r *http.Request, in notMeForm) {
	if err := a.log.Record(r.Context(), eventNotMe, attrs("user", in.Person)...); err != nil {
		a.fail(w, r, err)
		return
	}
	if err := a.shutOut(r.Context(), in.Person); err != nil {
		a.fail(w, r, err)
		return
	}
	a.render(w, r, pageNotMeDone, "All sessions are ended", &page{})
}

// shutOut ends what somebody could use an account by just now: its sessions, and the links that were mailed for it.
func (a *app) shutOut(ctx context.Context, user string) error {
	if err := a.sec.activation.Revoke(ctx, activation.Reset, user); err != nil {
		return err
	}
	if err := a.sec.activation.Revoke(ctx, activation.Activate, user); err != nil {
		return err
	}
	return a.sec.sessions.EndUser(ctx, user)
}
