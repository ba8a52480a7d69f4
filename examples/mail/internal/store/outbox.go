package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/skans-go/skans"
)

var (
	// ErrGivenUp says that a letter will not be tried again.
	ErrGivenUp = errors.New("store: given up")
	// ErrUnreachable says that no letter can be sent just now, so that the others need not be tried.
	ErrUnreachable = errors.New("store: nobody takes letters")
)

// outboxPurpose seals what is posted: it concerns no customer. The letter's id is bound.
const outboxPurpose = "mail.outbox"

// Post puts a letter of the program's own into the outbox. It belongs to no conversation and to nobody's mailbox.
func (s *Store) Post(ctx context.Context, raw []byte) error {
	id := NewID()
	_, err := s.db.ExecContext(ctx, "insert into outbox (id, letter) values (?, ?)", id, s.keys.Seal(raw, outboxPurpose, id))
	return err
}

// waiting is a letter in the outbox.
type waiting struct {
	id       string
	answer   bool   // of a conversation, where it stays; any other goes with its row
	customer string // whom an answer is to
	sealed   []byte
	tries    int
}

// Unsent yields what lies in the outbox to send and is due, oldest first. What sent takes is marked, and does not come
// again. What it fails at comes again later and later, until it is given up: after some five days, as RFC 5321, 4.5.4.1,
// has it, or at once where its error is [ErrGivenUp]. One letter's failure does not hold up the others, unless it is
// [ErrUnreachable].
func (s *Store) Unsent(ctx context.Context, now time.Time, sent func(id string, raw []byte) error) error {
	due, err := collect(ctx, s.db, func(row interface{ Scan(...any) error }) (waiting, error) {
		var w waiting
		err := row.Scan(&w.id, &w.answer, &w.customer, &w.sealed, &w.tries)
		return w, err
	}, `select o.id, o.message is not null, coalesce(m.customer, ''), coalesce(m.raw, o.letter), o.tries from outbox o left join message m on m.id = o.message
		where o.written = 0 and o.due <= ? order by o.rowid limit 100`, now.Unix())
	if err != nil {
		return err
	}
	var errs []error
	for _, w := range due {
		if ctx.Err() != nil {
			break
		}
		err := s.try(ctx, w, sent)
		if ctx.Err() != nil && err != nil {
			break // broken off, which is no failure of the letter
		}
		// Written down even if ctx ended while it was sent, or it would be sent again.
		errs = append(errs, s.settle(context.WithoutCancel(ctx), now, w, err))
		if errors.Is(err, ErrUnreachable) {
			break
		}
	}
	return errors.Join(errs...)
}

func (s *Store) try(ctx context.Context, w waiting, sent func(id string, raw []byte) error) error {
	raw, err := s.unseal(ctx, w)
	if errors.Is(err, skans.ErrErased) {
		return fmt.Errorf("%w: %w", ErrGivenUp, err) // whoever was erased is not written to any more
	}
	if err != nil {
		return err
	}
	return sent(w.id, raw)
}

func (s *Store) unseal(ctx context.Context, w waiting) ([]byte, error) {
	if w.answer {
		return s.openFor(ctx, w.customer, w.sealed, w.id, "raw")
	}
	return s.keys.Open(w.sealed, outboxPurpose, w.id)
}

// Waits after failures: a minute, doubling to four hours, for five days.
const (
	firstWait   = time.Minute
	longestWait = 4 * time.Hour
	mostTries   = 37
)

// settle writes down how a try ended, and returns what is to be reported.
func (s *Store) settle(ctx context.Context, now time.Time, w waiting, failure error) error {
	switch {
	case failure == nil && w.answer:
		return s.exec(ctx, "update outbox set written = 1 where id = ?", w.id)
	case failure == nil:
		return s.exec(ctx, "delete from outbox where id = ?", w.id)
	case errors.Is(failure, ErrGivenUp) || w.tries+1 >= mostTries:
		err := s.exec(ctx, "update outbox set written = 2, letter = null where id = ?", w.id)
		return errors.Join(fmt.Errorf("letter %s: %w: %w", w.id, ErrGivenUp, failure), err)
	}
	wait := longestWait
	if w.tries < 8 {
		wait = min(firstWait<<w.tries, longestWait)
	}
	err := s.exec(ctx, "update outbox set tries = tries + 1, due = ? where id = ?", now.Add(wait).Unix(), w.id)
	return errors.Join(fmt.Errorf("letter %s: %w", w.id, failure), err)
}

func (s *Store) exec(ctx context.Context, query string, args ...any) error {
	_, err := s.db.ExecContext(ctx, query, args...)
	return err
}
