package audit

import (
	"errors"
	"time"
)

// wake makes sure that what was recorded is signed within a second, without a goroutine that lives as long as the log.
func (l *Log) wake() {
	if l.armed.Load() {
		return
	}
	l.arm(sealEvery)
}

// hurry asks for a seal at once: a run has grown long.
func (l *Log) hurry() { l.arm(0) }

func (l *Log) arm(after time.Duration) {
	l.timerMu.Lock()
	defer l.timerMu.Unlock()
	switch {
	case l.ended:
	case l.timer == nil:
		l.seals.Add(1)
		l.timer = time.AfterFunc(after, l.tick)
		l.armed.Store(true)
	case after == 0 && l.timer.Stop():
		l.timer = time.AfterFunc(0, l.tick)
	}
}

func (l *Log) tick() {
	defer l.seals.Done()
	l.timerMu.Lock()
	l.timer = nil
	l.armed.Store(false) // what comes from here on gets a tick of its own
	l.timerMu.Unlock()
	if err := l.seal(); err != nil {
		l.alert(err)
		if l.failed() == nil {
			l.wake()
		}
	}
}

// Seal signs everything recorded before the call, instead of within a second.
func (l *Log) Seal() error { return l.seal() }

// seal flushes every class and signs one record over what is new in each of them, with the facts behind it.
func (l *Log) seal(facts ...string) error {
	var failed []error
	for _, c := range l.chains {
		failed = append(failed, c.flush())
	}
	l.sealMu.Lock()
	defer l.sealMu.Unlock()
	l.reserve.fill(l)
	var lines []string
	taken := make([]int, len(l.chains))
	for i, c := range l.chains {
		c.sealMu.Lock()
		if c.class.OnFailure == Reject {
			c.cut()
		}
		for _, s := range c.unsealed {
			lines = append(lines, s.fact())
		}
		taken[i] = len(c.unsealed)
		c.sealMu.Unlock()
	}
	if lines = append(lines, facts...); len(lines) == 0 {
		return errors.Join(failed...)
	}
	if err := l.ledger.append(lines...); err != nil {
		return errors.Join(append(failed, err)...)
	}
	for i, c := range l.chains {
		c.sealMu.Lock()
		c.unsealed = c.unsealed[taken[i]:]
		c.sealMu.Unlock()
	}
	return errors.Join(failed...)
}
