package totptest

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/totp"
)

// TestStore is the suite that every totp.Store must pass. open returns an empty store; it is called once for each case, and
// cleans up with t.Cleanup. Run it with -race.
func TestStore(t *testing.T, open func(t *testing.T) totp.Store) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, s totp.Store)
	}{
		{"a user it does not know has the zero record", unknownUser},
		{"begin creates a pending factor and replaces an earlier one", begin},
		{"begin leaves the active factor as it is", beginBesideActive},
		{"confirm makes the pending factor active and burns its step", confirm},
		{"confirm takes only the pending factor that it names", confirmOther},
		{"confirm replaces all recovery codes", confirmReplaces},
		{"the last step only grows", advance},
		{"the last step of another factor stays", advanceOther},
		{"a recovery code works once", useRecovery},
		{"a recovery code is found by any of its hashes", useRecoveryRotated},
		{"recovery codes of others stay", useRecoveryOther},
		{"recovery codes are replaced for the factor named", setRecovery},
		{"reseal replaces the bytes of the factor named", reseal},
		{"remove forgets everything", remove},
		{"one of many advances succeeds", parallelAdvance},
		{"parallel advances end at the highest", parallelSteps},
		{"one of many confirmations succeeds", parallelConfirm},
		{"one of many uses of a recovery code succeeds", parallelRecovery},
		{"recovery codes used at once are all gone", parallelRecoveryAll},
		{"an ended context changes nothing", endedContext},
		{"odd user ids stay apart", oddUsers},
		{"bytes given and returned are copies", copies},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

const user = "u1"

func factor(id string) totp.Factor { return totp.Factor{ID: id, Sealed: []byte("sealed " + id)} }

func hashes(names ...string) (out [][]byte) {
	for _, name := range names {
		hash := make([]byte, 32)
		copy(hash, name)
		out = append(out, hash)
	}
	return out
}

// enrolled gives user the factor "f1" with the last step 100 and three recovery codes.
func enrolled(t *testing.T, s totp.Store, user string) {
	t.Helper()
	require.NoError(t, s.Begin(t.Context(), user, factor("f1")))
	ok, err := s.Confirm(t.Context(), user, "f1", 100, hashes("a", "b", "c"))
	require.NoError(t, err)
	require.True(t, ok)
}

func load(t *testing.T, s totp.Store, user string) totp.Record {
	t.Helper()
	r, err := s.Load(t.Context(), user)
	require.NoError(t, err)
	return r
}

// changed asserts what a conditional change reported.
func changed(t *testing.T, want bool) func(bool, error) {
	return func(got bool, err error) {
		t.Helper()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func unknownUser(t *testing.T, s totp.Store) {
	ctx := t.Context()
	require.Equal(t, totp.Record{}, load(t, s, user))
	changed(t, false)(s.Confirm(ctx, user, "f1", 1, hashes("a")))
	changed(t, false)(s.Confirm(ctx, user, "", 1, hashes("a")))
	changed(t, false)(s.Advance(ctx, user, "f1", 1))
	changed(t, false)(s.Advance(ctx, user, "", 1))
	changed(t, false)(s.SetRecovery(ctx, user, "f1", hashes("a")))
	changed(t, false)(s.Reseal(ctx, user, "f1", []byte("x")))
	changed(t, false)(s.Remove(ctx, user))
	_, ok, err := s.UseRecovery(ctx, user, hashes("a"))
	require.NoError(t, err)
	require.False(t, ok)
	require.Equal(t, totp.Record{}, load(t, s, user), "none of these makes a record")
}

func begin(t *testing.T, s totp.Store) {
	require.NoError(t, s.Begin(t.Context(), user, factor("f1")))
	require.Equal(t, totp.Record{Pending: factor("f1")}, load(t, s, user))
	require.NoError(t, s.Begin(t.Context(), user, factor("f2")))
	require.Equal(t, totp.Record{Pending: factor("f2")}, load(t, s, user))
	changed(t, false)(s.Advance(t.Context(), user, "f2", 1))
	changed(t, false)(s.Advance(t.Context(), user, "", 1))
}

func beginBesideActive(t *testing.T, s totp.Store) {
	enrolled(t, s, user)
	require.NoError(t, s.Begin(t.Context(), user, factor("f2")))
	require.Equal(t, totp.Record{Active: factor("f1"), LastStep: 100, Recovery: 3, Pending: factor("f2")}, load(t, s, user))
	changed(t, true)(s.Advance(t.Context(), user, "f1", 101))
}

func confirm(t *testing.T, s totp.Store) {
	enrolled(t, s, user)
	require.Equal(t, totp.Record{Active: factor("f1"), LastStep: 100, Recovery: 3}, load(t, s, user))
	changed(t, false)(s.Confirm(t.Context(), user, "f1", 200, hashes("x")))
	changed(t, false)(s.Confirm(t.Context(), user, "", 200, hashes("x")))
	require.Equal(t, totp.Record{Active: factor("f1"), LastStep: 100, Recovery: 3}, load(t, s, user))
}

func confirmOther(t *testing.T, s totp.Store) {
	require.NoError(t, s.Begin(t.Context(), user, factor("f1")))
	require.NoError(t, s.Begin(t.Context(), user, factor("f2")))
	changed(t, false)(s.Confirm(t.Context(), user, "f1", 1, hashes("a")))
	changed(t, false)(s.Confirm(t.Context(), "u2", "f2", 1, hashes("a")))
	require.Equal(t, totp.Record{Pending: factor("f2")}, load(t, s, user))
}

func confirmReplaces(t *testing.T, s totp.Store) {
	enrolled(t, s, user)
	require.NoError(t, s.Begin(t.Context(), user, factor("f2")))
	changed(t, true)(s.Confirm(t.Context(), user, "f2", 50, hashes("x", "y")))
	require.Equal(t, totp.Record{Active: factor("f2"), LastStep: 50, Recovery: 2}, load(t, s, user), "a new factor has its own steps")
	_, ok, err := s.UseRecovery(t.Context(), user, hashes("a"))
	require.NoError(t, err)
	require.False(t, ok, "the old codes are dead")
}

func advance(t *testing.T, s totp.Store) {
	ctx := t.Context()
	enrolled(t, s, user)
	changed(t, false)(s.Advance(ctx, user, "f1", 100))
	changed(t, false)(s.Advance(ctx, user, "f1", 99))
	changed(t, true)(s.Advance(ctx, user, "f1", 102))
	changed(t, false)(s.Advance(ctx, user, "f1", 101))
	changed(t, false)(s.Advance(ctx, user, "f1", 102))
	const far = int64(1) << 40 // beyond 32 bits
	changed(t, true)(s.Advance(ctx, user, "f1", far))
	require.Equal(t, far, load(t, s, user).LastStep)
}

func advanceOther(t *testing.T, s totp.Store) {
	enrolled(t, s, user)
	enrolled(t, s, "u2")
	changed(t, false)(s.Advance(t.Context(), user, "f2", 200))
	changed(t, true)(s.Advance(t.Context(), "u2", "f1", 200))
	require.Equal(t, int64(100), load(t, s, user).LastStep)
}

func useRecovery(t *testing.T, s totp.Store) {
	enrolled(t, s, user)
	for i, name := range []string{"b", "a"} {
		left, ok, err := s.UseRecovery(t.Context(), user, hashes(name))
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, 2-i, left)
		_, ok, err = s.UseRecovery(t.Context(), user, hashes(name))
		require.NoError(t, err)
		require.False(t, ok)
	}
	require.Equal(t, 1, load(t, s, user).Recovery)
}

func useRecoveryRotated(t *testing.T, s totp.Store) {
	enrolled(t, s, user)
	left, ok, err := s.UseRecovery(t.Context(), user, hashes("new", "newer", "c"))
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, 2, left)
	_, ok, err = s.UseRecovery(t.Context(), user, nil)
	require.NoError(t, err)
	require.False(t, ok, "no hash finds nothing")
}

func useRecoveryOther(t *testing.T, s totp.Store) {
	enrolled(t, s, user)
	enrolled(t, s, "u2")
	_, ok, err := s.UseRecovery(t.Context(), "u2", hashes("a"))
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, 3, load(t, s, user).Recovery)
	_, ok, err = s.UseRecovery(t.Context(), user, hashes("a"))
	require.NoError(t, err)
	require.True(t, ok)
}

