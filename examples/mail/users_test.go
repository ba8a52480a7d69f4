package main

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/examples/mail/internal/store"
)

func (r *running) person(t testing.TB, name string) store.Person {
	t.Helper()
	p, err := r.store.PersonByName(t.Context(), name)
	require.NoError(t, err)
	return p
}

func (b *browser) administer(p store.Person, what string, form url.Values) answer {
	b.t.Helper()
	return b.submit("/admin/users", "/admin/users/"+p.ID+"/"+what, form)
}

// secretLike is what a key, a code or a hash would look like.
var secretLike = regexp.MustCompile(`key=|[A-Za-z0-9_-]{43}|\$sealed|[0-9A-Z]{4}-[0-9A-Z]{4}-`)

// ownWords is the part of a page that is not its CSRF tokens and ids.
func ownWords(body string) string {
	return regexp.MustCompile(`value="[^"]*"|/admin/users/[a-z0-9]+/`).ReplaceAllString(body, "")
}

func TestAnAdministratorIssuesAResetAndSeesNothing(t *testing.T) {
	r := start(t, t.TempDir(), true)
	admin, owner := r.member(t, firstAdministrator), r.member(t, somebody)
	p := r.person(t, somebody)
	got := admin.administer(p, "reset", nil)
	require.Equal(t, http.StatusSeeOther, got.status, got.body)
	link := r.linkIn(t, r.letter(t, somebody, resetText))
	require.Empty(t, secretLike.FindString(ownWords(admin.page("/admin/users")+got.body)))
	require.True(t, owner.signedIn(), "asking changes nothing")
	require.Equal(t, http.StatusOK, r.browser(t).choose(link, newPassword).status)
	require.False(t, owner.signedIn())

	waiting := r.person(t, "visitor.skola@kommun.example")
	require.Equal(t, http.StatusSeeOther, admin.administer(waiting, "reset", nil).status)
	link = r.linkIn(t, r.letter(t, waiting.Name, "An account was made for you"))
	r.browser(t).activate(link)

	require.Contains(t, admin.page("/admin/audit"), "mail.reset_issued")
	self := r.person(t, firstAdministrator)
	for _, what := range []string{"reset", "factor", "state"} {
		require.Equal(t, http.StatusNotFound, admin.administer(self, what, stateOf(what)).status)
	}
}

func TestAClosedAccount(t *testing.T) {
	r := start(t, t.TempDir(), true)
	admin, owner := r.member(t, firstAdministrator), r.member(t, somebody)
	p := r.person(t, somebody)
	owner.forget(somebody)
	link := r.linkIn(t, r.letter(t, somebody, resetText))

	require.Equal(t, http.StatusSeeOther, admin.administer(p, "state", url.Values{"state": {"disabled"}}).status)
	require.False(t, owner.signedIn())
	require.Equal(t, http.StatusGone, owner.choose(link, newPassword).status)
	right := owner.submit("/login", "/login", url.Values{"name": {somebody}, "password": {goodPassword}})
	wrong := r.browser(t).submit("/login", "/login", url.Values{"name": {somebody}, "password": {"wrong password here"}})
	require.Equal(t, http.StatusForbidden, right.status)
	require.Equal(t, csrfField.ReplaceAllString(wrong.body, ""), csrfField.ReplaceAllString(right.body, ""), "says nothing about why")
	require.Contains(t, admin.page("/admin/users"), "disabled")

	require.Equal(t, http.StatusSeeOther, admin.administer(p, "state", url.Values{"state": {"enabled"}}).status)
	require.Equal(t, http.StatusSeeOther, owner.signIn(somebody, owner.codes[0]).status)
	var values []string
	self := r.person(t, firstAdministrator)
	for v, err := range r.history.people.Values(t.Context(), r.store.DB(), p.ID, "disabled") {
		require.NoError(t, err)
		values = append(values, v.New.String)
		if len(values) > 1 {
			require.Equal(t, self.ID, v.Actor.User)
		}
	}
	require.Len(t, values, 3, "made, closed, opened: %v", values)
	log := admin.page("/admin/audit")
	require.Contains(t, log, eventDisabled)
	require.Contains(t, log, eventEnabled)
}

