package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/skans-go/skans"
)

// What a mailbox keeps about a customer is sealed under an id that says nothing about them. Whoever was erased and writes
// again gets another one.

// findCustomer finds the id of an address in a mailbox.
func (s *Store) findCustomer(ctx context.Context, mailbox, address string) (id string, digest []byte, err error) {
	digests := s.vault.Index("mail.customer", []byte(mailbox+"\n"+strings.ToLower(strings.TrimSpace(address))))
	args := make([]any, len(digests))
	for i := range digests {
		args[i] = digests[i]
	}
	err = s.db.QueryRowContext(ctx, "select id from customer where digest in (?"+strings.Repeat(", ?", len(args)-1)+")", args...).Scan(&id)
	return id, digests[0], one(err)
}

// customer is findCustomer, and makes an id for who was not seen before.
func (s *Store) customer(ctx context.Context, mailbox, address string) (string, error) {
	id, digest, err := s.findCustomer(ctx, mailbox, address)
	if err != ErrNotFound {
		return id, err
	}
	_, err = s.db.ExecContext(ctx, "insert into customer (id, mailbox, digest) values (?, ?, ?) on conflict (digest) do nothing", NewID(), mailbox, digest)
	if err != nil {
		return "", err
	}
	err = s.db.QueryRowContext(ctx, "select id from customer where digest = ?", digest).Scan(&id)
	return id, one(err)
}

// sealFor seals a part of a letter under the customer; message id and part are bound. It is called outside of transactions:
// the first value of a customer writes their key.
func (s *Store) sealFor(ctx context.Context, customer string, plain []byte, message, part string) ([]byte, error) {
	sealed, err := s.vault.Seal(ctx, skans.At{Subject: customer, Table: "message", Column: part, Row: message}, plain)
	if err != nil {
		return nil, fmt.Errorf("store: seal message: %w", err)
	}
	return sealed, nil
}

func (s *Store) openFor(ctx context.Context, customer string, sealed []byte, message, part string) ([]byte, error) {
	plain, err := s.vault.Open(ctx, skans.At{Subject: customer, Table: "message", Column: part, Row: message}, sealed)
	if err != nil {
		return nil, fmt.Errorf("store: message %s, %s: %w", message, part, err)
	}
	return plain, nil
}

// CustomerLetters returns every letter of a mailbox that a customer wrote or got, the oldest first.
func (s *Store) CustomerLetters(ctx context.Context, mailbox, customer string) ([]Message, error) {
	return s.messages(ctx, "mailbox = ? and customer = ? order by received", mailbox, customer)
}

// Erase destroys the key of a customer, and with it what letters say wherever they were copied to, and removes from the
// tables what stood there in the clear. It returns the receipt and the ids of the letters. The key goes first: after
// anything goes wrong, call it again.
func (s *Store) Erase(ctx context.Context, mailbox, customer string) (skans.Receipt, []string, error) {
	receipt, err := s.vault.Erase(ctx, customer)
	if err != nil {
		return skans.Receipt{}, nil, err
	}
	letters, err := collect(ctx, s.db, func(row interface{ Scan(...any) error }) (id string, err error) {
		err = row.Scan(&id)
		return id, err
	}, "select id from message where customer = ? and mailbox = ?", customer, mailbox)
	if err != nil {
		return skans.Receipt{}, nil, err
	}
	if err := s.forget(ctx, customer); err != nil {
		return skans.Receipt{}, nil, err
	}
	return receipt, letters, nil
}

// forget removes what stands in the tables in the clear about a customer whose key was destroyed.
func (s *Store) forget(ctx context.Context, customer string) error {
	err := s.Tx(ctx, func(tx *sql.Tx) error {
		for _, statement := range []string{
			"delete from outbox where message in (select id from message where customer = ?)",
			"update attachment set name = '', type = '', cid = '' where message in (select id from message where customer = ?)",
			"update message set sender = '', sender_name = '', recipient = '', subject = '', message_id = '', problem = '' where customer = ?",
			"update conversation set subject = '', customer = '' where customer_id = ?",
			"delete from customer where id = ?",
		} {
			if _, err := tx.ExecContext(ctx, statement, customer); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.flush(ctx)
}

// finishErasures forgets the customers whose key was destroyed just before a crash.
func (s *Store) finishErasures(ctx context.Context) error {
	half, err := collect(ctx, s.db, func(row interface{ Scan(...any) error }) (id string, err error) {
		err = row.Scan(&id)
		return id, err
	}, "select customer.id from customer join subject_key on subject_key.subject = customer.id where subject_key.erased <> 0")
	for _, customer := range half {
		if err == nil {
			err = s.forget(ctx, customer)
		}
	}
	return err
}

// here fails for a customer who was erased since their letter was sealed: its names and addresses must not be stored.
func here(ctx context.Context, tx *sql.Tx, customer string) error {
	var n int
	if err := tx.QueryRowContext(ctx, "select count(*) from customer where id = ?", customer).Scan(&n); err != nil {
		return err
	}
	if n == 0 {
		return skans.ErrErased
	}
	return nil
}
