package main

import (
	"bytes"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/examples/mail/internal/message"
)

func TestLettersThatAreRefusedLeaveNothing(t *testing.T) {
	r := start(t, t.TempDir(), false)
	for name, test := range map[string]struct {
		to, letter string
		code       int
	}{
		"unknown recipient": {"nobody@localhost", "Subject: x\n\nx", 550},
		"oversized":         {"mail@localhost", "Subject: x\n\n" + strings.Repeat(strings.Repeat("x", 900)+"\n", message.MaxBytes/900+10), 552},
		"100,000 parts":     {"mail@localhost", "From: a@example.org\nContent-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\nx\n", 100_000) + "--b--\n", 554},
	} {
		t.Run(name, func(t *testing.T) {
			var reply *textproto.Error
			require.ErrorAs(t, r.trySend(t, test.to, test.letter), &reply)
			require.Equal(t, test.code, reply.Code)
		})
	}
	all, err := r.store.Conversations(t.Context(), "mail", "", 0, 10)
	require.NoError(t, err)
	require.Empty(t, all)
}

func TestMalformedLetterIsKeptAndSaidToBe(t *testing.T) {
	r := start(t, t.TempDir(), false)
	r.send(t, "mail@localhost", "From: a@example.org\nSubject: Cut short\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nThe readable part")
	b := r.member(t, firstAdministrator)
	page := b.page(conversationLink.FindStringSubmatch(b.page("/m/mail"))[1])
	require.Contains(t, page, "The readable part")
	require.Contains(t, page, "could not be read fully")
	id := page[strings.Index(page, "/m/mail/l/")+len("/m/mail/l/"):]
	id = id[:strings.IndexByte(id, '/')]
	raw := b.get("/m/mail/l/" + id + "/raw")
	require.Equal(t, http.StatusOK, raw.status)
	require.True(t, strings.HasSuffix(strings.TrimSpace(raw.body), "The readable part"))
	require.Contains(t, raw.header.Get("Content-Disposition"), "attachment")
}

// What is not declared, comes twice, is too long or of another type: 422, the field's name, and never what it held.
func TestParametersOutsideTheSchema(t *testing.T) {
	r := start(t, t.TempDir(), false)
	b := r.member(t, firstAdministrator)
	const canary = "canary-value-7731"
	for name, test := range map[string]struct{ path, field string }{ // a name that the schema does not have is input too, and not repeated
		"unknown":          {"/m/mail?nosuch=" + canary, ""},
		"duplicate":        {"/m/mail?status=open&status=" + canary, "status"},
		"over-long":        {"/login?next=" + strings.Repeat("x", 400) + canary, "next"},
		"wrong type":       {"/m/mail?page=" + canary, "page"},
		"out of range":     {"/m/mail?page=99999", "page"},
		"not in the list":  {"/m/mail?status=" + canary, "status"},
		"form field there": {"/m/mail?csrf=" + canary, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := b.get(test.path)
			require.Equal(t, http.StatusUnprocessableEntity, got.status, got.body)
			require.Contains(t, got.body, test.field)
			require.NotContains(t, got.body, canary)
		})
	}
	t.Run("form", func(t *testing.T) {
		got := b.submit("/account", "/m/mail/c/abc/status", url.Values{"status": {"open", "closed"}})
		require.Equal(t, http.StatusUnprocessableEntity, got.status)
		require.Contains(t, got.body, "status")
	})
}

var captchaTask = regexp.MustCompile(`<div data-altcha="([^"]+)".*</script>`)

func TestWrongSignInsAnswerAlike(t *testing.T) {
	r := start(t, t.TempDir(), true)
	b := r.browser(t)
	b.activate(r.link(t, "editor.skola@kommun.example"))
	answers := map[string]string{}
	for name, form := range map[string]url.Values{
		"wrong password": {"name": {"editor.skola@kommun.example"}, "password": {"wrong password here"}},
		"unknown name":   {"name": {"nobody@kommun.example"}, "password": {"wrong password here"}},
		"not activated":  {"name": {"editor.bygglov@kommun.example"}, "password": {"wrong password here"}},
	} {
		got := r.browser(t).submit("/login", "/login", form)
		require.Equal(t, http.StatusForbidden, got.status)
		body := captchaTask.ReplaceAllString(got.body, "") // comes with the third failure, whatever was tried
		answers[csrfField.ReplaceAllString(body, "")] += name + " "
	}
	require.Len(t, answers, 1, "one text for every reason")
}

