package bench

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2/memstore"
	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session"
)

// A million people sign in through the middleware. Then the expired ones are cleared away while somebody reads. gorilla's
// cookie store is not here: it keeps nothing, and so can end nothing.

const million = 1_000_000

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// signInMany signs n people in, and reports how many bytes of memory each holds.
func signInMany(b *testing.B, n int, h http.Handler) {
	before := heap()
	w := &sink{header: http.Header{}}
	r := visit("/in", "")
	for i := range n {
		clear(w.header)
		again := *r
		again.URL = &url.URL{Scheme: "https", Host: "mail.example", Path: "/in", RawQuery: fmt.Sprintf("user-%06d", i)}
		h.ServeHTTP(w, &again)
	}
	b.ReportMetric(float64(heap()-before)/float64(n), "bytes/session")
}

// longestRead returns how long the slowest read took while during ran.
func longestRead(read, during func()) time.Duration {
	var stop atomic.Bool
	var worst time.Duration
	var wg sync.WaitGroup
	wg.Go(func() {
		for !stop.Load() {
			start := time.Now()
			read()
			worst = max(worst, time.Since(start))
		}
	})
	during()
	stop.Store(true)
	wg.Wait()
	return worst
}

func micro(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

// A kept store remembers the id of the first session, so that there is something to read.
type keptStore struct {
	*session.MemoryStore
	first string
}

func (k *keptStore) Create(ctx context.Context, r session.Record, limit int, now time.Time) ([]string, error) {
	if k.first == "" {
		k.first = r.ID
	}
	return k.MemoryStore.Create(ctx, r, limit, now)
}

func BenchmarkMillion(b *testing.B) {
	b.Run("skans", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			store := &keptStore{MemoryStore: session.NewMemoryStore()}
			signInMany(b, million, skansOver(b, store))
			at := time.Now()
			read := func() { _, _ = store.Load(b.Context(), store.first, at) }

			quiet := longestRead(read, func() { time.Sleep(time.Second) })
			b.ReportMetric(micro(quiet), "µs/longest-read-without-sweep")
			var quietParts []float64
			for range 100 {
				quietParts = append(quietParts, micro(longestRead(read, func() { time.Sleep(10 * time.Millisecond) })))
			}
			b.ReportMetric(median(quietParts), "µs/longest-read-of-quiet-parts")
			start := time.Now()
			n, err := store.Sweep(b.Context(), million, at)
			require.NoError(b, err)
			require.Zero(b, n)
			b.ReportMetric(micro(time.Since(start)), "µs/sweep-of-none")

			// In a hundred parts, each with its own slowest read: a lock that is held too long shows in all of them, another
			// program that takes the processor in some.
			var parts []float64
			start = time.Now()
			for range 100 {
				parts = append(parts, micro(longestRead(read, func() {
					n, err := store.Sweep(b.Context(), million/100, at.Add(9*time.Hour))
					require.NoError(b, err)
					require.Equal(b, million/100, n)
				})))
			}
			b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms/sweep-of-all")
			b.ReportMetric(median(parts), "µs/longest-read")
			b.ReportMetric(slices.Max(parts), "µs/longest-read-of-all-parts")
			b.ReportMetric(0, "ns/op")
		}
	})
	b.Run("scs", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			const tick = 2 * time.Second
			store := memstore.NewWithCleanupInterval(tick)
			signInMany(b, million, scsOver(b, store))
			all, err := store.All()
			require.NoError(b, err)
			require.Len(b, all, million)
			var token string
			for token = range all {
				break
			}
			read := func() { _, _, _ = store.Find(token) }
			// It sweeps at each tick, looks at every session, and holds its lock meanwhile.
			b.ReportMetric(micro(longestRead(read, func() { time.Sleep(tick + tick/2) })), "µs/sweep-of-none")
			for token, data := range all {
				require.NoError(b, store.Commit(token, data, time.Now()))
			}
			worst := longestRead(read, func() { time.Sleep(2 * tick) })
			b.ReportMetric(micro(worst), "µs/longest-read")
			b.ReportMetric(float64(worst.Milliseconds()), "ms/sweep-of-all")
			left, err := store.All()
			require.NoError(b, err)
			require.Empty(b, left)
			store.StopCleanup()
			b.ReportMetric(0, "ns/op")
		}
	})
}
