package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/examples/mail/internal/message"
)

// A Conversation is what one customer and the mailbox wrote each other about one matter.
type Conversation struct {
	ID       string `db:"id" audit:"key"`
	Mailbox  string `db:"mailbox"`
	Subject  string `db:"subject" audit:"track"`
	Customer string `db:"customer" audit:"track"`
	Who      string `db:"customer_id" audit:"subject"` // under whom all values are sealed
	Status   string `db:"status" audit:"track"`
	Assignee string `db:"assignee" audit:"track"`
	Updated  int64  `db:"updated"`
	Erased   bool   // the customer was
}

// UpdatedAt is when the last letter came or went.
func (c Conversation) UpdatedAt() time.Time { return time.Unix(c.Updated, 0) }

// A Message is one letter, without its attachments' bytes.
type Message struct {
	ID, Conversation, Mailbox string
	Customer                  string // id of who wrote or gets it
	Erased                    bool   // the customer was, and with them what the letter said
	Outgoing                  bool
	MessageID                 string
	Sender, SenderName        string
	Recipient, Subject        string
	Sent, Received            time.Time
	Problem                   string // why it could not be read fully; empty if it could
	Text, HTML                string
	Attachments               []Attachment
}

// An Attachment of a message. Name and Type are what the sender claims.
type Attachment struct {
	N               int
	Name, Type, CID string
	Size            int
}

// Deliver stores one letter for one mailbox: raw as it arrived, below the trace lines of this server, and what could be
// read of it. When it returns, the letter is on disk. The same bytes for the same mailbox are stored once; fresh says whether they were new. (The digest of
// the whole letter decides, not its Message-ID: that one is the sender's to choose, and who can guess it could otherwise
// make a letter vanish that is still to come.)
func (s *Store) Deliver(ctx context.Context, mailbox string, trace, raw []byte, m message.Message) (id string, fresh bool, err error) {
	id = NewID()
	sum := sha256.Sum256(raw)
	digest := s.keys.MAC("mail.digest", mailbox, string(sum[:]))
	customer, err := s.customer(ctx, mailbox, m.From)
	if err != nil {
		return "", false, err
	}
	l, err := s.sealLetter(ctx, Message{
		ID: id, Customer: customer, Mailbox: mailbox, MessageID: m.MessageID, Sender: m.From, SenderName: m.FromName,
		Recipient: m.To, Subject: m.Subject, Sent: m.Date, Received: time.Now(), Problem: m.Problem, Text: m.Text, HTML: m.HTML,
	}, slices.Concat(trace, raw), m.Parts)
	if err != nil {
		return "", false, err
	}
	err = s.Tx(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, "select id from message where mailbox = ? and digest = ?", mailbox, digest).Scan(&id)
		if err == nil {
			return nil
		}
		if one(err) != ErrNotFound {
			return err
		}
		fresh = true
		if l.Conversation, err = s.thread(ctx, tx, mailbox, customer, m); err != nil {
			return err
		}
		return l.insert(ctx, tx, digest)
	})
	return id, fresh && err == nil, err
}

// thread finds the conversation that a letter answers, or begins one.
func (s *Store) thread(ctx context.Context, tx *sql.Tx, mailbox, customer string, m message.Message) (string, error) {
	for _, ref := range m.References {
		var id string
		err := tx.QueryRowContext(ctx, "select conversation from message where mailbox = ? and message_id = ? and message_id <> '' limit 1", mailbox, ref).Scan(&id)
		if one(err) == ErrNotFound {
			continue
		}
		if err != nil {
			return "", err
		}
		_, err = tx.ExecContext(ctx, "update conversation set updated = ? where id = ?", time.Now().Unix(), id)
		return id, err
	}
	id := NewID()
	_, err := tx.ExecContext(ctx, "insert into conversation (id, mailbox, subject, customer, customer_id, updated) values (?, ?, ?, ?, ?, ?)",
		id, mailbox, m.Subject, m.From, customer, time.Now().Unix())
	return id, err
}

// A letter is a message as it is stored.
type letter struct {
	Message
	text, html, raw []byte
	parts           []message.Part // with sealed data
	sizes           []int
}

