package audit_test

import (
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/skans-go/skans/audit"
	"github.com/stretchr/testify/require"
)

// syncWriter is what a team would write: slog to a file, fsync after each line.
type syncWriter struct{ *os.File }

func (s syncWriter) Write(p []byte) (int, error) {
	n, err := s.File.Write(p)
	if err == nil {
		err = s.Sync()
	}
	return n, err
}

var benchAttrs = []slog.Attr{
	slog.String("user", "anna"), slog.String("method", "password"), slog.String("reason", "password"), slog.Int("attempt", 3), slog.Bool("mfa", true),
}

// benchCtx is what a request of a signed-in user brings along; slog gets the same as attributes.
var (
	benchCtx  = audit.WithRequest(audit.WithActor(context.Background(), audit.Actor{User: "f3b1c6e2-77aa", Session: "9d4be1f07c"}), "K7QX2M4TPLZC")
	slogAttrs = append([]slog.Attr{slog.String("actor", "f3b1c6e2-77aa"), slog.String("actor_session", "9d4be1f07c"), slog.String("request", "K7QX2M4TPLZC")}, benchAttrs...)
)

func slogTo(b *testing.B, sync bool) *slog.Logger {
	f, err := os.Create(filepath.Join(b.TempDir(), "slog"))
	require.NoError(b, err)
	b.Cleanup(func() { _ = f.Close() })
	var w io.Writer = f
	if sync {
		w = syncWriter{f}
	}
	return slog.New(slog.NewJSONHandler(w, nil))
}

// callers runs f from n goroutines, b.N times altogether.
func callers(b *testing.B, n int, f func()) {
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for i := range n {
		share := b.N / n
		if i < b.N%n {
			share++
		}
		wg.Go(func() {
			for range share {
				f()
			}
		})
	}
	wg.Wait()
}

func BenchmarkSlogSync(b *testing.B) {
	logger := slogTo(b, true)
	callers(b, 1, func() { logger.LogAttrs(benchCtx, slog.LevelInfo, "session.login", slogAttrs...) })
}

func BenchmarkSlogBuffered(b *testing.B) {
	logger := slogTo(b, false)
	callers(b, 1, func() { logger.LogAttrs(benchCtx, slog.LevelInfo, "notfound.request", slogAttrs...) })
}

func BenchmarkRecordDurable(b *testing.B) {
	for _, n := range []int{1, 64, 1024} {
		b.Run(itoa(n), func(b *testing.B) {
			log := openLog(b, audit.Config{Dir: b.TempDir(), Keys: newKeys(b)})
			callers(b, n, func() {
				if err := log.Record(benchCtx, "session.login", benchAttrs...); err != nil {
					b.Error(err)
				}
			})
		})
	}
}

func itoa(n int) string { return slog.IntValue(n).String() }

func BenchmarkRecordBuffered(b *testing.B) {
	log := openLog(b, audit.Config{Dir: b.TempDir(), Keys: newKeys(b), Classes: []audit.Class{{Name: "notfound", OnFailure: audit.Alert}}})
	callers(b, 1, func() {
		if err := log.Record(benchCtx, "notfound.request", benchAttrs...); err != nil {
			b.Error(err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	dir := b.TempDir()
	log := openLog(b, audit.Config{Dir: dir, Keys: newKeys(b), Classes: []audit.Class{{Name: "notfound", OnFailure: audit.Alert}}})
	for range 200000 {
		require.NoError(b, log.Record(benchCtx, "notfound.request", benchAttrs...))
	}
	require.NoError(b, log.Close())
	var size int64
	names, err := filepath.Glob(filepath.Join(dir, "notfound", "*.seg"))
	require.NoError(b, err)
	for _, name := range names {
		info, err := os.Stat(name)
		require.NoError(b, err)
		size += info.Size()
	}
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		report, err := audit.Verify(b.Context(), os.DirFS(dir), audit.Trust{Keys: log.PublicKeys()})
		require.NoError(b, err)
		require.True(b, report.OK())
		require.EqualValues(b, 200001, report.Events)
	}
}

// BenchmarkSHA256 is what Verify is measured against: the hash alone over as many bytes.
func BenchmarkSHA256(b *testing.B) {
	buf := make([]byte, 1<<20)
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		sha256.Sum256(buf)
	}
}

// BenchmarkLatency reports the 99th percentile of Record under 64 writers in units of one write and fsync of the same disk.
func BenchmarkLatency(b *testing.B) {
	plain := syncWriter{}
	var err error
	plain.File, err = os.Create(filepath.Join(b.TempDir(), "plain"))
	require.NoError(b, err)
	defer plain.Close()
	line := make([]byte, 200)
	var single []time.Duration
	fsync := func() {
		start := time.Now()
		_, err := plain.Write(line)
		require.NoError(b, err)
		single = append(single, time.Since(start))
	}
	log := openLog(b, audit.Config{Dir: b.TempDir(), Keys: newKeys(b)})
	var mu sync.Mutex
	var all []time.Duration
	for range 100 {
		fsync()
	}
	callers(b, 64, func() {
		start := time.Now()
		if err := log.Record(benchCtx, "session.login", benchAttrs...); err != nil {
			b.Error(err)
		}
		took := time.Since(start)
		mu.Lock()
		all = append(all, took)
		mu.Unlock()
	})
	for range 100 {
		fsync()
	}
	slices.Sort(all)
	slices.Sort(single)
	b.ReportMetric(float64(all[len(all)*99/100])/float64(single[len(single)/2]), "p99/fsync-median")
	b.ReportMetric(float64(all[len(all)*99/100])/float64(single[len(single)*99/100]), "p99/fsync-p99")
}
