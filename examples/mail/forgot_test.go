package main

import (
	"database/sql"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/audit"
)

const (
	newPassword = "nine loud cranes above the harbour"
	somebody    = "editor.skola@kommun.example"
	resetText   = "asked for a new password"
)

func (b *browser) forget(name string) answer {
	b.t.Helper()
	return b.submit("/forgot", "/forgot", url.Values{"email": {name}})
}

// choose sets a password with the key of a link.
func (b *browser) choose(link, password string) answer {
	b.t.Helper()
	page, key, _ := strings.Cut(link, "?key=")
	csrf := csrfField.FindStringSubmatch(b.page("/login"))
	return b.post(page, csrf[1], url.Values{"key": {key}, "password": {password}, "again": {password}})
}

var nonceInPolicy = regexp.MustCompile(`'nonce-[^']+'`)

// comparable is an answer without what is random in every answer.
func comparable(a answer) string {
	h := a.header.Clone()
	h.Del("Date")
	h.Del("Set-Cookie")
	h.Set("Content-Security-Policy", nonceInPolicy.ReplaceAllString(h.Get("Content-Security-Policy"), ""))
	var text strings.Builder
	_ = h.Write(&text)
	return http.StatusText(a.status) + text.String() + a.body
}

func (r *running) disable(t testing.TB, name string) {
	t.Helper()
	require.NoError(t, r.store.Tx(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), "update person set disabled = 1 where name = ?", name)
		return err
	}))
}

func TestForgotAnswersEverybodyAlike(t *testing.T) {
	r := start(t, t.TempDir(), true)
	for _, name := range []string{somebody, "visitor.skola@kommun.example"} {
		r.browser(t).activate(r.link(t, name))
	}
	r.disable(t, "visitor.skola@kommun.example")
	answers := map[string]string{}
	for _, name := range []string{ // the known one last: when its letter is there, the others would have been
		"nobody@kommun.example", "visitor.skola@kommun.example", "editor.bygglov@kommun.example", "not an address", somebody,
	} {
		got := r.browser(t).forget(name)
		require.Equal(t, http.StatusOK, got.status, got.body)
		require.NotContains(t, got.body, name)
		answers[comparable(got)] += name + " "
	}
	require.Len(t, answers, 1, "the same bytes for unknown, disabled, not activated and known")
	r.letter(t, somebody, resetText)
	for _, m := range r.passed {
		require.NotContains(t, m.Text, resetText, m.To)
	}
}

func TestForgotIsLimitedForANetwork(t *testing.T) {
	r := start(t, t.TempDir(), false)
	b := r.browser(t)
	for range 20 {
		require.Equal(t, http.StatusOK, b.forget("nobody@kommun.example").status)
	}
	got := b.forget(firstAdministrator)
	require.Equal(t, http.StatusTooManyRequests, got.status)
	require.NotEmpty(t, got.header.Get("Retry-After"))
}

func TestForgotTrustsNoHeader(t *testing.T) {
	r := start(t, t.TempDir(), false)
	b := r.browser(t)
	b.activate(r.link(t, firstAdministrator))
	token := csrfField.FindStringSubmatch(b.page("/forgot"))[1]
	ask := func(header map[string]string) answer {
		all := map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Origin": b.base, "Sec-Fetch-Site": "same-origin"}
		for k, v := range header {
			all[k] = v
		}
		return b.do(http.MethodPost, "/forgot", strings.NewReader(url.Values{"csrf": {token}, "email": {firstAdministrator}}.Encode()), all)
	}
	got := ask(map[string]string{"Host": "evil.example"})
	require.Equal(t, http.StatusMisdirectedRequest, got.status)
	require.NotContains(t, got.body, "evil.example")
	for _, header := range []map[string]string{
		{"X-Forwarded-Host": "evil.example"}, {"Forwarded": "host=evil.example;proto=http"}, {"X-Host": "evil.example"},
	} {
		require.Equal(t, http.StatusOK, ask(header).status)
		text := r.letter(t, firstAdministrator, resetText)
		require.NotContains(t, text, "evil.example")
		require.True(t, strings.HasPrefix(r.linkIn(t, text), "/reset?key="))
	}
}

