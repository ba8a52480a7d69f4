package session

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// begin commits once, right before the first byte. On an error it has answered already.
func (x *exchange) begin() error {
	first, err := x.session.commitOnce()
	switch {
	case !first:
		return err
	case err == nil:
		x.cookies()
		return nil
	}
	// What the handler put into the header belongs to an answer that will not be given: lengths, locations, cookies.
	h := x.writer.Header()
	clear(h)
	for k, v := range x.header {
		h[k] = v
	}
	x.session.m.refuse(x.writer.ResponseWriter, x.request, newRefusal(http.StatusInternalServerError, "store", err))
	return err
}

// commitOnce commits, or says what came of it before. A store, a log or an Update that panics must not leave the
// session locked, or the request would never end; its answer has failed then.
func (s *Session) commitOnce() (first bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		return false, s.failed
	}
	s.done, s.failed = true, errPanicked
	s.failed = s.commit()
	return true, s.failed
}

// cookies puts into the header what this request has to tell the browser about its session.
func (x *exchange) cookies() {
	s, h := &x.session, x.writer.Header()
	switch {
	case s.ended.Load() && !s.clear:
	case s.fresh:
		setCookie(h, s.token)
	case s.clear:
		clearCookie(h)
	}
	if s.loggedOut && !s.fresh {
		// "cookies" is left out: it would take those of every host under the domain, other services' among them. Ours
		// is removed by name.
		h.Set("Clear-Site-Data", `"cache", "storage"`)
	}
	if s.fresh || s.clear || s.secret {
		h.Set("Cache-Control", "no-store")
	} else if s.rec.User != "" && h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
}

// commit stores what this request changed. The caller holds the lock.
func (s *Session) commit() error {
	if s.m == nil || s.ended.Load() {
		return nil
	}
	write := len(s.deltas) > 0 || s.filled
	touch := s.live && !write && s.stale()
	if !write && !touch && (s.live || !s.wanted) {
		return nil
	}
	ctx, cancel := s.m.lastingContext(s.x.context.Context)
	defer cancel()
	switch {
	case touch:
		return s.settle(s.touch(ctx))
	case s.live:
		return s.settle(s.patch(ctx))
	}
	return s.create(ctx)
}

// settle turns the end of the session during the request into a quiet one: the answer goes out, nothing is stored.
func (s *Session) settle(err error) error {
	if errors.Is(err, ErrEnded) {
		s.ended.Store(true)
		return nil
	}
	return err
}

// patch stores the values by compare-and-swap until it succeeds, the session has ended or ctx is over. The lock is the
// session's.
func (s *Session) patch(ctx context.Context) error {
	for {
		now := s.m.now()
		rec := s.rec
		c := Change{Seen: rec.Seen, Expires: rec.Expires}
		if !s.x.passive {
			c.Seen, c.Expires = now, s.m.expires(now, rec.Deadline)
		}
		s.body.values = s.values
		s.m.seal(&rec, s.body.append(nil))
		c.Data = rec.Data
		err := s.m.store.Patch(ctx, rec.ID, rec.Version, c, now)
		if err == nil {
			rec.Version++
			rec.Seen, rec.Expires = c.Seen, c.Expires
			s.rec, s.deltas, s.filled = rec, nil, false
			return nil
		}
		if !errors.Is(err, ErrConflict) {
			return storeError(err)
		}
		if err := s.rebase(ctx); err != nil {
			return err
		}
		if s.stop != nil && *s.stop {
			return nil
		}
	}
}

// rebase loads the record that another request wrote and applies this request's writes to it.
func (s *Session) rebase(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	now := s.m.now()
	rec, err := s.m.store.Load(ctx, s.rec.ID, now)
	if err != nil {
		return storeError(err)
	}
	if rec.Generation != s.rec.Generation || rec.Token != s.rec.Token || !s.m.live(&rec, now) {
		return ErrEnded // rotated meanwhile: what came with the old token must not reach the new session
	}
	raw, ok := s.m.unseal(&rec)
	if !ok {
		return unavailable(errBody)
	}
	b, err := parseBody(raw, rec.Since)
	if err != nil {
		return unavailable(err)
	}
	if s.filled {
		b.binding = s.body.binding // learned from the same request, so it can be said again
	}
	s.rec, s.body = rec, b
	return s.replay(b.values)
}

// stale reports whether this request is the one to note the activity, because what is noted is old enough.
func (s *Session) stale() bool {
	now, every := s.m.now(), s.m.touchAfter()
	age := now.Sub(s.rec.Seen)
	if s.x.passive || (age < every && age > -every) { // noted in the future: by a clock that was ahead; taken back
		return false
	}
	return s.m.inflight.claim(&s.x.entry, now.UnixMicro(), now.Add(-every).UnixMicro())
}

// touch notes the activity.
func (s *Session) touch(ctx context.Context) error {
	now := s.m.now()
	return storeError(s.m.store.Touch(ctx, s.rec.ID, s.rec.Generation, now, s.m.expires(now, s.rec.Deadline), now))
}

func (m *Manager) expires(seen, deadline time.Time) time.Time {
	if t := seen.Add(m.cfg.Idle); t.Before(deadline) {
		return t
	}
	return deadline
}

// create stores an anonymous session.
func (s *Session) create(ctx context.Context) error {
	now := s.m.now()
	s.compose(now)
	s.body.values = s.values
	s.m.seal(&s.rec, s.body.append(nil))
	if _, err := s.m.store.Create(ctx, s.rec, 0, now); err != nil {
		s.rec = Record{}
		return storeError(err)
	}
	s.live, s.fresh = true, true
	s.m.inflight.follow(&s.x.entry, s.rec.ID, s.rec.Generation)
	return s.recorded(ctx, EventCreated)
}

// compose fills the record of a session that does not exist yet.
func (s *Session) compose(now time.Time) {
	if s.token == "" {
		s.token = newToken(newID())
	}
	id := s.token[:idLen]
	s.body.created, s.body.since = now, now
	s.body.binding = s.m.newBinding(id, s.x.request)
	deadline := now.Add(anonymousLife)
	s.rec = Record{
		ID: id, Token: s.m.hashToken(s.token), Generation: 1, Version: 1,
		Since: now, Seen: now, Expires: s.m.expires(now, deadline), Deadline: deadline,
	}
}

// storeError gives an error of the store the name that callers know it by.
func storeError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNotFound):
		return ErrEnded
	default:
		return unavailable(err)
	}
}
