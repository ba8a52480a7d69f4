package session

import (
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"time"
)

// reuseGrace is how long a rotated token may still come from honest requests that were under way: other tabs, images.
const reuseGrace = 30 * time.Second

// Handler gives every request its session: it loads it, checks what it is bound to, refuses forged requests, and
// stores what next changed right before the answer begins. Answers to a signed-in user get Cache-Control: no-store
// unless next sets another.
//
// It refuses through [Config.Refuse] with 403 ([ErrCSRF]), 401 ([ErrMismatch]), 503 (the session could not be read; its
// cookie is kept) and 500 (what next changed could not be stored; nothing of next's answer is sent).
func (m *Manager) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if x := exchangeOf(r.Context()); x != nil && x.session.m == m {
			next.ServeHTTP(w, r) // already inside
			return
		}
		m.serve(w, r, next)
	})
}

func (m *Manager) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	x := &exchange{request: r}
	x.session.m, x.session.x = m, x
	x.context.Context, x.context.x = r.Context(), x
	x.writer.ResponseWriter, x.writer.x = w, x
	x.entry.x = x
	if len(w.Header()) > 0 {
		x.header = maps.Clone(w.Header())
	}
	defer x.release()
	inner := r.WithContext(&x.context)
	refused := x.load()
	if refused == nil {
		refused = x.checkOrigin(inner)
	}
	if refused != nil {
		x.session.mu.Lock()
		x.session.done = true
		x.session.mu.Unlock()
		x.cookies()
		m.refuse(w, r, refused)
		return
	}
	finished := false
	defer func() {
		if !finished {
			x.session.abandon()
		}
	}()
	next.ServeHTTP(&x.writer, inner)
	finished = true
	_ = x.begin() // for a handler that wrote nothing; a failure has been answered
}

func (x *exchange) release() {
	x.session.m.inflight.leave(&x.entry)
	x.context.release()
}

// load finds the session that the cookie names. A refusal comes back when the store cannot tell or the session is used
// from elsewhere; a cookie that names none leaves the visitor anonymous.
func (x *exchange) load() *Refusal {
	s, m := &x.session, x.session.m
	token, n := readCookies(x.request)
	if n > 1 {
		// Which of the two is the browser's own cannot be told, and to take the first is to let a stranger choose.
		_ = m.audit(x.context.Context, x.request, EventDuplicate, "", "", slog.Int("cookies", n))
		return nil
	}
	if n == 0 || !wellFormed(token) {
		return nil
	}
	x.entry.id = token[:idLen]
	m.inflight.enter(&x.entry)
	ctx, cancel := m.storeContext(x.context.Context)
	defer cancel()
	rec, err := m.store.Load(ctx, x.entry.id, m.now())
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return newRefusal(http.StatusServiceUnavailable, "store", unavailable(err))
	}
	return s.adopt(rec, token)
}

// adopt takes the record if the token is its own.
func (s *Session) adopt(rec Record, token string) *Refusal {
	m, x := s.m, s.x
	if !m.verify(string(rec.Token[:]), purposeToken, token) {
		return s.stranger(rec, token)
	}
	// Only the holder of the token gets this far, so ending a damaged row is not a way to end other people's.
	raw, ok := m.unseal(&rec)
	if !ok {
		s.damaged(rec)
		return nil
	}
	b, err := parseBody(raw, rec.Since)
	if err != nil {
		s.damaged(rec)
		return nil
	}
	now := m.now()
	if !m.live(&rec, now) {
		return nil
	}
	s.rec, s.body, s.values, s.token, s.live = rec, b, b.values, token, true
	m.inflight.verified(&x.entry, rec.Generation)
	if reason, observe := m.mismatch(&s.body.binding, rec.ID, x.request); reason != "" {
		if refused := s.mismatched(reason, observe); refused != nil {
			return refused
		}
		m.follow(&s.body.binding, rec.ID, x.request)
		s.filled = true
		return nil
	}
	s.filled = m.fill(&s.body.binding, rec.ID, x.request)
	return nil
}

// live repeats what the store judged, by the sealed deadline, and refuses a record whose last activity lies further in
// the future than the idle time: it was written by a clock that was ahead, and would outlive its user's absence.
func (m *Manager) live(rec *Record, now time.Time) bool {
	away := now.Sub(rec.Seen).Abs()
	return now.Before(rec.Expires) && now.Before(rec.Deadline) && away < m.cfg.Idle
}

// stranger handles a token that is not the current one of the session that it names. One that was replaced lately comes
// from a request that was under way: anonymous, and nothing may be stored, because a cookie in its answer would
// overwrite the new one. Later, somebody kept a copy: that is reported. It does not end the session, or whoever planted
// a token before the login could sign its owner out for ever.
func (s *Session) stranger(rec Record, token string) *Refusal {
	raw, ok := s.m.unseal(&rec)
	if !ok {
		return nil
	}
	b, err := parseBody(raw, rec.Since)
	if err != nil {
		return nil
	}
	at, ok := b.retiredAt(func(hash string) bool { return s.m.verify(hash, purposeToken, token) })
	if !ok {
		return nil
	}
	if s.m.now().Sub(at) < reuseGrace {
		s.ended.Store(true)
		return nil
	}
	_ = s.m.audit(s.x.context.Context, s.x.request, EventReuse, rec.ID, rec.User, slog.Duration("age", s.m.now().Sub(at)))
	return nil
}

// damaged ends a session whose record was changed behind our back or is of another version, so that its visitor is not
// locked out by it.
func (s *Session) damaged(rec Record) {
	s.clear = true
	_ = s.m.finish(s.x.context.Context, s.x.request, rec.ID, reasonDamaged, &s.x.entry)
}

// report records what is refused anyway, so that a log that fails changes nothing.
func (s *Session) report(event string, attrs ...slog.Attr) {
	_ = s.m.audit(s.x.context.Context, s.x.request, event, s.rec.ID, s.rec.User, attrs...)
}

// mismatched reports and, unless observing, ends the session: its owner is signed out too, and whoever stole the token
// has nothing.
func (s *Session) mismatched(reason string, observe bool) *Refusal {
	m, x := s.m, s.x
	if observe {
		s.report(EventMismatch, slog.String("reason", reason), slog.String("outcome", "observed"))
		return nil
	}
	e := newRefusal(http.StatusUnauthorized, reason, ErrMismatch)
	s.report(EventMismatch, slog.String("reason", reason), slog.String("outcome", "ended"), slog.String("ref", e.Ref))
	if err := m.finish(x.context.Context, x.request, s.rec.ID, reasonMismatch, &x.entry); errors.Is(err, ErrUnavailable) {
		return newRefusal(http.StatusServiceUnavailable, "store", err) // it lives on, so its cookie is kept
	}
	s.live, s.clear = false, true
	return e
}
