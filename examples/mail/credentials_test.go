package main

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/authz"
	"github.com/skans-go/skans/totp/totptest"
)

// pair is two browsers of one person: the second signed in with a recovery code.
func (r *running) pair(t testing.TB, name string) (mine, other *browser) {
	t.Helper()
	mine, other = r.member(t, name), r.browser(t)
	require.Equal(t, http.StatusSeeOther, other.signIn(name, mine.codes[0]).status)
	return mine, other
}

func (b *browser) signedIn() bool {
	b.t.Helper()
	return b.get("/account").status == http.StatusOK
}

func TestChangeOfPassword(t *testing.T) {
	r := start(t, t.TempDir(), false)
	mine, other := r.pair(t, firstAdministrator)
	mine.forget(firstAdministrator)
	link := r.linkIn(t, r.letter(t, firstAdministrator, resetText))
	change := func(current, next, again string) answer {
		return mine.submit("/account", "/account/password", url.Values{"current": {current}, "password": {next}, "again": {again}})
	}
	for name, test := range map[string]struct {
		current, next, again string
		status               int
	}{
		"wrong current":  {"not my password at all", newPassword, newPassword, http.StatusForbidden},
		"differ":         {goodPassword, newPassword, newPassword + "x", http.StatusUnprocessableEntity},
		"common":         {goodPassword, "Summer2026!!", "Summer2026!!", http.StatusUnprocessableEntity},
		"short":          {goodPassword, "short", "short", http.StatusUnprocessableEntity},
		"like the name":  {goodPassword, firstAdministrator, firstAdministrator, http.StatusUnprocessableEntity},
		"without any":    {goodPassword, "", "", http.StatusUnprocessableEntity},
		"without a word": {"", newPassword, newPassword, http.StatusUnprocessableEntity},
	} {
		t.Run(name, func(t *testing.T) {
			got := change(test.current, test.next, test.again)
			require.Equal(t, test.status, got.status, got.body)
			require.NotContains(t, got.body, newPassword)
			require.True(t, other.signedIn())
		})
	}
	require.Equal(t, http.StatusOK, change(goodPassword, newPassword, newPassword).status)
	require.True(t, mine.signedIn())
	require.False(t, other.signedIn(), "the other sessions end")
	require.Contains(t, r.letter(t, firstAdministrator, "password of your account was changed"), "Firefox on Linux")
	require.Equal(t, http.StatusGone, other.choose(link, newPassword).status, "a link from before is dead")
	require.Equal(t, http.StatusSeeOther, other.signInWith(firstAdministrator, newPassword, mine.codes[1]).status)
	var changes int
	for v, err := range r.history.people.Values(t.Context(), r.store.DB(), r.person(t, firstAdministrator).ID, "password") {
		require.NoError(t, err)
		require.Equal(t, "changed", v.Kind)
		require.Empty(t, v.Old.String+v.New.String, "that it changed, never to what")
		changes++
	}
	require.GreaterOrEqual(t, changes, 2)
}

// Of two changes at once, the later one must not undo the earlier without having seen it.
func TestOfTwoNewPasswordsOneWins(t *testing.T) {
	r := start(t, t.TempDir(), false)
	p := r.person(t, firstAdministrator)
	const many = 8
	gate, won := make(chan struct{}), make(chan bool, many)
	var all sync.WaitGroup
	for n := range many {
		all.Go(func() {
			<-gate
			done, err := accounts{r.app}.SwapHash(t.Context(), p.ID, p.Password, strconv.Itoa(n))
			won <- done && err == nil
		})
	}
	close(gate)
	all.Wait()
	close(won)
	winners := 0
	for w := range won {
		if w {
			winners++
		}
	}
	require.Equal(t, 1, winners)
}

func TestAnotherAuthenticatorApp(t *testing.T) {
	r := start(t, t.TempDir(), false)
	mine, other := r.pair(t, firstAdministrator)
	got := mine.submit("/account", "/account/factor", nil)
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.Contains(t, got.body, `src="data:image/png;base64,`)
	secret := strings.ReplaceAll(secretOnPage.FindStringSubmatch(got.body)[1], " ", "")
	require.NotEqual(t, mine.secret, secret)
	confirm := func(code string) answer {
		return mine.post("/account/factor/confirm", csrfField.FindStringSubmatch(got.body)[1], url.Values{"code": {code}})
	}
	wrong := confirm(codeThatIsWrong(t, secret))
	require.Equal(t, http.StatusUnprocessableEntity, wrong.status)
	require.Contains(t, strings.ReplaceAll(wrong.body, " ", ""), secret, "the same picture again")
	require.True(t, other.signedIn())
	require.Equal(t, http.StatusSeeOther, r.browser(t).signIn(firstAdministrator, mine.codes[1]).status, "until then the old factor counts")

	done := confirm(totptest.Code(t, skans.NewSecret(secret)))
	require.Equal(t, http.StatusOK, done.status, done.body)
	codes := recoveryCodes.FindAllStringSubmatch(done.body, -1)
	require.Len(t, codes, 10)
	require.False(t, other.signedIn(), "the other sessions end")
	require.True(t, mine.signedIn())
	r.letter(t, firstAdministrator, "authenticator app was set up")
	require.Equal(t, http.StatusOK, other.signIn(firstAdministrator, mine.codes[2]).status, "the old recovery codes are dead")
	require.Equal(t, http.StatusSeeOther, other.signIn(firstAdministrator, codes[0][1]).status)
	r.letter(t, firstAdministrator, "A recovery code was used")
}

