package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/skans-go/skans"
)

// A Filter chooses events. Its zero value chooses all; what is set must all hold.
type Filter struct {
	Class   string    // of this class
	Event   string    // of this name, or below it: "session" chooses "session.login"
	User    string    // by this user, on behalf of them, or about them (attribute "user")
	Session string    // in the session of this public id
	Request string    // of this request
	From    time.Time // at or after
	Until   time.Time // before
}

func (f Filter) match(e Event) bool {
	return (f.Event == "" || e.Name == f.Event || strings.HasPrefix(e.Name, f.Event+".")) &&
		(f.User == "" || e.user(f.User)) &&
		(f.Session == "" || e.Actor.Session == f.Session) &&
		(f.Request == "" || e.Request == f.Request) &&
		(f.From.IsZero() || !e.Time.Before(f.From)) &&
		(f.Until.IsZero() || e.Time.Before(f.Until))
}

// Query yields the events recorded so far that the filter chooses, in the order of their time, events of one class in the
// order in which they were recorded. It does not verify: see [Verify]. After an error it ends.
func (l *Log) Query(ctx context.Context, f Filter) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		limits := map[string]uint64{}
		for _, c := range l.chains {
			if f.Class != "" && f.Class != c.class.Name {
				continue
			}
			if err := c.flush(); err != nil {
				yield(Event{}, err)
				return
			}
			limits[c.class.Name] = c.committed.Load()
		}
		merge(ctx, []source{{fsys: l.fs(), vault: l.vault, limits: limits}}, f, yield)
	}
}

// Query reads logs that are not open here: of other instances, of a backup. Each is a directory as [Config.Dir] named it.
// vault opens what is sealed for a subject; nil leaves the attributes of such events out.
func Query(ctx context.Context, f Filter, vault *skans.Vault, logs ...fs.FS) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		var sources []source
		for _, fsys := range logs {
			sources = append(sources, source{fsys: fsys, vault: vault})
		}
		merge(ctx, sources, f, yield)
	}
}

// A source is one log to read from.
type source struct {
	fsys   fs.FS
	vault  *skans.Vault
	limits map[string]uint64 // last number to read, for each class; nil: all that is whole
}

// merge yields the events of all classes of all sources by time.
func merge(ctx context.Context, sources []source, f Filter, yield func(Event, error) bool) {
	type head struct {
		event Event
		err   error
		next  func() (Event, error, bool)
	}
	var heads []head
	for _, s := range sources {
		names, err := s.classes()
		if err != nil {
			yield(Event{}, err)
			return
		}
		for _, class := range names {
			if f.Class != "" && f.Class != class {
				continue
			}
			next, stop := iter.Pull2(s.events(ctx, class, 0, f))
			defer stop()
			if e, err, ok := next(); ok {
				heads = append(heads, head{e, err, next})
			}
		}
	}
	for len(heads) > 0 {
		first := 0
		for i, h := range heads {
			if h.err != nil || heads[first].err == nil && h.event.Time.Before(heads[first].event.Time) {
				first = i
			}
		}
		h := &heads[first]
		if !yield(h.event, h.err) || h.err != nil {
			return
		}
		var ok bool
		if h.event, h.err, ok = h.next(); !ok {
			heads = slices.Delete(heads, first, first+1)
		}
	}
}

func (s source) classes() ([]string, error) {
	entries, err := fs.ReadDir(s.fsys, ".")
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	var names []string
	for _, e := range entries {
		if name := e.Name(); e.IsDir() && name != ledgerDir && name != cursorDir && validName(name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// events yields the events of one class after number after.
func (s source) events(ctx context.Context, class string, after uint64, f Filter) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		limit := uint64(1<<64 - 1)
		if s.limits != nil {
			limit = s.limits[class]
		}
		var in segment
		for body, err := range frames(ctx, s.fsys, class, after, limit) {
			if err != nil {
				yield(Event{}, err)
				return
			}
			if body[1] == bodySegment {
				if in, err = parseSegment(body); err != nil {
					yield(Event{}, err)
					return
				}
				continue
			}
			if bodySeq(body) <= after {
				continue
			}
			e, err := s.event(ctx, body, in)
			if err == nil && !f.match(e) {
				continue
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// event reads one event and unseals it.
func (s source) event(ctx context.Context, body []byte, in segment) (Event, error) {
	e, blob, err := parseEvent(body)
	if err != nil {
		return Event{}, err
	}
	e.Log, e.Class, e.Epoch, e.Server, e.Version = in.log, in.class, in.epoch, in.server, in.version
	if blob == nil || s.vault == nil {
		return e, nil
	}
	at := skans.At{Subject: e.Subject, Table: "audit", Column: e.Class + "/" + e.Name, Row: e.Log}
	plain, err := s.vault.Open(ctx, at, blob)
	if errors.Is(err, skans.ErrErased) {
		e.Erased = true
		return e, nil
	}
	if err != nil {
		return Event{}, fmt.Errorf("audit: open attributes of %s: %w", e.ID(), err)
	}
	d := decoder{buf: plain}
	if e.Attrs = d.attrs(0); d.err != nil {
		return Event{}, d.err
	}
	return e, nil
}

// frames yields the bodies of one class from the segment on that holds number after+1. A torn tail is the end; a segment that
// expires while it is about to be read is skipped.
func frames(ctx context.Context, fsys fs.FS, class string, after, limit uint64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		names, err := numbered(fsys, class, segmentEnd)
		if err != nil {
			yield(nil, err)
			return
		}
		for len(names) > 1 && firstOf(names[1]) <= after+1 {
			names = names[1:]
		}
		for _, name := range names {
			file, err := fsys.Open(name)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				yield(nil, err)
				return
			}
			more := segmentFrames(ctx, file, limit, yield)
			_ = file.Close()
			if !more {
				return
			}
		}
	}
}

func segmentFrames(ctx context.Context, file fs.File, limit uint64, yield func([]byte, error) bool) bool {
	for reader := newFrameReader(file); ; {
		body, err := reader.next()
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, errTorn):
			return true
		case err == nil && (len(body) < bodyHeader || body[1] != bodyEvent && body[1] != bodySegment):
			err = errFormat
		case err == nil && bodySeq(body) > limit:
			return false
		case err == nil:
			err = ctx.Err()
		}
		if errors.Is(err, errBroken) {
			err = fmt.Errorf("%w: a frame is damaged", ErrTampered)
		}
		if !yield(body, err) || err != nil {
			return false
		}
	}
}
