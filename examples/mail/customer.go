package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/examples/mail/internal/store"
	"github.com/skans-go/skans/sanitize"
)

// A customer is found by one of their letters, so that no address stands in a URL.
type customer struct {
	id, address string
	letters     []store.Message
}

// customerOf finds who wrote or got a letter, and all their letters. Whoever was erased is missing.
func (a *app) customerOf(r *http.Request, box, id string) (customer, error) {
	m, err := a.store.Message(r.Context(), box, id)
	if err != nil {
		return customer{}, err
	}
	if m.Erased {
		return customer{}, skans.ErrErased
	}
	c := customer{id: m.Customer, address: m.Sender}
	if m.Outgoing {
		c.address = m.Recipient
	}
	c.letters, err = a.store.CustomerLetters(r.Context(), box, m.Customer)
	return c, err
}

// customer shows what can be done for a customer who asks for their data, or for its end.
func (a *app) customer(w http.ResponseWriter, r *http.Request, in assignForm) {
	c, err := a.customerOf(r, in.Box, in.ID)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.render(w, r, pageCustomer, "Customer's data", &struct {
		page
		Mailbox, Conversation, Address, Path string
		Letters                              int
	}{
		Mailbox: in.Box, Conversation: c.letters[0].Conversation, Address: sanitize.Line(c.address), Path: "/m/" + in.Box + "/l/" + in.ID + "/customer",
		Letters: len(c.letters),
	})
}

// erase makes a customer's letters unreadable for good and shows the receipt. The vault records the end of the key before
// anything else is done; the last event says in which mailbox, and how many letters it were. Done twice, for instance
// after a crash half-way, it gives the same receipt.
func (a *app) erase(w http.ResponseWriter, r *http.Request, in eraseForm) {
	m, err := a.store.Message(r.Context(), in.Box, in.ID)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	receipt, letters, err := a.store.Erase(r.Context(), in.Box, m.Customer)
	if err == nil {
		err = a.removeSent(letters)
	}
	if err == nil {
		err = a.log.Record(r.Context(), eventErased, slog.String("mailbox", in.Box), slog.String("customer", receipt.Subject),
			slog.String("key", receipt.Key), slog.Time("erased", receipt.Erased), slog.Int("letters", len(letters)))
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	text, err := json.MarshalIndent(receipt, "", "  ")
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.render(w, r, pageErased, "Erased", &struct {
		page
		Mailbox, Receipt string
		Letters          int
	}{Mailbox: in.Box, Receipt: string(text), Letters: len(letters)})
}

// removeSent removes the files of answers, which the outbox wrote in the clear.
func (a *app) removeSent(letters []string) error {
	var errs []error
	for _, id := range letters {
		if err := os.Remove(filepath.Join(a.outbox.dir, id+".eml")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
