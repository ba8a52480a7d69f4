package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/totp/totptest"
)

// elsewhere takes the connections to all other hosts and counts those to the letter's, whose names end in .example. (A browser
// also calls its maker.) The name stands in clear in an HTTP request and in the first message of TLS.
type elsewhere struct {
	addr string
	hits atomic.Int64
	hit  chan struct{} // room for one: there was a connection
}

func newElsewhere(t *testing.T) *elsewhere {
	t.Helper()
	l := listenFree(t)
	e := &elsewhere{addr: l.Addr().String(), hit: make(chan struct{}, 1)}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go e.count(conn)
		}
	}()
	return e
}

func (e *elsewhere) count(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	first := make([]byte, 4096)
	n, _ := conn.Read(first)
	if bytes.Contains(first[:n], []byte(".example")) {
		e.hits.Add(1)
		select {
		case e.hit <- struct{}{}:
		default:
		}
	}
}

// chromium starts a browser in which every host but localhost is elsewhere.
func chromium(t *testing.T, other *elsewhere) context.Context {
	t.Helper()
	if _, err := exec.LookPath("chromium"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is not installed: apt-get install chromium")
		}
		t.Skip("chromium is not installed: apt-get install chromium")
	}
	host, port, err := net.SplitHostPort(other.addr)
	require.NoError(t, err)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"), chromedp.NoSandbox,
		chromedp.Flag("ignore-certificate-errors", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("host-resolver-rules", "MAP * "+net.JoinHostPort(host, port)+", EXCLUDE localhost"),
		chromedp.WindowSize(1280, 900))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx))
	return ctx
}

// shot keeps a picture of the page beside the test's other output.
func shot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(t.ArtifactDir(), name+".png"), picture, 0o600))
}

// A person's way in a real browser, from the printed link to signing out, past a letter that tries to run and load everything.
func TestTheWayInChromium(t *testing.T) {
	other := newElsewhere(t)
	ctx := chromium(t, other)
	r := start(t, t.TempDir(), false)
	r.send(t, "mail@localhost", hostileLetter)
	var ran atomic.Int64
	require.NoError(t, chromedp.Listen(ctx, func(ev any) {
		switch ev.(type) {
		case *cdppage.EventJavascriptDialogOpening, *runtime.EventExceptionThrown:
			ran.Add(1)
		}
	}))
	do := func(steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		bounded, cancel := context.WithTimeout(ctx, 30*time.Second) // what a person would wait
		defer cancel()
		for i, step := range steps {
			if err := chromedp.Do(bounded, step); err != nil {
				body, _ := chromedp.Run(ctx, chromedp.OuterHTML("html"))
				require.NoError(t, err, "step %d, on the page %s", i, body)
			}
		}
	}
	ask := func(question chromedp.Action[string]) string {
		t.Helper()
		answer, err := chromedp.Run(ctx, question)
		require.NoError(t, err)
		return answer
	}
	do(chromedp.Navigate(r.base+r.link(t, firstAdministrator)),
		chromedp.SendKeys(`input[name=password]`, goodPassword), chromedp.SendKeys(`input[name=again]`, goodPassword), chromedp.Submit(`input[name=again]`),
		chromedp.WaitVisible(`.good`), chromedp.Click(`a[href="/login"]`),
		chromedp.WaitVisible(`input[name=name]`), chromedp.SendKeys(`input[name=name]`, firstAdministrator),
		chromedp.SendKeys(`input[name=password]`, goodPassword), chromedp.Submit(`input[name=password]`),
		chromedp.WaitVisible(`img.qr`))
	secret := ask(chromedp.Text(`#secret`))
	shot(t, ctx, "enrol")
	code := totptest.Code(t, skans.NewSecret(strings.ReplaceAll(secret, " ", "")))
	do(chromedp.SendKeys(`input[name=code]`, code), chromedp.Submit(`input[name=code]`),
		chromedp.WaitVisible(`.codes`), chromedp.Click(`main a[role=button]`),
		chromedp.WaitVisible(`a[href="/m/mail"]`), chromedp.Click(`a[href="/m/mail"]`),
		chromedp.WaitVisible(`ul.list a`))
	shot(t, ctx, "inbox")
	do(chromedp.Click(`ul.list a`), chromedp.WaitVisible(`iframe`))
	require.Equal(t, `<script>alert("subject")</script>`, ask(chromedp.Text(`h1`)))
	shot(t, ctx, "letter")
	frame, err := chromedp.Run(ctx, chromedp.AttributeValue(`iframe`, "src"))
	require.NoError(t, err)
	// The frame's document by itself is no more dangerous than inside the page.
	conversation := ask(chromedp.Location())
	do(chromedp.Navigate(r.base + frame.Value))
	text := ask(chromedp.Text(`body`))
	do(chromedp.Navigate(conversation), chromedp.WaitVisible(`textarea`))
	require.Contains(t, text, "Visible text")
	require.Contains(t, text, "after the end")

	do(chromedp.SendKeys(`textarea`, "An answer from the browser"), chromedp.Submit(`textarea`),
		chromedp.WaitVisible(`.letter.out`), chromedp.Click(`a[href="/admin/audit"]`),
		chromedp.WaitVisible(`#verdict.good`))
	r.outboxHas(t, "An answer from the browser")
	shot(t, ctx, "audit")
	do(chromedp.Click(`a[href="/account"]`), chromedp.WaitVisible(`a[href="/account"][aria-current=page]`))
	shot(t, ctx, "account")
	do(chromedp.Click(`form[action="/logout"] button`), chromedp.WaitVisible(`input[name=password]`))

	require.Zero(t, ran.Load(), "the letter ran something")
	require.Zero(t, other.hits.Load(), "the letter loaded something")
	// The trap works: a page that loads something from elsewhere is counted.
	_ = chromedp.Do(ctx, chromedp.Navigate("http://tracker.example/pixel.gif"))
	select {
	case <-other.hit: // the browser may be told before the trap has counted
	case <-time.After(30 * time.Second):
		require.Fail(t, "the trap does not count")
	}
}
