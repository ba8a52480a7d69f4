package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// eventList is the part of an audit page that lists what the filter chose.
func eventList(page string) string {
	_, list, _ := strings.Cut(page, "<th>What</th>")
	return list
}

func TestAuditFilter(t *testing.T) {
	r := start(t, t.TempDir(), true)
	r.send(t, "skola@kommun.example", letterWithFile)
	b := r.member(t, firstAdministrator)
	other := r.member(t, "editor.skola@kommun.example")
	require.Equal(t, http.StatusOK, other.get("/m/skola").status)
	today := time.Now().UTC()
	day := func(n int) string { return today.AddDate(0, 0, n).Format(time.DateOnly) }
	const delivered, granted = "<td>mail.delivered</td>", "<td>signin.granted</td>"
	for name, test := range map[string]struct {
		query      string
		has, hasNo []string
	}{
		"nothing":              {"", []string{delivered, granted}, []string{"<td>usage"}},
		"what a browser sends": {"class=&event=&person=&from=&until=", []string{delivered, granted}, nil},
		"class":                {"class=mail", []string{delivered}, []string{granted}},
		"page views":           {"class=usage", []string{"<td>usage"}, []string{delivered}},
		"event":                {"event=signin.granted", []string{granted}, []string{delivered}},
		"beginning of events":  {"event=signin", []string{granted}, []string{delivered}},
		"person":               {"event=signin.granted&person=Editor.skola@kommun.example", []string{granted, "Schools, editor"}, []string{"<td>Administrator</td>"}},
		"nobody":               {"person=nobody@kommun.example", nil, []string{"<td>"}},
		"today":                {"from=" + day(-1) + "&until=" + day(0), []string{delivered, granted}, nil},
		"before today":         {"until=" + day(-2), nil, []string{"<td>"}},
		"from tomorrow on":     {"from=" + day(2), nil, []string{"<td>"}},
	} {
		t.Run(name, func(t *testing.T) {
			list := eventList(b.page("/admin/audit?" + strings.ToLower(test.query)))
			for _, text := range test.has {
				require.Contains(t, list, text)
			}
			for _, text := range test.hasNo {
				require.NotContains(t, list, text)
			}
		})
	}
	for name, query := range map[string]string{
		"no date": "from=yesterday", "no such day": "until=2026-02-30", "markup": "class=" + url.QueryEscape(`"><script>`), "unknown": "where=1", "twice": "event=a&event=b",
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, http.StatusUnprocessableEntity, b.get("/admin/audit?"+query).status)
		})
	}
}

// A mailbox's administrator sees and exports that mailbox's events, whatever the filter says.
func TestAuditExportStaysInItsMailbox(t *testing.T) {
	r := start(t, t.TempDir(), true)
	b := r.member(t, "administrator.skola@kommun.example")
	got := b.get("/m/skola/audit/export?format=ndjson")
	require.Equal(t, http.StatusOK, got.status)
	require.Contains(t, got.header.Get("Content-Disposition"), `attachment; filename=`)
	lines := 0
	for scan := bufio.NewScanner(strings.NewReader(got.body)); scan.Scan(); lines++ {
		var e struct {
			Event string
			Attrs struct{ Mailbox, Tenant string }
		}
		require.NoError(t, json.Unmarshal(scan.Bytes(), &e))
		require.Contains(t, []string{e.Attrs.Mailbox, e.Attrs.Tenant}, "skola", e.Event)
	}
	require.GreaterOrEqual(t, lines, 20)
	require.Contains(t, got.body, eventExported, "taking events away is itself an event, and recorded before")

	require.Contains(t, b.get("/m/skola/audit/export?format=cef").body, "CEF:0|")
	ocsf := b.get("/m/skola/audit/export?format=ocsf&event=mail.delivered").body
	require.Contains(t, ocsf, `"class_uid"`)
	require.NotContains(t, ocsf, eventExported)
	require.Equal(t, http.StatusUnprocessableEntity, b.get("/m/skola/audit/export?format=xml").status)
	require.Equal(t, http.StatusNotFound, b.get("/m/bygglov/audit/export?format=ndjson").status)
	require.NotEqual(t, http.StatusOK, b.get("/admin/audit/export?format=ndjson").status)

	everywhere := r.member(t, firstAdministrator).get("/admin/audit/export?format=ndjson&class=mail").body
	require.Contains(t, everywhere, `"mailbox":"skola"`)
	require.Contains(t, everywhere, `"mailbox":"bygglov"`)
}