func setRecovery(t *testing.T, s totp.Store) {
	enrolled(t, s, user)
	changed(t, false)(s.SetRecovery(t.Context(), user, "f2", hashes("x")))
	changed(t, true)(s.SetRecovery(t.Context(), user, "f1", hashes("x")))
	require.Equal(t, totp.Record{Active: factor("f1"), LastStep: 100, Recovery: 1}, load(t, s, user))
	_, ok, err := s.UseRecovery(t.Context(), user, hashes("a"))
	require.NoError(t, err)
	require.False(t, ok)
}

func reseal(t *testing.T, s totp.Store) {
	enrolled(t, s, user)
	changed(t, false)(s.Reseal(t.Context(), user, "f2", []byte("x")))
	changed(t, true)(s.Reseal(t.Context(), user, "f1", []byte("x")))
	require.Equal(t, totp.Record{Active: totp.Factor{ID: "f1", Sealed: []byte("x")}, LastStep: 100, Recovery: 3}, load(t, s, user))
}

func remove(t *testing.T, s totp.Store) {
	enrolled(t, s, user)
	enrolled(t, s, "u2")
	require.NoError(t, s.Begin(t.Context(), user, factor("f2")))
	changed(t, true)(s.Remove(t.Context(), user))
	changed(t, false)(s.Remove(t.Context(), user))
	require.Equal(t, totp.Record{}, load(t, s, user))
	changed(t, false)(s.Advance(t.Context(), user, "f1", 200))
	changed(t, false)(s.Confirm(t.Context(), user, "f2", 200, hashes("x")))
	enrolled(t, s, user)
	require.Equal(t, 3, load(t, s, user).Recovery, "the old recovery codes are gone too")
	require.Equal(t, 3, load(t, s, "u2").Recovery)
}

