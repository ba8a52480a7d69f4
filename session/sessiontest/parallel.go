package sessiontest

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session"
)

func newCancelled() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx, cancel
}

// crowd is how many try at once.
const crowd = 50

func (s *suite) parallelLimit() {
	records := make([]session.Record, crowd)
	for i := range records {
		records[i] = s.record("anna")
	}
	for _, err := range together(crowd, func(i int) error {
		_, err := s.store.Create(s.Context(), records[i], 1, s.now)
		return err
	}) {
		s.ok(err)
	}
	s.oneLeft(records)
}

// oneLeft demands that one of the records is live, by every way to look.
func (s *suite) oneLeft(records []session.Record) {
	s.Helper()
	require.Len(s, s.user("anna"), 1)
	live := 0
	for _, r := range records {
		if _, err := s.store.Load(s.Context(), r.ID, s.now); err == nil {
			live++
		} else {
			require.ErrorIs(s, err, session.ErrNotFound)
		}
	}
	require.Equal(s, 1, live)
}

func (s *suite) parallelRotateLimit() {
	records := make([]session.Record, crowd)
	for i := range records {
		records[i] = s.record("")
		s.create(records[i], 0)
	}
	for _, err := range together(crowd, func(i int) error {
		r := records[i]
		r.User, r.Generation, r.Version = "anna", 2, 2
		_, err := s.store.Rotate(s.Context(), r, 1, 1, s.now)
		return err
	}) {
		s.ok(err)
	}
	s.oneLeft(records)
}

func (s *suite) parallelPatch() {
	r := s.record("anna")
	s.create(r, 0)
	won := s.winner(together(crowd, func(i int) error {
		return s.store.Patch(s.Context(), r.ID, 1, session.Change{Seen: r.Seen, Expires: r.Expires, Data: string(rune('a' + i))}, s.now)
	}), session.ErrConflict)
	r.Version, r.Data = 2, string(rune('a'+won))
	s.stored(r)
}

func (s *suite) parallelRotate() {
	r := s.record("")
	s.create(r, 0)
	won := s.winner(together(crowd, func(i int) error {
		next := r
		next.User, next.Generation, next.Version, next.Data = "anna", 2, 2, string(rune('a'+i))
		_, err := s.store.Rotate(s.Context(), next, 1, 0, s.now)
		return err
	}), session.ErrConflict)
	r.User, r.Generation, r.Version, r.Data = "anna", 2, 2, string(rune('a'+won))
	s.stored(r)
	require.Equal(s, []string{r.ID}, s.user("anna"))
}

func (s *suite) parallelCount() {
	r := s.record("anna")
	r.Data = string(make([]byte, 8))
	s.create(r, 0)
	for _, err := range together(crowd, func(int) error {
		for {
			now, err := s.store.Load(s.Context(), r.ID, s.now)
			if err != nil {
				return err
			}
			n := binary.BigEndian.AppendUint64(nil, binary.BigEndian.Uint64([]byte(now.Data))+1)
			err = s.store.Patch(s.Context(), r.ID, now.Version, session.Change{Seen: now.Seen, Expires: now.Expires, Data: string(n)}, s.now)
			if !errors.Is(err, session.ErrConflict) {
				return err
			}
		}
	}) {
		s.ok(err)
	}
	got, err := s.store.Load(s.Context(), r.ID, s.now)
	s.ok(err)
	require.EqualValues(s, crowd, binary.BigEndian.Uint64([]byte(got.Data)))
	require.EqualValues(s, crowd+1, got.Version)
}

func (s *suite) parallelEnd() {
	r := s.record("anna")
	s.create(r, 0)
	s.winner(together(crowd, func(i int) error {
		if i%2 == 0 {
			_, err := s.store.End(s.Context(), r.ID, s.now)
			return err
		}
		ended, err := s.store.EndUser(s.Context(), "anna", nil, s.now)
		if err == nil && len(ended) == 0 {
			return session.ErrNotFound
		}
		return err
	}), session.ErrNotFound)
	s.gone(r.ID)
}

// parallelRevive ends a session amid writers. Whatever the order, it must be gone in the end.
func (s *suite) parallelRevive() {
	for range 5 {
		r := s.record("anna")
		s.create(r, 0)
		for _, err := range together(crowd, func(i int) error {
			switch i % 5 {
			case 0:
				return s.store.Touch(s.Context(), r.ID, 1, s.now, r.Expires.Add(time.Hour), s.now)
			case 1:
				return s.store.Patch(s.Context(), r.ID, 1, session.Change{Seen: s.now, Expires: r.Expires.Add(time.Hour)}, s.now)
			case 2:
				next := r
				next.Generation, next.Version = 2, 2
				_, err := s.store.Rotate(s.Context(), next, 1, 3, s.now)
				return err
			case 3:
				_, err := s.store.Sweep(s.Context(), 10, s.now)
				return err
			default:
				_, err := s.store.End(s.Context(), r.ID, s.now)
				return err
			}
		}) {
			if err != nil && !errors.Is(err, session.ErrConflict) {
				require.ErrorIs(s, err, session.ErrNotFound)
			}
		}
		s.gone(r.ID)
		s.Empty(s.user("anna"))
	}
}

// parallelSweep touches sessions for longer while they are swept at a time between the old end and the new one. A
// touch that succeeded has saved its session.
func (s *suite) parallelSweep() {
	records := make([]session.Record, crowd)
	for i := range records {
		records[i] = s.record([]string{"anna", ""}[i%2])
		s.create(records[i], 0)
	}
	end := records[0].Expires
	errs := together(crowd+4, func(i int) error {
		if i >= crowd {
			_, err := s.store.Sweep(s.Context(), 7, end)
			return err
		}
		return s.store.Touch(s.Context(), records[i].ID, 1, s.now, end.Add(time.Hour), s.now)
	})
	s.now = end
	for i, r := range records {
		if errs[i] == nil {
			r.Seen, r.Expires = records[i].Seen, end.Add(time.Hour)
			s.stored(r)
		} else {
			require.ErrorIs(s, errs[i], session.ErrNotFound)
			s.gone(r.ID)
		}
	}
}
