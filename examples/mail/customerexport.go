package main

import (
	"archive/zip"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/skans-go/skans/examples/mail/internal/store"
	"github.com/skans-go/skans/sanitize/headers"
)

// What a customer gets of themselves (GDPR, articles 15 and 20): customer.json, and each letter as a file beside it.
type customerCopy struct {
	Address       string             `json:"address"`
	Mailbox       string             `json:"mailbox"`
	Made          time.Time          `json:"made"`
	Conversations []conversationCopy `json:"conversations"`
}

type conversationCopy struct {
	Subject string       `json:"subject"`
	Status  string       `json:"status"`
	Updated time.Time    `json:"updated"`
	Letters []letterCopy `json:"letters"`
	Changes []changeCopy `json:"changes"`
}

type letterCopy struct {
	File        string    `json:"file"` // in this archive
	Outgoing    bool      `json:"outgoing"`
	From        string    `json:"from"`
	To          string    `json:"to"`
	Subject     string    `json:"subject"`
	Sent        time.Time `json:"sent"`
	Received    time.Time `json:"received"`
	Text        string    `json:"text"`
	HTML        string    `json:"html,omitempty"`
	Attachments []string  `json:"attachments,omitempty"` // names; the files are in the letter
}

type changeCopy struct {
	Field string    `json:"field"`
	Old   string    `json:"old"`
	New   string    `json:"new"`
	At    time.Time `json:"at"`
}

// customerExport gives everything about a customer as a download, and records first who took it.
func (a *app) customerExport(w http.ResponseWriter, r *http.Request, in assignForm) {
	c, err := a.customerOf(r, in.Box, in.ID)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	made, err := a.copyOf(r, in.Box, c)
	if err == nil {
		err = a.log.Record(r.Context(), eventHandedOut, slog.String("user", c.id), slog.String("address", c.address),
			slog.String("mailbox", in.Box), slog.Int("letters", len(c.letters)))
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	headers.Download(w, "customer"+made.Made.Format("-20060102-150405")+".zip", "application/zip")
	if err := a.writeCopy(w, r, in.Box, c, made); err != nil {
		a.errors.Print(err)
		panic(http.ErrAbortHandler) // cut off, so that half a copy does not pass for the whole
	}
}

func (a *app) copyOf(r *http.Request, box string, c customer) (customerCopy, error) {
	made := customerCopy{Address: c.address, Mailbox: box, Made: time.Now().UTC().Truncate(time.Second)}
	at := map[string]int{}
	for _, m := range c.letters {
		i, known := at[m.Conversation]
		if !known {
			one, err := a.copyOfConversation(r, box, m.Conversation)
			if err != nil {
				return made, err
			}
			i = len(made.Conversations)
			at[m.Conversation] = i
			made.Conversations = append(made.Conversations, one)
		}
		made.Conversations[i].Letters = append(made.Conversations[i].Letters, copyOfLetter(m))
	}
	return made, nil
}

func (a *app) copyOfConversation(r *http.Request, box, id string) (conversationCopy, error) {
	c, err := a.store.Conversation(r.Context(), box, id)
	if err != nil {
		return conversationCopy{}, err
	}
	one := conversationCopy{Subject: c.Subject, Status: c.Status, Updated: c.UpdatedAt().UTC()}
	for _, field := range []string{"subject", "customer", "status"} { // who it was assigned to is about somebody else
		values, err := a.valuesOf(r.Context(), id, field)
		if err != nil {
			return one, err
		}
		for _, v := range values {
			one.Changes = append(one.Changes, changeCopy{field, v.Old.String, v.New.String, v.At})
		}
	}
	return one, nil
}

func copyOfLetter(m store.Message) letterCopy {
	l := letterCopy{
		File: fileOf(m), Outgoing: m.Outgoing, From: m.Sender, To: m.Recipient, Subject: m.Subject, Sent: m.Sent.UTC(), Received: m.Received.UTC(),
		Text: m.Text, HTML: m.HTML,
	}
	for _, attached := range m.Attachments {
		l.Attachments = append(l.Attachments, attached.Name)
	}
	return l
}

// fileOf names a letter in the archive: by its id, never by anything that a stranger wrote.
func fileOf(m store.Message) string { return "letters/" + m.ID + ".eml" }

func (a *app) writeCopy(w io.Writer, r *http.Request, box string, c customer, made customerCopy) error {
	archive := zip.NewWriter(w)
	file, err := archive.Create("customer.json")
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(file)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(made); err != nil {
		return err
	}
	for _, m := range c.letters {
		raw, err := a.store.Raw(r.Context(), box, m.ID)
		if err != nil {
			return err
		}
		file, err := archive.CreateHeader(&zip.FileHeader{Name: fileOf(m), Method: zip.Deflate, Modified: m.Received})
		if err != nil {
			return err
		}
		if _, err := file.Write(raw); err != nil {
			return err
		}
	}
	return archive.Close()
}
