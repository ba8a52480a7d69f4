package audit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/audit"
	"github.com/stretchr/testify/require"
)

// A dial is a clock that tests set; the wall may run apart from the monotonic one.
type dial struct {
	mu   sync.Mutex
	wall time.Time
	mono time.Duration
}

func (d *dial) read() (time.Time, time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.wall, d.mono
}

func (d *dial) move(wall, mono time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wall, d.mono = d.wall.Add(wall), d.mono+mono
}

var newYear = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func TestExpire(t *testing.T) {
	dir, keys := t.TempDir(), newKeys(t)
	clock := &dial{wall: newYear}
	archived := []string{}
	cfg := audit.Config{
		Dir: dir, Keys: keys, Classes: []audit.Class{{Name: "session", Keep: audit.Days(30)}, {Name: "admin"}},
		Archive: func(_ context.Context, class, path string) error {
			_, err := os.Stat(path)
			archived = append(archived, class)
			return err
		},
	}
	log, _ := openFaulty(t, cfg, clock.read)
	day := func() {
		t.Helper()
		require.NoError(t, log.Record(t.Context(), "session.login", slog.Time("t", clock.wall)))
		require.NoError(t, log.Record(t.Context(), "admin.x"))
		require.NoError(t, log.Seal())
		clock.move(24*time.Hour, 24*time.Hour)
	}
	for range 3 {
		day()
	}
	expire := func(want int) {
		t.Helper()
		n, err := log.Expire(t.Context())
		require.NoError(t, err)
		require.Equal(t, want, n)
		report := verify(t, dir, audit.Trust{Keys: log.PublicKeys(), AtLeast: log.Witness()})
		require.True(t, report.OK(), report.String())
	}
	clock.move(27*24*time.Hour-1, 27*24*time.Hour-1)
	expire(0) // a nanosecond early
	clock.move(1, 1)
	expire(1)
	require.Equal(t, []string{"session"}, archived)
	clock.move(40*24*time.Hour, 40*24*time.Hour)
	expire(2) // the segment that was still open, too
	require.Empty(t, events(t, log, audit.Filter{Class: "session"}))
	require.Len(t, events(t, log, audit.Filter{Class: "admin"}), 3, "a class that keeps for ever")
	day()
	require.Len(t, events(t, log, audit.Filter{Class: "session"}), 1)
	require.NoError(t, log.Close())

	again, err := audit.OpenOn(t.Context(), withServer(cfg), audit.NewFaultDisk(), clock.read)
	require.NoError(t, err)
	require.NoError(t, again.Record(t.Context(), "session.login"))
	require.NoError(t, again.Close())
	report := verify(t, dir, audit.Trust{Keys: log.PublicKeys(), AtLeast: again.Witness()})
	require.True(t, report.OK(), report.String())
	require.EqualValues(t, 6, report.Expired) // three events and the first frames of their segments
	require.False(t, verify(t, dir, audit.Trust{Keys: log.PublicKeys(), Classes: []audit.Class{{Name: "session", Keep: audit.Months(12)}}}).OK(),
		"the verifier expected a year")
}

func withServer(cfg audit.Config) audit.Config {
	cfg.Server, cfg.Alert = "test-1", func(error) {}
	return cfg
}

func TestCrashBetweenRecordAndUnlink(t *testing.T) {
	dir, keys := t.TempDir(), newKeys(t)
	clock := &dial{wall: newYear}
	cfg := withServer(audit.Config{Dir: dir, Keys: keys, Classes: []audit.Class{{Name: "session", Keep: audit.Days(1)}}})
	log, _ := openFaulty(t, cfg, clock.read)
	require.NoError(t, log.Record(t.Context(), "session.login"))
	require.NoError(t, log.Seal())
	name := filepath.Join(dir, "session", "00000000000000000001.seg")
	kept, err := os.ReadFile(name)
	require.NoError(t, err)
	clock.move(48*time.Hour, 48*time.Hour)
	_, err = log.Expire(t.Context())
	require.NoError(t, err)
	require.NoFileExists(t, name)
	require.NoError(t, log.Close())
	require.NoError(t, os.WriteFile(name, kept, 0o600)) // as if the unlink had not come to pass
	require.True(t, verify(t, dir, audit.Trust{Keys: log.PublicKeys(), AtLeast: log.Witness()}).OK())
	log, _ = openFaulty(t, cfg, clock.read)
	require.NoFileExists(t, name)
	require.NoError(t, log.Record(t.Context(), "session.login"))
	require.NoError(t, log.Close())
	require.True(t, verify(t, dir, audit.Trust{Keys: log.PublicKeys(), AtLeast: log.Witness()}).OK())
}

