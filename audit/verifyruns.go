package audit

import (
	"errors"
	"io"
	"io/fs"
	"iter"
	"maps"
	"slices"
)

func mapKeys[K comparable, V any](m map[K]V) iter.Seq[K] { return maps.Keys(m) }

// runs reads the frames of one class in the order in which the ledger signs them.
type runs struct {
	class    string
	fsys     fs.FS
	next     uint64 // number of the next frame
	listed   bool
	names    []string // files not yet opened
	file     fs.File
	reader   *frameReader
	torn     bool
	fresh    bool // the next frame is the first of its file
	log      string
	keep     Keep
	through  uint64 // frames up to here were deleted in the end
	expiries []expiry
	latest   []int64 // for each expiry, the latest time that a run under it was signed with
	due      int     // the expiry that the next run falls under
	passed   int     // expiries that the second pass has come by
}

// checkRuns is the second pass: each run of frames against its root, each deletion against its time.
func (v *verifier) checkRuns() error {
	return v.ledger(func(r *record, fileFirst uint64) error {
		if r.number > v.report.Witness.Record {
			return nil // came while we read
		}
		for _, fact := range r.facts {
			if err := v.checkFact(fact, r, fileFirst); err != nil {
				return err
			}
		}
		return nil
	})
}

func (v *verifier) closeFiles() {
	for _, c := range v.classes {
		if c.file != nil {
			_ = c.file.Close()
		}
	}
}

func (v *verifier) checkFact(fact string, r *record, fileFirst uint64) error {
	unreadable := broken(ledgerDir, r.number, "the record cannot be read")
	switch kindOf(fact) {
	case factRange:
		s, err := parseSealed(fact)
		if err != nil {
			return unreadable
		}
		return v.checkRun(s, r)
	case factClass:
		w, err := words(fact, 3)
		if err != nil {
			return unreadable
		}
		if v.class(w[0]).keep, err = parseKeep(w[1]); err != nil {
			return unreadable
		}
	case factState:
		name, s, err := parseState(fact)
		if err != nil {
			return unreadable
		}
		c := v.class(name)
		if c.next != s.sealed+1 {
			return broken(name, min(c.next, s.sealed+1), "record %d tells another number of signed frames", r.number)
		}
	case factExpire:
		e, err := parseExpiry(fact)
		if err != nil {
			return unreadable
		}
		return v.checkExpiry(e, r)
	}
	return nil
}

// checkExpiry holds a deletion against the retention in force and the times that were signed.
func (v *verifier) checkExpiry(e expiry, r *record) error {
	c := v.class(e.class)
	at := c.passed
	c.passed++
	first := uint64(1)
	if at > 0 {
		first = c.expiries[at-1].through + 1
	}
	if at < len(c.latest) && c.latest[at] > e.last {
		return broken(e.class, first, "record %d says that expired events are older than they are", r.number)
	}
	if e.keep != c.keep || !e.due(r.time) || e.through >= c.next {
		return broken(e.class, first, "events up to %d were deleted before their time", e.through)
	}
	for _, class := range v.trust.Classes {
		expected := expiry{last: e.last, keep: class.Keep}
		if class.Name == e.class && !expected.due(r.time) {
			return broken(e.class, first, "events up to %d were deleted earlier than expected", e.through)
		}
	}
	v.report.Expired += e.through + 1 - first
	return nil
}

func (v *verifier) checkRun(s sealed, r *record) error {
	c := v.class(s.class)
	c.log = r.log
	if s.from != c.next {
		return broken(s.class, c.next, "record %d signs frames from %d on", r.number, s.from)
	}
	if s.to <= c.through {
		for c.due < len(c.expiries) && c.expiries[c.due].through < s.to {
			c.due++
		}
		for len(c.latest) <= c.due {
			c.latest = append(c.latest, s.last)
		}
		c.latest[c.due] = max(c.latest[c.due], s.last)
		c.next = s.to + 1
		return nil
	}
	h := hasher{parts: v.parts}
	for ; c.next <= s.to; c.next++ {
		body, err := c.frame(r.epoch)
		if err != nil {
			h.root() // waits for what still runs
			return err
		}
		h.add(body)
	}
	t := h.root()
	if t.root() != s.root {
		return &flaw{s.class, s.from, s.to, "the frames are not those that were signed; one of this run was changed"}
	}
	v.report.Events += t.count
	return nil
}

