package audit

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Detector decides, event by event, whether something is up. It is called for one event at a time.
type Detector interface {
	Detect(event string, attrs []slog.Attr, now time.Time) (Alarm, bool)
}

// An Alarm is what a [Detector] found.
type Alarm struct {
	Event string
	User  string // about whom; "" if about nobody or all
	Count int
	Since time.Time
}

// Burst detects count events of that name, or below it, within the window, for one user (attribute "user"; events
// without one count together). It alarms once a window and remembers at most 10,000 users, the quietest forgotten first.
func Burst(event string, count int, window time.Duration) Detector {
	return &burst{event: event, count: max(count, 1), window: window, seen: map[string]*tally{}}
}

type burst struct {
	event  string
	count  int
	window time.Duration
	seen   map[string]*tally
}

type tally struct {
	since time.Time
	n     int
}

const maxTallies = 10000

func (b *burst) Detect(event string, attrs []slog.Attr, now time.Time) (Alarm, bool) {
	if event != b.event && !strings.HasPrefix(event, b.event+".") {
		return Alarm{}, false
	}
	user := ""
	for _, a := range attrs {
		if a.Key == "user" && a.Value.Kind() == slog.KindString {
			user = a.Value.String()
		}
	}
	t := b.seen[user]
	if t == nil || now.Sub(t.since).Abs() >= b.window {
		if len(b.seen) >= maxTallies {
			b.forget(now)
		}
		t = &tally{since: now}
		b.seen[user] = t
	}
	t.n++
	return Alarm{Event: b.event, User: user, Count: t.n, Since: t.since}, t.n == b.count
}

// forget drops those whose window is over, or else everybody with a single event.
func (b *burst) forget(now time.Time) {
	for user, t := range b.seen {
		if now.Sub(t.since).Abs() >= b.window {
			delete(b.seen, user)
		}
	}
	for user, t := range b.seen {
		if len(b.seen) < maxTallies/2 {
			return
		}
		if t.n == 1 {
			delete(b.seen, user)
		}
	}
	if len(b.seen) >= maxTallies {
		clear(b.seen)
	}
}

type watches struct {
	mu   sync.RWMutex
	list []*watch
}

type watch struct {
	mu       sync.Mutex
	detector Detector
	alert    func(context.Context, Alarm)
	log      *Log
}

// Watch calls alert, in a goroutine of its own, when the detector finds something in the events recorded from here on.
// The function it returns ends the watch.
func (l *Log) Watch(d Detector, alert func(ctx context.Context, a Alarm)) (stop func()) {
	w := &watch{detector: d, alert: alert, log: l}
	l.watches.mu.Lock()
	defer l.watches.mu.Unlock()
	l.watches.list = append(slices.Clone(l.watches.list), w)
	return func() {
		l.watches.mu.Lock()
		defer l.watches.mu.Unlock()
		l.watches.list = slices.DeleteFunc(slices.Clone(l.watches.list), func(o *watch) bool { return o == w })
	}
}

func (w *watches) see(event string, attrs []slog.Attr) {
	w.mu.RLock()
	list := w.list
	w.mu.RUnlock()
	for _, one := range list {
		one.see(event, attrs)
	}
}

func (w *watch) see(event string, attrs []slog.Attr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() { _ = recover() }() // a host's detector must not fail the operation that is recorded
	wall, _ := w.log.clock()
	alarm, ok := w.detector.Detect(event, attrs, wall)
	if !ok {
		return
	}
	go func() {
		defer func() { _ = recover() }()
		w.alert(context.Background(), alarm)
	}()
}
