package audit

import (
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// alerts lets one message a second through, so that a full disk does not fill whatever the host alerts with.
type alerts struct {
	mu   sync.Mutex
	last map[string]time.Time
}

func (l *Log) alert(err error) {
	if err == nil {
		return
	}
	wall, _ := l.clock()
	text := err.Error()
	l.alerts.mu.Lock()
	if l.alerts.last == nil || len(l.alerts.last) > 64 {
		l.alerts.last = map[string]time.Time{}
	}
	if last, ok := l.alerts.last[text]; ok && wall.Sub(last).Abs() < time.Second {
		l.alerts.mu.Unlock()
		return
	}
	l.alerts.last[text] = wall
	l.alerts.mu.Unlock()
	if l.config.Alert == nil {
		slog.Error("audit log failed", "error", err)
		return
	}
	defer func() { _ = recover() }() // a host's hook must not take the log with it
	l.config.Alert(err)
}

// A reserve is room on the disk that is given back when the disk is full.
type reserve struct {
	mu   sync.Mutex
	held bool
}

// find takes over the room that the writer before left behind.
func (r *reserve) find(l *Log) {
	info, err := os.Stat(filepath.Join(l.dir, "reserve"))
	r.held = err == nil && info.Size() == l.config.Reserve
}

// fill takes the room, now or when there is some again.
func (r *reserve) fill(l *Log) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held || l.failed() != nil {
		return
	}
	name := filepath.Join(l.dir, "reserve")
	file, err := l.disk.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return
	}
	zeros := make([]byte, 64<<10)
	for left := l.config.Reserve; left > 0 && err == nil; left -= int64(len(zeros)) {
		_, err = file.Write(zeros[:min(left, int64(len(zeros)))])
	}
	if err == nil {
		err = file.Sync() // only blocks that are really there can be given back
	}
	_ = file.Close()
	if r.held = err == nil; !r.held {
		_ = l.disk.Remove(name)
	}
}

// drop gives the room back and reports whether there was any.
func (r *reserve) drop(l *Log) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.held {
		return false
	}
	r.held = false
	return l.disk.Remove(filepath.Join(l.dir, "reserve")) == nil
}

// release makes room on a full disk, once.
func (l *Log) release() bool {
	if !l.reserve.drop(l) {
		return false
	}
	l.alert(errFull)
	return true
}
