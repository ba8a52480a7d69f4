package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// An outbox sends letters: into files, one a letter, or to a relay. The database is where a letter is safe; the outbox
// follows it, so that a crash between the two only delays one: what is not marked as sent is sent again, under the same
// name and Message-ID.
type outbox struct {
	dir  string
	wake chan struct{}
	send func(ctx context.Context, id string, raw []byte) error
}

func newOutbox(dir string) (*outbox, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	halves, err := filepath.Glob(filepath.Join(dir, ".*.new")) // what a crash left
	for _, half := range halves {
		err = errors.Join(err, os.Remove(half))
	}
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	o := &outbox{dir: dir, wake: make(chan struct{}, 1)}
	o.send = func(_ context.Context, id string, raw []byte) error { return o.write(id, raw) }
	return o, nil
}

// nudge says that there may be something to send, and never waits.
func (o *outbox) nudge() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// run sends what waits, at the start, at every nudge, and every minute for what failed, until ctx ends.
func (o *outbox) run(ctx context.Context, unsent func(context.Context, time.Time, func(id string, raw []byte) error) error, report func(error)) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		err := unsent(ctx, time.Now(), func(id string, raw []byte) error { return o.send(ctx, id, raw) })
		if err != nil && ctx.Err() == nil {
			report(fmt.Errorf("outbox: %w", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-o.wake:
		case <-tick.C:
		}
	}
}

// write makes the file appear whole or not at all.
func (o *outbox) write(id string, raw []byte) error {
	file, err := os.CreateTemp(o.dir, ".*.new") // mode 0600
	if err != nil {
		return err
	}
	_, err = file.Write(raw)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), filepath.Join(o.dir, id+".eml")); err != nil {
		return err
	}
	dir, err := os.Open(o.dir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
