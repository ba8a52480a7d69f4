package session_test

import (
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session"
)

// discard is a ResponseWriter that costs nothing, so that what is measured is the session.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

// live returns a handler that reads one typed value of a signed-in session, and the request for it.
func live(tb testing.TB) (http.Handler, *http.Request) {
	m := newManager(tb, session.Config{})
	b := newBrowser(nil)
	b.signIn(tb, m, "anna", session.Password)
	b.in(m, func(_ http.ResponseWriter, r *http.Request) {
		require.NoError(tb, counter.Set(session.From(r.Context()), 7))
	})
	return m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		n, ok, err := counter.Get(session.From(r.Context()))
		if n != 7 || !ok || err != nil {
			tb.Fatal(n, ok, err)
		}
	})), b.request("GET", "/", nil)
}

// A live session with idle timeout, binding and one typed read.
func BenchmarkHandler(b *testing.B) {
	h, r := live(b)
	w := &discard{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		h.ServeHTTP(w, r)
	}
}

func TestHandlerAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector makes sync.Pool forget on purpose")
	}
	h, r := live(t)
	w := &discard{http.Header{}}
	n := testing.AllocsPerRun(1000, func() {
		clear(w.header)
		h.ServeHTTP(w, r)
	})
	t.Logf("%.0f allocations", n)
	require.LessOrEqual(t, n, 10.0)
}

func BenchmarkHandlerParallel(b *testing.B) {
	h, r := live(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		w := &discard{http.Header{}}
		for pb.Next() {
			clear(w.header)
			h.ServeHTTP(w, r)
		}
	})
}

func BenchmarkAnonymous(b *testing.B) {
	h := newManager(b, session.Config{}).Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r, w := newBrowser(nil).request("GET", "/", nil), &discard{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}

func BenchmarkUpdate(b *testing.B) {
	m := newManager(b, session.Config{})
	c := newBrowser(nil)
	c.signIn(b, m, "anna")
	h := m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = counter.Update(r.Context(), session.From(r.Context()), func(n int) int { return n + 1 })
	}))
	r, w := c.request("GET", "/", nil), &discard{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		h.ServeHTTP(w, r)
	}
}

func BenchmarkLogin(b *testing.B) {
	m := newManager(b, session.Config{PerUser: 1})
	h := m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = session.From(r.Context()).Login(r.Context(), "anna", session.Password)
	}))
	r, w := newBrowser(nil).request("POST", "/", nil), &discard{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		h.ServeHTTP(w, r)
	}
}

func BenchmarkCSRF(b *testing.B) {
	m := newManager(b, session.Config{})
	newBrowser(nil).in(m, func(_ http.ResponseWriter, r *http.Request) {
		s := session.From(r.Context())
		b.ReportAllocs()
		for b.Loop() {
			_ = s.CSRF("delete", "42")
		}
	})
}

// A million sessions: bytes each, and the longest that a reader waits while all of them are swept.
func BenchmarkMillion(b *testing.B) {
	for b.Loop() {
		store, at := session.NewMemoryStore(), time.Now()
		before := heap()
		fill(b, store, 1_000_000, at)
		b.ReportMetric(float64(heap()-before)/1e6, "bytes/session")
		rec := session.Record{ID: randomID(), Generation: 1, Version: 1, Since: at, Seen: at, Expires: at.Add(9 * time.Hour)}
		_, err := store.Create(b.Context(), rec, 0, at)
		require.NoError(b, err)

		start := time.Now()
		n, err := store.Sweep(b.Context(), 1000, at) // nothing has expired
		require.NoError(b, err)
		require.Zero(b, n)
		b.ReportMetric(float64(time.Since(start).Microseconds()), "µs/empty-sweep")

		var stop atomic.Bool
		var waits []time.Duration
		done := sync.WaitGroup{}
		done.Go(func() {
			for !stop.Load() {
				start := time.Now()
				_, _ = store.Load(b.Context(), rec.ID, at)
				waits = append(waits, time.Since(start))
			}
		})
		start = time.Now()
		n, err = store.Sweep(b.Context(), 2_000_000, at.Add(time.Hour))
		require.NoError(b, err)
		require.Equal(b, 1_000_000, n)
		b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms/sweep")
		stop.Store(true)
		done.Wait()
		slices.Sort(waits)
		b.ReportMetric(float64(waits[len(waits)*999/1000].Nanoseconds())/1e3, "µs/p999-read")
		b.ReportMetric(float64(waits[len(waits)-1].Microseconds()), "µs/worst-read")
	}
}
