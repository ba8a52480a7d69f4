package audit_test

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/skans-go/skans/audit"
	"github.com/stretchr/testify/require"
)

// alarm collects what a log alerts with.
type alarm struct {
	mu   sync.Mutex
	errs []error
}

func (a *alarm) alert(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.errs = append(a.errs, err)
}

func (a *alarm) has(text string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Contains(errors.Join(a.errs...).Error(), text)
}

func openFaulty(t *testing.T, cfg audit.Config, clock func() (time.Time, time.Duration)) (*audit.Log, *audit.FaultDisk) {
	t.Helper()
	cfg.Server = "test-1"
	if cfg.Alert == nil {
		cfg.Alert = func(error) {}
	}
	disk := audit.NewFaultDisk()
	log, err := audit.OpenOn(t.Context(), cfg, disk, clock)
	require.NoError(t, err)
	t.Cleanup(func() { _ = log.Close() })
	return log, disk
}

func TestFailedSyncPoisons(t *testing.T) {
	for _, part := range []string{"session", "ledger"} {
		t.Run(part, func(t *testing.T) {
			dir, keys := t.TempDir(), newKeys(t)
			var a alarm
			log, disk := openFaulty(t, audit.Config{Dir: dir, Keys: keys, Alert: a.alert}, nil)
			require.NoError(t, log.Record(t.Context(), "session.login", slog.Int("n", 1)))
			disk.Break(func(name string) error {
				if strings.Contains(name, "/"+part+"/") {
					return syscall.EIO
				}
				return nil
			}, nil)
			err := log.Record(t.Context(), "session.login", slog.Int("n", 2))
			if part == "ledger" {
				require.NoError(t, err)
				err = log.Seal()
			}
			require.ErrorIs(t, err, audit.ErrPoisoned)
			require.ErrorIs(t, err, syscall.EIO)
			disk.Break(nil, nil) // the kernel reports a failed write-back once; a second fsync that succeeds proves nothing
			require.ErrorIs(t, log.Record(t.Context(), "session.login", slog.Int("n", 3)), audit.ErrPoisoned)
			require.ErrorIs(t, log.Seal(), audit.ErrPoisoned)
			require.True(t, a.has("out of use"))
			require.NoError(t, log.Record(t.Context(), "notfound.request"), "a class that alerts does not fail the request")
			require.ErrorIs(t, log.Close(), audit.ErrPoisoned)

			again := openLog(t, audit.Config{Dir: dir, Keys: keys})
			require.NotEmpty(t, events(t, again, audit.Filter{Class: "session"}))
			require.True(t, verify(t, dir, audit.Trust{Keys: again.PublicKeys()}).OK())
		})
	}
}

