package password_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/password"
)

// resident returns what the Go heap takes from the operating system, garbage included.
func resident() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64() + s[1].Value.Uint64()
}

// 500 logins at once at 19 MiB each stay within 100 MB, and those for which there is no room hear so at once.
func TestMemoryOf500LoginsAtOnce(t *testing.T) {
	const logins, queue = 500, 40
	for name, maxMemory := range map[string]uint64{"default": 0, "256 MiB": 256 << 20} {
		t.Run(name, func(t *testing.T) {
			h, err := password.New(password.Config{Params: password.OWASP, MaxQueue: queue, MaxMemory: maxMemory})
			require.NoError(t, err)
			ctx := context.Background()
			enc, err := h.Hash(ctx, "anna", "correct horse")
			require.NoError(t, err)
			debug.FreeOSMemory()
			base := resident()

			var peak atomic.Uint64
			var done, busy, other atomic.Int64
			stop := make(chan struct{})
			var watcher sync.WaitGroup
			watcher.Go(func() {
				sample := time.NewTicker(time.Millisecond)
				defer sample.Stop()
				for {
					select {
					case <-stop:
						return
					case <-sample.C:
						peak.Store(max(peak.Load(), resident()))
					}
				}
			})
			start := make(chan struct{})
			var all sync.WaitGroup
			for range logins {
				all.Go(func() {
					<-start
					switch _, err := h.Verify(ctx, "anna", enc, "correct horse"); {
					case err == nil:
						done.Add(1)
					case errors.Is(err, password.ErrBusy):
						busy.Add(1)
					default:
						other.Add(1)
					}
				})
			}
			close(start)
			all.Wait()
			close(stop)
			watcher.Wait()

			require.Zero(t, other.Load())
			require.EqualValues(t, logins, done.Load()+busy.Load())
			require.GreaterOrEqual(t, done.Load(), int64(queue))
			require.Positive(t, busy.Load())
			grown := int64(peak.Load()) - int64(base)
			t.Logf("%d verified, %d busy, %d MB above base", done.Load(), busy.Load(), grown/1e6)
			require.Less(t, grown, int64(100e6))
		})
	}
}

// A flood of logins gets 503 with Retry-After where there is no room, and other pages answer meanwhile.
func TestOtherPagesAnswerDuringAFlood(t *testing.T) {
	h, err := password.New(password.Config{MaxQueue: 10})
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if _, err := h.Verify(r.Context(), "anna", "", "wrong horse"); errors.Is(err, password.ErrBusy) {
			w.Header().Set("Retry-After", "5")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
	})
	mux.HandleFunc("GET /health", func(http.ResponseWriter, *http.Request) {})
	server := httptest.NewServer(mux)
	defer server.Close()
	client := server.Client()

	var refused, busy atomic.Int64
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			resp, err := client.Post(server.URL+"/login", "text/plain", nil)
			if err != nil {
				return
			}
			_ = resp.Body.Close()
			switch {
			case resp.StatusCode == 401:
				refused.Add(1)
			case resp.StatusCode == 503 && resp.Header.Get("Retry-After") == "5":
				busy.Add(1)
			}
		})
	}
	for range 20 {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/health", nil)
		require.NoError(t, err)
		resp, err := client.Do(req)
		require.NoError(t, err)
		_ = resp.Body.Close()
		require.Equal(t, 200, resp.StatusCode)
		cancel()
	}
	all.Wait()
	require.EqualValues(t, 100, refused.Load()+busy.Load())
	require.Positive(t, busy.Load())
	require.Positive(t, refused.Load())
}

// one returns a Hasher that runs one hash at a time, and a way to keep it busy: a verification that
// stands in Audit, within its turn, until release is called.
func one(t *testing.T, queue int) (h *password.Hasher, hold func() (release func())) {
	ctx := context.Background()
	old, err := newHasher(t, func(c *password.Config) { c.Params = "m=128,t=1,p=1" }).Hash(ctx, "holder", "correct horse")
	require.NoError(t, err)
	entered, leave := make(chan struct{}), make(chan struct{})
	h = newHasher(t, func(c *password.Config) {
		c.MaxMemory, c.MaxQueue, c.Params = 200<<10, queue, "m=120,t=1,p=1"
		c.Audit = func(_ context.Context, event string, _ ...slog.Attr) error {
			if event == password.EventUpgraded {
				entered <- struct{}{}
				<-leave
			}
			return nil
		}
	})
	return h, func() func() {
		finished := make(chan struct{})
		go func() {
			defer close(finished)
			_, _ = h.Verify(ctx, "holder", old, "correct horse")
		}()
		<-entered
		return func() { close(leave); <-finished }
	}
}

