package session

import (
	"sync/atomic"
	"time"
)

// A clock follows the wall clock forward and never back. When the wall clock is set back, time goes on by the monotonic
// reading, so that no idle timeout or deadline gets longer; set ahead, sessions end early, which is the safe side.
type clock struct {
	read   func() time.Time // nil: time.Now
	anchor atomic.Pointer[time.Time]
}

func (c *clock) now() time.Time {
	read := c.read
	if read == nil {
		read = time.Now
	}
	t := read()
	anchor := c.anchor.Load()
	if anchor == nil {
		c.anchor.CompareAndSwap(nil, &t)
		return t.Round(0)
	}
	steady := anchor.Round(0).Add(t.Sub(*anchor)) // Sub uses the monotonic reading, Add on the wall clock of the anchor
	wall := t.Round(0)
	if wall.Sub(steady) > time.Second {
		fresh := t // only here, so that the common path allocates nothing
		c.anchor.CompareAndSwap(anchor, &fresh)
	}
	if wall.After(steady) {
		return wall
	}
	return steady
}
