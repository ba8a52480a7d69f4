package store

import (
	"context"
	"database/sql"
	"time"
)

// A Person signs in with Name, an e-mail address in lower case.
type Person struct {
	ID       string `db:"id" audit:"key"`
	Name     string `db:"name" audit:"track"`
	Display  string `db:"display" audit:"track"`
	Password string `db:"password" audit:"changed"`
	Backend  bool   `db:"backend" audit:"track"`
	System   bool   `db:"system" audit:"track"`
	Disabled bool   `db:"disabled" audit:"track"`
	Created  int64  `db:"created"`
}

// A Member is a person's role in one mailbox.
type Member struct {
	ID      string `db:"id" audit:"key"`
	Mailbox string `db:"mailbox"`
	Person  string `db:"person"`
	Role    string `db:"role" audit:"track"`
}

// A Mailbox is one shared address.
type Mailbox struct {
	ID, Address, Name string
}

const personColumns = "id, name, display, password, backend, system, disabled, created"

func scanPerson(row interface{ Scan(...any) error }) (Person, error) {
	var p Person
	err := row.Scan(&p.ID, &p.Name, &p.Display, &p.Password, &p.Backend, &p.System, &p.Disabled, &p.Created)
	return p, one(err)
}

// CreatePerson inserts a person; ID and Created are filled in.
func (s *Store) CreatePerson(ctx context.Context, tx *sql.Tx, p Person) (Person, error) {
	p.ID, p.Created = NewID(), time.Now().Unix()
	_, err := tx.ExecContext(ctx, "insert into person ("+personColumns+") values (?, ?, ?, ?, ?, ?, ?, ?)",
		p.ID, p.Name, p.Display, p.Password, p.Backend, p.System, p.Disabled, p.Created)
	return p, err
}

// PersonByName finds whom a name signs in.
func (s *Store) PersonByName(ctx context.Context, name string) (Person, error) {
	return scanPerson(s.db.QueryRowContext(ctx, "select "+personColumns+" from person where name = ?", name))
}

// Person finds a person by id.
func (s *Store) Person(ctx context.Context, id string) (Person, error) {
	return scanPerson(s.db.QueryRowContext(ctx, "select "+personColumns+" from person where id = ?", id))
}

// People returns everybody, by name.
func (s *Store) People(ctx context.Context) ([]Person, error) {
	return collect(ctx, s.db, scanPerson, "select "+personColumns+" from person order by name")
}

// SystemPeople returns the system administrators.
func (s *Store) SystemPeople(ctx context.Context) ([]Person, error) {
	return collect(ctx, s.db, scanPerson, "select "+personColumns+" from person where system = 1 order by name")
}

// AddMember gives a person a role in a mailbox where they have none yet.
func (s *Store) AddMember(ctx context.Context, tx *sql.Tx, mailbox, person, role string) (Member, error) {
	m := Member{ID: mailbox + "/" + person, Mailbox: mailbox, Person: person, Role: role}
	_, err := tx.ExecContext(ctx, "insert into member (id, mailbox, person, role) values (?, ?, ?, ?)", m.ID, m.Mailbox, m.Person, m.Role)
	return m, err
}

// Roles returns a person's memberships.
func (s *Store) Roles(ctx context.Context, person string) ([]Member, error) {
	return collect(ctx, s.db, scanMember, "select id, mailbox, person, role from member where person = ? order by mailbox", person)
}

// Members returns a mailbox's members.
func (s *Store) Members(ctx context.Context, mailbox string) ([]Member, error) {
	return collect(ctx, s.db, scanMember, "select id, mailbox, person, role from member where mailbox = ? order by person", mailbox)
}

func scanMember(row interface{ Scan(...any) error }) (Member, error) {
	var m Member
	err := row.Scan(&m.ID, &m.Mailbox, &m.Person, &m.Role)
	return m, err
}

// CreateMailbox inserts a mailbox.
func (s *Store) CreateMailbox(ctx context.Context, tx *sql.Tx, m Mailbox) error {
	_, err := tx.ExecContext(ctx, "insert into mailbox (id, address, name) values (?, ?, ?)", m.ID, m.Address, m.Name)
	return err
}

// Mailboxes returns all mailboxes, by name.
func (s *Store) Mailboxes(ctx context.Context) ([]Mailbox, error) {
	return collect(ctx, s.db, scanMailbox, "select id, address, name from mailbox order by name")
}

// Mailbox finds a mailbox by id.
func (s *Store) Mailbox(ctx context.Context, id string) (Mailbox, error) {
	m, err := scanMailbox(s.db.QueryRowContext(ctx, "select id, address, name from mailbox where id = ?", id))
	return m, one(err)
}

// MailboxByAddress finds a mailbox by its address in lower case.
func (s *Store) MailboxByAddress(ctx context.Context, address string) (Mailbox, error) {
	m, err := scanMailbox(s.db.QueryRowContext(ctx, "select id, address, name from mailbox where address = ?", address))
	return m, one(err)
}

func scanMailbox(row interface{ Scan(...any) error }) (Mailbox, error) {
	var m Mailbox
	err := row.Scan(&m.ID, &m.Address, &m.Name)
	return m, err
}

// collect runs a query and returns all its rows.
func collect[T any](ctx context.Context, db *sql.DB, scan func(interface{ Scan(...any) error }) (T, error), query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		item, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	return all, rows.Err()
}
