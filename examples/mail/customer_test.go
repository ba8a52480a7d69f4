package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/audit"
	"github.com/skans-go/skans/examples/mail/internal/message"
)

const otherLetter = `From: somebody.else@example.org
To: mail@localhost
Subject: Another matter
Message-ID: <other-1@example.org>

This one stays.
`

var (
	customerLink = regexp.MustCompile(`href="(/m/mail/l/[a-z0-9]+/customer)"`)
	receiptText  = regexp.MustCompile(`(?s)<pre id="receipt">(.*?)</pre>`)
)

// withCustomer is a mailbox with an answered letter of one customer, and a letter of another.
func withCustomer(t *testing.T) (r *running, b *browser, at, data string) {
	t.Helper()
	r = start(t, t.TempDir(), false)
	r.send(t, "mail@localhost", letterWithFile)
	r.send(t, "mail@localhost", otherLetter)
	b = r.member(t, firstAdministrator)
	at = conversationLink.FindAllStringSubmatch(b.page("/m/mail"), -1)[1][1]
	require.Contains(t, b.page(at), "Here is the drawing")
	got := b.submit(at, at+"/reply", url.Values{"text": {"the-answer-to-them"}})
	require.Equal(t, http.StatusSeeOther, got.status, got.body)
	require.Equal(t, http.StatusSeeOther, b.submit(at, at+"/status", url.Values{"status": {"closed"}}).status)
	r.outboxHas(t, "the-answer-to-them")
	return r, b, at, customerLink.FindStringSubmatch(b.page(at))[1]
}

func TestCopyForACustomer(t *testing.T) {
	r, b, _, data := withCustomer(t)
	require.Contains(t, b.page(data), "2 letters that <strong>customer@example.org</strong>")
	got := b.get(data + "/export")
	require.Equal(t, http.StatusOK, got.status)
	require.Contains(t, got.header.Get("Content-Disposition"), "attachment")
	archive, err := zip.NewReader(strings.NewReader(got.body), int64(len(got.body)))
	require.NoError(t, err)
	files := map[string][]byte{}
	for _, file := range archive.File {
		in, err := file.Open()
		require.NoError(t, err)
		files[file.Name], err = io.ReadAll(in)
		require.NoError(t, err)
	}
	require.Len(t, files, 3)
	var made customerCopy
	require.NoError(t, json.Unmarshal(files["customer.json"], &made))
	require.Equal(t, "customer@example.org", made.Address)
	require.Len(t, made.Conversations, 1)
	one := made.Conversations[0]
	require.Equal(t, "Drawing of the balcony", one.Subject)
	require.Equal(t, "closed", one.Changes[0].New)
	require.Len(t, one.Letters, 2)
	for i, text := range []string{"Here is the drawing", "the-answer-to-them"} {
		require.Contains(t, one.Letters[i].Text, text)
		m, err := message.Parse(t.Context(), files[one.Letters[i].File])
		require.NoError(t, err)
		require.Contains(t, m.Text, text)
	}
	require.NotContains(t, got.body, "This one stays")

	events := exported(t, r, audit.Filter{Event: eventHandedOut})
	require.Len(t, events, 1)
	require.Contains(t, events[0], `"address":"customer@example.org"`)
}

func exported(t *testing.T, r *running, f audit.Filter) []string {
	t.Helper()
	var lines []string
	for e, err := range r.log.Query(t.Context(), f) {
		require.NoError(t, err)
		lines = append(lines, e.String())
	}
	return lines
}

