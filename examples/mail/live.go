package main

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// live tells open pages that a mailbox got a letter: only that, not which, so that a stream gives nothing away.
type live struct {
	mu       sync.Mutex
	watchers map[string]map[chan struct{}]bool // by mailbox
	over     chan struct{}                     // closed when the server stops
}

func newLive() *live {
	return &live{watchers: map[string]map[chan struct{}]bool{}, over: make(chan struct{})}
}

// watch returns a channel that gets a value after letters came, however many; stop ends it.
func (l *live) watch(box string) (news <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.watchers[box] == nil {
		l.watchers[box] = map[chan struct{}]bool{}
	}
	l.watchers[box][c] = true
	return c, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.watchers[box], c)
		if len(l.watchers[box]) == 0 {
			delete(l.watchers, box)
		}
	}
}

// tell never waits: a watcher that has not looked yet has its news already.
func (l *live) tell(box string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.watchers[box] {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

const (
	streamPing = 25 * time.Second // keeps middle boxes from cutting a quiet stream
	streamLife = 5 * time.Minute  // then the browser connects again, and the policy decides anew
)

// events streams the news of one mailbox. It is Passive: an open page is not activity. The session's end, by logout, revocation or time, cancels
// the request's context and with it the stream.
func (a *app) events(w http.ResponseWriter, r *http.Request, in boxForm) {
	news, stop := a.live.watch(in.Box)
	defer stop()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		return // has no body to wait for, and would hold up what comes next on the connection
	}
	ping := time.NewTicker(streamPing)
	defer ping.Stop()
	end := time.NewTimer(streamLife)
	defer end.Stop()
	out := http.NewResponseController(w)
	for line := ": begun\n\n"; ; {
		if _, err := fmt.Fprint(w, line); err != nil {
			return
		}
		if err := out.Flush(); err != nil {
			return
		}
		select {
		case <-news:
			line = "data: letter\n\n"
		case <-ping.C:
			line = ": still here\n\n"
		case <-r.Context().Done():
			return
		case <-a.live.over:
			return
		case <-end.C:
			return
		}
	}
}
