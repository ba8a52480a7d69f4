package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/smtp"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/examples/mail/internal/message"
	"github.com/skans-go/skans/totp/totptest"
)

// running is a mailbox that serves on ports of its own until the test ends.
type running struct {
	*app
	dir     string
	console string // what it printed at the start
	stop    func()
	courier atomic.Pointer[func(ctx context.Context, id string, raw []byte) error] // nil: the outbox's own way to send
	sent    chan message.Message                                                   // what left the outbox
	passed  []message.Message                                                      // what letter has taken from sent and was not asked for yet
}

// start serves the mailbox of a data folder.
func start(t testing.TB, dir string, demo bool) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	a, err := open(ctx, options{http: "localhost:0", smtp: "127.0.0.1:0", data: dir, demo: demo})
	require.NoError(t, err)
	if demo {
		require.NoError(t, a.seedDemo(ctx))
	}
	var console bytes.Buffer
	require.NoError(t, a.printActivations(ctx, &console))
	r := &running{app: a, dir: dir, console: console.String(), sent: make(chan message.Message, 1000)}
	send := a.outbox.send
	a.outbox.send = func(ctx context.Context, id string, raw []byte) error {
		if other := r.courier.Load(); other != nil {
			return (*other)(ctx, id, raw)
		}
		if m, err := message.Parse(ctx, raw); err == nil {
			r.sent <- m
		}
		return send(ctx, id, raw)
	}
	done := make(chan error, 1)
	go func() { done <- a.serve(ctx) }()
	stopped := false
	r.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		require.NoError(t, <-done)
		require.NoError(t, a.close())
	}
	t.Cleanup(r.stop)
	return r
}

// link finds the activation link of a person on the console.
func (r *running) link(t testing.TB, name string) string {
	t.Helper()
	found := regexp.MustCompile(`Activate ` + regexp.QuoteMeta(name) + ` [^\n]*\n\s+(\S+)`).FindStringSubmatch(r.console)
	require.NotNil(t, found, "no link for %s in:\n%s", name, r.console)
	return strings.TrimPrefix(found[1], r.base)
}

// letter waits for a letter that the mailbox sent to an address, with a text, and returns its text.
func (r *running) letter(t testing.TB, to, text string) string {
	t.Helper()
	for i, m := range r.passed {
		if m.To == to && strings.Contains(m.Text, text) {
			r.passed = slices.Delete(r.passed, i, i+1)
			return m.Text
		}
	}
	for late := time.After(30 * time.Second); ; {
		select {
		case m := <-r.sent:
			if m.To == to && strings.Contains(m.Text, text) {
				return m.Text
			}
			r.passed = append(r.passed, m)
		case <-late:
			require.FailNow(t, "no such letter", "to %s with %q; there are %v", to, text, r.passed)
		}
	}
}

// linkIn returns the path of the one link in a letter, which must lead to this mailbox.
func (r *running) linkIn(t testing.TB, text string) string {
	t.Helper()
	links := regexp.MustCompile(`https?://\S+`).FindAllString(text, -1)
	require.Len(t, links, 1, text)
	path, ours := strings.CutPrefix(links[0], r.base+"/")
	require.True(t, ours, links[0])
	return "/" + path
}

// send delivers a letter over SMTP with STARTTLS.
func (r *running) send(t testing.TB, to, letter string) {
	t.Helper()
	require.NoError(t, r.trySend(t, to, letter))
}

func (r *running) trySend(t testing.TB, to, letter string) error {
	t.Helper()
	c, err := smtp.Dial(r.smtpAddr())
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.StartTLS(&tls.Config{RootCAs: r.roots(t), ServerName: "localhost"}))
	require.NoError(t, c.Mail("customer@example.org"))
	if err := c.Rcpt(to); err != nil {
		return err
	}
	w, err := c.Data()
	require.NoError(t, err)
	_, err = io.WriteString(w, strings.ReplaceAll(letter, "\n", "\r\n"))
	require.NoError(t, err)
	return w.Close()
}

func (r *running) roots(t testing.TB) *x509.CertPool {
	t.Helper()
	cert, err := os.ReadFile(filepath.Join(r.dir, "tls.crt"))
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(cert))
	return roots
}

// A browser keeps cookies and sends what browsers send.
type browser struct {
	t      testing.TB
	client *http.Client
	base   string
	secret string // of the second factor, once it is enrolled
	codes  []string
}

