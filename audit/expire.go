package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// ErrClock says that the clock has moved in a way that would delete events whose time has not come; nothing was deleted.
// If the clock is right, as after a long time without service, call [Log.ConfirmClock].
var ErrClock = errors.New("audit: clock moved too far to delete anything")

const (
	// maxSilence is how far ahead of the log's last record the clock may be when the log is opened.
	maxSilence = 31 * 24 * time.Hour
	// maxDrift is how far the wall clock may run from the monotonic one while the log is open.
	maxDrift = time.Hour
)

// Expire deletes the segments whose last event is older than its class keeps, and returns how many. Each is first given to
// [Config.Archive], and must have been taken by every [Shipper]; then a signed record says that it may be gone; then it is unlinked. A crash in between is made good by
// the next Open. Call it daily, or use [Log.Run].
func (l *Log) Expire(ctx context.Context) (int, error) {
	wall, err := l.trustedClock()
	if err != nil {
		return 0, err
	}
	count := 0
	for _, c := range l.chains {
		n, err := c.expire(ctx, wall)
		count += n
		if err != nil {
			return count, err
		}
	}
	return count, nil
}

// ConfirmClock vouches for the clock as it stands and records that somebody did.
func (l *Log) ConfirmClock(ctx context.Context) error {
	wall, mono := l.clock()
	if err := l.Record(ctx, EventClock, slog.Time("clock", wall)); err != nil {
		return err
	}
	l.confirm.Store(int64(wall.Sub(l.opened) - mono + 1))
	return nil
}

// trustedClock returns the time, or [ErrClock]. Somebody who can set the clock must not be able to delete the log with it.
func (l *Log) trustedClock() (time.Time, error) {
	wall, mono := l.clock()
	drift := wall.Sub(l.opened) - mono
	if vouched := l.confirm.Load(); vouched != 0 {
		if (drift - time.Duration(vouched)).Abs() <= maxDrift {
			return wall, nil
		}
		return wall, fmt.Errorf("%w: it was set since it was confirmed", ErrClock)
	}
	switch {
	case drift.Abs() > maxDrift:
		return wall, fmt.Errorf("%w: it was set by %v since the log was opened", ErrClock, drift.Round(time.Second))
	case l.before != 0 && l.opened.Sub(time.Unix(0, l.before)) > maxSilence:
		return wall, fmt.Errorf("%w: the log's last record before it was opened is of %v", ErrClock, time.Unix(0, l.before).UTC())
	}
	return wall, nil
}

func (c *chain) expire(ctx context.Context, now time.Time) (int, error) {
	if _, ends := c.class.Keep.Until(now); !ends {
		return 0, nil
	}
	count := 0
	for {
		if err := c.rest(ctx); err != nil {
			return count, err
		}
		name, after, err := c.oldest(now)
		if name == "" || err != nil {
			return count, err
		}
		last, through, err := c.lastTimeOf(ctx, name)
		if err != nil {
			return count, err
		}
		e := expiry{class: c.class.Name, through: through, last: last, keep: c.class.Keep}
		if !e.due(now.UnixNano()) || after != 0 && after != through+1 {
			return count, nil
		}
		if ok, err := c.log.shipped(c.class.Name, through); !ok || err != nil {
			c.log.alert(fmt.Errorf("audit: %s is due to be deleted and not shipped yet", name))
			return count, err
		}
		if err = c.remove(ctx, name, e); err != nil {
			return count, err
		}
		count++
	}
}

