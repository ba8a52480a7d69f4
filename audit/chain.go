package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

const (
	segmentEnd  = ".seg"
	maxSegment  = 64 << 20
	flushAt     = 64 << 10 // buffered bytes that start a write
	maxBuffered = 4 << 20  // buffered bytes a class may hold while the disk is slow
	maxUnsealed = 1 << 16  // frames that wait for a seal before one is due at once
)

func segmentName(class string, first uint64) string {
	return fmt.Sprintf("%s/%020d%s", class, first, segmentEnd)
}

// A chain writes the frames of one class. Callers append to the last pending write under mu; one goroutine, alive only
// while there is something to write, takes the writes in order. So all callers who wait share an fsync.
type chain struct {
	class Class
	log   *Log

	mu         sync.Mutex
	queue      []*pending
	spare      [][]byte
	busy       bool          // the committing goroutine runs
	idle       chan struct{} // closed when it stops
	closed     bool          // no more events
	seq        uint64        // last number given out
	lastTime   int64
	drift      time.Duration
	held       int   // bytes pushed and not yet written
	stuck      bool  // the disk did not take them within the deadline
	dirty      bool  // buffered events were taken since the last sync
	segment    int64 // bytes in the segment that the last pending write ends in; 0: none is open
	day        int64
	second     int64 // of the rate limit
	inSecond   int
	suppressed uint64 // events that were dropped and not yet summed up

	commits   sync.WaitGroup
	committed atomic.Uint64 // last number on disk

	// Owned by the committing goroutine.
	file   diskFile
	size   int64
	name   string
	leaves []digest

	sealMu   sync.Mutex
	tree     tree
	from     uint64
	last     int64
	unsealed []sealed // runs that are complete and wait for the ledger
	expired  uint64
}

// A pending is one write to be.
type pending struct {
	fresh      bool // begins a segment
	sync       bool
	buf        []byte
	count      int
	lastSeq    uint64
	lastTime   int64
	waiters    int
	suppressed uint64 // summed up in here; counted again if the write fails
	done       chan struct{}
	answered   atomic.Bool
	err        error
}

// record appends one encoded frame. For a class that rejects it returns once the frame is durable.
func (c *chain) record(frame []byte) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return ErrClosed
	}
	wall, mono := c.log.clock()
	if c.limited(wall) {
		c.suppressed++
		c.mu.Unlock()
		c.log.wake()
		return nil
	}
	if c.class.OnFailure == Alert {
		return c.buffer(frame, wall, mono)
	}
	p := c.push(frame, wall, mono)
	timer := c.await(p)
	c.start()
	c.mu.Unlock()
	return p.wait(timer)
}

// await prepares p for one more who waits. The first of them gets the timer that ends the wait of all.
func (c *chain) await(p *pending) *time.Timer {
	if p.waiters++; p.waiters > 1 {
		return nil
	}
	p.done = make(chan struct{})
	return time.AfterFunc(c.log.deadline, func() { p.settled(ErrTimeout) })
}

func (p *pending) wait(timer *time.Timer) error {
	<-p.done // one channel: with a thousand callers, a select costs more than the encoding
	if timer != nil {
		timer.Stop()
	}
	return p.err
}

// settled gives all who wait their answer, unless they have one.
func (p *pending) settled(err error) {
	if p.done != nil && p.answered.CompareAndSwap(false, true) {
		p.err = err
		close(p.done)
	}
}

// buffer keeps the frame for the next write; c.mu is held and released. While too much is held already it waits for the
// disk, once; events that find the disk still stuck are dropped and counted.
func (c *chain) buffer(frame []byte, wall time.Time, mono time.Duration) error {
	full := c.held > maxBuffered
	if full && !c.stuck && c.log.failed() == nil {
		p := c.tail()
		timer := c.await(p)
		c.start()
		c.mu.Unlock()
		err := p.wait(timer)
		c.mu.Lock()
		full = errors.Is(err, ErrTimeout)
		c.stuck = full
	}
	if full || c.closed || c.log.failed() != nil {
		c.suppressed++
		c.mu.Unlock()
		c.log.wake()
		c.log.alert(fmt.Errorf("audit: class %s: %w", c.class.Name, errors.Join(ErrDropped, c.log.failed())))
		return nil
	}
	p := c.push(frame, wall, mono)
	c.dirty = true
	if len(p.buf) >= flushAt {
		c.start()
	}
	c.mu.Unlock()
	c.log.wake()
	return nil
}

// drop counts an event that cannot be kept.
func (c *chain) drop(why error) {
	c.mu.Lock()
	c.suppressed++
	c.mu.Unlock()
	c.log.wake()
	c.log.alert(fmt.Errorf("audit: class %s: %w: %w", c.class.Name, ErrDropped, why))
}

// limited counts an event against the class's rate.
func (c *chain) limited(wall time.Time) bool {
	if c.class.PerSecond == 0 {
		return false
	}
	if now := wall.Unix(); now != c.second {
		c.second, c.inSecond = now, 0
	}
	c.inSecond++
	return c.inSecond > c.class.PerSecond
}