// frame returns the body of frame c.next.
func (c *runs) frame(epoch uint64) ([]byte, error) {
	for {
		if c.reader == nil {
			if err := c.open(); err != nil {
				return nil, err
			}
		}
		body, err := c.reader.next()
		switch {
		case errors.Is(err, io.EOF):
			_ = c.file.Close()
			c.file, c.reader = nil, nil
			continue
		case errors.Is(err, errTorn) || errors.Is(err, errBroken):
			c.torn = errors.Is(err, errTorn)
			return nil, broken(c.class, c.next, "the frame is damaged")
		case err != nil:
			return nil, err
		case len(body) < bodyHeader || body[1] != bodyEvent && body[1] != bodySegment:
			return nil, broken(c.class, c.next, "the frame cannot be read")
		case bodySeq(body) != c.next:
			return nil, broken(c.class, c.next, "frame %d stands in its place", bodySeq(body))
		case (body[1] == bodySegment) != c.fresh:
			return nil, broken(c.class, c.next, "the segment does not begin with its own frame")
		}
		if c.fresh {
			s, err := parseSegment(body)
			if err != nil || s.log != c.log || s.class != c.class || s.epoch > epoch {
				return nil, broken(c.class, c.next, "the segment is of another log or class")
			}
		}
		c.fresh = false
		return body, nil
	}
}

// open opens the file that begins with frame c.next.
func (c *runs) open() error {
	if !c.listed {
		names, err := numbered(c.fsys, c.class, segmentEnd)
		if err != nil {
			return err
		}
		// What an expiry record covers and a crash left behind counts as gone.
		c.names = slices.DeleteFunc(names, func(name string) bool { return firstOf(name) <= c.through })
		c.listed = true
	}
	if len(c.names) == 0 {
		return broken(c.class, c.next, "the frame is missing")
	}
	name := c.names[0]
	switch first := firstOf(name); {
	case first > c.next:
		return broken(c.class, c.next, "the frame is missing")
	case first < c.next:
		return broken(c.class, first, "%s holds frames that are somewhere else already", name)
	}
	c.names = c.names[1:]
	file, err := c.fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return broken(c.class, c.next, "the frame is missing")
	}
	if err != nil {
		return err
	}
	c.file, c.reader, c.fresh = file, newFrameReader(file), true
	return nil
}

// checkRest looks at what lies behind the last signed frame of every class. It is not proven, but it must be frames in
// order, and only the very end may be torn.
func (v *verifier) checkRest() error {
	entries, err := fs.ReadDir(v.fsys, ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() && e.Name() != ledgerDir && e.Name() != cursorDir && validName(e.Name()) {
			v.class(e.Name()).log = v.report.Log
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.classes)) {
		if err := v.checkTail(v.classes[name]); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) checkTail(c *runs) error {
	for after := c.next - 1; ; c.next++ {
		if err := v.ctx.Err(); err != nil {
			return err
		}
		_, err := c.frame(1<<64 - 1)
		var f *flaw
		switch {
		case v.closed && (err == nil || c.reader != nil):
			return broken(c.class, c.next, "there are frames that nobody signed, though the log was closed in order")
		case err == nil:
			v.report.UnprovenAfter[c.class] = after
		case !errors.As(err, &f):
			return err
		case c.reader == nil && len(c.names) == 0: // no file is left
			return nil
		case c.reader != nil && c.torn && len(c.names) == 0:
			v.report.Torn = append(v.report.Torn, c.class)
			return nil
		default:
			return err
		}
	}
}