// rest waits, a while, until nothing is being written: Record returns a moment before the writer stops, and a segment that is written to
// does not expire.
func (c *chain) rest(ctx context.Context) error {
	c.mu.Lock()
	busy, idle := c.busy, c.idle
	c.mu.Unlock()
	if !busy {
		return nil
	}
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C: // it hangs; the next call will find it done
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// oldest returns the oldest segment that is complete, and the number with which the next begins; 0 if there is none.
func (c *chain) oldest(now time.Time) (name string, after uint64, err error) {
	names, err := numbered(c.log.fs(), c.class.Name, segmentEnd)
	if err != nil || len(names) == 0 {
		return "", 0, err
	}
	if len(names) > 1 {
		return names[0], firstOf(names[1]), nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) > 0 || c.busy || c.segment != 0 && c.day == now.Unix()/86400 {
		return "", 0, nil
	}
	c.segment = 0 // the next event begins a new one
	return names[0], 0, nil
}

// lastTimeOf reads a segment for its latest time and last number.
func (c *chain) lastTimeOf(ctx context.Context, name string) (last int64, through uint64, err error) {
	file, err := c.log.fs().Open(name)
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	for reader := newFrameReader(file); ; {
		body, err := reader.next()
		if errors.Is(err, io.EOF) && through > 0 {
			return last, through, ctx.Err()
		}
		if err != nil || len(body) < bodyHeader {
			return 0, 0, fmt.Errorf("%w: %s: %w", ErrTampered, name, errors.Join(err, errFormat))
		}
		if through == 0 {
			last = bodyTime(body)
		}
		last, through = max(last, bodyTime(body)), bodySeq(body)
	}
}

func (c *chain) remove(ctx context.Context, name string, e expiry) error {
	full := filepath.Join(c.log.dir, filepath.FromSlash(name))
	if c.class.Aggregate {
		if err := c.aggregate(ctx, name); err != nil {
			return err
		}
	}
	if archive := c.log.config.Archive; archive != nil {
		if err := archive(ctx, c.class.Name, full); err != nil {
			return fmt.Errorf("audit: archive %s: %w", name, err)
		}
	}
	if err := c.log.seal(e.fact()); err != nil {
		return err
	}
	if err := c.log.disk.Remove(full); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("audit: %w", err)
	}
	return c.log.disk.SyncDir(filepath.Dir(full))
}

// maxAggregates bounds the different paths that are counted each by itself; a stranger invents paths.
const maxAggregates = 1000

// aggregate records how often each event, method, path and status occurred in a segment. Should the service end before the
// segment is gone, it is recorded again; "segment" tells.
func (c *chain) aggregate(ctx context.Context, name string) error {
	counts := map[[4]string]uint64{}
	var rest uint64
	source := source{fsys: c.log.fs(), vault: c.log.vault}
	first, day := firstOf(name), ""
	for e, err := range source.events(ctx, c.class.Name, first-1, Filter{}) {
		if err != nil {
			return err
		}
		if e.Seq >= c.nextAfter(name) {
			break
		}
		day = e.Time.Format(time.DateOnly)
		key := [4]string{e.Name}
		for i, attr := range []string{"method", "path", "status"} {
			if v, ok := e.Attr(attr); ok {
				key[i+1] = v.String()
			}
		}
		if _, known := counts[key]; known || len(counts) < maxAggregates {
			counts[key]++
		} else {
			rest++
		}
	}
	var keys [][4]string
	for key := range counts {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b [4]string) int { return slices.Compare(a[:], b[:]) })
	for part := range slices.Chunk(keys, maxAttrs/8) {
		var attrs []slog.Attr
		for i, key := range part {
			attrs = append(attrs, slog.Group(strconv.Itoa(i), slog.String("event", key[0]), slog.String("method", key[1]),
				slog.String("path", key[2]), slog.String("status", key[3]), slog.Uint64("count", counts[key])))
		}
		attrs = append(attrs, slog.String("day", day), slog.Uint64("segment", first), slog.Uint64("rest", rest))
		if err := c.log.Record(ctx, EventAggregate, attrs...); err != nil {
			return err
		}
		rest = 0
	}
	return nil
}

// nextAfter is the first number of the segment behind name.
func (c *chain) nextAfter(name string) uint64 {
	names, err := numbered(c.log.fs(), c.class.Name, segmentEnd)
	at := slices.Index(names, name)
	if err != nil || at < 0 || at == len(names)-1 {
		return 1<<64 - 1
	}
	return firstOf(names[at+1])
}