// push numbers a frame, behind a segment's first frame where one is due, and appends it to the last pending write.
func (c *chain) push(frame []byte, wall time.Time, mono time.Duration) *pending {
	at := wall.UnixNano()
	day := wall.Unix() / 86400
	var p *pending
	if n := len(c.queue); n > 0 {
		p = c.queue[n-1]
	}
	fresh := c.segment == 0 || c.segment+int64(len(frame)) > c.log.maxSegment || day != c.day
	if p == nil || fresh {
		p = &pending{fresh: fresh, sync: c.class.OnFailure == Reject}
		if n := len(c.spare); n > 0 {
			p.buf, c.spare = c.spare[n-1], c.spare[:n-1]
		}
		c.queue = append(c.queue, p)
	}
	flags := c.stepped(at, wall, mono)
	if fresh {
		c.segment, c.day = 0, day
		begin := len(p.buf)
		p.buf = appendSegment(p.buf, segment{c.log.id, c.class.Name, c.log.epoch, c.log.server, c.log.version})
		c.number(p, p.buf[begin:], at, 0)
	}
	begin := len(p.buf)
	p.buf = append(p.buf, frame...)
	c.number(p, p.buf[begin:], at, flags)
	return p
}

func (c *chain) number(p *pending, frame []byte, at int64, flags byte) {
	c.seq++
	stamp(frame, c.seq, at, flags)
	sealFrame(frame)
	c.segment += int64(len(frame))
	c.held += len(frame)
	p.count++
	p.lastSeq = c.seq
	p.lastTime = max(p.lastTime, at)
}

// stepped compares the wall clock with the monotonic one, and with the event before.
func (c *chain) stepped(at int64, wall time.Time, mono time.Duration) byte {
	drift := wall.Sub(c.log.opened) - mono
	moved := (drift-c.drift).Abs() > time.Second || at < c.lastTime-int64(time.Second)
	c.drift, c.lastTime = drift, at
	if moved {
		return flagStepped
	}
	return 0
}

// start lets the committing goroutine run; c.mu is held.
func (c *chain) start() {
	if !c.busy && len(c.queue) > 0 {
		c.busy, c.idle = true, make(chan struct{})
		c.commits.Go(c.commit)
	}
}

// commit writes until nothing is left.
func (c *chain) commit() {
	for {
		c.mu.Lock()
		if len(c.queue) == 0 {
			c.busy = false
			close(c.idle)
			c.mu.Unlock()
			return
		}
		p := c.queue[0]
		c.queue = c.queue[1:]
		c.mu.Unlock()

		if err := c.write(p); err != nil {
			c.fail(p, err)
			continue
		}
		c.committed.Store(p.lastSeq)
		c.finish(p, nil)
	}
}

func (c *chain) finish(p *pending, err error) {
	p.settled(err)
	c.mu.Lock()
	c.held -= len(p.buf)
	c.stuck = c.stuck && err != nil
	if cap(p.buf) <= maxBuffered && len(c.spare) < 2 {
		c.spare = append(c.spare, p.buf[:0])
	}
	p.buf = nil
	c.mu.Unlock()
}

// fail takes back p and every write behind it, whose numbers would leave a gap.
func (c *chain) fail(p *pending, err error) {
	if c.file != nil {
		_ = c.file.Close()
		c.file = nil
	}
	c.mu.Lock()
	lost := append([]*pending{p}, c.queue...)
	c.queue, c.segment, c.seq = nil, 0, c.committed.Load()
	for _, p := range lost {
		c.suppressed += p.suppressed
		if c.class.OnFailure == Alert {
			c.suppressed += uint64(p.count)
			if p.fresh {
				c.suppressed-- // the segment's own frame
			}
			if p.suppressed > 0 {
				c.suppressed-- // the summary
			}
		}
	}
	c.mu.Unlock()
	err = fmt.Errorf("audit: class %s: %w", c.class.Name, err)
	for _, p := range lost {
		c.finish(p, err)
	}
	c.log.alert(err)
}

// write makes p part of the log. After an error nothing of p is on disk, or the log is poisoned.
func (c *chain) write(p *pending) error {
	if err := c.log.failed(); err != nil {
		return err
	}
	if err := c.log.fence(); err != nil {
		return c.log.poison(err)
	}
	if p.fresh {
		if err := c.turn(p); err != nil {
			return err
		}
	} else if err := c.append(p.buf); err != nil {
		return err
	}
	if err := c.settle(p); err != nil {
		return c.log.poison(err)
	}
	c.log.wake()
	return nil
}