func TestNewRecoveryCodes(t *testing.T) {
	r := start(t, t.TempDir(), false)
	b := r.member(t, firstAdministrator)
	got := b.submit("/account", "/account/recovery", nil)
	require.Equal(t, http.StatusOK, got.status, got.body)
	codes := recoveryCodes.FindAllStringSubmatch(got.body, -1)
	require.Len(t, codes, 10)
	require.Contains(t, got.header.Get("Cache-Control"), "no-store")
	r.letter(t, firstAdministrator, "recovery codes of your account were replaced")
	other := r.browser(t)
	require.Equal(t, http.StatusOK, other.signIn(firstAdministrator, b.codes[0]).status, "the old ones are dead")
	require.Equal(t, http.StatusSeeOther, other.signIn(firstAdministrator, codes[0][1]).status)
	require.NotContains(t, b.page("/account"), codes[1][1], "shown once")
}

// impatient is the policy with a demand for a second factor that no proof is fresh enough for.
func impatient() authz.Policy {
	p := policy
	p.Pages, p.Funcs = maps.Clone(policy.Pages), maps.Clone(policy.Funcs)
	never := authz.FreshSecondFactor(time.Nanosecond)
	p.Pages[pageUsers] = p.Pages[pageUsers].Require(never)
	for _, f := range []authz.Func{doRenewFactor, doConfirmFactor, doRenewRecovery, doIssueReset, doResetFactor, doSetState} {
		p.Funcs[f] = p.Funcs[f].Require(never)
	}
	return p
}

func TestAStaleProofIsAskedForAgain(t *testing.T) {
	r := start(t, t.TempDir(), true)
	b := r.member(t, firstAdministrator)
	target := r.person(t, somebody)
	require.NoError(t, r.sec.guard.Reload(impatient()))
	require.Equal(t, "/step-up?next=%2Fadmin%2Fusers", b.get("/admin/users").header.Get("Location"))
	token := csrfField.FindStringSubmatch(b.page("/account"))[1]
	for path, from := range map[string]string{
		"/account/factor": "/account", "/account/factor/confirm": "/account", "/account/recovery": "/account",
		"/admin/users/" + target.ID + "/state": "/admin/users", "/admin/users/" + target.ID + "/reset": "/admin/users",
		"/admin/users/" + target.ID + "/factor": "/admin/users",
	} {
		post := func(referer string) string {
			form := url.Values{"csrf": {token}, "state": {"disabled"}, "code": {"123456"}}
			got := b.do(http.MethodPost, path, strings.NewReader(form.Encode()), map[string]string{
				"Content-Type": "application/x-www-form-urlencoded", "Origin": b.base, "Sec-Fetch-Site": "same-origin", "Referer": referer,
			})
			require.Equal(t, http.StatusSeeOther, got.status, path)
			return got.header.Get("Location")
		}
		require.Equal(t, "/step-up?next="+url.QueryEscape(from), post(b.base+from), path)
		require.Equal(t, "/step-up?next=%2F", post("https://evil.example"+from), path)
		require.Equal(t, "/step-up?next=%2F", post(b.base+"//evil.example"), path)
		require.Equal(t, "/step-up?next=%2F", post(""), path)
	}
	require.False(t, r.person(t, somebody).Disabled)

	require.NoError(t, r.sec.guard.Reload(policy))
	stepUp := func(code, next string) answer {
		return b.submit("/step-up", "/step-up", url.Values{"code": {code}, "next": {next}})
	}
	wrong := stepUp("AAAA-AAAA-AAAA-AAAA-AAAA-AAAA", "/admin/users")
	require.Equal(t, http.StatusForbidden, wrong.status)
	require.Contains(t, wrong.body, `value="/admin/users"`)
	require.Equal(t, "/admin/users", stepUp(b.codes[0], "/admin/users").header.Get("Location"))
	require.Equal(t, "/", stepUp(b.codes[1], "//evil.example/x").header.Get("Location"))
	require.Equal(t, http.StatusForbidden, stepUp(b.codes[1], "/").status, "a recovery code works once")
	b.page("/admin/users")
}

// codeThatIsWrong is none of the codes that an app shows about now.
func codeThatIsWrong(t testing.TB, secret string) string {
	t.Helper()
	right := map[string]bool{}
	for step := -3; step <= 3; step++ {
		right[totptest.CodeAt(t, skans.NewSecret(secret), time.Now().Add(time.Duration(step)*30*time.Second))] = true
	}
	for n := 0; ; n++ {
		if code := fmt.Sprintf("%06d", n); !right[code] {
			return code
		}
	}
}
