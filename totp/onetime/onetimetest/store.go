// Package onetimetest has the suite that every onetime.Store must pass.
package onetimetest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/totp/onetime"
)

// TestStore is the suite that every onetime.Store must pass. open returns an empty store; it is called once for each
// case, and cleans up with t.Cleanup. Run it with -race.
func TestStore(t *testing.T, open func(t *testing.T) onetime.Store) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s onetime.Store)
	}{
		{"what was not put is not there", empty},
		{"a try returns the entry and counts", try},
		{"the limit of tries holds", limit},
		{"a newer entry replaces the older one, with its tries", replace},
		{"consume removes once", consume},
		{"entries are of their purpose, user and id", apart},
		{"sweep removes what has expired", sweep},
		{"as many of parallel tries succeed as the limit says", parallelTry},
		{"one of many consumers succeeds", parallelConsume},
		{"an ended context changes nothing", endedContext},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

var expires = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	purpose = "verify-address"
	user    = "u1"
)

// entry returns an entry whose id and code are made of name.
func entry(name string) onetime.Entry {
	mac := make([]byte, 32)
	copy(mac, name)
	return onetime.Entry{ID: id(name), MAC: mac, Expires: expires}
}

func id(name string) string { return strings.Repeat("0", 64-len(name)) + name }

func put(t *testing.T, s onetime.Store, purpose, user, name string) {
	t.Helper()
	require.NoError(t, s.Put(t.Context(), purpose, user, entry(name)))
}

func tries(t *testing.T, s onetime.Store, purpose, user, name string) bool {
	t.Helper()
	_, ok, err := s.Try(t.Context(), purpose, user, id(name), 5)
	require.NoError(t, err)
	return ok
}

func consumes(t *testing.T, s onetime.Store, purpose, user, name string) bool {
	t.Helper()
	ok, err := s.Consume(t.Context(), purpose, user, id(name))
	require.NoError(t, err)
	return ok
}

func empty(t *testing.T, s onetime.Store) {
	require.False(t, tries(t, s, purpose, user, "a"))
	require.False(t, consumes(t, s, purpose, user, "a"))
	_, ok, err := s.Try(t.Context(), purpose, user, "", 5)
	require.NoError(t, err)
	require.False(t, ok)
}

func try(t *testing.T, s onetime.Store) {
	put(t, s, purpose, user, "a")
	for n := 1; n <= 3; n++ {
		e, ok, err := s.Try(t.Context(), purpose, user, id("a"), 5)
		require.NoError(t, err)
		require.True(t, ok)
		want := entry("a")
		require.Equal(t, want.ID, e.ID)
		require.Equal(t, want.MAC, e.MAC)
		require.True(t, want.Expires.Equal(e.Expires), "%v is not %v", e.Expires, want.Expires)
		require.Equal(t, n, e.Tries)
	}
}

func limit(t *testing.T, s onetime.Store) {
	put(t, s, purpose, user, "a")
	for range 5 {
		require.True(t, tries(t, s, purpose, user, "a"))
	}
	require.False(t, tries(t, s, purpose, user, "a"))
	require.True(t, consumes(t, s, purpose, user, "a"), "it is still there to be consumed")
}

func replace(t *testing.T, s onetime.Store) {
	put(t, s, purpose, user, "a")
	for range 5 {
		require.True(t, tries(t, s, purpose, user, "a"))
	}
	// An entry that is put begins without tries, whatever its field says.
	e := entry("b")
	e.Tries = 4
	require.NoError(t, s.Put(t.Context(), purpose, user, e))
	require.False(t, tries(t, s, purpose, user, "a"))
	require.False(t, consumes(t, s, purpose, user, "a"))
	for range 5 {
		require.True(t, tries(t, s, purpose, user, "b"))
	}
	require.False(t, tries(t, s, purpose, user, "b"))
}

func consume(t *testing.T, s onetime.Store) {
	put(t, s, purpose, user, "a")
	require.False(t, consumes(t, s, purpose, user, "b"))
	require.True(t, consumes(t, s, purpose, user, "a"))
	require.False(t, consumes(t, s, purpose, user, "a"))
	require.False(t, tries(t, s, purpose, user, "a"))
}

func apart(t *testing.T, s onetime.Store) {
	put(t, s, purpose, user, "a")
	put(t, s, "sign-in", user, "b")
	put(t, s, purpose, "u2", "c")
	for _, other := range []struct{ purpose, user, name string }{
		{"sign-in", user, "a"},
		{purpose, "u2", "a"},
		{purpose, user, "b"},
		{strings.ToUpper(purpose), user, "a"},
		{purpose, "U1", "a"},
		{purpose, "u1 ", "a"},
		{purpose + user, "", "a"},
		{"", purpose + user, "a"},
	} {
		require.False(t, tries(t, s, other.purpose, other.user, other.name), "%+v", other)
		require.False(t, consumes(t, s, other.purpose, other.user, other.name), "%+v", other)
	}
	require.True(t, consumes(t, s, purpose, user, "a"))
	require.True(t, consumes(t, s, "sign-in", user, "b"))
	require.True(t, consumes(t, s, purpose, "u2", "c"))
}

func sweep(t *testing.T, s onetime.Store) {
	for i, after := range []time.Duration{-time.Hour, 0, time.Second} {
		e := entry(fmt.Sprint("e", i))
		e.Expires = expires.Add(after)
		require.NoError(t, s.Put(t.Context(), purpose, fmt.Sprint("u", i), e))
	}
	n, err := s.Sweep(t.Context(), expires)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.False(t, tries(t, s, purpose, "u0", "e0"))
	require.False(t, tries(t, s, purpose, "u1", "e1"))
	require.True(t, tries(t, s, purpose, "u2", "e2"))
}

// race runs f n times at once and returns how many reported true.
func race(t *testing.T, n int, f func() (bool, error)) (successes int) {
	t.Helper()
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	var mu sync.Mutex
	var failed error
	for range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			ok, err := f()
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = err
			}
			if ok {
				successes++
			}
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	require.NoError(t, failed)
	return successes
}

func parallelTry(t *testing.T, s onetime.Store) {
	put(t, s, purpose, user, "a")
	require.Equal(t, 5, race(t, 50, func() (bool, error) {
		_, ok, err := s.Try(t.Context(), purpose, user, id("a"), 5)
		return ok, err
	}))
}

func parallelConsume(t *testing.T, s onetime.Store) {
	put(t, s, purpose, user, "a")
	require.Equal(t, 1, race(t, 50, func() (bool, error) { return s.Consume(t.Context(), purpose, user, id("a")) }))
}

func endedContext(t *testing.T, s onetime.Store) {
	put(t, s, purpose, user, "a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, s.Put(ctx, purpose, user, entry("b")))
	_, _, err := s.Try(ctx, purpose, user, id("a"), 5)
	require.Error(t, err)
	_, err = s.Consume(ctx, purpose, user, id("a"))
	require.Error(t, err)
	_, err = s.Sweep(ctx, expires)
	require.Error(t, err)
	e, ok, err := s.Try(t.Context(), purpose, user, id("a"), 5)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, 1, e.Tries)
}