// append writes buf to the open file. An unlinked file would take events that nobody can ever read.
func (c *chain) append(buf []byte) error {
	if len(buf) == 0 {
		return nil
	}
	info, err := c.file.Stat()
	if err != nil {
		return c.log.poison(err)
	}
	if unlinked(info) || info.Size() != c.size {
		return c.log.poison(fmt.Errorf("%s was removed or changed by somebody else", c.name))
	}
	poisoned, err := writeAll(c.file, buf, c.size)
	if err != nil && !poisoned && isFull(err) && c.log.release() {
		poisoned, err = writeAll(c.file, buf, c.size)
	}
	switch {
	case poisoned:
		return c.log.poison(err)
	case err != nil:
		return err
	}
	c.size += int64(len(buf))
	return nil
}

// turn ends the segment and begins the next with p.
func (c *chain) turn(p *pending) error {
	if c.file != nil {
		if err := c.file.Sync(); err != nil {
			return c.log.poison(err)
		}
		_ = c.file.Close()
		c.file = nil
	}
	c.sealMu.Lock()
	c.cut()
	c.sealMu.Unlock()
	c.name = filepath.Join(c.log.dir, filepath.FromSlash(segmentName(c.class.Name, p.lastSeq-uint64(p.count)+1)))
	file, err := create(c.log.disk, c.name)
	if err != nil && isFull(err) && c.log.release() {
		file, err = create(c.log.disk, c.name)
	}
	if err != nil {
		return err
	}
	c.file, c.size = file, 0
	if err = c.append(p.buf); err == nil || c.log.failed() != nil {
		return err
	}
	err = errors.Join(err, c.file.Close())
	c.file = nil
	if gone := c.log.disk.Remove(c.name); gone != nil && !errors.Is(gone, os.ErrNotExist) {
		return c.log.poison(errors.Join(err, gone))
	}
	return err
}

// settle syncs p where it is to be durable, and adds its frames to the Merkle tree of the next seal. What is not yet
// on the disk must not come into a run that the ledger signs: after a crash the log would look tampered with.
func (c *chain) settle(p *pending) error {
	var synced chan error
	switch {
	case p.sync && len(p.buf) > 8<<10: // hash while the disk works
		synced = make(chan error, 1)
		go func(file diskFile) { synced <- file.Sync() }(c.file)
	case p.sync:
		if err := c.file.Sync(); err != nil {
			return err
		}
	}
	c.leaves = c.leaves[:0]
	for buf := p.buf; len(buf) > 0; {
		end := frameHeader + int(binary.BigEndian.Uint32(buf))
		c.leaves = append(c.leaves, sha256.Sum256(buf[frameHeader:end]))
		buf = buf[end:]
	}
	if synced != nil {
		if err := <-synced; err != nil {
			return err
		}
	}
	c.sealMu.Lock()
	defer c.sealMu.Unlock()
	for i, leaf := range c.leaves {
		c.addLeaf(p.lastSeq-uint64(len(c.leaves)-1-i), p.lastTime, leaf)
	}
	if c.class.OnFailure == Alert && p.sync {
		c.cut() // up to here it is durable
	}
	if c.tree.count >= maxUnsealed {
		c.log.hurry()
	}
	return nil
}

func (c *chain) addLeaf(seq uint64, at int64, leaf digest) {
	if c.tree.count == 0 {
		c.from, c.last = seq, at
	}
	c.last = max(c.last, at)
	c.tree.add(leaf)
}

// cut completes the run of frames, so that no run spans two segments; c.sealMu is held.
func (c *chain) cut() {
	if c.tree.count == 0 {
		return
	}
	c.unsealed = append(c.unsealed, sealed{c.class.Name, c.from, c.from + c.tree.count - 1, c.last, c.tree.root()})
	c.tree.reset()
}

// flush writes and syncs what is buffered, with the count of what was dropped, and waits for it.
func (c *chain) flush() error {
	c.mu.Lock()
	if c.class.OnFailure == Alert && c.log.failed() == nil {
		c.sumUp()
	}
	if len(c.queue) == 0 && (!c.dirty || c.segment == 0) {
		c.mu.Unlock()
		return nil
	}
	c.dirty = false
	p := c.tail()
	p.sync = true
	timer := c.await(p)
	c.start()
	c.mu.Unlock()
	return p.wait(timer)
}

// writing reports whether anything that was recorded is neither written nor given up.
func (c *chain) writing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.busy
}

// tail is the last write that has not begun, an empty one if need be; c.mu is held.
func (c *chain) tail() *pending {
	if len(c.queue) == 0 {
		c.queue = append(c.queue, &pending{lastSeq: c.seq, lastTime: c.lastTime})
	}
	return c.queue[len(c.queue)-1]
}

// sumUp appends the event that says how many were dropped; c.mu is held.
func (c *chain) sumUp() {
	if c.suppressed == 0 {
		return
	}
	frame := appendEvent(nil, 0, EventSuppressed, "", Actor{})
	e := encoder{buf: frame, class: &c.class}
	if err := e.attrs([]slog.Attr{slog.String("class", c.class.Name), slog.Uint64("count", c.suppressed)}, 0); err != nil {
		return
	}
	wall, mono := c.log.clock()
	p := c.push(e.buf, wall, mono)
	p.suppressed, c.suppressed = p.suppressed+c.suppressed, 0
	c.dirty = true
}
