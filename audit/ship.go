package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

const cursorDir = "cursors"

// A Shipper brings events to a separate log server.
type Shipper interface {
	// Name names the destination among those of one log, as a class is named. Its cursor is kept under that name.
	Name() string
	// Ship delivers events of one class in order and returns nil only when they are safe at the other end. After an
	// error, and after a crash, the same events come again; [Event.ID] tells. The witness is of the moment: kept at the
	// other end, it shows that this log was cut back. Ship must end when ctx does. It is called by one goroutine at a
	// time. Attributes that are sealed under a subject are not opened for it: what left the house cannot be erased.
	Ship(ctx context.Context, events []Event, witness Witness) error
}

const (
	shipBatch   = 500
	shipEvery   = time.Second
	shipTimeout = 30 * time.Second
	shipRest    = time.Minute // the longest pause after an error
	expireEvery = time.Hour
)

func checkShippers(list []Shipper) error {
	seen := map[string]bool{}
	for _, s := range list {
		switch {
		case s == nil:
			return errors.New("audit: Config.Ship holds a nil Shipper")
		case !validName(s.Name()):
			return fmt.Errorf("audit: shipper name %q is not lower-case letters, digits, dots and hyphens", s.Name())
		case seen[s.Name()]:
			return fmt.Errorf("audit: two shippers are named %q", s.Name())
		}
		seen[s.Name()] = true
	}
	return nil
}

// Run ships events and calls [Log.Expire] every hour, until ctx ends; it returns the context's error. What goes wrong in between goes
// to [Config.Alert]. Call it in a goroutine, once.
func (l *Log) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, s := range l.config.Ship {
		wg.Go(func() { l.ship(ctx, s) })
	}
	ticker := time.NewTicker(expireEvery)
	defer ticker.Stop()
	for {
		if _, err := l.Expire(ctx); err != nil && ctx.Err() == nil {
			l.alert(err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			wg.Wait()
			return ctx.Err()
		}
	}
}

// ship serves one destination. A shipper that hangs or panics holds up nobody but itself.
func (l *Log) ship(ctx context.Context, s Shipper) {
	rest := shipEvery
	for ctx.Err() == nil {
		n, err := l.shipOnce(ctx, s)
		switch {
		case err != nil && ctx.Err() == nil:
			l.alert(fmt.Errorf("audit: ship to %s: %w", s.Name(), err))
			rest = min(2*rest, shipRest)
		case n > 0:
			rest = shipEvery
			continue
		default:
			rest = shipEvery
		}
		timer := time.NewTimer(rest)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// shipOnce ships at most one batch of every class.
func (l *Log) shipOnce(ctx context.Context, s Shipper) (shipped int, err error) {
	cursor, err := l.cursor(s.Name())
	if err != nil {
		return 0, err
	}
	for _, c := range l.chains {
		limit := c.committed.Load()
		if limit <= cursor[c.class.Name] {
			continue
		}
		in := source{fsys: l.fs(), limits: map[string]uint64{c.class.Name: limit}}
		var batch []Event
		last := limit // what lies behind the last event is a segment's own frame
		for e, err := range in.events(ctx, c.class.Name, cursor[c.class.Name], Filter{}) {
			if err != nil {
				return shipped, err
			}
			if batch = append(batch, e); len(batch) == shipBatch {
				last = e.Seq
				break
			}
		}
		if len(batch) > 0 {
			if err = deliver(ctx, s, batch, l.Witness()); err != nil {
				return shipped, err
			}
		}
		cursor[c.class.Name] = last
		if err = l.saveCursor(s.Name(), cursor); err != nil {
			return shipped, err
		}
		shipped += len(batch)
	}
	return shipped, nil
}

func deliver(ctx context.Context, s Shipper, batch []Event, w Witness) (err error) {
	defer func() {
		if failure := recover(); failure != nil {
			err = fmt.Errorf("shipper panicked: %v", failure)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, shipTimeout)
	defer cancel()
	return s.Ship(ctx, batch, w)
}

// Lag tells, for each shipper, how many frames it is behind.
func (l *Log) Lag() (map[string]uint64, error) {
	lag := map[string]uint64{}
	for _, s := range l.config.Ship {
		cursor, err := l.cursor(s.Name())
		if err != nil {
			return nil, err
		}
		lag[s.Name()] = 0
		for _, c := range l.chains {
			lag[s.Name()] += c.committed.Load() - min(cursor[c.class.Name], c.committed.Load())
		}
	}
	return lag, nil
}

// cursor reads the last number that was delivered of each class. Of classes that it does not mention nothing was.
func (l *Log) cursor(name string) (map[string]uint64, error) {
	cursor := map[string]uint64{}
	data, err := os.ReadFile(filepath.Join(l.dir, cursorDir, name))
	if errors.Is(err, os.ErrNotExist) {
		return cursor, nil
	}
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(data)) {
		class, number, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if cursor[class], err = strconv.ParseUint(number, 10, 64); err != nil {
			return nil, fmt.Errorf("cursor of %s is not readable; remove it to ship everything again", name)
		}
	}
	return cursor, nil
}

// saveCursor replaces the cursor's file in one step.
func (l *Log) saveCursor(name string, cursor map[string]uint64) error {
	var b strings.Builder
	for _, c := range l.chains {
		fmt.Fprintf(&b, "%s %d\n", c.class.Name, cursor[c.class.Name])
	}
	dir := filepath.Join(l.dir, cursorDir)
	if err := l.disk.MkdirAll(dir); err != nil {
		return err
	}
	temp := filepath.Join(dir, "."+name)
	file, err := l.disk.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write([]byte(b.String()))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err = os.Rename(temp, filepath.Join(dir, name)); err != nil {
		return err
	}
	return l.disk.SyncDir(dir)
}

// shipped reports whether every shipper has the frames of a class up to that number.
func (l *Log) shipped(class string, through uint64) (bool, error) {
	for _, s := range l.config.Ship {
		cursor, err := l.cursor(s.Name())
		if err != nil {
			return false, err
		}
		if cursor[class] < through {
			return false, nil
		}
	}
	return true, nil
}
