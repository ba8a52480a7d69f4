package audit_test

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/skans-go/skans/audit"
	"github.com/stretchr/testify/require"
)

// TestManyFiles ends segments and ledger files every few frames, over several openings.
func TestManyFiles(t *testing.T) {
	dir, keys := t.TempDir(), newKeys(t)
	var log *audit.Log
	want := 0
	for range 4 {
		log = openLog(t, audit.Config{Dir: dir, Keys: keys})
		audit.SetSizes(log, 600, 4000)
		for i := range 12 {
			var wg sync.WaitGroup
			for w := range 4 {
				want++
				wg.Go(func() {
					if err := log.Record(t.Context(), []string{"session.login", "admin.x"}[w%2], slog.Int("n", i)); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			require.NoError(t, log.Record(t.Context(), "notfound.request", slog.Int("n", i)))
			want++
			require.NoError(t, log.Seal())
		}
		require.Len(t, events(t, log, audit.Filter{}), want)
		require.NoError(t, log.Close())
		report := verify(t, dir, audit.Trust{Keys: log.PublicKeys(), AtLeast: log.Witness()})
		require.True(t, report.OK(), report.String())
	}
	for _, pattern := range []string{"ledger/*.led", "session/*.seg", "notfound/*.seg"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		require.NoError(t, err)
		require.Greater(t, len(names), 4, pattern)
	}
	files := load(t, dir)
	for name := range files { // every file counts
		without := clone(files)
		delete(without, name)
		report := check(t, without, audit.Trust{Keys: log.PublicKeys(), AtLeast: log.Witness()})
		require.False(t, report.OK(), name)
	}
	var proofs int
	for p, err := range log.Prove(t.Context(), audit.Filter{Event: "session.login"}) {
		require.NoError(t, err)
		_, err = p.Event(log.PublicKeys())
		require.NoError(t, err)
		proofs++
	}
	require.Equal(t, 4*12*2, proofs)
}

// TestLoginsDuringAFlood: while eight goroutines ask for pages that are not there as fast as they can, every login is recorded.
func TestLoginsDuringAFlood(t *testing.T) {
	dir, keys := t.TempDir(), newKeys(t)
	log := openLog(t, audit.Config{Dir: dir, Keys: keys})
	const logins, each = 300, 12500
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range each {
				if err := log.Record(t.Context(), "notfound.request", slog.String("path", fmt.Sprintf("/%d", i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range logins {
		require.NoError(t, log.Record(t.Context(), "session.login", slog.Int("n", i)))
	}
	wg.Wait()
	require.NoError(t, log.Close())
	log = openLog(t, audit.Config{Dir: dir, Keys: keys})
	require.Len(t, events(t, log, audit.Filter{Class: "session"}), logins)
	kept := len(events(t, log, audit.Filter{Event: audit.EventNotFound}))
	var dropped uint64
	for _, e := range events(t, log, audit.Filter{Event: audit.EventSuppressed}) {
		count, _ := e.Attr("count")
		dropped += count.Uint64()
	}
	require.EqualValues(t, 8*each, uint64(kept)+dropped, "kept or counted")
	require.True(t, verify(t, dir, audit.Trust{Keys: log.PublicKeys()}).OK())
}

// TestEverythingFromManyWriters is 64 writers over all classes; nothing is lost, doubled or out of order.
func TestEverythingFromManyWriters(t *testing.T) {
	dir, keys := t.TempDir(), newKeys(t)
	log := openLog(t, audit.Config{Dir: dir, Keys: keys, Classes: []audit.Class{{Name: "bulk", OnFailure: audit.Alert}}})
	audit.SetSizes(log, 1<<20, 4<<20)
	const writers, each = 64, 3000
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := log.Record(t.Context(), "bulk.x", slog.Int("w", w), slog.Int("i", i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	next := make([]int64, writers)
	for e, err := range log.Query(t.Context(), audit.Filter{Class: "bulk"}) {
		require.NoError(t, err)
		w, _ := e.Attr("w")
		i, _ := e.Attr("i")
		if next[w.Int64()] != i.Int64() {
			t.Fatalf("writer %d: %d follows %d", w.Int64(), i.Int64(), next[w.Int64()])
		}
		next[w.Int64()]++
	}
	require.Equal(t, slices.Repeat([]int64{each}, writers), next)
	require.NoError(t, log.Close())
	report := verify(t, dir, audit.Trust{Keys: log.PublicKeys(), AtLeast: log.Witness()})
	require.True(t, report.OK(), report.String())
}
