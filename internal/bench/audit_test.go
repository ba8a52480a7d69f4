package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/audit"
)

// The same event of six attributes, to the log of this library and to log/slog as JSON lines, both on the same disk. What
// is durable here is compared with slog over a file that is synced after each line, what is buffered with slog over a file.

func eventAttrs() []slog.Attr {
	return []slog.Attr{
		slog.String("user", "anna"), slog.String("session", "4f6c1a"), slog.String("reason", "password"),
		slog.Int("attempt", 3), slog.Bool("mfa", true), slog.Duration("took", 1200*time.Microsecond),
	}
}

// A syncedFile syncs after each write.
type syncedFile struct{ *os.File }

func (s syncedFile) Write(p []byte) (int, error) {
	n, err := s.File.Write(p)
	if err != nil {
		return n, err
	}
	return n, s.Sync()
}

func slogTo(tb testing.TB, synced bool) (*slog.Logger, string) {
	tb.Helper()
	f, err := os.Create(filepath.Join(tb.TempDir(), "events"))
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = f.Close() })
	var w io.Writer = f
	if synced {
		w = syncedFile{f}
	}
	return slog.New(slog.NewJSONHandler(w, nil)), f.Name()
}

const (
	durable  = "session.login"    // of a class that rejects what it cannot keep
	buffered = "notfound.request" // of a class that goes on
)

func auditLog(tb testing.TB, dir string) *audit.Log {
	tb.Helper()
	log, err := audit.Open(tb.Context(), audit.Config{
		Dir: dir, Keys: keyring(tb), Server: "bench", Classes: []audit.Class{{Name: "notfound", OnFailure: audit.Alert}},
	})
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = log.Close() })
	return log
}

// Both keep every event with every attribute, and this library shows in addition that nobody changed them.
func TestLogsDoTheSame(t *testing.T) {
	dir, attrs, ctx := t.TempDir(), eventAttrs(), t.Context()
	log := auditLog(t, dir)
	logger, path := slogTo(t, true)
	for range 10 {
		require.NoError(t, log.Record(ctx, durable, attrs...))
		require.NoError(t, log.Record(ctx, buffered, attrs...))
		logger.LogAttrs(ctx, slog.LevelInfo, durable, attrs...)
	}
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	require.Len(t, lines, 10)
	var line map[string]any
	require.NoError(t, json.Unmarshal(lines[9], &line))
	require.Equal(t, durable, line["msg"])

	require.NoError(t, log.Close())
	kept := map[string]int{}
	for e, err := range audit.Query(ctx, audit.Filter{}, nil, os.DirFS(dir)) {
		require.NoError(t, err)
		kept[e.Name]++
		if e.Name == durable {
			text := new(bytes.Buffer)
			require.NoError(t, audit.Write(text, func(yield func(audit.Event, error) bool) { yield(e, nil) }, audit.NDJSON))
			for _, a := range attrs {
				require.Contains(t, text.String(), `"`+a.Key+`"`)
				require.Contains(t, line, a.Key)
			}
		}
	}
	require.Equal(t, 10, kept[durable])
	require.Equal(t, 10, kept[buffered])
	report, err := audit.Verify(ctx, os.DirFS(dir), audit.Trust{Keys: log.PublicKeys()})
	require.NoError(t, err)
	require.True(t, report.OK())
}

// callers runs do from n goroutines, b.N times altogether.
func callers(b *testing.B, n int, do func()) {
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
				do()
			}
		})
	}
	wg.Wait()
}

func BenchmarkAuditDurable(b *testing.B) {
	log, attrs, ctx := auditLog(b, b.TempDir()), eventAttrs(), context.Background()
	logger, _ := slogTo(b, true)
	record := func() {
		if err := log.Record(ctx, durable, attrs...); err != nil {
			b.Error(err)
		}
	}
	line := func() { logger.LogAttrs(ctx, slog.LevelInfo, durable, attrs...) }
	for _, n := range []int{1, 1024} {
		b.Run("callers="+strconv.Itoa(n)+"/skans", func(b *testing.B) { callers(b, n, record) })
		b.Run("callers="+strconv.Itoa(n)+"/slog-fsync", func(b *testing.B) { callers(b, n, line) })
	}
	b.Run("callers=1/vs-slog-fsync", func(b *testing.B) { inTurns(b, record, line) })
}

func BenchmarkAuditBuffered(b *testing.B) {
	log, attrs, ctx := auditLog(b, b.TempDir()), eventAttrs(), context.Background()
	logger, _ := slogTo(b, false)
	beside(b,
		side{"skans", func() {
			if err := log.Record(ctx, buffered, attrs...); err != nil {
				b.Fatal(err)
			}
		}},
		side{"slog", func() { logger.LogAttrs(ctx, slog.LevelInfo, buffered, attrs...) }})
}

// BenchmarkAuditLatency has 64 writers, and tells how long the slowest hundredth of their durable events waits, in µs and
// in syncs of one line on the same disk.
func BenchmarkAuditLatency(b *testing.B) {
	const writers, events = 64, 50
	log, attrs, ctx := auditLog(b, b.TempDir()), eventAttrs(), context.Background()
	b.ReportAllocs()
	var took []time.Duration
	for b.Loop() {
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				mine := make([]time.Duration, events)
				for i := range mine {
					start := time.Now()
					if err := log.Record(ctx, durable, attrs...); err != nil {
						b.Error(err)
					}
					mine[i] = time.Since(start)
				}
				mu.Lock()
				took = append(took, mine...)
				mu.Unlock()
			})
		}
		wg.Wait()
	}
	f, err := os.Create(filepath.Join(b.TempDir(), "line"))
	require.NoError(b, err)
	defer f.Close()
	syncs := make([]time.Duration, 200)
	for i := range syncs {
		start := time.Now()
		_, err := syncedFile{f}.Write(make([]byte, 200))
		require.NoError(b, err)
		syncs[i] = time.Since(start)
	}
	p99, sync := percentile(took, 0.99), percentile(syncs, 0.5)
	b.ReportMetric(micro(p99), "p99-µs")
	b.ReportMetric(micro(sync), "sync-µs")
	b.ReportMetric(micro(percentile(syncs, 0.99)), "sync-p99-µs")
	b.ReportMetric(float64(p99)/float64(sync), "p99-syncs")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkAuditVerify checks a log of 100,000 events, beside SHA-256 alone over as many bytes as it has.
func BenchmarkAuditVerify(b *testing.B) {
	const events = 100_000
	dir, attrs := b.TempDir(), eventAttrs()
	log := auditLog(b, dir)
	for range events {
		require.NoError(b, log.Record(b.Context(), buffered, attrs...))
	}
	require.NoError(b, log.Close())
	var data []byte
	names, err := filepath.Glob(filepath.Join(dir, "*", "*.seg"))
	require.NoError(b, err)
	for _, name := range names {
		segment, err := os.ReadFile(name)
		require.NoError(b, err)
		data = append(data, segment...)
	}
	require.Greater(b, len(data), events*50)
	trust := audit.Trust{Keys: log.PublicKeys()}
	beside(b,
		side{"skans", func() {
			report, err := audit.Verify(b.Context(), os.DirFS(dir), trust)
			if err != nil || !report.OK() || report.Events < events {
				b.Fatal(report, err)
			}
		}},
		side{"sha256", func() { sha256.Sum256(data) }})
}
