// Package budget counts tries in memory: so many an hour and so many a day for each key, in bounded space.
package budget

import (
	"context"
	"sync"
	"time"
)

const (
	hour = time.Hour
	day  = 24 * time.Hour
	// maxKeys bounds the memory to a few megabytes. Only accounts that exist, and whose password somebody just gave,
	// are counted here, so a stranger cannot fill it.
	maxKeys = 50_000
)

// A Budget is safe for concurrent use.
type Budget struct {
	perHour, perDay int
	now             func() time.Time

	mu       sync.Mutex
	keys     map[name]*window
	nextDrop time.Time
}

type name struct{ purpose, key string }

// A window counts from the first try in it.
type window struct {
	hourEnd, dayEnd time.Time
	hour, day       int
}

// New returns a budget that reads the time from now.
func New(perHour, perDay int, now func() time.Time) *Budget {
	return &Budget{perHour: perHour, perDay: perDay, now: now, keys: make(map[name]*window)}
}

// Take counts one try. When the hour's or the day's are used up it counts nothing and returns how long until there
// is one again. A full table refuses new keys: better than to forget what others have used up.
func (b *Budget) Take(_ context.Context, purpose, key string) (ok bool, retryAfter time.Duration, err error) {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	at := name{purpose, key}
	w := b.keys[at]
	if w == nil {
		if len(b.keys) >= maxKeys {
			b.drop(now)
		}
		if len(b.keys) >= maxKeys {
			return false, hour, nil
		}
		w = &window{}
		b.keys[at] = w
	}
	w.advance(now)
	switch {
	case w.day >= b.perDay:
		return false, w.dayEnd.Sub(now), nil
	case w.hour >= b.perHour:
		return false, w.hourEnd.Sub(now), nil
	}
	w.hour++
	w.day++
	return true, 0, nil
}

// advance starts the windows that have ended. A clock that steps back starts none anew, nor makes one longer than it is.
func (w *window) advance(now time.Time) {
	if !now.Before(w.hourEnd) {
		w.hourEnd, w.hour = now.Add(hour), 0
	} else if latest := now.Add(hour); latest.Before(w.hourEnd) {
		w.hourEnd = latest
	}
	if !now.Before(w.dayEnd) {
		w.dayEnd, w.day = now.Add(day), 0
	} else if latest := now.Add(day); latest.Before(w.dayEnd) {
		w.dayEnd = latest
	}
}

// Return gives one try back: a right answer costs nothing.
func (b *Budget) Return(_ context.Context, purpose, key string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w := b.keys[name{purpose, key}]; w != nil {
		w.hour = max(0, w.hour-1)
		w.day = max(0, w.day-1)
	}
	return nil
}

// drop forgets the keys whose windows have both ended, at most once a minute: a full table must not make every call
// walk it.
func (b *Budget) drop(now time.Time) {
	if now.Before(b.nextDrop) {
		return
	}
	b.nextDrop = now.Add(time.Minute)
	for at, w := range b.keys {
		if !now.Before(w.hourEnd) && !now.Before(w.dayEnd) {
			delete(b.keys, at)
		}
	}
}
