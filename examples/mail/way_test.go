package main

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/examples/mail/internal/message"
)

const letterWithFile = `From: =?utf-8?q?Customer_=C3=85?= <customer@example.org>
To: mail@localhost
Subject: Drawing of the balcony
Message-ID: <way-1@example.org>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=utf-8

Here is the drawing. <b>not markup</b>
--b
Content-Type: text/html
Content-Disposition: attachment; filename="../../plan\".html"

<script>alert(1)</script>
--b--
`

const hostileLetter = `From: customer@example.org
To: mail@localhost
Subject: <script>alert("subject")</script>
Message-ID: <way-2@example.org>
Content-Type: text/html; charset=utf-8

<p>Visible text</p><script>alert(1)</script><img src="https://tracker.example/pixel.gif"><img src=x onerror=alert(2)>
<a href="javascript:alert(3)">link</a><form action="https://evil.example"><input name=password></form><iframe src="https://evil.example"></iframe>
<style>@import url(https://evil.example/x.css);</style><svg onload=alert(4)></svg></div></body></html><h1>after the end</h1>
`

var (
	conversationLink = regexp.MustCompile(`href="(/m/mail/c/[a-z0-9]+)"`)
	frameLink        = regexp.MustCompile(`<iframe src="([^"]+)"`)
	attachmentLink   = regexp.MustCompile(`href="(/m/mail/l/[a-z0-9]+/a/\d+)"`)
)

// The whole way: first start, activation, second factor, a letter that a mail client delivers, reading, answering, the audit
// page, signing out.
func TestTheWholeWay(t *testing.T) {
	r := start(t, t.TempDir(), false)
	r.send(t, "mail@localhost", letterWithFile)
	r.send(t, "mail@localhost", hostileLetter)

	b := r.browser(t)
	require.Equal(t, "/login?next=%2Fm%2Fmail", b.get("/m/mail").header.Get("Location"), "nobody sees anything without signing in")
	b.activate(r.link(t, firstAdministrator))
	b.signInAndEnrol(firstAdministrator)
	require.Contains(t, b.page("/"), `href="/m/mail"`)
	list := b.page("/m/mail")
	require.Contains(t, list, "Drawing of the balcony")
	require.Contains(t, list, "&lt;script&gt;alert(&#34;subject&#34;)&lt;/script&gt;")
	links := conversationLink.FindAllStringSubmatch(list, -1)
	require.Len(t, links, 2)
	hostile, drawing := links[0][1], links[1][1]

	t.Run("plain letter and its file", func(t *testing.T) {
		body := b.page(drawing)
		require.Contains(t, body, "Here is the drawing. &lt;b&gt;not markup&lt;/b&gt;")
		require.Contains(t, body, "Customer Å")
		file := b.get(attachmentLink.FindStringSubmatch(body)[1])
		require.Equal(t, http.StatusOK, file.status)
		require.Equal(t, "<script>alert(1)</script>", file.body)
		require.Contains(t, file.header.Get("Content-Disposition"), "attachment")
		require.NotContains(t, file.header.Get("Content-Disposition"), "..")
		require.NotContains(t, file.header.Get("Content-Type"), "html", "a download is never a page")
		require.Contains(t, file.header.Get("Content-Security-Policy"), "sandbox")
		require.Equal(t, "nosniff", file.header.Get("X-Content-Type-Options"))
	})

	t.Run("hostile letter in its frame", func(t *testing.T) {
		body := b.page(hostile)
		require.Contains(t, body, "3 remote contents blocked")
		frame := b.get(frameLink.FindStringSubmatch(body)[1])
		require.Equal(t, http.StatusOK, frame.status)
		require.Contains(t, frame.body, "Visible text")
		require.Contains(t, frame.body, "after the end")
		for _, bad := range []string{"<script", "onerror", "javascript:", "<form", "<input", "<iframe", "evil.example", "tracker.example", "<svg", "@import"} {
			require.NotContains(t, frame.body, bad)
		}
		csp := frame.header.Get("Content-Security-Policy")
		require.Contains(t, csp, "default-src 'none'")
		require.Contains(t, csp, "sandbox allow-popups")
		require.NotContains(t, csp, "allow-scripts")
	})

	t.Run("answer", func(t *testing.T) {
		got := b.submit(drawing, drawing+"/reply", url.Values{"text": {"Thank you.\r\nWe will look at it."}})
		require.Equal(t, http.StatusSeeOther, got.status, got.body)
		require.Contains(t, b.page(drawing), "We will look at it.")
		r.outboxHas(t, "Thank you.")
	})

	t.Run("close, with its history", func(t *testing.T) {
		require.Equal(t, http.StatusSeeOther, b.submit(drawing, drawing+"/status", url.Values{"status": {"closed"}}).status)
		require.NotContains(t, b.page("/m/mail?status=open"), "Drawing of the balcony")
		page := b.page("/m/mail/audit")
		require.Contains(t, page, "<td>status</td><td>open</td><td>closed</td><td>Administrator</td>")
		require.Contains(t, page, "The log verifies")
	})

	t.Run("audit", func(t *testing.T) {
		page := b.page("/admin/audit")
		require.Contains(t, page, "The log verifies")
		for _, event := range []string{"mail.delivered", "mail.replied", "activation.redeemed", "signin.granted", "session.login"} {
			require.Contains(t, page, event)
		}
		require.Contains(t, b.page("/admin/system"), "do/reply")
	})

	t.Run("sign out", func(t *testing.T) {
		got := b.submit("/account", "/logout", nil)
		require.Equal(t, http.StatusSeeOther, got.status, got.body)
		require.Equal(t, "/login", b.get("/").header.Get("Location"))
		require.Equal(t, http.StatusSeeOther, b.signIn(firstAdministrator, b.codes[0]).status)
		require.Contains(t, b.page("/account"), "9 recovery codes left")
	})
}

