package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"

	"github.com/skans-go/skans/audit"
	"github.com/skans-go/skans/examples/mail/internal/store"
	"github.com/skans-go/skans/password/activation"
)

// firstAdministrator is made at the first start, so that there is somebody who can make the others.
const firstAdministrator = "admin@localhost"

// addPerson inserts a person, and whatever goes with them, with its history in one transaction.
func (a *app) addPerson(ctx context.Context, p store.Person, with func(*sql.Tx, store.Person) error) error {
	return a.store.Tx(ctx, func(tx *sql.Tx) error {
		p, err := a.store.CreatePerson(ctx, tx, p)
		if err != nil {
			return err
		}
		if err := a.history.people.Create(ctx, tx, p); err != nil {
			return err
		}
		if with == nil {
			return nil
		}
		return with(tx, p)
	})
}

// bootstrap makes the first system administrator, and a mailbox of theirs, where there is nobody yet.
func (a *app) bootstrap(ctx context.Context) error {
	people, err := a.store.SystemPeople(ctx)
	if err != nil || len(people) > 0 {
		return err
	}
	ctx = audit.WithActor(ctx, audit.Job("first start"))
	box := store.Mailbox{ID: "mail", Address: "mail@localhost", Name: "Mail"}
	first := store.Person{Name: firstAdministrator, Display: "Administrator", Backend: true, System: true}
	return a.addPerson(ctx, first, func(tx *sql.Tx, p store.Person) error {
		if err := a.store.CreateMailbox(ctx, tx, box); err != nil {
			return err
		}
		return a.addMember(ctx, tx, box.ID, p.ID, "administrator")
	})
}

// addMember gives a person a role in a mailbox, with its history.
func (a *app) addMember(ctx context.Context, tx *sql.Tx, mailbox, person, role string) error {
	member, err := a.store.AddMember(ctx, tx, mailbox, person, role)
	if err != nil {
		return err
	}
	return a.history.members.Create(ctx, tx, member)
}

// printActivations prints a link for everybody who has no password yet. The console belongs to whoever runs the server.
// Links are kept in memory, so that each start prints new ones and the old are dead.
func (a *app) printActivations(ctx context.Context, out io.Writer) error {
	people, err := a.store.People(ctx)
	if err != nil {
		return err
	}
	for _, p := range people {
		if p.Password != "" {
			continue
		}
		link, err := a.activationLink(ctx, p)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "Activate %s (once, within 48 hours):\n  %s\n", p.Name, link)
	}
	return nil
}

func (a *app) activationLink(ctx context.Context, p store.Person) (string, error) {
	key, err := a.sec.activation.Issue(ctx, activation.Activate, p.ID, p.Password)
	if err != nil {
		return "", err
	}
	return a.base + "/activate?key=" + key, nil
}
