// Package activationtest is the suite that every activation.Store must pass.
package activationtest

import (
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/password/activation"
)

// TestStore runs the suite. open returns a store in which nobody uses random ids; it is called once for each test, and
// cleans up through t.Cleanup.
func TestStore(t *testing.T, open func(t *testing.T) activation.Store) {
	for _, c := range []struct {
		name string
		test func(suite, *testing.T)
	}{
		{"what was put is found", suite.putGet},
		{"a record is consumed once", suite.once},
		{"of 50 calls at once one consumes", suite.parallel},
		{"a newer record replaces the older", suite.replaced},
		{"of records put at once one stays", suite.replacedParallel},
		{"revoking", suite.revoked},
		{"consuming leaves a newer record", suite.newerStays},
		{"sweeping drops what has expired", suite.sweep},
		{"an ended context ends the call", suite.ended},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(suite{open(t), context.Background()}, t) })
	}
}

type suite struct {
	store activation.Store
	ctx   context.Context
}

func id() (i activation.ID) {
	_, _ = rand.Read(i[:])
	return i
}

// record returns one that expires in 2030.
func record(subject string) activation.Record {
	return activation.Record{ID: id(), Slot: id(), Subject: subject, State: id(), Expires: time.Unix(1_900_000_000, 0)}
}

func (s suite) put(t *testing.T, r activation.Record) {
	t.Helper()
	require.NoError(t, s.store.Put(s.ctx, r))
}

func (s suite) there(t *testing.T, id activation.ID) bool {
	t.Helper()
	_, ok, err := s.store.Get(s.ctx, id)
	require.NoError(t, err)
	return ok
}

func (s suite) consume(t *testing.T, id activation.ID) bool {
	t.Helper()
	ok, err := s.store.Consume(s.ctx, id)
	require.NoError(t, err)
	return ok
}

func (s suite) putGet(t *testing.T) {
	for _, subject := range []string{"anna", "å ä ö 🦉", "o'hara; DROP TABLE", "a\tb\nc"} {
		r := record(subject)
		s.put(t, r)
		for range 2 {
			got, ok, err := s.store.Get(s.ctx, r.ID)
			require.NoError(t, err)
			require.True(t, ok)
			require.True(t, r.Expires.Equal(got.Expires))
			got.Expires = r.Expires
			require.Equal(t, r, got)
		}
	}
	got, ok, err := s.store.Get(s.ctx, id())
	require.NoError(t, err)
	require.False(t, ok)
	require.Zero(t, got)
}

func (s suite) once(t *testing.T) {
	r := record("anna")
	s.put(t, r)
	require.True(t, s.consume(t, r.ID))
	require.False(t, s.consume(t, r.ID))
	require.False(t, s.there(t, r.ID))
	require.False(t, s.consume(t, id()))
}

func (s suite) parallel(t *testing.T) {
	r := record("anna")
	s.put(t, r)
	var won, failed atomic.Int64
	var all sync.WaitGroup
	begin := make(chan struct{})
	for range 50 {
		all.Go(func() {
			<-begin
			ok, err := s.store.Consume(s.ctx, r.ID)
			if err != nil {
				failed.Add(1)
			}
			if ok {
				won.Add(1)
			}
		})
	}
	close(begin)
	all.Wait()
	require.Zero(t, failed.Load())
	require.EqualValues(t, 1, won.Load())
}

func (s suite) replaced(t *testing.T) {
	older, other := record("anna"), record("anna")
	newer := record("anna")
	newer.Slot = older.Slot
	s.put(t, older)
	s.put(t, other)
	s.put(t, newer)
	require.False(t, s.there(t, older.ID))
	require.False(t, s.consume(t, older.ID))
	require.True(t, s.there(t, newer.ID))
	require.True(t, s.there(t, other.ID), "another slot of the same subject")
}

func (s suite) replacedParallel(t *testing.T) {
	slot := id()
	records := make([]activation.Record, 30)
	var all sync.WaitGroup
	begin := make(chan struct{})
	errs := make(chan error, len(records))
	for i := range records {
		records[i] = record("anna")
		records[i].Slot = slot
		all.Go(func() {
			<-begin
			errs <- s.store.Put(s.ctx, records[i])
		})
	}
	close(begin)
	all.Wait()
	left := 0
	for _, r := range records {
		require.NoError(t, <-errs)
		if s.consume(t, r.ID) {
			left++
		}
	}
	require.Equal(t, 1, left)
}

func (s suite) revoked(t *testing.T) {
	r, other := record("anna"), record("bo")
	s.put(t, r)
	s.put(t, other)
	require.NoError(t, s.store.Revoke(s.ctx, r.Slot))
	require.NoError(t, s.store.Revoke(s.ctx, r.Slot), "again")
	require.NoError(t, s.store.Revoke(s.ctx, id()), "never there")
	require.False(t, s.there(t, r.ID))
	require.True(t, s.there(t, other.ID))
}

func (s suite) newerStays(t *testing.T) {
	older := record("anna")
	newer := record("anna")
	newer.Slot = older.Slot
	s.put(t, older)
	s.put(t, newer)
	require.False(t, s.consume(t, older.ID))
	require.NoError(t, s.store.Put(s.ctx, record("bo")))
	require.True(t, s.consume(t, newer.ID))
}

func (s suite) sweep(t *testing.T) {
	r, later := record("anna"), record("bo")
	later.Expires = r.Expires.Add(time.Second)
	s.put(t, r)
	s.put(t, later)
	_, err := s.store.Sweep(s.ctx, r.Expires.Add(-time.Second))
	require.NoError(t, err)
	require.True(t, s.there(t, r.ID))
	n, err := s.store.Sweep(s.ctx, r.Expires)
	require.NoError(t, err)
	require.GreaterOrEqual(t, n, 1)
	require.False(t, s.there(t, r.ID))
	require.True(t, s.there(t, later.ID))
}

func (s suite) ended(t *testing.T) {
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	r := record("anna")
	require.Error(t, s.store.Put(ctx, r))
	require.False(t, s.there(t, r.ID))
	s.put(t, r)
	_, _, err := s.store.Get(ctx, r.ID)
	require.Error(t, err)
	ok, err := s.store.Consume(ctx, r.ID)
	require.Error(t, err)
	require.False(t, ok)
	require.Error(t, s.store.Revoke(ctx, r.Slot))
	require.True(t, s.there(t, r.ID))
}