func TestFieldHistoryOfAConversation(t *testing.T) {
	r := start(t, t.TempDir(), false)
	r.send(t, "mail@localhost", letterWithFile)
	b := r.member(t, firstAdministrator)
	at := conversationLink.FindStringSubmatch(b.page("/m/mail"))[1]
	require.Contains(t, b.page(at), `href="`+at+`/history"`)
	require.Contains(t, b.page(at+"/history"), "Nothing was changed")
	for _, status := range []string{"closed", "open"} {
		require.Equal(t, http.StatusSeeOther, b.submit(at, at+"/status", url.Values{"status": {status}}).status)
	}
	require.Equal(t, http.StatusSeeOther, b.submit(at, at+"/assign", nil).status)
	page := b.page(at + "/history")
	require.Contains(t, page, "<td>status</td><td>open</td><td>closed</td><td>Administrator</td>")
	require.Contains(t, page, "<td>status</td><td>closed</td><td>open</td><td>Administrator</td>")
	require.Contains(t, page, "<td>assignee</td><td></td><td>Administrator</td><td>Administrator</td>")
	require.Contains(t, page, "The log verifies")
	require.Equal(t, http.StatusNotFound, b.get("/m/mail/c/nosuch/history").status)
}

// Whoever changes a byte of the log, or a row of the history, is told on every audit page.
func TestAuditPagesNameTheFirstBadRecord(t *testing.T) {
	t.Run("log", func(t *testing.T) {
		r := start(t, t.TempDir(), false)
		r.send(t, "mail@localhost", letterWithFile)
		b := r.member(t, firstAdministrator)
		require.NoError(t, r.log.Seal())
		segments, err := filepath.Glob(filepath.Join(r.logDir, "mail", "*"))
		require.NoError(t, err)
		data, err := os.ReadFile(segments[0])
		require.NoError(t, err)
		data[len(data)-20] ^= 1
		require.NoError(t, os.WriteFile(segments[0], data, 0o600))
		for _, path := range []string{"/admin/audit", "/m/mail/audit", "/admin/audit?class=signin"} {
			page := b.page(path)
			require.Contains(t, page, "does not verify. First bad record: mail 2", path)
		}
		require.Contains(t, b.page("/admin/audit?class=signin"), "<td>signin.granted</td>", "what is whole is still shown")
	})
	t.Run("field history", func(t *testing.T) {
		r := start(t, t.TempDir(), false)
		r.send(t, "mail@localhost", letterWithFile)
		b := r.member(t, firstAdministrator)
		at := conversationLink.FindStringSubmatch(b.page("/m/mail"))[1]
		require.Equal(t, http.StatusSeeOther, b.submit(at, at+"/status", url.Values{"status": {"closed"}}).status)
		require.Eventually(t, func() bool {
			var open int
			err := r.store.DB().QueryRow("select count(*) from skans_history where batch is null").Scan(&open)
			return err == nil && open == 0
		}, 20*time.Second, 50*time.Millisecond, "sealed by the upkeep")
		_, err := r.store.DB().Exec("drop trigger skans_history_fixed; update skans_history set actor = 'somebody' where field = 'status'")
		require.NoError(t, err)
		require.Contains(t, b.page(at+"/history"), "First bad record: field history, batch ")
	})
}