// race runs f n times at once and returns how many reported true.
func race(t *testing.T, n int, f func(i int) (bool, error)) (successes int) {
	t.Helper()
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	type result struct {
		ok  bool
		err error
	}
	results := make(chan result, n)
	for i := range n {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-start
			ok, err := f(i)
			results <- result{ok, err}
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	close(results)
	for r := range results {
		require.NoError(t, r.err)
		if r.ok {
			successes++
		}
	}
	return successes
}

func parallelAdvance(t *testing.T, s totp.Store) {
	enrolled(t, s, user)
	require.Equal(t, 1, race(t, 50, func(int) (bool, error) { return s.Advance(t.Context(), user, "f1", 101) }))
}

func parallelSteps(t *testing.T, s totp.Store) {
	enrolled(t, s, user)
	successes := race(t, 50, func(i int) (bool, error) { return s.Advance(t.Context(), user, "f1", int64(101+i)) })
	require.GreaterOrEqual(t, successes, 1)
	require.Equal(t, int64(150), load(t, s, user).LastStep)
}

func parallelConfirm(t *testing.T, s totp.Store) {
	require.NoError(t, s.Begin(t.Context(), user, factor("f1")))
	require.Equal(t, 1, race(t, 50, func(i int) (bool, error) {
		return s.Confirm(t.Context(), user, "f1", int64(i), hashes(fmt.Sprint("a", i), fmt.Sprint("b", i)))
	}))
	require.Equal(t, 2, load(t, s, user).Recovery, "the codes of one of them, whole")
}

func parallelRecovery(t *testing.T, s totp.Store) {
	enrolled(t, s, user)
	require.Equal(t, 1, race(t, 50, func(int) (bool, error) {
		_, ok, err := s.UseRecovery(t.Context(), user, hashes("b"))
		return ok, err
	}))
	require.Equal(t, 2, load(t, s, user).Recovery)
}

func parallelRecoveryAll(t *testing.T, s totp.Store) {
	require.NoError(t, s.Begin(t.Context(), user, factor("f1")))
	var names []string
	for i := range 10 {
		names = append(names, fmt.Sprint("code ", i))
	}
	changed(t, true)(s.Confirm(t.Context(), user, "f1", 1, hashes(names...)))
	var mu sync.Mutex
	counts := map[int]bool{}
	require.Equal(t, 10, race(t, 10, func(i int) (bool, error) {
		left, ok, err := s.UseRecovery(t.Context(), user, hashes(names[i]))
		mu.Lock()
		defer mu.Unlock()
		counts[left] = true
		return ok, err
	}))
	require.Zero(t, load(t, s, user).Recovery)
	require.Len(t, counts, 10, "each use sees its own count of what is left")
}

func endedContext(t *testing.T, s totp.Store) {
	enrolled(t, s, user)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Load(ctx, user)
	require.Error(t, err)
	require.Error(t, s.Begin(ctx, user, factor("f2")))
	_, err = s.Advance(ctx, user, "f1", 101)
	require.Error(t, err)
	_, _, err = s.UseRecovery(ctx, user, hashes("a"))
	require.Error(t, err)
	_, err = s.SetRecovery(ctx, user, "f1", nil)
	require.Error(t, err)
	_, err = s.Reseal(ctx, user, "f1", []byte("x"))
	require.Error(t, err)
	_, err = s.Remove(ctx, user)
	require.Error(t, err)
	require.Equal(t, totp.Record{Active: factor("f1"), LastStep: 100, Recovery: 3}, load(t, s, user))
}

func oddUsers(t *testing.T, s totp.Store) {
	// Ids that a store's collation, escaping or padding could take for one another.
	users := []string{"anna", "Anna", "anna ", " anna", "änna", "a\u0308nna", "ann", "anna'--", "anna%", "ann_", "anna\\"}
	for i, u := range users {
		require.NoError(t, s.Begin(t.Context(), u, factor(fmt.Sprint("f", i))))
	}
	for i, u := range users {
		require.Equal(t, totp.Record{Pending: factor(fmt.Sprint("f", i))}, load(t, s, u), "%q", u)
	}
}

func copies(t *testing.T, s totp.Store) {
	f := factor("f1")
	require.NoError(t, s.Begin(t.Context(), user, f))
	recovery := hashes("a")
	changed(t, true)(s.Confirm(t.Context(), user, "f1", 1, recovery))
	f.Sealed[0], recovery[0][0] = 'X', 'X'
	got := load(t, s, user)
	require.True(t, bytes.Equal(factor("f1").Sealed, got.Active.Sealed))
	got.Active.Sealed[0] = 'X'
	require.True(t, bytes.Equal(factor("f1").Sealed, load(t, s, user).Active.Sealed))
	_, ok, err := s.UseRecovery(t.Context(), user, hashes("a"))
	require.NoError(t, err)
	require.True(t, ok)
}