func TestSegmentRemovedWithoutRecord(t *testing.T) {
	dir, keys := t.TempDir(), newKeys(t)
	clock := &dial{wall: newYear}
	log, _ := openFaulty(t, audit.Config{Dir: dir, Keys: keys}, clock.read)
	for range 3 {
		require.NoError(t, log.Record(t.Context(), "session.login"))
		clock.move(24*time.Hour, 24*time.Hour)
	}
	require.NoError(t, log.Close())
	require.NoError(t, os.Remove(filepath.Join(dir, "session", "00000000000000000003.seg")))
	report := verify(t, dir, audit.Trust{Keys: log.PublicKeys(), AtLeast: log.Witness()})
	require.Equal(t, "session", report.Class)
	require.EqualValues(t, 3, report.FirstBad)
}

// TestEarlyExpiryShows is an operator, or a thief of the live key, who shortens the retention behind the auditor's back.
func TestEarlyExpiryShows(t *testing.T) {
	dir, keys := t.TempDir(), newKeys(t)
	clock := &dial{wall: newYear}
	log, _ := openFaulty(t, audit.Config{Dir: dir, Keys: keys, Classes: []audit.Class{{Name: "session", Keep: audit.Days(1)}}}, clock.read)
	require.NoError(t, log.Record(t.Context(), "session.login"))
	clock.move(25*time.Hour, 25*time.Hour)
	n, err := log.Expire(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NoError(t, log.Close())
	require.True(t, verify(t, dir, audit.Trust{Keys: log.PublicKeys()}).OK())
	report := verify(t, dir, audit.Trust{Keys: log.PublicKeys(), Classes: []audit.Class{{Name: "session", Keep: audit.Months(3)}}})
	require.False(t, report.OK())
	require.Equal(t, "session", report.Class)
}

func TestClockThatJumpsDeletesNothing(t *testing.T) {
	keys := newKeys(t)
	for name, jump := range map[string]time.Duration{"ten years ahead": 10 * 365 * 24 * time.Hour, "two hours ahead": 2 * time.Hour, "two hours back": -2 * time.Hour} {
		t.Run("while open, "+name, func(t *testing.T) {
			clock := &dial{wall: newYear}
			log, _ := openFaulty(t, audit.Config{Dir: t.TempDir(), Keys: keys}, clock.read)
			require.NoError(t, log.Record(t.Context(), "session.login"))
			clock.move(jump, time.Second)
			_, err := log.Expire(t.Context())
			require.ErrorIs(t, err, audit.ErrClock)
			require.NotEmpty(t, events(t, log, audit.Filter{Class: "session"}))
		})
	}
	t.Run("between two openings", func(t *testing.T) {
		clock := &dial{wall: newYear}
		cfg := audit.Config{Dir: t.TempDir(), Keys: keys}
		log, _ := openFaulty(t, cfg, clock.read)
		require.NoError(t, log.Record(t.Context(), "session.login"))
		require.NoError(t, log.Close())
		clock.move(10*365*24*time.Hour, 0)
		log, _ = openFaulty(t, cfg, clock.read)
		_, err := log.Expire(t.Context())
		require.ErrorIs(t, err, audit.ErrClock)
		require.NoError(t, log.ConfirmClock(t.Context()))
		n, err := log.Expire(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.Len(t, events(t, log, audit.Filter{Event: audit.EventClock}), 1)
	})
}

func TestUsageBecomesStatistics(t *testing.T) {
	clock := &dial{wall: newYear}
	dir := t.TempDir()
	log, _ := openFaulty(t, audit.Config{Dir: dir, Keys: newKeys(t)}, clock.read)
	for range 3 {
		require.NoError(t, log.Record(t.Context(), audit.EventRequest, slog.String("method", "GET"), slog.String("path", "/inbox"), slog.Int("status", 200)))
	}
	require.NoError(t, log.Seal())
	clock.move(72*time.Hour, 72*time.Hour)
	n, err := log.Expire(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Empty(t, events(t, log, audit.Filter{Class: "usage"}))
	all := events(t, log, audit.Filter{Class: "statistics"})
	require.Len(t, all, 1)
	group, ok := all[0].Attr("0")
	require.True(t, ok)
	require.Contains(t, group.String(), "/inbox")
	require.Contains(t, group.String(), "count=3")
	require.NoError(t, log.Close())
	require.True(t, verify(t, dir, audit.Trust{Keys: log.PublicKeys(), AtLeast: log.Witness()}).OK())
}

// A ship is a log server that can be told to fail.
type ship struct {
	name  string
	mu    sync.Mutex
	got   []string
	fail  func() error
	calls int
}

func (s *ship) Name() string { return s.name }

func (s *ship) Ship(ctx context.Context, events []audit.Event, w audit.Witness) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	for _, e := range events {
		s.got = append(s.got, e.ID())
	}
	if s.fail != nil {
		return s.fail()
	}
	return nil
}

func TestShipping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		keys, err := skans.NewKeyring(skans.GenerateKey("a"))
		require.NoError(t, err)
		fails := 0
		flaky := &ship{name: "flaky", fail: func() error {
			if fails++; fails < 3 {
				return errors.New("connection lost after delivery")
			}
			if fails == 3 {
				panic("shipper")
			}
			return nil
		}}
		good := &ship{name: "good"}
		hangs := &hanging{}
		cfg := audit.Config{Dir: dir, Keys: keys, Server: "s", Ship: []audit.Shipper{flaky, good, hangs}, Alert: func(error) {}}
		log, err := audit.Open(t.Context(), cfg)
		require.NoError(t, err)
		want := map[string]bool{}
		record := func(n int) {
			for range n {
				require.NoError(t, log.Record(t.Context(), "session.login"))
			}
			for e, err := range log.Query(t.Context(), audit.Filter{}) {
				require.NoError(t, err)
				want[e.ID()] = true
			}
		}
		record(700)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- log.Run(ctx) }()
		time.Sleep(5 * time.Minute) // of the bubble's time
		record(10)
		time.Sleep(2 * time.Minute)
		lag, err := log.Lag()
		require.NoError(t, err)
		require.Zero(t, lag["good"])
		require.Zero(t, lag["flaky"])
		require.EqualValues(t, 711, lag["hangs"])
		require.Len(t, good.got, 710, "once each, while nothing fails")
		seen := map[string]bool{}
		for _, id := range flaky.got {
			seen[id] = true
		}
		require.Equal(t, want, seen)
		require.Greater(t, len(flaky.got), 710, "at least once")
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		require.NoError(t, log.Close())

		// A new process goes on where the cursor stands.
		next := &ship{name: "good"}
		cfg.Ship = []audit.Shipper{next}
		log, err = audit.Open(t.Context(), cfg)
		require.NoError(t, err)
		require.NoError(t, log.Record(t.Context(), "session.logout"))
		ctx, cancel = context.WithCancel(t.Context())
		go func() { done <- log.Run(ctx) }()
		time.Sleep(5 * time.Second)
		cancel()
		<-done
		require.Len(t, next.got, 1)
		require.True(t, strings.HasPrefix(next.got[0], log.Witness().Log+"/session/2/"))
		require.NoError(t, log.Close())
	})
}