func TestAnAdministratorTakesOffASecondFactor(t *testing.T) {
	r := start(t, t.TempDir(), true)
	admin, owner := r.member(t, firstAdministrator), r.member(t, somebody)
	p := r.person(t, somebody)
	require.Equal(t, http.StatusSeeOther, admin.administer(p, "factor", nil).status)
	require.False(t, owner.signedIn())
	r.letter(t, somebody, "took the second factor off")
	owner.codes = nil
	owner.signInAndEnrol(somebody)
	require.Equal(t, http.StatusSeeOther, admin.administer(r.person(t, "visitor.skola@kommun.example"), "factor", nil).status, "who has none keeps none")
}

func TestOthersDoNotAdminister(t *testing.T) {
	r := start(t, t.TempDir(), true)
	b := r.member(t, "administrator.skola@kommun.example")
	p := r.person(t, somebody)
	require.Equal(t, http.StatusForbidden, b.get("/admin/users").status)
	require.NotContains(t, b.page("/account"), "/admin/users")
	for _, what := range []string{"reset", "factor", "state"} {
		require.Equal(t, http.StatusForbidden, b.submit("/account", "/admin/users/"+p.ID+"/"+what, url.Values{}).status)
	}
}

func TestThatWasNotMe(t *testing.T) {
	r := start(t, t.TempDir(), true)
	thief, owner := r.pair(t, somebody)
	notMe := r.linkIn(t, r.letter(t, somebody, "browser that was not used for it before"))
	owner.forget(somebody)
	reset := r.linkIn(t, r.letter(t, somebody, resetText))

	visitor := r.browser(t)
	page := visitor.page(notMe)
	require.True(t, thief.signedIn(), "a program that opens links ends nothing")
	action := regexp.MustCompile(`action="(/not-me/[^"]+)"`).FindStringSubmatch(page)[1]
	token := csrfField.FindStringSubmatch(page)[1]
	another := r.person(t, "visitor.skola@kommun.example").ID
	id := r.person(t, somebody).ID
	for name, target := range map[string]string{
		"no key": "/not-me/" + id, "wrong key": "/not-me/" + id + "?key=AAAA", "the page's key": notMe,
		"another's account": regexp.MustCompile(id).ReplaceAllString(action, another),
	} {
		require.Equal(t, http.StatusForbidden, visitor.post(target, token, nil).status, name)
	}
	require.True(t, thief.signedIn())
	require.Equal(t, http.StatusForbidden, visitor.post(action, "wrong token", nil).status)

	got := visitor.post(action, token, nil)
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.False(t, thief.signedIn())
	require.False(t, owner.signedIn())
	require.Equal(t, http.StatusGone, visitor.choose(reset, newPassword).status)
	visitor.forget(somebody)
	require.Equal(t, http.StatusOK, visitor.choose(r.linkIn(t, r.letter(t, somebody, resetText)), newPassword).status, "the owner goes on")
}

// What a browser calls itself is anybody's choice, and a notice is a letter from us.
func TestNoticesRepeatNothingOfTheRequest(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                           "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36 Edg/143.0.0.0":    "Edge on Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile Safari/604.1": "Safari on iPhone",
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Mobile Safari/537.36":                  "Chrome on Android",
		"your account is locked, go to https://evil.example":                                                                               "unknown on unknown",
		"": "unknown on unknown",
	} {
		require.Equal(t, want, browserName(agent))
	}
}

// stateOf is the form that goes with an action.
func stateOf(what string) url.Values {
	if what == "state" {
		return url.Values{"state": {"disabled"}}
	}
	return nil
}
