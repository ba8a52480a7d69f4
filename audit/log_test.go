package audit_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/audit"
	"github.com/stretchr/testify/require"
)

func newKeys(t testing.TB) *skans.Keyring {
	t.Helper()
	keys, err := skans.NewKeyring(skans.GenerateKey("a"))
	require.NoError(t, err)
	return keys
}

// openLog opens a log in dir and closes it with the test.
func openLog(t testing.TB, cfg audit.Config) *audit.Log {
	t.Helper()
	if cfg.Server == "" {
		cfg.Server = "test-1"
	}
	log, err := audit.Open(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = log.Close() })
	return log
}

func verify(t testing.TB, dir string, trust audit.Trust) audit.Report {
	t.Helper()
	report, err := audit.Verify(context.Background(), os.DirFS(dir), trust)
	require.NoError(t, err)
	return report
}

func events(t testing.TB, log *audit.Log, f audit.Filter) []audit.Event {
	t.Helper()
	var all []audit.Event
	for e, err := range log.Query(t.Context(), f) {
		require.NoError(t, err)
		all = append(all, e)
	}
	return all
}

func TestRecordAndReopen(t *testing.T) {
	dir, keys := t.TempDir(), newKeys(t)
	log := openLog(t, audit.Config{Dir: dir, Keys: keys})
	ctx := audit.WithActor(t.Context(), audit.Actor{User: "anna", Session: "s1"})
	require.NoError(t, log.Record(ctx, "session.login", slog.String("user", "anna"), slog.String("addr", "192.0.2.1")))
	require.NoError(t, log.Record(ctx, "never.heard.of", slog.Int("n", 1)))
	require.NoError(t, log.Record(ctx, "notfound.request", slog.String("path", "/x")))
	require.NoError(t, log.Close())
	require.ErrorIs(t, log.Record(ctx, "session.login"), audit.ErrClosed)
	require.True(t, verify(t, dir, audit.Trust{Keys: log.PublicKeys(), AtLeast: log.Witness()}).OK())

	log = openLog(t, audit.Config{Dir: dir, Keys: keys})
	require.NoError(t, log.Record(ctx, "session.logout"))
	all := events(t, log, audit.Filter{})
	require.Len(t, all, 4)
	require.Equal(t, []string{"session.login", "never.heard.of", "notfound.request", "session.logout"},
		[]string{all[0].Name, all[1].Name, all[2].Name, all[3].Name})
	require.Equal(t, []string{"session", "other", "notfound", "session"},
		[]string{all[0].Class, all[1].Class, all[2].Class, all[3].Class})
	_, kept := all[0].Attr("addr")
	require.False(t, kept)
	require.Equal(t, audit.Actor{User: "anna", Session: "s1"}, all[0].Actor)
	report := verify(t, dir, audit.Trust{Keys: log.PublicKeys(), AtLeast: log.Witness()})
	require.True(t, report.OK(), report.String())
	require.NoError(t, log.Seal())
	report = verify(t, dir, audit.Trust{Keys: log.PublicKeys(), AtLeast: log.Witness()})
	require.True(t, report.OK(), report.String())
	require.Empty(t, report.UnprovenAfter)
	require.EqualValues(t, 8, report.Events) // four events, and a segment frame for each class and epoch
}

func TestManyWriters(t *testing.T) {
	dir, keys := t.TempDir(), newKeys(t)
	log := openLog(t, audit.Config{Dir: dir, Keys: keys})
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for i := range 50 {
				if err := log.Record(t.Context(), "session.login", slog.String("user", fmt.Sprintf("%d-%d", w, i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]int{}
	var last uint64
	for _, e := range events(t, log, audit.Filter{Class: "session"}) {
		user, _ := e.Attr("user")
		seen[user.String()]++
		require.Greater(t, e.Seq, last)
		last = e.Seq
	}
	require.Len(t, seen, 3200)
	require.NoError(t, log.Close())
	require.True(t, verify(t, dir, audit.Trust{Keys: log.PublicKeys()}).OK())
}