func TestForgotTakesOneAddress(t *testing.T) {
	r := start(t, t.TempDir(), false)
	b := r.browser(t)
	b.activate(r.link(t, firstAdministrator))
	for name, form := range map[string]url.Values{
		"two":          {"email": {firstAdministrator, "evil@evil.example"}},
		"two, turned":  {"email": {"evil@evil.example", firstAdministrator}},
		"CRLF":         {"email": {firstAdministrator + "\r\nBcc: evil@evil.example"}},
		"LF":           {"email": {firstAdministrator + "\nevil@evil.example"}},
		"NUL":          {"email": {firstAdministrator + "\x00"}},
		"over-long":    {"email": {strings.Repeat("a", 300)}},
		"none":         {},
		"empty":        {"email": {""}},
		"undeclared":   {"email": {firstAdministrator}, "base": {"https://evil.example"}},
		"wrong letter": {"Email": {firstAdministrator}},
	} {
		t.Run(name, func(t *testing.T) {
			got := b.submit("/forgot", "/forgot", form)
			require.Equal(t, http.StatusUnprocessableEntity, got.status, got.body)
			require.NotContains(t, got.body, "evil")
		})
	}
	// A list is nobody's address, and the letter goes to the account's own.
	require.Equal(t, http.StatusOK, b.forget(firstAdministrator+",evil@evil.example").status)
	require.Equal(t, http.StatusOK, b.forget("  "+strings.ToUpper(firstAdministrator)).status)
	r.letter(t, firstAdministrator, resetText)
	for _, m := range r.passed {
		require.Equal(t, firstAdministrator, m.To)
		require.NotContains(t, m.Text, resetText)
	}
}

func TestResetOfAnAccountWithASecondFactor(t *testing.T) {
	r := start(t, t.TempDir(), false)
	owner := r.member(t, firstAdministrator)
	b := r.browser(t)
	b.forget(firstAdministrator)
	older := r.linkIn(t, r.letter(t, firstAdministrator, resetText))
	b.forget(firstAdministrator)
	link := r.linkIn(t, r.letter(t, firstAdministrator, resetText))

	require.Equal(t, http.StatusGone, b.choose(older, newPassword).status, "a newer link kills the older")
	for range 3 {
		require.Contains(t, b.page(link), firstAdministrator, "opening it uses nothing up")
	}
	require.Equal(t, http.StatusUnprocessableEntity, b.choose(link, "Summer2026!!").status)
	require.Equal(t, http.StatusGone, b.choose(strings.Replace(link, "/reset", "/activate", 1), newPassword).status, "good for its purpose only")
	require.Equal(t, http.StatusOK, owner.get("/account").status, "nothing has happened yet")

	got := b.choose(link, newPassword)
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.Contains(t, got.body, "Your password is set")
	require.Equal(t, "/login", b.get("/").header.Get("Location"), "a reset signs nobody in")
	require.Equal(t, http.StatusSeeOther, owner.get("/account").status, "and ends every session")
	require.Equal(t, http.StatusGone, b.choose(link, newPassword+" again").status, "once")
	require.Contains(t, r.letter(t, firstAdministrator, "A password was set"), "/not-me/")

	require.Equal(t, http.StatusForbidden, b.submit("/login", "/login", url.Values{"name": {firstAdministrator}, "password": {goodPassword}}).status)
	got = b.submit("/login", "/login", url.Values{"name": {firstAdministrator}, "password": {newPassword}})
	require.Contains(t, got.body, "Code from your authenticator app", "the second factor is asked for as before")
	require.Equal(t, http.StatusSeeOther, b.signInWith(firstAdministrator, newPassword, owner.codes[0]).status)
}