func TestErasureOfACustomer(t *testing.T) {
	r, b, at, data := withCustomer(t)
	require.Equal(t, http.StatusOK, b.get(data+"/export").status) // its event names the customer, sealed
	csrf := csrfField.FindStringSubmatch(b.page(data))[1]
	source := strings.TrimSuffix(data, "customer") + "raw"
	file := attachmentLink.FindStringSubmatch(b.page(at))[1]

	for _, wrong := range []url.Values{nil, {"confirm": {"yes"}}} {
		require.Equal(t, http.StatusUnprocessableEntity, b.post(data+"/erase", csrf, wrong).status)
	}
	got := b.post(data+"/erase", csrf, url.Values{"confirm": {"erase"}})
	require.Equal(t, http.StatusOK, got.status, got.body)
	require.Contains(t, got.body, "2 letters")
	var receipt skans.Receipt
	require.NoError(t, json.Unmarshal([]byte(html.UnescapeString(receiptText.FindStringSubmatch(got.body)[1])), &receipt))
	require.True(t, r.store.Vault().VerifyReceipt(receipt))

	t.Run("nothing can be read", func(t *testing.T) {
		page := b.page(at) + b.page("/m/mail") + b.page(at+"/history") + b.page("/m/mail/audit") + b.page("/admin/audit")
		require.Contains(t, page, erasedText)
		for _, gone := range []string{"Here is the drawing", "the-answer-to-them", "Customer Å", "customer@example.org", "Drawing of the balcony", "plan"} {
			require.NotContains(t, page, gone)
		}
		for _, path := range []string{source, file, data, data + "/export"} {
			require.Equal(t, http.StatusNotFound, b.get(path).status, path)
		}
	})

	t.Run("nor on the disk", func(t *testing.T) {
		require.NoError(t, filepath.WalkDir(r.dir, func(path string, entry os.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return err
			}
			bytesOf, err := os.ReadFile(path)
			for _, gone := range []string{"customer@example.org", "balcony", "the-answer-to-them"} {
				require.False(t, bytes.Contains(bytesOf, []byte(gone)), "%s has %s", path, gone)
			}
			return err
		}))
	})

	t.Run("log and history still verify", func(t *testing.T) {
		page := b.page("/admin/audit")
		require.Contains(t, page, "The log verifies")
		require.Contains(t, page, eventErased)
		require.Contains(t, page, receipt.Key)
		handedOut := exported(t, r, audit.Filter{Event: eventHandedOut})
		require.Len(t, handedOut, 1)
		require.Contains(t, handedOut[0], `"erased":true`)
		history := b.page(at + "/history")
		require.Contains(t, history, "The log verifies")
		require.Contains(t, history, "<td>status</td><td>(erased)</td><td>(erased)</td><td>Administrator</td>")
	})

	t.Run("again", func(t *testing.T) {
		got := b.post(data+"/erase", csrf, url.Values{"confirm": {"erase"}})
		require.Equal(t, http.StatusOK, got.status)
		require.Contains(t, got.body, receipt.Key)
	})

	t.Run("others stay, and who comes back is new", func(t *testing.T) {
		require.Contains(t, b.page("/m/mail"), "Another matter")
		r.send(t, "mail@localhost", strings.Replace(letterWithFile, "way-1", "way-3", 1))
		links := conversationLink.FindAllStringSubmatch(b.page("/m/mail"), -1)
		require.Len(t, links, 3)
		require.Contains(t, b.page(links[0][1]), "Here is the drawing")
		require.NotContains(t, b.page(at), "Here is the drawing")
	})

	t.Run("nothing is added to what is erased", func(t *testing.T) {
		require.Equal(t, http.StatusNotFound, b.post(at+"/reply", csrf, url.Values{"text": {"hello"}}).status)
		require.Equal(t, http.StatusNotFound, b.post(at+"/status", csrf, url.Values{"status": {"open"}}).status)
	})
}

// Erasure in one mailbox is that mailbox's affair: another's administrator finds nobody there.
func TestCustomersOfAnotherMailboxAreMissing(t *testing.T) {
	r := start(t, t.TempDir(), true)
	b := r.member(t, "administrator.skola@kommun.example")
	all, err := r.store.Conversations(t.Context(), "bygglov", "", 0, 1)
	require.NoError(t, err)
	letters, err := r.store.Messages(t.Context(), "bygglov", all[0].ID, 0, 100)
	require.NoError(t, err)
	csrf := csrfField.FindStringSubmatch(b.page("/account"))[1]
	for _, box := range []string{"skola", "bygglov"} {
		path := "/m/" + box + "/l/" + letters[0].ID + "/customer"
		require.Equal(t, http.StatusNotFound, b.get(path).status)
		require.Equal(t, http.StatusNotFound, b.get(path+"/export").status)
		require.Equal(t, http.StatusNotFound, b.post(path+"/erase", csrf, url.Values{"confirm": {"erase"}}).status)
	}
	again, err := r.store.Messages(t.Context(), "bygglov", all[0].ID, 0, 100)
	require.NoError(t, err)
	require.False(t, again[0].Erased)
}