// hanging ends only with its context.
type hanging struct{}

func (*hanging) Name() string { return "hangs" }

func (*hanging) Ship(ctx context.Context, _ []audit.Event, _ audit.Witness) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestUnshippedIsNotDeleted(t *testing.T) {
	clock := &dial{wall: newYear}
	log, _ := openFaulty(t, audit.Config{Dir: t.TempDir(), Keys: newKeys(t), Ship: []audit.Shipper{&hanging{}}, Classes: []audit.Class{{Name: "session", Keep: audit.Days(1)}}}, clock.read)
	require.NoError(t, log.Record(t.Context(), "session.login"))
	clock.move(72*time.Hour, 72*time.Hour)
	n, err := log.Expire(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
	require.Len(t, events(t, log, audit.Filter{Class: "session"}), 1)
}

func TestSealedWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		log := openLog(t, audit.Config{Dir: dir, Keys: newKeys(t)})
		require.NoError(t, log.Record(t.Context(), "session.login"))
		require.NoError(t, log.Record(t.Context(), "notfound.request"))
		require.NotEmpty(t, verify(t, dir, audit.Trust{Keys: log.PublicKeys()}).UnprovenAfter)
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		report := verify(t, dir, audit.Trust{Keys: log.PublicKeys()})
		require.Empty(t, report.UnprovenAfter)
		require.EqualValues(t, 4, report.Events)
		before := report.Records
		time.Sleep(time.Hour)
		require.Equal(t, before, verify(t, dir, audit.Trust{Keys: log.PublicKeys()}).Records, "a log at rest writes nothing")
		require.NoError(t, log.Close())
	})
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := openLog(t, audit.Config{Dir: t.TempDir(), Keys: newKeys(t)})
		var mu sync.Mutex
		var alarms []audit.Alarm
		stop := log.Watch(audit.Burst("session.failed", 3, time.Minute), func(_ context.Context, a audit.Alarm) {
			mu.Lock()
			defer mu.Unlock()
			alarms = append(alarms, a)
		})
		log.Watch(faulty{}, func(context.Context, audit.Alarm) {})
		fail := func(n int, user string) {
			for range n {
				require.NoError(t, log.Record(t.Context(), "session.failed", slog.String("user", user)))
			}
			synctest.Wait()
		}
		fail(2, "anna")
		fail(2, "bo")
		time.Sleep(time.Minute)
		fail(2, "anna") // a new window
		require.Empty(t, alarms)
		fail(5, "anna")
		require.Len(t, alarms, 1)
		require.Equal(t, "anna", alarms[0].User)
		require.Equal(t, 3, alarms[0].Count)
		require.NoError(t, log.Record(t.Context(), "session.failedx", slog.String("user", "bo")))
		stop()
		fail(9, "eva")
		require.Len(t, alarms, 1)
		require.NoError(t, log.Close())
	})
}

