package main

import (
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/skans-go/skans/examples/mail/internal/store"
	"github.com/skans-go/skans/sanitize"
	"github.com/skans-go/skans/sanitize/headers"
)

const (
	pageSize     = 25
	lettersShown = 20
)

// home shows the mailboxes that somebody is a member of.
func (a *app) home(w http.ResponseWriter, r *http.Request, _ none) {
	type row struct{ ID, Name, Address, Role string }
	person, err := a.person(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	members, err := a.store.Roles(r.Context(), person.ID)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	var rows []row
	for _, m := range members {
		box, err := a.store.Mailbox(r.Context(), m.Mailbox)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		rows = append(rows, row{box.ID, box.Name, box.Address, m.Role})
	}
	a.render(w, r, pageHome, "Mailboxes", &struct {
		page
		Mailboxes []row
	}{Mailboxes: rows})
}

// inbox lists a mailbox's conversations.
func (a *app) inbox(w http.ResponseWriter, r *http.Request, in inboxForm) {
	type row struct{ ID, Mailbox, Subject, Customer, Updated, Status, Assignee string }
	box, err := a.store.Mailbox(r.Context(), in.Box)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	found, err := a.store.Conversations(r.Context(), in.Box, in.Status, in.Page*pageSize, pageSize+1)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	view := struct {
		page
		Mailbox       store.Mailbox
		Status        string
		Conversations []row
		Newer, Older  string
	}{Mailbox: box, Status: in.Status}
	link := func(n int) string { return fmt.Sprintf("/m/%s?page=%d%s", box.ID, n, optional("&status=", in.Status)) }
	if in.Page > 0 {
		view.Newer = link(in.Page - 1)
	}
	if len(found) > pageSize {
		found, view.Older = found[:pageSize], link(in.Page+1)
	}
	for _, c := range found {
		view.Conversations = append(view.Conversations, row{
			c.ID, c.Mailbox, titleOf(c), sanitize.Line(c.Customer), when(c.UpdatedAt()), c.Status, a.nameOf(r, c.Assignee),
		})
	}
	a.render(w, r, pageInbox, box.Name, &view)
}

// letter is one message as the conversation page shows it.
type letter struct {
	ID, From, To, Sent, Problem, Text string
	Outgoing, HTML, Erased            bool
	Blocked, Pictures                 int
	Deceptive                         []string
	Attachments                       []store.Attachment
}

// conversation shows the letters of one matter.
func (a *app) conversation(w http.ResponseWriter, r *http.Request, in conversationForm) {
	c, err := a.store.Conversation(r.Context(), in.Box, in.ID)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	messages, err := a.store.Messages(r.Context(), in.Box, in.ID, in.Page*lettersShown, lettersShown+1)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	view := struct {
		page
		Earlier, Later string
		Answerable     bool
		Conversation   store.Conversation
		Assignee       string
		Remote         bool
		Letters        []letter
	}{Conversation: c, Assignee: a.nameOf(r, c.Assignee), Remote: in.Remote != "", Answerable: answerable(c)}
	if len(messages) > lettersShown {
		messages, view.Earlier = messages[1:], fmt.Sprintf("?page=%d", in.Page+1)
	}
	if in.Page > 0 {
		view.Later = fmt.Sprintf("?page=%d", in.Page-1)
	}
	for _, m := range messages {
		view.Letters = append(view.Letters, show(m, view.Remote))
	}
	a.render(w, r, pageConversation, titleOf(c), &view)
}

func show(m store.Message, remote bool) letter {
	l := letter{
		ID: m.ID, From: sanitize.Line(strings.TrimSpace(m.SenderName + " <" + m.Sender + ">")), To: sanitize.Line(m.Recipient), Sent: when(m.Sent),
		Problem: m.Problem, Text: sanitize.Text(m.Text), Outgoing: m.Outgoing, HTML: m.HTML != "",
		Erased: m.Erased,
	}
	if m.Erased {
		l.From, l.To, l.Text = erasedText, erasedText, erasedText
		return l
	}
	if l.HTML {
		_, report, _ := washer(m, remote, nil).Wash(m.HTML)
		l.Blocked, l.Pictures, l.Deceptive = report.Blocked, report.Pictures, report.Deceptive
	}
	for _, attached := range m.Attachments {
		attached.Name = sanitize.Filename(attached.Name)
		l.Attachments = append(l.Attachments, attached)
	}
	return l
}

// frame shows a letter's HTML, washed, in a document of its own that may do nothing.
func (a *app) frame(w http.ResponseWriter, r *http.Request, in conversationForm) {
	m, err := a.store.Message(r.Context(), in.Box, in.ID)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	pictures := func(cid string) (string, bool) {
		for _, attached := range m.Attachments {
			if attached.CID == cid {
				return a.picture(r, m, attached)
			}
		}
		return "", false
	}
	html, _, _ := washer(m, in.Remote != "", pictures).Wash(m.HTML) // on an error the text is shown
	sanitize.ServeFrame(w, html)
}

// maxPicture bounds one picture that is shown inside a letter.
const maxPicture = 1 << 20

// picture returns an attached picture as a data URI: a sandboxed frame's own requests would carry no cookie.
func (a *app) picture(r *http.Request, m store.Message, attached store.Attachment) (string, bool) {
	if attached.Size > maxPicture {
		return "", false
	}
	_, data, err := a.store.Attachment(r.Context(), m.Mailbox, m.ID, attached.N)
	if err != nil {
		return "", false
	}
	return sanitize.DataPicture(data, maxPicture)
}

// raw gives a letter's source as a download.
func (a *app) raw(w http.ResponseWriter, r *http.Request, in assignForm) {
	data, err := a.store.Raw(r.Context(), in.Box, in.ID)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	headers.Download(w, in.ID+".eml", "message/rfc822")
	_, _ = w.Write(data)
}

// attachment gives an attached file as a download.
func (a *app) attachment(w http.ResponseWriter, r *http.Request, in attachmentForm) {
	attached, data, err := a.store.Attachment(r.Context(), in.Box, in.ID, in.N)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	headers.Download(w, attached.Name, attached.Type)
	_, _ = w.Write(data)
}

// status opens or closes a conversation; the change and its history are one transaction.
func (a *app) status(w http.ResponseWriter, r *http.Request, in statusForm) {
	a.change(w, r, in.Box, in.ID, func(c *store.Conversation) { c.Status = in.Status })
}

// assign gives a conversation to the person who asks.
func (a *app) assign(w http.ResponseWriter, r *http.Request, in assignForm) {
	person, err := a.person(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.change(w, r, in.Box, in.ID, func(c *store.Conversation) { c.Assignee = person.ID })
}

func (a *app) change(w http.ResponseWriter, r *http.Request, box, id string, change func(*store.Conversation)) {
	err := a.store.Tx(r.Context(), func(tx *sql.Tx) error {
		return a.history.conversations.Modify(r.Context(), tx, id, func(c *store.Conversation) error {
			if c.Mailbox != box { // the policy allowed this in box and nowhere else
				return store.ErrNotFound
			}
			change(c)
			return nil
		})
	})
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.back(w, r, box, id)
}

func (a *app) back(w http.ResponseWriter, r *http.Request, box, id string) {
	http.Redirect(w, r, "/m/"+box+"/c/"+id, http.StatusSeeOther)
}

// asset serves the style sheets and scripts; that of the CAPTCHA comes with the CAPTCHA.
func (a *app) asset(w http.ResponseWriter, r *http.Request, in assetForm) {
	if in.File == captchaScript {
		a.sec.captcha.Script(w, r)
		return
	}
	file, err := webFiles.Open("web/static/" + in.File)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	defer file.Close()
	kind := "text/css; charset=utf-8"
	if strings.HasSuffix(in.File, ".js") {
		kind = "text/javascript; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "public, max-age=3600")
	_, _ = io.Copy(w, file)
}
