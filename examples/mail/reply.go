package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/examples/mail/internal/message"
	"github.com/skans-go/skans/examples/mail/internal/store"
	"github.com/skans-go/skans/validate/upload"
)

// reply stores an answer with its files and leaves its sending to the outbox.
func (a *app) reply(w http.ResponseWriter, r *http.Request, in replyForm) {
	ctx := r.Context()
	files, err := partsOf(in.Files)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	m, raw, err := a.compose(r, in, files)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	details := append(attrs("mailbox", m.Mailbox, "conversation", m.Conversation, "message", m.ID), slog.Int("files", len(files)))
	if err := a.log.Record(ctx, eventReplied, details...); err != nil {
		a.fail(w, r, err)
		return
	}
	if err := a.store.Send(ctx, m, raw, files); err != nil {
		a.fail(w, r, err)
		return
	}
	a.outbox.nudge()
	a.back(w, r, m.Mailbox, m.Conversation)
}

// compose writes the letter that answers a conversation.
func (a *app) compose(r *http.Request, in replyForm, files []message.Part) (m store.Message, raw []byte, err error) {
	ctx := r.Context()
	box, err := a.store.Mailbox(ctx, in.Box)
	if err != nil {
		return m, nil, err
	}
	c, err := a.store.Conversation(ctx, in.Box, in.ID)
	if err == nil && c.Erased {
		err = skans.ErrErased
	}
	if err != nil {
		return m, nil, err
	}
	if !answerable(c) {
		return m, nil, errNoCustomer
	}
	earlier, err := a.store.MessageIDs(ctx, in.Box, in.ID, 20)
	if err != nil {
		return m, nil, err
	}
	m = store.Message{
		ID: store.NewID(), Conversation: c.ID, Mailbox: box.ID, Sender: box.Address, SenderName: box.Name, Recipient: c.Customer,
		Subject: "Re: " + strings.TrimPrefix(subject(c.Subject), "Re: "), Sent: time.Now(), Text: in.Text,
	}
	m.MessageID = m.ID + box.Address[strings.LastIndexByte(box.Address, '@'):]
	raw, err = message.Compose(message.Outgoing{
		MessageID: m.MessageID, FromName: box.Name, From: box.Address, To: c.Customer, Subject: m.Subject, Text: in.Text,
		References: references(earlier), Date: m.Sent, Files: files,
	})
	return m, raw, err
}

// partsOf reads the uploaded files, which wait in the clear, so that they are stored sealed; when the handler returns,
// they are removed.
func partsOf(files []*upload.File) ([]message.Part, error) {
	var parts []message.Part
	for _, file := range files {
		data, err := readFile(file)
		if err != nil {
			return nil, err
		}
		parts = append(parts, message.Part{Name: file.Name(), Type: file.Type(), Data: data})
	}
	return parts, nil
}

func readFile(file *upload.File) ([]byte, error) {
	content, err := file.Open()
	if err != nil {
		return nil, err
	}
	defer content.Close()
	return io.ReadAll(content)
}

// errNoCustomer says that a letter came without an address to answer to; its page has no form for one.
var errNoCustomer = fmt.Errorf("%w: a sender that can be answered", store.ErrNotFound)

func answerable(c store.Conversation) bool {
	_, err := mail.ParseAddress(c.Customer)
	return err == nil && !c.Erased
}

// references are the ids that other programs can read: an id with blanks or brackets would be taken for several.
func references(earlier []string) []string {
	return slices.DeleteFunc(earlier, func(id string) bool { return id == "" || strings.ContainsAny(id, " <>\r\n") })
}
