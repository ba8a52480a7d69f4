// Package vaulttest tests implementations of [skans.KeyStore] and stands in for a [skans.KMS].
package vaulttest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
)

// TestStore runs the conformance suite. open returns an empty store, and is called once for each test; what it opens it
// closes with t.Cleanup. Run it with -race too.
func TestStore(t *testing.T, open func(t *testing.T) skans.KeyStore) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, store skans.KeyStore)
	}{
		{"unknown subject", testUnknown},
		{"create once", testCreate},
		{"create at once", testCreateAtOnce},
		{"replace compares", testReplace},
		{"replace at once", testReplaceAtOnce},
		{"erase is for good", testErase},
		{"erase what never was", testEraseUnknown},
		{"create against erase", testCreateAgainstErase},
		{"replace against erase", testReplaceAgainstErase},
		{"list in order", testList},
		{"subjects compare by bytes", testSubjects},
		{"bytes are copied", testCopies},
		{"ended context", testEnded},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

// when is a time as a Vault gives it: UTC, whole microseconds.
func when(n int) time.Time {
	return time.Date(2026, 11, 22, 0, 30, n, 123456000, time.UTC)
}

func key(subject string, n int) skans.SubjectKey {
	return skans.SubjectKey{Subject: subject, ID: fmt.Sprintf("%016x", n), Wrapped: []byte(fmt.Sprintf("wrapped\x00%d", n))}
}

// equal compares two records; a time may come back in another location, and no bytes as nil or empty.
func equal(t *testing.T, want, got skans.SubjectKey) {
	t.Helper()
	require.Equal(t, want.Subject, got.Subject)
	require.Equal(t, want.ID, got.ID)
	require.Equal(t, string(want.Wrapped), string(got.Wrapped))
	require.Equal(t, want.Erased.IsZero(), got.Erased.IsZero(), "erased")
	require.True(t, want.Erased.Equal(got.Erased), "erased %s, not %s", got.Erased, want.Erased)
}

func create(t *testing.T, store skans.KeyStore, k skans.SubjectKey) {
	t.Helper()
	standing, err := store.Create(t.Context(), k)
	require.NoError(t, err)
	equal(t, k, standing)
}

// atOnce runs f n times from one barrier and waits for all.
func atOnce(n int, f func(i int)) {
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	group.Wait()
}

func testUnknown(t *testing.T, store skans.KeyStore) {
	_, err := store.Load(t.Context(), "anna")
	require.ErrorIs(t, err, skans.ErrUnknownKey)
	done, err := store.Replace(t.Context(), "anna", []byte("old"), []byte("new"))
	require.NoError(t, err)
	require.False(t, done)
	done, err = store.Replace(t.Context(), "anna", nil, []byte("new"))
	require.NoError(t, err)
	require.False(t, done, "nothing is not what the subject has")
	page, err := store.List(t.Context(), "", 10)
	require.NoError(t, err)
	require.Empty(t, page)
}

func testCreate(t *testing.T, store skans.KeyStore) {
	create(t, store, key("anna", 1))
	standing, err := store.Create(t.Context(), key("anna", 2))
	require.NoError(t, err)
	equal(t, key("anna", 1), standing)
	loaded, err := store.Load(t.Context(), "anna")
	require.NoError(t, err)
	equal(t, key("anna", 1), loaded)
}

func testCreateAtOnce(t *testing.T, store skans.KeyStore) {
	const n = 16
	var got [n]skans.SubjectKey
	var errs [n]error
	atOnce(n, func(i int) { got[i], errs[i] = store.Create(context.Background(), key("anna", i)) })
	loaded, err := store.Load(t.Context(), "anna")
	require.NoError(t, err)
	for i := range n {
		require.NoError(t, errs[i])
		equal(t, loaded, got[i])
	}
}

func testReplace(t *testing.T, store skans.KeyStore) {
	create(t, store, key("anna", 1))
	done, err := store.Replace(t.Context(), "anna", []byte("other"), []byte("new"))
	require.NoError(t, err)
	require.False(t, done)
	done, err = store.Replace(t.Context(), "anna", key("anna", 1).Wrapped, []byte("new"))
	require.NoError(t, err)
	require.True(t, done)
	done, err = store.Replace(t.Context(), "anna", key("anna", 1).Wrapped, []byte("newer"))
	require.NoError(t, err)
	require.False(t, done, "what was compared is no longer there")
	loaded, err := store.Load(t.Context(), "anna")
	require.NoError(t, err)
	equal(t, skans.SubjectKey{Subject: "anna", ID: key("anna", 1).ID, Wrapped: []byte("new")}, loaded)
}

func testReplaceAtOnce(t *testing.T, store skans.KeyStore) {
	create(t, store, key("anna", 1))
	const n = 16
	var done [n]bool
	var errs [n]error
	atOnce(n, func(i int) {
		done[i], errs[i] = store.Replace(context.Background(), "anna", key("anna", 1).Wrapped, []byte(fmt.Sprint("new", i)))
	})
	loaded, err := store.Load(t.Context(), "anna")
	require.NoError(t, err)
	winners := 0
	for i := range n {
		require.NoError(t, errs[i])
		if done[i] {
			winners++
			require.Equal(t, fmt.Sprint("new", i), string(loaded.Wrapped))
		}
	}
	require.Equal(t, 1, winners)
}

func testErase(t *testing.T, store skans.KeyStore) {
	create(t, store, key("anna", 1))
	want := skans.SubjectKey{Subject: "anna", ID: key("anna", 1).ID, Erased: when(1)}
	mark, err := store.Erase(t.Context(), "anna", when(1))
	require.NoError(t, err)
	equal(t, want, mark)
	mark, err = store.Erase(t.Context(), "anna", when(2))
	require.NoError(t, err)
	equal(t, want, mark)
	standing, err := store.Create(t.Context(), key("anna", 2))
	require.NoError(t, err)
	equal(t, want, standing)
	done, err := store.Replace(t.Context(), "anna", key("anna", 1).Wrapped, []byte("new"))
	require.NoError(t, err)
	require.False(t, done)
	done, err = store.Replace(t.Context(), "anna", nil, []byte("new"))
	require.NoError(t, err)
	require.False(t, done, "nothing is not what the subject has")
	loaded, err := store.Load(t.Context(), "anna")
	require.NoError(t, err)
	equal(t, want, loaded)
}

func testEraseUnknown(t *testing.T, store skans.KeyStore) {
	want := skans.SubjectKey{Subject: "anna", Erased: when(1)}
	mark, err := store.Erase(t.Context(), "anna", when(1))
	require.NoError(t, err)
	equal(t, want, mark)
	standing, err := store.Create(t.Context(), key("anna", 1))
	require.NoError(t, err)
	equal(t, want, standing)
}

func testCreateAgainstErase(t *testing.T, store skans.KeyStore) {
	for round := range 20 {
		subject := fmt.Sprint("anna", round)
		var errs [3]error
		atOnce(3, func(i int) {
			if i == 0 {
				_, errs[i] = store.Erase(context.Background(), subject, when(1))
			} else {
				_, errs[i] = store.Create(context.Background(), key(subject, i))
			}
		})
		require.Equal(t, [3]error{}, errs)
		requireErased(t, store, subject)
	}
}

func testReplaceAgainstErase(t *testing.T, store skans.KeyStore) {
	for round := range 20 {
		subject := fmt.Sprint("anna", round)
		create(t, store, key(subject, 1))
		var errs [3]error
		atOnce(3, func(i int) {
			if i == 0 {
				_, errs[i] = store.Erase(context.Background(), subject, when(1))
			} else {
				_, errs[i] = store.Replace(context.Background(), subject, key(subject, 1).Wrapped, []byte("new"))
			}
		})
		require.Equal(t, [3]error{}, errs)
		requireErased(t, store, subject)
	}
}

func requireErased(t *testing.T, store skans.KeyStore, subject string) {
	t.Helper()
	loaded, err := store.Load(t.Context(), subject)
	require.NoError(t, err)
	require.False(t, loaded.Erased.IsZero())
	require.Empty(t, loaded.Wrapped)
}

func testList(t *testing.T, store skans.KeyStore) {
	subjects := []string{"b", "a", "B", "å", "a\u00a0", "ab", "10", "9"}
	for i, subject := range subjects {
		create(t, store, key(subject, i))
	}
	_, err := store.Erase(t.Context(), "ab", when(1))
	require.NoError(t, err)
	slices.Sort(subjects) // Go compares strings by their bytes
	for _, limit := range []int{1, 3, len(subjects), 100} {
		var got []string
		for after := ""; ; {
			page, err := store.List(t.Context(), after, limit)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page), limit)
			if len(page) == 0 {
				break
			}
			for _, k := range page {
				loaded, err := store.Load(t.Context(), k.Subject)
				require.NoError(t, err)
				equal(t, loaded, k)
				got = append(got, k.Subject)
			}
			require.LessOrEqual(t, len(got), len(subjects), "goes on for ever")
			after = page[len(page)-1].Subject
		}
		require.Equal(t, subjects, got, "limit %d", limit)
	}
}