func TestFullDisk(t *testing.T) {
	dir, keys := t.TempDir(), newKeys(t)
	var a alarm
	log, disk := openFaulty(t, audit.Config{Dir: dir, Keys: keys, Alert: a.alert, Reserve: 8 << 10}, nil)
	value := slog.String("v", strings.Repeat("x", 200))
	recorded := 0
	record := func() error {
		err := log.Record(t.Context(), "session.login", value)
		if err == nil {
			recorded++
		}
		return err
	}
	require.NoError(t, record())
	require.NoError(t, log.Record(t.Context(), "notfound.request", value))
	require.NoError(t, log.Seal())
	disk.Room(100)
	for range 10 {
		require.NoError(t, record(), "the reserve is there for them")
	}
	require.True(t, a.has("full"))
	require.NoError(t, log.Seal(), "the ledger goes on, too")
	var err error
	for range 100 {
		if err = record(); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	for range 5 {
		require.NoError(t, log.Record(t.Context(), "notfound.request", value))
	}
	require.Error(t, log.Seal())
	report := verify(t, dir, audit.Trust{Keys: log.PublicKeys(), AtLeast: log.Witness()})
	require.True(t, report.OK(), report.String())

	disk.Room(-1)
	require.NoError(t, record())
	require.NoError(t, log.Seal())
	require.Len(t, events(t, log, audit.Filter{Class: "session"}), recorded)
	missing := events(t, log, audit.Filter{Event: audit.EventSuppressed})
	require.Len(t, missing, 1)
	count, _ := missing[0].Attr("count")
	require.EqualValues(t, 5, count.Uint64(), "every event that was dropped is counted")
	require.Equal(t, "notfound", missing[0].Class)
	require.NoError(t, log.Close())
	report = verify(t, dir, audit.Trust{Keys: log.PublicKeys(), AtLeast: log.Witness()})
	require.True(t, report.OK(), report.String())
}

func TestHalfWrittenThatCannotBeTakenBackPoisons(t *testing.T) {
	log, disk := openFaulty(t, audit.Config{Dir: t.TempDir(), Keys: newKeys(t), Reserve: 1}, nil)
	require.NoError(t, log.Record(t.Context(), "session.login"))
	disk.Break(nil, func(string) error { return syscall.EIO })
	disk.Room(10)
	require.ErrorIs(t, log.Record(t.Context(), "session.login"), audit.ErrPoisoned)
}

func TestHangingDiskEndsAtTheDeadline(t *testing.T) {
	log, disk := openFaulty(t, audit.Config{Dir: t.TempDir(), Keys: newKeys(t), Deadline: 50 * time.Millisecond}, nil)
	release := make(chan struct{})
	disk.Break(func(string) error { <-release; return nil }, nil)
	require.ErrorIs(t, log.Record(t.Context(), "session.login"), audit.ErrTimeout)
	require.NoError(t, log.Record(t.Context(), "notfound.request"), "another class waits for nothing")
	close(release)
	require.NoError(t, log.Record(t.Context(), "session.login"))
}

func TestOneWriter(t *testing.T) {
	dir, keys := t.TempDir(), newKeys(t)
	first := openLog(t, audit.Config{Dir: dir, Keys: keys, Alert: func(error) {}})
	_, err := audit.Open(t.Context(), audit.Config{Dir: dir, Keys: keys, Server: "test-1"})
	require.ErrorIs(t, err, audit.ErrLocked)
	require.NoError(t, first.Record(t.Context(), "session.login", slog.Int("n", 1)))

	// Somebody "helps" by removing the lock: the second writer gets in, and the first is fenced off.
	require.NoError(t, os.Remove(filepath.Join(dir, "lock")))
	second := openLog(t, audit.Config{Dir: dir, Keys: keys})
	require.NoError(t, second.Record(t.Context(), "session.login", slog.Int("n", 2)))
	require.ErrorIs(t, first.Record(t.Context(), "session.login", slog.Int("n", 3)), audit.ErrLocked)
	require.ErrorIs(t, first.Close(), audit.ErrPoisoned)
	require.NoError(t, second.Record(t.Context(), "session.login", slog.Int("n", 4)))
	require.NoError(t, second.Close())
	report := verify(t, dir, audit.Trust{Keys: second.PublicKeys(), AtLeast: second.Witness()})
	require.True(t, report.OK(), report.String())
}

func TestFileTakenAwayUnderTheWriter(t *testing.T) {
	for _, part := range []string{"session", "ledger"} {
		t.Run(part, func(t *testing.T) {
			dir := t.TempDir()
			log := openLog(t, audit.Config{Dir: dir, Keys: newKeys(t), Alert: func(error) {}})
			require.NoError(t, log.Record(t.Context(), "session.login"))
			require.NoError(t, log.Seal())
			require.NoError(t, os.RemoveAll(filepath.Join(dir, part)))
			err := log.Record(t.Context(), "session.login")
			if err == nil {
				err = log.Seal()
			}
			require.ErrorIs(t, err, audit.ErrPoisoned)
		})
	}
	t.Run("appended by another", func(t *testing.T) {
		dir := t.TempDir()
		log := openLog(t, audit.Config{Dir: dir, Keys: newKeys(t), Alert: func(error) {}})
		require.NoError(t, log.Record(t.Context(), "session.login"))
		f, err := os.OpenFile(filepath.Join(dir, "session", fmt.Sprintf("%020d.seg", 1)), os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.WriteString("x")
		require.NoError(t, err)
		require.NoError(t, f.Close())
		require.ErrorIs(t, log.Record(t.Context(), "session.login"), audit.ErrPoisoned)
	})
}

func TestRecordRacingClose(t *testing.T) {
	for range 20 {
		dir, keys := t.TempDir(), newKeys(t)
		log := openLog(t, audit.Config{Dir: dir, Keys: keys})
		var accepted atomic.Int64
		var wg sync.WaitGroup
		start := make(chan struct{})
		for range 8 {
			wg.Go(func() {
				<-start
				for {
					switch err := log.Record(t.Context(), "session.login"); {
					case errors.Is(err, audit.ErrClosed):
						return
					case err != nil:
						t.Error(err)
						return
					}
					accepted.Add(1)
				}
			})
		}
		close(start)
		for accepted.Load() < 20 {
		}
		require.NoError(t, log.Close())
		wg.Wait()
		report := verify(t, dir, audit.Trust{Keys: log.PublicKeys(), AtLeast: log.Witness()})
		require.True(t, report.OK(), report.String())
		require.Empty(t, report.UnprovenAfter, "Close signs everything")
		require.EqualValues(t, accepted.Load()+1, report.Events)
	}
}

// TestRandomFaults lets the disk fill up, fail and recover at random under several writers. Whatever happens, what was
// acknowledged is there once, and the log verifies.
func TestRandomFaults(t *testing.T) {
	for seed := range uint64(6) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		dir, keys := t.TempDir(), newKeys(t)
		acknowledged := map[string]bool{}
		for range 4 {
			log, disk := openFaulty(t, audit.Config{Dir: dir, Keys: keys, Reserve: 2000}, nil)
			var mu sync.Mutex
			var wg sync.WaitGroup
			for w := range 4 {
				wg.Go(func() {
					for i := range 30 {
						id := fmt.Sprintf("%d-%d-%d-%p", seed, w, i, log)
						if log.Record(t.Context(), "session.login", slog.String("id", id)) == nil {
							mu.Lock()
							acknowledged[id] = true
							mu.Unlock()
						}
						_ = log.Record(t.Context(), "notfound.request", slog.String("id", id))
					}
				})
			}
			for range 6 {
				disk.Room(rnd.Int64N(6000) - 1)
				_ = log.Seal()
			}
			disk.Room(-1)
			if rnd.IntN(2) == 0 {
				failing := rnd.IntN(2) == 0
				disk.Break(func(string) error {
					if failing {
						return syscall.EIO
					}
					return nil
				}, nil)
			}
			wg.Wait()
			_ = log.Close()
			report := verify(t, dir, audit.Trust{Keys: log.PublicKeys(), AtLeast: log.Witness()})
			require.True(t, report.OK(), "seed %d: %s", seed, report)
		}
		log := openLog(t, audit.Config{Dir: dir, Keys: keys})
		found := map[string]int{}
		for _, e := range events(t, log, audit.Filter{Class: "session"}) {
			id, _ := e.Attr("id")
			found[id.String()]++
		}
		for id := range acknowledged {
			require.Equal(t, 1, found[id], "seed %d", seed)
		}
	}
}