func TestQueueIsBoundedAndEndsWithTheContext(t *testing.T) {
	h, hold := one(t, 2)
	release := hold()
	cancelled, cancel := context.WithCancel(context.Background())
	results := make(chan error, 3)
	for range 2 {
		go func() {
			_, err := h.Hash(cancelled, "anna", "correct horse")
			results <- err
		}()
	}
	for h.Waiting() < 2 {
		runtime.Gosched()
	}
	_, err := h.Hash(context.Background(), "bo", "correct horse")
	require.ErrorIs(t, err, password.ErrBusy, "the queue is full")
	cancel()
	require.ErrorIs(t, <-results, password.ErrBusy)
	require.ErrorIs(t, <-results, password.ErrBusy)
	require.Zero(t, h.Waiting())
	_, err = h.Hash(cancelled, "bo", "correct horse")
	require.ErrorIs(t, err, password.ErrBusy, "an ended context does not begin")

	go func() {
		_, err := h.Hash(context.Background(), "bo", "correct horse")
		results <- err
	}()
	for h.Waiting() < 1 {
		runtime.Gosched()
	}
	release()
	require.NoError(t, <-results, "whoever still waits gets the turn")
}

func TestTurnsComeInOrder(t *testing.T) {
	h, hold := one(t, 10)
	release := hold()
	order := make(chan int, 10)
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			_, err := h.Hash(context.Background(), "anna", "correct horse")
			require.NoError(t, err)
			order <- i
		})
		for h.Waiting() < i+1 {
			runtime.Gosched()
		}
	}
	release()
	all.Wait()
	close(order)
	var got []int
	for i := range order {
		got = append(got, i)
	}
	// Two neighbours may change places between their turn and the channel.
	for place, i := range got {
		require.InDelta(t, place, i, 2)
	}
}

// ASVS 5.0, 15.4.4: a flood from one place leaves others their turn.
func TestOneOriginGetsAQuarterOfTheQueue(t *testing.T) {
	h, hold := one(t, 8)
	release := hold()
	flood := password.WithOrigin(context.Background(), "192.0.2.1")
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() { _, _ = h.Hash(flood, "anna", "correct horse") })
	}
	for h.Waiting() < 2 {
		runtime.Gosched()
	}
	_, err := h.Hash(flood, "anna", "correct horse")
	require.ErrorIs(t, err, password.ErrBusy)
	all.Go(func() {
		_, err := h.Hash(password.WithOrigin(context.Background(), "192.0.2.2"), "bo", "correct horse")
		require.NoError(t, err)
	})
	for h.Waiting() < 3 {
		runtime.Gosched()
	}
	release()
	all.Wait()
	_, err = h.Hash(flood, "anna", "correct horse")
	require.NoError(t, err, "its share is free again")
}

// Known and unknown names, and passwords that are too long or malformed, cannot be told apart by time: 2,000
// interleaved pairs, compared by the Wilcoxon signed-rank test, which a busy machine disturbs little; medians it
// disturbs a lot, so they are only reported.
func TestMismatchesTakeEqualTime(t *testing.T) {
	h := newHasher(t, func(c *password.Config) { c.Params = "m=128,t=1,p=1" })
	ctx := context.Background()
	enc, err := h.Hash(ctx, "anna", "correct horse")
	require.NoError(t, err)
	long := string(make([]byte, 4096))
	for name, c := range map[string]struct {
		pairs int
		miss  func() error
	}{
		"unknown name": {2000, func() error { _, err := h.Verify(ctx, "nobody", "", "wrong horse"); return err }},
		"too long":     {500, func() error { _, err := h.Verify(ctx, "anna", enc, long); return err }},
		"not UTF-8":    {500, func() error { _, err := h.Verify(ctx, "anna", enc, "wrong \xff"); return err }},
	} {
		t.Run(name, func(t *testing.T) {
			known := func() error { _, err := h.Verify(ctx, "anna", enc, "wrong horse"); return err }
			var ratio, z float64
			for range 3 {
				if ratio, z = compare(t, c.pairs, known, c.miss); math.Abs(z) < 3.3 { // p = 0.001
					break
				}
			}
			t.Logf("median ratio %.4f, z %.2f", ratio, z)
			require.Less(t, math.Abs(z), 3.3)
		})
	}
}

// compare times pairs in turns and returns the ratio of the medians and the z of the signed-rank test.
func compare(t *testing.T, pairs int, a, b func() error) (ratio, z float64) {
	timed := func(f func() error) float64 {
		start := time.Now()
		err := f()
		took := time.Since(start)
		require.ErrorIs(t, err, password.ErrMismatch)
		return float64(took)
	}
	var as, bs, diffs []float64
	for range pairs {
		var x, y float64
		if rand.IntN(2) == 0 { // a fixed order would fall in step with the collector
			x, y = timed(a), timed(b)
		} else {
			y, x = timed(b), timed(a)
		}
		as, bs, diffs = append(as, x), append(bs, y), append(diffs, x-y)
	}
	slices.Sort(as)
	slices.Sort(bs)
	slices.SortFunc(diffs, func(x, y float64) int {
		if math.Abs(x) < math.Abs(y) {
			return -1
		}
		return 1
	})
	w := 0.0
	for rank, d := range diffs {
		if d > 0 {
			w += float64(rank + 1)
		}
	}
	n := float64(pairs)
	return as[pairs/2] / bs[pairs/2], (w - n*(n+1)/4) / math.Sqrt(n*(n+1)*(2*n+1)/24)
}