// sealLetter seals what a letter says under its customer.
func (s *Store) sealLetter(ctx context.Context, m Message, raw []byte, parts []message.Part) (l letter, err error) {
	l.Message = m
	seal := func(plain []byte, part string) (sealed []byte) {
		if err == nil {
			sealed, err = s.sealFor(ctx, m.Customer, plain, m.ID, part)
		}
		return sealed
	}
	l.text, l.html, l.raw = seal([]byte(m.Text), "text"), seal([]byte(m.HTML), "html"), seal(raw, "raw")
	for n, p := range parts {
		l.sizes = append(l.sizes, len(p.Data))
		p.Data = seal(p.Data, partName(n))
		l.parts = append(l.parts, p)
	}
	return l, err
}

func partName(n int) string { return "part" + strconv.Itoa(n) }

func (m letter) insert(ctx context.Context, tx *sql.Tx, digest []byte) error {
	if err := here(ctx, tx, m.Customer); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `insert into message (id, conversation, mailbox, customer, outgoing, digest, message_id, sender, sender_name,
		recipient, subject, sent, received, problem, text_body, html_body, raw) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		m.ID, m.Conversation, m.Mailbox, m.Customer, m.Outgoing, digest, m.MessageID, m.Sender, m.SenderName, m.Recipient, m.Subject,
		m.Sent.Unix(), m.Received.UnixNano(), m.Problem, m.text, m.html, m.raw)
	if err != nil {
		return err
	}
	for n, p := range m.parts {
		_, err := tx.ExecContext(ctx, "insert into attachment (message, n, name, type, cid, size, data) values (?, ?, ?, ?, ?, ?, ?)",
			m.ID, n, p.Name, p.Type, p.CID, m.sizes[n], p.Data)
		if err != nil {
			return err
		}
	}
	return nil
}

// Send stores an answer with its files in a conversation and puts it into the outbox, all or nothing.
func (s *Store) Send(ctx context.Context, m Message, raw []byte, files []message.Part) error {
	err := s.db.QueryRowContext(ctx, "select customer_id from conversation where id = ? and mailbox = ?", m.Conversation, m.Mailbox).Scan(&m.Customer)
	if err != nil {
		return one(err)
	}
	m.Outgoing, m.Received = true, time.Now()
	l, err := s.sealLetter(ctx, m, raw, files)
	if err != nil {
		return err
	}
	return s.Tx(ctx, func(tx *sql.Tx) error {
		if err := changed(tx.ExecContext(ctx, "update conversation set updated = ? where id = ? and mailbox = ?",
			m.Received.Unix(), m.Conversation, m.Mailbox)); err != nil {
			return err
		}
		if err := l.insert(ctx, tx, nil); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "insert into outbox (id, message) values (?, ?)", m.ID, m.ID)
		return err
	})
}

const conversationColumns = `id, mailbox, subject, customer, customer_id, status, assignee, updated,
	not exists (select 1 from customer where customer.id = customer_id)`

func scanConversation(row interface{ Scan(...any) error }) (Conversation, error) {
	var c Conversation
	err := row.Scan(&c.ID, &c.Mailbox, &c.Subject, &c.Customer, &c.Who, &c.Status, &c.Assignee, &c.Updated, &c.Erased)
	return c, one(err)
}

// Conversations returns a page of a mailbox's conversations, the latest first. An empty status means any.
func (s *Store) Conversations(ctx context.Context, mailbox, status string, offset, limit int) ([]Conversation, error) {
	return collect(ctx, s.db, scanConversation, "select "+conversationColumns+` from conversation
		where mailbox = ? and (? = '' or status = ?) order by updated desc, rowid desc limit ? offset ?`, mailbox, status, status, limit, offset)
}

// Conversation finds a conversation of a mailbox; another mailbox's is ErrNotFound.
func (s *Store) Conversation(ctx context.Context, mailbox, id string) (Conversation, error) {
	return scanConversation(s.db.QueryRowContext(ctx, "select "+conversationColumns+" from conversation where id = ? and mailbox = ?", id, mailbox))
}

const messageColumns = "id, conversation, mailbox, customer, outgoing, message_id, sender, sender_name, recipient, subject, sent, received, problem, text_body, html_body"

func (s *Store) scanMessage(ctx context.Context, row interface{ Scan(...any) error }) (Message, error) {
	var m Message
	var sent, received int64
	var text, html []byte
	err := row.Scan(&m.ID, &m.Conversation, &m.Mailbox, &m.Customer, &m.Outgoing, &m.MessageID, &m.Sender, &m.SenderName, &m.Recipient, &m.Subject,
		&sent, &received, &m.Problem, &text, &html)
	if err != nil {
		return m, one(err)
	}
	m.Sent, m.Received = time.Unix(sent, 0), time.Unix(0, received)
	plainText, err := s.openFor(ctx, m.Customer, text, m.ID, "text")
	if errors.Is(err, skans.ErrErased) {
		m.Erased = true
		return m, nil
	}
	plainHTML, errHTML := s.openFor(ctx, m.Customer, html, m.ID, "html")
	m.Text, m.HTML = string(plainText), string(plainHTML)
	return m, errors.Join(err, errHTML)
}

// Messages returns letters of a conversation with the list of their attachments, the oldest first: at most limit of them, and the
// latest but those that offset skips. Whoever writes often must not make a page that nobody can open.
func (s *Store) Messages(ctx context.Context, mailbox, conversation string, offset, limit int) ([]Message, error) {
	latest, err := s.messages(ctx, "conversation = ? and mailbox = ? order by received desc limit ? offset ?", conversation, mailbox, limit, offset)
	slices.Reverse(latest)
	return latest, err
}

// MessageIDs returns the Message-IDs of a conversation's latest letters, the oldest first.
func (s *Store) MessageIDs(ctx context.Context, mailbox, conversation string, limit int) ([]string, error) {
	ids, err := collect(ctx, s.db, func(row interface{ Scan(...any) error }) (string, error) {
		var id string
		err := row.Scan(&id)
		return id, err
	}, "select message_id from message where conversation = ? and mailbox = ? order by received desc limit ?", conversation, mailbox, limit)
	slices.Reverse(ids)
	return ids, err
}

func (s *Store) messages(ctx context.Context, where string, args ...any) ([]Message, error) {
	scan := func(row interface{ Scan(...any) error }) (Message, error) { return s.scanMessage(ctx, row) }
	all, err := collect(ctx, s.db, scan, "select "+messageColumns+" from message where "+where, args...)
	for i := range all {
		if err == nil {
			all[i].Attachments, err = s.attachments(ctx, all[i].ID)
		}
	}
	return all, err
}

// Message finds one letter of a mailbox; another mailbox's is ErrNotFound.
func (s *Store) Message(ctx context.Context, mailbox, id string) (Message, error) {
	m, err := s.scanMessage(ctx, s.db.QueryRowContext(ctx, "select "+messageColumns+" from message where id = ? and mailbox = ?", id, mailbox))
	if err != nil {
		return Message{}, err
	}
	m.Attachments, err = s.attachments(ctx, id)
	return m, err
}

func (s *Store) attachments(ctx context.Context, id string) ([]Attachment, error) {
	return collect(ctx, s.db, func(row interface{ Scan(...any) error }) (Attachment, error) {
		var a Attachment
		err := row.Scan(&a.N, &a.Name, &a.Type, &a.CID, &a.Size)
		return a, err
	}, "select n, name, type, cid, size from attachment where message = ? order by n", id)
}

// Raw returns the letter's bytes as they arrived.
func (s *Store) Raw(ctx context.Context, mailbox, id string) ([]byte, error) {
	var sealed []byte
	var customer string
	err := s.db.QueryRowContext(ctx, "select customer, raw from message where id = ? and mailbox = ?", id, mailbox).Scan(&customer, &sealed)
	if err != nil {
		return nil, one(err)
	}
	return s.openFor(ctx, customer, sealed, id, "raw")
}

// Attachment returns an attachment of a letter of a mailbox and its bytes.
func (s *Store) Attachment(ctx context.Context, mailbox, id string, n int) (Attachment, []byte, error) {
	var a Attachment
	var sealed []byte
	var customer string
	err := s.db.QueryRowContext(ctx, `select m.customer, a.n, a.name, a.type, a.cid, a.size, a.data from attachment a join message m on m.id = a.message
		where m.id = ? and m.mailbox = ? and a.n = ?`, id, mailbox, n).Scan(&customer, &a.N, &a.Name, &a.Type, &a.CID, &a.Size, &sealed)
	if err != nil {
		return Attachment{}, nil, one(err)
	}
	data, err := s.openFor(ctx, customer, sealed, id, partName(n))
	return a, data, err
}