// faulty is a detector that panics; the event it sees is recorded all the same.
type faulty struct{}

func (faulty) Detect(string, []slog.Attr, time.Time) (audit.Alarm, bool) { panic("detector") }

// TestThiefOfTheKeyCannotExpireEarly signs deletions that are not due with the live key. Verify holds them against the signed
// times and the signed retention.
func TestThiefOfTheKeyCannotExpireEarly(t *testing.T) {
	last := newYear.UnixNano()
	due := newYear.AddDate(0, 3, 0)
	tests := map[string]struct {
		at   time.Time
		fact string
		ok   bool
	}{
		"on time":                  {due, fmt.Sprintf("expire session 2 %d 3m", last), true},
		"a nanosecond early":       {due.Add(-1), fmt.Sprintf("expire session 2 %d 3m", last), false},
		"with another retention":   {due, fmt.Sprintf("expire session 2 %d 1m", last), false},
		"claiming older events":    {due.Add(-1), fmt.Sprintf("expire session 2 %d 3m", last-1e9), false},
		"more than was signed":     {due, fmt.Sprintf("expire session 3 %d 3m", last), false},
		"a class kept for ever":    {due, fmt.Sprintf("expire admin 2 %d 3m", last), false},
		"nonsense":                 {due, "expire session two", false},
		"with no retention at all": {due, fmt.Sprintf("expire session 2 %d ever", last), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			clock := &dial{wall: newYear}
			log, _ := openFaulty(t, audit.Config{Dir: dir, Keys: newKeys(t)}, clock.read)
			require.NoError(t, log.Record(t.Context(), "session.login"))
			require.NoError(t, log.Record(t.Context(), "admin.x"))
			require.NoError(t, log.Seal())
			clock.move(tt.at.Sub(newYear), tt.at.Sub(newYear))
			_ = audit.SealFacts(log, tt.fact)
			_ = log.Close()
			require.NoError(t, os.Remove(filepath.Join(dir, strings.Fields(tt.fact)[1], "00000000000000000001.seg")))
			report := verify(t, dir, audit.Trust{Keys: log.PublicKeys()})
			require.Equal(t, tt.ok, report.OK(), report.String())
		})
	}
}