func (r *running) browser(t testing.TB) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &browser{t: t, base: r.base, client: &http.Client{
		Jar: jar, Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: r.roots(t)}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

const userAgent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

// An answer is a response that was read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

func (b *browser) do(method, path string, body io.Reader, header map[string]string) answer {
	b.t.Helper()
	req, err := http.NewRequest(method, b.base+path, body)
	require.NoError(b.t, err)
	req.Header.Set("User-Agent", userAgent)
	for k, v := range header {
		req.Header.Set(k, v)
	}
	req.Host = header["Host"] // empty: the address's
	resp, err := b.client.Do(req)
	require.NoError(b.t, err)
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") == "text/event-stream" { // has no end of its own
		return answer{resp.StatusCode, resp.Header, ""}
	}
	data, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	return answer{resp.StatusCode, resp.Header, string(data)}
}

func (b *browser) get(path string) answer {
	b.t.Helper()
	return b.do(http.MethodGet, path, nil, map[string]string{"Sec-Fetch-Site": "same-origin"})
}

// page gets a page that must be there.
func (b *browser) page(path string) string {
	b.t.Helper()
	got := b.get(path)
	require.Equal(b.t, http.StatusOK, got.status, "%s: %s", path, got.body)
	return got.body
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// submit posts a form of the page at from.
func (b *browser) submit(from, to string, form url.Values) answer {
	b.t.Helper()
	found := csrfField.FindStringSubmatch(b.page(from))
	require.NotNil(b.t, found, from)
	return b.post(to, found[1], form)
}

func (b *browser) post(to, csrf string, form url.Values) answer {
	b.t.Helper()
	sent := url.Values{"csrf": {csrf}}
	for k, v := range form {
		sent[k] = v
	}
	return b.do(http.MethodPost, to, strings.NewReader(sent.Encode()), map[string]string{
		"Content-Type": "application/x-www-form-urlencoded", "Origin": b.base, "Sec-Fetch-Site": "same-origin",
	})
}

const goodPassword = "seven quiet herons under the bridge"

// activate follows an activation link and sets a password.
func (b *browser) activate(link string) {
	b.t.Helper()
	_, key, _ := strings.Cut(link, "key=")
	got := b.submit(link, "/activate", url.Values{"key": {key}, "password": {goodPassword}, "again": {goodPassword}})
	require.Equal(b.t, http.StatusOK, got.status, got.body)
	require.Contains(b.t, got.body, "Your password is set")
}

var (
	secretOnPage  = regexp.MustCompile(`<code id="secret">([A-Z2-7 ]+)</code>`)
	recoveryCodes = regexp.MustCompile(`<li>([0-9A-Z]{4}(?:-[0-9A-Z]{4})+)</li>`)
)

// signInAndEnrol signs in for the first time, which enrols a second factor.
func (b *browser) signInAndEnrol(name string) {
	b.t.Helper()
	got := b.submit("/login", "/login", url.Values{"name": {name}, "password": {goodPassword}, "next": {"/"}})
	require.Equal(b.t, http.StatusOK, got.status, got.body)
	secret := secretOnPage.FindStringSubmatch(got.body)
	require.NotNil(b.t, secret, got.body)
	b.secret = strings.ReplaceAll(secret[1], " ", "")
	code := totptest.Code(b.t, skans.NewSecret(b.secret))
	got = b.post("/login/enrol", csrfField.FindStringSubmatch(got.body)[1], url.Values{"code": {code}, "next": {"/"}})
	require.Equal(b.t, http.StatusOK, got.status, got.body)
	for _, found := range recoveryCodes.FindAllStringSubmatch(got.body, -1) {
		b.codes = append(b.codes, found[1])
	}
	require.Len(b.t, b.codes, 10, got.body)
}

// signIn signs in with password and a recovery code, because the code of the present half minute is used up.
func (b *browser) signIn(name, recovery string) answer {
	b.t.Helper()
	return b.signInWith(name, goodPassword, recovery)
}

func (b *browser) signInWith(name, password, recovery string) answer {
	b.t.Helper()
	got := b.submit("/login", "/login", url.Values{"name": {name}, "password": {password}, "next": {"/"}})
	require.Equal(b.t, http.StatusOK, got.status, got.body)
	require.Contains(b.t, got.body, "authenticator app")
	return b.post("/login/factor", csrfField.FindStringSubmatch(got.body)[1], url.Values{"code": {recovery}, "next": {"/"}})
}

// member is a browser of somebody who is signed in for the first time.
func (r *running) member(t testing.TB, name string) *browser {
	t.Helper()
	b := r.browser(t)
	b.activate(r.link(t, name))
	b.signInAndEnrol(name)
	return b
}

func listenFree(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}