func TestAKeyWorksOnce(t *testing.T) {
	r := start(t, t.TempDir(), true)
	link := r.link(t, somebody)
	t.Run("used by many at the same time", func(t *testing.T) {
		const many = 4
		var ready, done sync.WaitGroup
		gate := make(chan struct{})
		status := make(chan int, many)
		for range many {
			b := r.browser(t)
			_, key, _ := strings.Cut(link, "?key=")
			token := csrfField.FindStringSubmatch(b.page("/login"))[1]
			ready.Add(1)
			done.Go(func() {
				ready.Done()
				<-gate
				status <- b.post("/activate", token, url.Values{"key": {key}, "password": {goodPassword}, "again": {goodPassword}}).status
			})
		}
		ready.Wait()
		close(gate)
		done.Wait()
		close(status)
		count := map[int]int{}
		for s := range status {
			count[s]++
		}
		require.Equal(t, map[int]int{http.StatusOK: 1, http.StatusGone: many - 1}, count)
	})
	t.Run("after a newer one", func(t *testing.T) {
		const name = "visitor.skola@kommun.example"
		person, err := r.store.PersonByName(t.Context(), name)
		require.NoError(t, err)
		newer, err := r.activationLink(t.Context(), person)
		require.NoError(t, err)
		b := r.browser(t)
		require.Equal(t, http.StatusGone, b.choose(r.link(t, name), goodPassword).status)
		b.activate(strings.TrimPrefix(newer, r.base))
	})
	t.Run("by GET", func(t *testing.T) {
		const name = "visitor.bygglov@kommun.example"
		b := r.browser(t)
		link := r.link(t, name)
		require.Equal(t, http.StatusUnprocessableEntity, b.get(link+"&password="+url.QueryEscape(goodPassword)+"&again="+url.QueryEscape(goodPassword)).status)
		b.page(link)
		person, err := r.store.PersonByName(t.Context(), name)
		require.NoError(t, err)
		require.Empty(t, person.Password)
		b.activate(link)
	})
	t.Run("of an account that was closed meanwhile", func(t *testing.T) {
		const name = "visitor.kundservice@kommun.example"
		b := r.browser(t)
		r.disable(t, name)
		require.Equal(t, http.StatusGone, b.choose(r.link(t, name), goodPassword).status)
	})
	t.Run("nonsense", func(t *testing.T) {
		b := r.browser(t)
		for _, key := range []string{"nonsense-key", strings.Repeat("A", 43), strings.Repeat("A", 200)} {
			require.Equal(t, http.StatusGone, b.choose("/reset?key="+key, goodPassword).status)
			require.NotContains(t, b.page("/reset?key="+key), key)
		}
	})
}

// Keys stand in the query of an address, because the log has the paths of all requests.
func TestNoKeyIsInTheLog(t *testing.T) {
	r := start(t, t.TempDir(), false)
	b := r.browser(t)
	b.activate(r.link(t, firstAdministrator))
	b.forget(firstAdministrator)
	link := r.linkIn(t, r.letter(t, firstAdministrator, resetText))
	notMe := r.linkIn(t, r.letter(t, firstAdministrator, "A password was set"))
	b.page(link)
	b.page(notMe)
	b.choose(link, newPassword)
	var log strings.Builder
	for e, err := range r.log.Query(t.Context(), audit.Filter{}) {
		require.NoError(t, err)
		line, err := e.MarshalJSON()
		require.NoError(t, err)
		log.Write(line)
	}
	require.Contains(t, log.String(), `"/reset"`)
	require.Contains(t, log.String(), `"/not-me/`)
	for _, link := range []string{link, notMe} {
		_, key, _ := strings.Cut(link, "?key=")
		require.NotContains(t, log.String(), key)
	}
	for _, password := range []string{goodPassword, newPassword} {
		require.NotContains(t, log.String(), password)
	}
}
