package session

import (
	"sync/atomic"
	"time"
)

// A clock follows the wall clock forward and never back. When the wall clock is set back, time goes on by the monotonic
// reading, so that no idle timeout or deadline gets longer; set ahead, sessions end early, which is the safe side.
type clock struct {
	set    time.Duration // how far a test has set the wall clock
	anchor atomic.Pointer[clockAnchor]
}

// A clockAnchor is a moment in both readings.
type clockAnchor struct {
	steady, wall time.Time
}

func (c *clock) now() time.Time {
	t := time.Now()
	wall := t.Round(0).Add(c.set)
	anchor := c.anchor.Load()
	if anchor == nil {
		c.anchor.CompareAndSwap(nil, &clockAnchor{t, wall})
		return wall
	}
	steady := anchor.wall.Add(t.Sub(anchor.steady)) // Sub uses the monotonic reading
	if !wall.After(steady) {
		return steady
	}
	if wall.Sub(steady) > time.Second { // small corrections cost no new anchor
		c.anchor.CompareAndSwap(anchor, &clockAnchor{t, wall})
	}
	return wall
}