// outboxHas checks that an answer lies in the outbox as a readable letter with this text, and returns it.
func (r *running) outboxHas(t testing.TB, text string) message.Message {
	t.Helper()
	require.NoError(t, r.store.Unsent(t.Context(), time.Now(), r.outbox.write)) // what the running one may not have come to yet
	files, err := filepath.Glob(filepath.Join(r.dir, "outbox", "*.eml"))
	require.NoError(t, err)
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		m, err := message.Parse(t.Context(), raw)
		require.NoError(t, err)
		if strings.Contains(m.Text, text) {
			require.Empty(t, m.Problem)
			return m
		}
	}
	require.FailNow(t, "the answer is not in the outbox")
	return message.Message{}
}

// The log proves itself from the command line too, and names what was changed.
func TestAuditCommand(t *testing.T) {
	dir := t.TempDir()
	r := start(t, dir, false)
	r.send(t, "mail@localhost", letterWithFile)
	r.stop()
	command := func(args ...string) (string, error) {
		var out bytes.Buffer
		err := run(t.Context(), append([]string{"audit"}, args...), &out)
		return out.String(), err
	}
	out, err := command("verify", "-data", dir)
	require.NoError(t, err, out)
	require.True(t, strings.HasPrefix(out, "ok: "), out)
	_, witness, found := strings.Cut(out, "keep this witness elsewhere: ")
	require.True(t, found, out)
	_, err = command("verify", "-data", dir, "-witness", strings.TrimSpace(witness))
	require.NoError(t, err)

	out, err = command("export", "-data", dir, "-event", eventDelivered)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(out, "\n"))
	require.Contains(t, out, `"mail.delivered"`)

	segments, err := filepath.Glob(filepath.Join(dir, "audit", "mail", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, segments)
	data, err := os.ReadFile(segments[0])
	require.NoError(t, err)
	data[len(data)-20] ^= 1
	require.NoError(t, os.WriteFile(segments[0], data, 0o600))
	out, err = command("verify", "-data", dir)
	require.ErrorIs(t, err, errTampered)
	require.Contains(t, out, "tampered: mail 2", "the first event of that class, after the segment's own head")

	for _, bad := range [][]string{{}, {"nosuch"}, {"verify", "-nosuch"}, {"export", "-format", "xml"}} {
		_, err := command(bad...)
		require.ErrorContains(t, err, "usage")
	}
}

// A mail client that somebody else wrote delivers too.
func TestSwaksDelivers(t *testing.T) {
	swaks, err := exec.LookPath("swaks")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("swaks is not installed: apt-get install swaks")
		}
		t.Skip("swaks is not installed: apt-get install swaks")
	}
	r := start(t, t.TempDir(), false)
	out, err := exec.Command(swaks, "--server", r.smtpAddr(), "--tls", "--to", "mail@localhost", "--from", "customer@example.org",
		"--header", "Subject: From swaks", "--body", "Hello from swaks", "--attach", "way_test.go").CombinedOutput()
	require.NoError(t, err, string(out))
	all, err := r.store.Conversations(t.Context(), "mail", "", 0, 10)
	require.NoError(t, err)
	require.Len(t, all, 1)
	messages, err := r.store.Messages(t.Context(), "mail", all[0].ID, 0, 100)
	require.NoError(t, err)
	require.Equal(t, "From swaks", messages[0].Subject)
	require.Contains(t, messages[0].Text, "Hello from swaks")
	require.Len(t, messages[0].Attachments, 1)
	require.Empty(t, messages[0].Problem)
}