func TestForgedRequestsAreRefused(t *testing.T) {
	r := start(t, t.TempDir(), false)
	b := r.member(t, firstAdministrator)
	token := csrfField.FindStringSubmatch(b.page("/account"))[1]
	form := func(token string) *strings.Reader { return strings.NewReader(url.Values{"csrf": {token}}.Encode()) }
	const kind = "application/x-www-form-urlencoded"
	for name, test := range map[string]struct {
		token  string
		header map[string]string
	}{
		"no token":       {"", map[string]string{"Content-Type": kind, "Origin": b.base}},
		"wrong token":    {strings.Repeat("A", len(token)), map[string]string{"Content-Type": kind, "Origin": b.base}},
		"foreign origin": {token, map[string]string{"Content-Type": kind, "Origin": "https://evil.example"}},
		"null origin":    {token, map[string]string{"Content-Type": kind, "Origin": "null"}},
		"cross-site":     {token, map[string]string{"Content-Type": kind, "Sec-Fetch-Site": "cross-site"}},
		"neither header": {token, map[string]string{"Content-Type": kind}},
	} {
		t.Run(name, func(t *testing.T) {
			got := b.do(http.MethodPost, "/logout", form(test.token), test.header)
			require.Equal(t, http.StatusForbidden, got.status)
			require.Equal(t, http.StatusOK, b.get("/account").status, "still signed in")
		})
	}
}

// What keeps the mailbox from starting is one clear line, and exit status 1 follows from it.
func TestStartRefusals(t *testing.T) {
	startWith := func(args ...string) error {
		var out bytes.Buffer
		return run(t.Context(), append([]string{"-http", "localhost:0", "-smtp", "127.0.0.1:0"}, args...), &out)
	}
	oneLine := func(t *testing.T, err error, parts ...string) {
		t.Helper()
		require.Error(t, err)
		require.NotContains(t, err.Error(), "\n")
		for _, part := range parts {
			require.ErrorContains(t, err, part)
		}
	}
	used := func(t *testing.T) string {
		dir := t.TempDir()
		start(t, dir, false).stop()
		return dir
	}
	t.Run("key file open to others", func(t *testing.T) {
		dir := used(t)
		require.NoError(t, os.Chmod(filepath.Join(dir, "keys"), 0o644))
		oneLine(t, startWith("-data", dir), "key file", "chmod 600")
	})
	t.Run("port taken", func(t *testing.T) {
		taken := listenFree(t).Addr().String()
		oneLine(t, startWith("-data", t.TempDir(), "-http", taken), "-http", taken)
		oneLine(t, startWith("-data", t.TempDir(), "-smtp", taken), "-smtp", taken)
	})
	t.Run("data folder cannot be made", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		oneLine(t, startWith("-data", filepath.Join(file, "data")), "data folder")
	})
	t.Run("corrupted database", func(t *testing.T) {
		dir := used(t)
		path := filepath.Join(dir, "mail.db")
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		for i := 4096; i < len(data); i++ {
			data[i] ^= 0x5a
		}
		require.NoError(t, os.WriteFile(path, data, 0o600))
		oneLine(t, startWith("-data", dir), "database", "restore it from a backup")
	})
	t.Run("unknown flag", func(t *testing.T) {
		require.Error(t, startWith("-nosuch"))
	})
	t.Run("relay and sender", func(t *testing.T) {
		oneLine(t, startWith("-data", t.TempDir(), "-relay", "mail.example"), "-relay", "host:port")
		oneLine(t, startWith("-data", t.TempDir(), "-from", "Mailbox <a@example.org>"), "-from")
		oneLine(t, startWith("-data", t.TempDir(), "-from", "a@example.org\r\nBcc: b@example.org"), "-from")
	})
	t.Run("two at once", func(t *testing.T) {
		dir := t.TempDir()
		start(t, dir, false)
		oneLine(t, startWith("-data", dir), "audit")
	})
}
