package sessiontest_test

import (
	"context"
	"errors"
	"iter"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session"
	"github.com/skans-go/skans/session/sessiontest"
)

// A faulty store makes one of the mistakes that adapters make. The suite must find each.
type faulty struct {
	*session.MemoryStore
	fault string
}

var faults = []string{
	"Create replaces", "Create ignores the limit", "Load shows the expired", "Touch of any generation", "Touch revives",
	"Patch of any version", "Patch revives", "Rotate of any version", "Rotate ignores the limit", "End of nothing succeeds",
	"EndUser spares none", "EndUser ends the anonymous", "ByUser oldest first", "Sweep takes the live", "Sweep ignores its limit", "Sweep leaves the expired",
}

func (f faulty) Create(ctx context.Context, r session.Record, limit int, now time.Time) ([]string, error) {
	switch f.fault {
	case "Create replaces":
		_, _ = f.MemoryStore.End(ctx, r.ID, now)
	case "Create ignores the limit":
		limit = 0
	}
	return f.MemoryStore.Create(ctx, r, limit, now)
}

func (f faulty) Load(ctx context.Context, id string, now time.Time) (session.Record, error) {
	if f.fault == "Load shows the expired" {
		now = now.Add(-time.Hour)
	}
	return f.MemoryStore.Load(ctx, id, now)
}

func (f faulty) Touch(ctx context.Context, id string, generation uint32, seen, expires, now time.Time) error {
	switch f.fault {
	case "Touch of any generation":
		if r, err := f.MemoryStore.Load(ctx, id, now); err == nil {
			generation = r.Generation
		}
	case "Touch revives":
		now = now.Add(-time.Hour)
	}
	return f.MemoryStore.Touch(ctx, id, generation, seen, expires, now)
}

func (f faulty) Patch(ctx context.Context, id string, version uint64, c session.Change, now time.Time) error {
	if f.fault == "Patch of any version" {
		if r, err := f.MemoryStore.Load(ctx, id, now); err == nil {
			version = r.Version
		}
	}
	err := f.MemoryStore.Patch(ctx, id, version, c, now)
	if f.fault == "Patch revives" && errors.Is(err, session.ErrNotFound) {
		_, err = f.MemoryStore.Create(ctx, session.Record{ID: id, Generation: 1, Version: version + 1, Since: now, Seen: c.Seen, Expires: c.Expires, Deadline: c.Expires, Data: c.Data}, 0, now)
	}
	return err
}

func (f faulty) Rotate(ctx context.Context, r session.Record, version uint64, limit int, now time.Time) ([]string, error) {
	switch f.fault {
	case "Rotate of any version":
		if stored, err := f.MemoryStore.Load(ctx, r.ID, now); err == nil {
			version = stored.Version
		}
	case "Rotate ignores the limit":
		limit = 0
	}
	return f.MemoryStore.Rotate(ctx, r, version, limit, now)
}

func (f faulty) End(ctx context.Context, id string, now time.Time) (string, error) {
	user, err := f.MemoryStore.End(ctx, id, now)
	if f.fault == "End of nothing succeeds" {
		err = nil
	}
	return user, err
}

func (f faulty) EndUser(ctx context.Context, user string, except []string, now time.Time) ([]string, error) {
	if f.fault == "EndUser spares none" {
		except = nil
	}
	if f.fault == "EndUser ends the anonymous" && user == "" {
		_, err := f.MemoryStore.Sweep(ctx, 100, now.Add(time.Hour))
		return nil, err
	}
	return f.MemoryStore.EndUser(ctx, user, except, now)
}

func (f faulty) ByUser(ctx context.Context, user string, now time.Time) iter.Seq2[session.Record, error] {
	all := f.MemoryStore.ByUser(ctx, user, now)
	if f.fault != "ByUser oldest first" {
		return all
	}
	return func(yield func(session.Record, error) bool) {
		var records []session.Record
		for r := range all {
			records = append(records, r)
		}
		for _, r := range slices.Backward(records) {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (f faulty) Sweep(ctx context.Context, limit int, now time.Time) (int, error) {
	switch f.fault {
	case "Sweep takes the live":
		now = now.Add(time.Second)
	case "Sweep ignores its limit":
		limit = 1000
	case "Sweep leaves the expired":
		return 0, nil
	}
	return f.MemoryStore.Sweep(ctx, limit, now)
}

const faultVariable = "SESSIONTEST_FAULT"

// TestSuiteFindsFaults runs the suite over each faulty store in a process of its own, which must fail.
func TestSuiteFindsFaults(t *testing.T) {
	if fault := os.Getenv(faultVariable); fault != "" {
		sessiontest.TestStore(t, func(testing.TB) session.Store { return faulty{session.NewMemoryStore(), fault} })
		return
	}
	for _, fault := range append(faults, "none") {
		t.Run(fault, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSuiteFindsFaults$")
			cmd.Env = append(os.Environ(), faultVariable+"="+fault)
			out, err := cmd.CombinedOutput()
			if fault == "none" {
				require.NoError(t, err, string(out))
				return
			}
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, "the suite passes a store in which %s", fault)
			require.Contains(t, string(out), "--- FAIL: TestSuiteFindsFaults/")
		})
	}
}
