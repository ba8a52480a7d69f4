package sessiontest

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session"
)

// TestStore checks that a store keeps the contract of session.Store. open returns an empty store for each test, and may use
// t.Cleanup to close it. All times are given, so nothing waits; what must be atomic is tried by many goroutines at
// once, which the race detector can watch.
func TestStore(t *testing.T, open func(t testing.TB) session.Store) {
	for _, test := range []struct {
		name string
		run  func(*suite)
	}{
		{"keeps every field", (*suite).fields},
		{"keeps large and binary data", (*suite).data},
		{"Create inserts and never replaces", (*suite).insert},
		{"a session is live before Expires and not at it", (*suite).expiry},
		{"Touch changes times only, of one generation", (*suite).touch},
		{"Patch compares the version", (*suite).patch},
		{"Rotate replaces one version", (*suite).rotate},
		{"what has ended stays ended", (*suite).ended},
		{"EndUser ends all but those excepted", (*suite).endUser},
		{"ByUser lists live sessions, newest first", (*suite).byUser},
		{"the limit keeps the newest", (*suite).limit},
		{"user ids are compared as they are", (*suite).users},
		{"Sweep removes what has expired", (*suite).sweep},
		{"Sweep sees touches", (*suite).sweepTouched},
		{"an ended context is no absence", (*suite).context},
		{"parallel: sign-ins under a limit leave one", (*suite).parallelLimit},
		{"parallel: sign-ins of anonymous sessions leave one", (*suite).parallelRotateLimit},
		{"parallel: one Patch of a version wins", (*suite).parallelPatch},
		{"parallel: one Rotate of a version wins", (*suite).parallelRotate},
		{"parallel: no update is lost", (*suite).parallelCount},
		{"parallel: one End ends", (*suite).parallelEnd},
		{"parallel: nothing revives what is ended", (*suite).parallelRevive},
		{"parallel: Sweep spares what was touched", (*suite).parallelSweep},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.run(&suite{T: t, store: open(t), now: time.Date(2026, 3, 1, 12, 0, 0, 5e6, time.UTC)})
		})
	}
}

type suite struct {
	*testing.T
	store session.Store
	now   time.Time
}

func id() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// record returns a session of user that is live for 20 minutes.
func (s *suite) record(user string) session.Record {
	r := session.Record{
		ID: id(), User: user, Generation: 1, Version: 1, Since: s.now, Seen: s.now,
		Expires: s.now.Add(20 * time.Minute), Deadline: s.now.Add(8 * time.Hour), Data: "data of " + user,
	}
	_, _ = rand.Read(r.Token[:])
	return r
}

func (s *suite) create(r session.Record, limit int) []string {
	s.Helper()
	ended, err := s.store.Create(s.Context(), r, limit, s.now)
	s.ok(err)
	return ended
}

func (s *suite) ok(err error) {
	s.Helper()
	require.NoError(s, err)
}

// same compares records, times by the instant.
func (s *suite) same(want, got session.Record) {
	s.Helper()
	for name, times := range map[string][2]time.Time{
		"Since": {want.Since, got.Since}, "Seen": {want.Seen, got.Seen},
		"Expires": {want.Expires, got.Expires}, "Deadline": {want.Deadline, got.Deadline},
	} {
		require.True(s, times[0].Equal(times[1]), "%s: want %v, got %v", name, times[0], times[1])
	}
	for _, r := range []*session.Record{&want, &got} {
		r.Since, r.Seen, r.Expires, r.Deadline = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	}
	require.Equal(s, want, got)
}

// stored demands that the session is live and equal to want.
func (s *suite) stored(want session.Record) {
	s.Helper()
	got, err := s.store.Load(s.Context(), want.ID, s.now)
	s.ok(err)
	s.same(want, got)
}

func (s *suite) gone(id string) {
	s.Helper()
	got, err := s.store.Load(s.Context(), id, s.now)
	require.ErrorIs(s, err, session.ErrNotFound)
	require.Zero(s, got, "with an error comes the zero record")
}

// user returns the ids that ByUser yields.
func (s *suite) user(user string) (ids []string) {
	s.Helper()
	for r, err := range s.store.ByUser(s.Context(), user, s.now) {
		s.ok(err)
		ids = append(ids, r.ID)
	}
	return ids
}

