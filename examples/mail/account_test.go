package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/examples/mail/internal/message"
)

// A session that is ended from another browser is out with its next request.
func TestEndedDeviceIsOut(t *testing.T) {
	r := start(t, t.TempDir(), false)
	b := r.member(t, firstAdministrator)
	other := r.browser(t)
	require.Equal(t, http.StatusSeeOther, other.signIn(firstAdministrator, b.codes[0]).status)
	require.Equal(t, http.StatusOK, other.get("/account").status)
	id := deviceToEnd(t, b.page("/account"))
	require.Equal(t, http.StatusSeeOther, b.submit("/account", "/account/devices/"+id+"/end", nil).status)
	require.True(t, strings.HasPrefix(other.get("/account").header.Get("Location"), "/login"))
	require.Equal(t, http.StatusOK, b.get("/account").status, "the one who ended it goes on")
}

// Whoever is disabled while signed in is nobody: they see the sign-in page and are not sent in circles.
func TestDisabledWhileSignedIn(t *testing.T) {
	r := start(t, t.TempDir(), true)
	b := r.member(t, "editor.skola@kommun.example")
	_, err := r.store.DB().Exec("update person set disabled = 1 where name = ?", "editor.skola@kommun.example")
	require.NoError(t, err)
	require.Equal(t, "/login", b.get("/").header.Get("Location"))
	require.Equal(t, "/login", b.get("/login").header.Get("Location"), "once, which ends the session")
	require.Equal(t, http.StatusOK, b.get("/login").status)
}

// A conversation of many letters is shown in pages, the latest first.
func TestLongConversation(t *testing.T) {
	r := start(t, t.TempDir(), false)
	r.send(t, "mail@localhost", "From: a@example.org\nSubject: Long\nMessage-ID: <first@example.org>\n\nletter 0")
	for n := range lettersShown {
		r.send(t, "mail@localhost", "From: a@example.org\nSubject: Re: Long\nReferences: <first@example.org>\n\nletter "+strings.Repeat("I", n+1))
	}
	b := r.member(t, firstAdministrator)
	path := conversationLink.FindStringSubmatch(b.page("/m/mail"))[1]
	latest := b.page(path)
	require.Equal(t, lettersShown, strings.Count(latest, "<article"))
	require.NotContains(t, latest, "letter 0")
	earlier := b.page(path + "?page=1")
	require.Equal(t, 1, strings.Count(earlier, "<article"))
	require.Contains(t, earlier, "letter 0")
}

// A letter without a sender can be read and not answered.
func TestLetterWithoutASender(t *testing.T) {
	r := start(t, t.TempDir(), false)
	raw := []byte("Subject: nobody\r\n\r\nx")
	m, err := message.Parse(t.Context(), raw)
	require.NoError(t, err)
	require.NoError(t, r.app.deliver(t.Context(), "mail", nil, raw, m))
	b := r.member(t, firstAdministrator)
	path := conversationLink.FindStringSubmatch(b.page("/m/mail"))[1]
	require.NotContains(t, b.page(path), `action="`+path+`/reply"`)
}