func testSubjects(t *testing.T, store skans.KeyStore) {
	subjects := []string{
		"anna", "Anna", "anna ", "änna", "a\u0308nna", "annä", "a_na", "a%na", `'; DROP TABLE keys; --`, "\t", "🙂",
		strings.Repeat("x", 255), strings.Repeat("x", 254) + "y",
	}
	for i, subject := range subjects {
		create(t, store, key(subject, i))
	}
	_, err := store.Erase(t.Context(), "Anna", when(1))
	require.NoError(t, err)
	for i, subject := range subjects {
		loaded, err := store.Load(t.Context(), subject)
		require.NoError(t, err)
		if subject == "Anna" {
			continue
		}
		equal(t, key(subject, i), loaded)
	}
}

func testCopies(t *testing.T, store skans.KeyStore) {
	given := key("anna", 1)
	standing, err := store.Create(t.Context(), given)
	require.NoError(t, err)
	clear(given.Wrapped)
	clear(standing.Wrapped)
	loaded, err := store.Load(t.Context(), "anna")
	require.NoError(t, err)
	equal(t, key("anna", 1), loaded)
	clear(loaded.Wrapped)
	page, err := store.List(t.Context(), "", 1)
	require.NoError(t, err)
	require.Len(t, page, 1)
	equal(t, key("anna", 1), page[0])
	clear(page[0].Wrapped)
	wrapped := []byte("new")
	done, err := store.Replace(t.Context(), "anna", key("anna", 1).Wrapped, wrapped)
	require.NoError(t, err)
	require.True(t, done)
	clear(wrapped)
	loaded, err = store.Load(t.Context(), "anna")
	require.NoError(t, err)
	require.Equal(t, "new", string(loaded.Wrapped))
}

func testEnded(t *testing.T, store skans.KeyStore) {
	create(t, store, key("anna", 1))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := store.Load(ended, "anna")
	require.Error(t, err)
	_, err = store.Create(ended, key("bo", 1))
	require.Error(t, err)
	_, err = store.Replace(ended, "anna", key("anna", 1).Wrapped, []byte("new"))
	require.Error(t, err)
	_, err = store.Erase(ended, "anna", when(1))
	require.Error(t, err)
	_, err = store.List(ended, "", 1)
	require.Error(t, err)
	loaded, err := store.Load(t.Context(), "anna")
	require.NoError(t, err)
	equal(t, key("anna", 1), loaded)
	_, err = store.Load(t.Context(), "bo")
	require.ErrorIs(t, err, skans.ErrUnknownKey)
}
