package session

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Whole buckets from the epoch on, so that a test knows what shares one.
func bucketStart(n int64) time.Time { return time.UnixMilli(n * memBucket) }

const sweptBucket = 1_000_000

// oneShard returns a store whose sessions are all in its first shard, and those: n of nobody, which expire as told.
func oneShard(tb testing.TB, n int, expires func(i int) time.Time) (*MemoryStore, *memShard, []memID) {
	tb.Helper()
	store, ids := NewMemoryStore(), make([]memID, n)
	at := bucketStart(sweptBucket).Add(-time.Hour)
	for i := range ids {
		binary.LittleEndian.PutUint32(ids[i][4:], uint32(i)*2654435761) // spreads them over the table, as chance does
		r := Record{ID: ids[i].String(), Generation: 1, Version: 1, Since: at, Seen: at, Expires: expires(i), Deadline: at.Add(8 * time.Hour)}
		_, err := store.Create(tb.Context(), r, 0, at)
		require.NoError(tb, err)
	}
	return store, &store.shards[0], ids
}

// left counts the rows that a sweep has yet to look at in its chain.
func (s *memShard) left() (n int) {
	for place := s.walk; place != 0; place = s.row(place - 1).next {
		n++
	}
	return n
}

// No time is measured here: what a reader waits for is the rows that are looked at under one lock.
func TestSweepLooksAtFewRowsUnderOneLock(t *testing.T) {
	start, next := bucketStart(sweptBucket), bucketStart(sweptBucket+1)
	for _, test := range []struct {
		name    string
		expires time.Time
		touched time.Time
		room    int
		due     int
	}{
		{"all have expired", start, time.Time{}, memShardRows, memShardRows},
		{"all have expired, one is asked for", start, time.Time{}, 1, 1},
		{"all live on in the bucket that is due", next.Add(-time.Millisecond), time.Time{}, memShardRows, 0},
		{"all live on through touches", start, next.Add(time.Hour), memShardRows, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			store, sh, ids := oneShard(t, memShardRows, func(int) time.Time { return test.expires })
			for _, id := range ids {
				if !test.touched.IsZero() {
					require.NoError(t, store.Touch(t.Context(), id.String(), 1, start, test.touched, start.Add(-time.Minute)))
				}
			}
			now := start.Add(time.Second)
			require.Equal(t, []uint32{sweptBucket}, sh.dueBuckets(now))
			sh.begin(sweptBucket)
			require.Equal(t, memShardRows, sh.left())
			var due []memDue
			for more := true; more && len(due) < test.room; {
				before := sh.left()
				due, more = sh.look(sweptBucket, now, test.room, due)
				looked := before - sh.left()
				require.LessOrEqual(t, looked, memSweep)
				require.Positive(t, looked, "a sweep comes to an end")
			}
			require.Len(t, due, test.due)

			n, err := store.Sweep(t.Context(), memShardRows, now)
			require.NoError(t, err)
			if test.due > 0 {
				require.Equal(t, memShardRows, n)
			} else {
				require.Zero(t, n)
				require.Equal(t, memShardRows, sh.table.n)
			}
		})
	}
}

// Between two locks of a sweep others end sessions, shorten and make them. None is left out, none comes twice.
func TestSweepGoesOnAfterTheChainChanged(t *testing.T) {
	start := bucketStart(sweptBucket)
	const n = 5 * memSweep
	store, sh, ids := oneShard(t, n, func(int) time.Time { return start.Add(time.Minute) })
	early, late := start.Add(time.Second), start.Add(time.Minute)
	sh.begin(sweptBucket)
	var gone, found []memID
	for round := 0; ; round++ {
		due, more := sh.look(sweptBucket, late, n, nil)
		for _, d := range due {
			found = append(found, d.id)
		}
		if !more {
			break
		}
		next := sh.row(sh.walk - 1)
		switch round {
		case 0: // the row that is next in turn is ended
			gone = append(gone, next.id)
			_, err := store.End(t.Context(), next.id.String(), early)
			require.NoError(t, err)
		case 1: // it goes to another bucket
			gone = append(gone, next.id)
			require.NoError(t, store.Touch(t.Context(), next.id.String(), 1, early, start.Add(-time.Minute), early))
		case 2: // a row that has been looked at ends, and its place is taken by a new one
			_, err := store.End(t.Context(), found[0].String(), early)
			require.NoError(t, err)
			id := memID{15: 1}
			_, err = store.Create(t.Context(), Record{ID: id.String(), Generation: 1, Since: start, Expires: late.Add(time.Second)}, 0, early)
			require.NoError(t, err)
		}
	}
	all := slices.Concat(gone, found)
	require.ElementsMatch(t, ids, all)

	swept, err := store.Sweep(t.Context(), 2*n, late)
	require.NoError(t, err)
	require.Equal(t, n-2, swept, "but the two that were ended")
	require.Equal(t, 1, sh.table.n, "the new one lives")
}

// A table asks for each of its places at most twice when one is added or taken out, and a shard has about 1,000 of a
// million. That is what the lock of a shard covers beside a sweep's look.
func TestMemTableWorkIsBounded(t *testing.T) {
	const places = 1200
	asked := 0
	hash := func(place uint32) uint32 { asked++; return place * 2654435761 }
	var table memTable
	for place := range uint32(places) {
		asked = 0
		table.add(place, hash)
		require.LessOrEqual(t, asked, places+1)
	}
	for place := range uint32(places) {
		asked = 0
		table.remove(place, hash)
		require.LessOrEqual(t, asked, 2*places)
	}
	require.Zero(t, table.n)
}

// The longest pause: how long one look of a sweep holds the lock of a shard, eight times as full as at a million
// sessions, when all of its rows are due and live on. The longest of all includes what else took the processor meanwhile.
func BenchmarkSweepHold(b *testing.B) {
	start := bucketStart(sweptBucket)
	_, sh, _ := oneShard(b, memShardRows, func(int) time.Time { return start.Add(time.Minute) })
	var holds []time.Duration
	for b.Loop() {
		sh.begin(sweptBucket)
		for more := true; more; {
			at := time.Now()
			_, more = sh.look(sweptBucket, start, memShardRows, nil)
			holds = append(holds, time.Since(at))
		}
	}
	slices.Sort(holds)
	b.ReportMetric(float64(holds[len(holds)/2].Nanoseconds())/1e3, "µs/median-hold")
	b.ReportMetric(float64(holds[len(holds)*999/1000].Nanoseconds())/1e3, "µs/p999-hold")
	b.ReportMetric(float64(holds[len(holds)-1].Nanoseconds())/1e3, "µs/longest-hold")
}