// together runs f in n goroutines that start at one moment, and returns their errors.
func together(n int, f func(i int) error) []error {
	errs, start, done := make([]error, n), make(chan struct{}), sync.WaitGroup{}
	ready := sync.WaitGroup{}
	for i := range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			errs[i] = f(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	return errs
}

// winner demands that exactly one succeeded and the others failed with want, and returns which.
func (s *suite) winner(errs []error, want error) int {
	s.Helper()
	won := slices.Index(errs, nil)
	require.GreaterOrEqual(s, won, 0, "nobody won: %v", errs[0])
	for i, err := range errs {
		if i != won {
			require.ErrorIs(s, err, want)
		}
	}
	return won
}

func (s *suite) fields() {
	anonymous := s.record("")
	anonymous.Data = ""
	s.Empty(s.create(anonymous, 3))
	s.stored(anonymous)
	named := s.record("anna")
	named.Generation, named.Version = 1<<31, 1<<31
	named.Since, named.Seen = s.now.Add(-time.Hour), s.now.Add(-time.Minute)
	s.Empty(s.create(named, 0))
	s.stored(named)
	s.gone(id())
}

// Empty reports whether a list is empty, as a requirement.
func (s *suite) Empty(list []string) {
	s.Helper()
	require.Empty(s, list)
}

func (s *suite) data() {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	r := s.record("anna")
	r.Data = strings.Repeat(string(all), 512) // 128 KiB
	s.create(r, 0)
	s.stored(r)
}

func (s *suite) insert() {
	r := s.record("anna")
	s.create(r, 0)
	other := s.record("bo")
	s.create(other, 0)
	thief := s.record("bo")
	thief.ID = r.ID
	ended, err := s.store.Create(s.Context(), thief, 1, s.now)
	require.ErrorIs(s, err, session.ErrConflict)
	s.Empty(ended)
	s.stored(r)
	s.stored(other) // a Create that failed ends nothing either
}

func (s *suite) expiry() {
	r := s.record("anna")
	s.create(r, 0)
	s.now = r.Expires.Add(-time.Millisecond)
	s.stored(r)
	require.Equal(s, []string{r.ID}, s.user("anna"))
	s.now = r.Expires
	s.gone(r.ID)
	s.Empty(s.user("anna"))
	require.ErrorIs(s, s.store.Touch(s.Context(), r.ID, 1, s.now, s.now.Add(time.Hour), s.now), session.ErrNotFound)
	require.ErrorIs(s, s.store.Patch(s.Context(), r.ID, 1, session.Change{Seen: s.now, Expires: s.now.Add(time.Hour)}, s.now), session.ErrNotFound)
	r.Expires = s.now.Add(time.Hour)
	_, err := s.store.Rotate(s.Context(), r, 1, 0, s.now)
	require.ErrorIs(s, err, session.ErrNotFound)
	_, err = s.store.End(s.Context(), r.ID, s.now)
	require.ErrorIs(s, err, session.ErrNotFound)
	ended, err := s.store.EndUser(s.Context(), "anna", nil, s.now)
	s.ok(err)
	s.Empty(ended)
	s.gone(r.ID)
}

func (s *suite) touch() {
	r := s.record("anna")
	s.create(r, 0)
	require.ErrorIs(s, s.store.Touch(s.Context(), id(), 1, s.now, s.now, s.now), session.ErrNotFound)
	require.ErrorIs(s, s.store.Touch(s.Context(), r.ID, 2, s.now, s.now.Add(time.Hour), s.now), session.ErrNotFound)
	s.stored(r)
	for _, by := range []time.Duration{time.Minute, -30 * time.Second} { // a clock that was ahead is taken back
		r.Seen, r.Expires = r.Seen.Add(by), r.Expires.Add(by)
		s.ok(s.store.Touch(s.Context(), r.ID, 1, r.Seen, r.Expires, s.now))
		s.stored(r)
	}
}

func (s *suite) patch() {
	r := s.record("anna")
	s.create(r, 0)
	c := session.Change{Seen: s.now.Add(time.Second), Expires: s.now.Add(21 * time.Minute), Data: "new"}
	require.ErrorIs(s, s.store.Patch(s.Context(), id(), 1, c, s.now), session.ErrNotFound)
	for _, version := range []uint64{0, 2, 1 << 40} {
		require.ErrorIs(s, s.store.Patch(s.Context(), r.ID, version, c, s.now), session.ErrConflict)
	}
	s.stored(r)
	s.ok(s.store.Patch(s.Context(), r.ID, 1, c, s.now))
	r.Version, r.Seen, r.Expires, r.Data = 2, c.Seen, c.Expires, c.Data
	s.stored(r)
	require.ErrorIs(s, s.store.Patch(s.Context(), r.ID, 1, c, s.now), session.ErrConflict)
}

func (s *suite) rotate() {
	r := s.record("")
	s.create(r, 0)
	next := s.record("anna")
	next.ID, next.Generation, next.Version = r.ID, 2, 2
	next.Since, next.Seen = s.now.Add(time.Second), s.now.Add(time.Second)
	next.Expires, next.Deadline = s.now.Add(30*time.Minute), s.now.Add(9*time.Hour)
	_, err := s.store.Rotate(s.Context(), next, 2, 0, s.now)
	require.ErrorIs(s, err, session.ErrConflict)
	s.stored(r)
	s.Empty(s.user("anna"))
	_, err = s.store.Rotate(s.Context(), next, 1, 0, s.now)
	s.ok(err)
	s.stored(next)
	require.Equal(s, []string{r.ID}, s.user("anna"))
	require.ErrorIs(s, s.store.Touch(s.Context(), r.ID, 1, s.now, s.now, s.now), session.ErrNotFound, "a touch of the old generation")
	unknown := s.record("anna")
	_, err = s.store.Rotate(s.Context(), unknown, 1, 1, s.now)
	require.ErrorIs(s, err, session.ErrNotFound)
	s.gone(unknown.ID)
	s.stored(next)
	again := next // the same user signs in once more
	again.Generation, again.Version, again.Data = 3, 3, "again"
	_, err = s.store.Rotate(s.Context(), again, 2, 1, s.now)
	s.ok(err)
	s.stored(again)
	require.Equal(s, []string{r.ID}, s.user("anna"))
}

func (s *suite) ended() {
	r := s.record("anna")
	s.create(r, 0)
	user, err := s.store.End(s.Context(), r.ID, s.now)
	s.ok(err)
	require.Equal(s, "anna", user)
	s.gone(r.ID)
	user, err = s.store.End(s.Context(), r.ID, s.now)
	require.ErrorIs(s, err, session.ErrNotFound)
	require.Empty(s, user)
	s.writes(r, func(err error) { require.ErrorIs(s, err, session.ErrNotFound) })
	s.gone(r.ID)
	s.Empty(s.user("anna"))
	n, err := s.store.Sweep(s.Context(), 10, s.now.Add(24*time.Hour))
	s.ok(err)
	require.Zero(s, n)
}

// writes tries all that changes a row.
func (s *suite) writes(r session.Record, check func(error)) {
	later := r.Expires.Add(time.Hour)
	check(s.store.Touch(s.Context(), r.ID, r.Generation, s.now, later, s.now))
	check(s.store.Patch(s.Context(), r.ID, r.Version, session.Change{Seen: s.now, Expires: later}, s.now))
	r.Expires = later
	_, err := s.store.Rotate(s.Context(), r, r.Version, 0, s.now)
	check(err)
}

func (s *suite) endUser() {
	var ids []string
	for range 4 {
		r := s.record("anna")
		s.create(r, 0)
		ids = append(ids, r.ID)
	}
	bo, nobody := s.record("bo"), s.record("")
	s.create(bo, 0)
	s.create(nobody, 0)
	ended, err := s.store.EndUser(s.Context(), "anna", []string{ids[2], bo.ID, "no id"}, s.now)
	s.ok(err)
	require.ElementsMatch(s, []string{ids[0], ids[1], ids[3]}, ended)
	require.Equal(s, []string{ids[2]}, s.user("anna"))
	s.stored(bo)
	for _, user := range []string{"", "ann", "nobody"} {
		ended, err = s.store.EndUser(s.Context(), user, nil, s.now)
		s.ok(err)
		s.Empty(ended)
	}
	s.stored(nobody) // anonymous sessions are nobody's, not those of a user called ""
}

func (s *suite) byUser() {
	s.create(s.record("bo"), 0)
	s.create(s.record(""), 0)
	var want []string
	for i := range 5 {
		r := s.record("anna")
		r.Since = s.now.Add(time.Duration(i-5) * time.Minute)
		if i == 2 {
			r.Expires = s.now
		} else {
			want = append(want, r.ID)
		}
		s.create(r, 0)
	}
	slices.Reverse(want)
	require.Equal(s, want, s.user("anna"))
	s.Empty(s.user(""))
	for range s.store.ByUser(s.Context(), "anna", s.now) {
		break // a caller may have seen enough
	}
}

func (s *suite) limit() {
	var ids []string
	sign := func(limit int) []string {
		r := s.record("anna")
		s.now = s.now.Add(time.Second)
		r.Since = s.now
		ids = append(ids, r.ID)
		return s.create(r, limit)
	}
	other := s.record("bo")
	s.create(other, 0)
	for range 4 {
		s.Empty(sign(0))
	}
	require.ElementsMatch(s, ids[:2], sign(3))
	require.ElementsMatch(s, []string{ids[2], ids[3], ids[4]}, s.user("anna"))
	require.ElementsMatch(s, ids[2:5], sign(1))
	require.Equal(s, ids[5:], s.user("anna"))
	// The one that signs in stays, even if its clock is behind the others'.
	late := s.record("anna")
	late.Since = s.now.Add(-time.Hour)
	require.Equal(s, ids[5:], s.create(late, 1))
	s.stored(late)
	s.stored(other)
	// An expired session takes no place.
	s.now = late.Expires
	a, b := s.record("anna"), s.record("anna")
	s.create(a, 2)
	s.Empty(s.create(b, 2))
	require.Len(s, s.user("anna"), 2)
}

func (s *suite) users() {
	for _, user := range []string{"anna", "Anna", "anna ", "ANNA", "a_na", "ann%", "ännä", "a\u0308nna\u0308", "анна", "'; --", strings.Repeat("x", 256)} {
		r := s.record(user)
		s.Empty(s.create(r, 1))
		require.Equal(s, []string{r.ID}, s.user(user), "user %q", user)
	}
}

func (s *suite) sweep() {
	live := s.record("anna")
	s.create(live, 0)
	for i := range 10 {
		r := s.record([]string{"", "bo"}[i%2])
		r.Expires = s.now.Add(time.Duration(i) * time.Second)
		s.create(r, 0)
	}
	sweep := func(limit, want int) {
		s.Helper()
		n, err := s.store.Sweep(s.Context(), limit, s.now)
		s.ok(err)
		require.Equal(s, want, n)
	}
	sweep(100, 1) // the one that expires now
	s.now = s.now.Add(5 * time.Second)
	sweep(3, 3)
	sweep(3, 2)
	sweep(3, 0)
	require.Len(s, s.user("bo"), 2)
	s.stored(live)
	s.now = live.Expires
	sweep(100, 5)
	sweep(100, 0)
}

func (s *suite) sweepTouched() {
	longer, shorter := s.record("anna"), s.record("anna")
	s.create(longer, 0)
	s.create(shorter, 0)
	longer.Expires = s.now.Add(2 * time.Hour)
	s.ok(s.store.Touch(s.Context(), longer.ID, 1, s.now, longer.Expires, s.now))
	shorter.Expires = s.now.Add(time.Minute)
	s.ok(s.store.Touch(s.Context(), shorter.ID, 1, s.now, shorter.Expires, s.now))
	s.now = shorter.Expires
	n, err := s.store.Sweep(s.Context(), 10, s.now)
	s.ok(err)
	require.Equal(s, 1, n)
	s.gone(shorter.ID)
	s.now = longer.Expires.Add(-time.Millisecond)
	n, err = s.store.Sweep(s.Context(), 10, s.now)
	s.ok(err)
	require.Zero(s, n)
	s.stored(longer)
	s.now = longer.Expires
	n, err = s.store.Sweep(s.Context(), 10, s.now)
	s.ok(err)
	require.Equal(s, 1, n)
}

func (s *suite) context() {
	r := s.record("anna")
	s.create(r, 0)
	ctx, cancel := newCancelled()
	defer cancel()
	if _, err := s.store.Load(ctx, r.ID, s.now); err != nil {
		require.False(s, errors.Is(err, session.ErrNotFound), "a call that was cut off does not know that there is none")
	}
	if err := s.store.Touch(ctx, r.ID, 1, s.now, r.Expires, s.now); err != nil {
		require.False(s, errors.Is(err, session.ErrNotFound))
	}
	s.stored(r)
}
