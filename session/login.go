package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// maxUser bounds the user id.
const maxUser = 256

// Login signs the user in, who has proved themselves by the methods just now: a new token, a new absolute deadline, the
// limit of [Config.PerUser] and the event [EventLogin], in one call of the store. The old token is dead at once, and
// requests that still run with it are cancelled. What the anonymous session held is kept, its CSRF tokens are not. If
// another user is signed in, that session ends and an empty one begins.
//
// The user id has 1 to 256 bytes of UTF-8 without control characters. Login returns a *[Refusal] with [ErrCSRF] when an
// unsafe request brought no sign of its origin at all, and [ErrEnded], [ErrCommitted], [ErrNoHandler], [ErrUnavailable]
// or the error of [Config.Audit]; then nobody is signed in.
func (s *Session) Login(ctx context.Context, user string, methods ...Method) error {
	if err := checkLogin(user, methods); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writable(); err != nil {
		return err
	}
	// A form on another site must not sign a visitor in to somebody else's account (login CSRF).
	if unsafe(s.x.request) && !s.x.origin && !s.x.token.valid {
		return s.x.refuseCSRF("origin")
	}
	ctx, cancel := s.m.lastingContext(ctx)
	defer cancel()
	if s.live && s.rec.User != "" && s.rec.User != user {
		if err := s.m.finish(ctx, s.x.request, s.rec.ID, reasonUser, &s.x.entry); err != nil {
			return err
		}
		s.reset()
	}
	return s.rotate(ctx, EventLogin, methods, func(now time.Time) {
		s.rec.User = user
		s.rec.Since = now
		s.rec.Deadline = now.Add(s.m.cfg.Absolute)
		s.body.since, s.body.proofs = now, ""
	})
}

func checkLogin(user string, methods []Method) error {
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	if user == "" || len(user) > maxUser || !utf8.ValidString(user) || strings.ContainsFunc(user, control) {
		return fmt.Errorf("session: a user id has 1 to %d bytes of UTF-8 without control characters", maxUser)
	}
	if len(methods) > maxProofs {
		return fmt.Errorf("session: more than %d methods", maxProofs)
	}
	for _, m := range methods {
		if !validName(string(m), 16) {
			return errors.New("session: a method has 1 to 16 letters, digits, '.', '_' or '-'")
		}
	}
	return nil
}

// Elevate notes a further proof of the signed-in user: a second factor, or one shown again. It rotates the token as Login
// does, and leaves the absolute deadline where Login put it. It returns [ErrAnonymous] if nobody is signed in, otherwise
// the errors of Login.
func (s *Session) Elevate(ctx context.Context, m Method) error {
	if err := checkLogin("elevate", []Method{m}); err != nil {
		return err
	}
	return s.renew(ctx, EventElevated, m)
}

// Rotate gives the signed-in user a new token because their rights changed: a new role, a new password. Errors as for
// Elevate.
func (s *Session) Rotate(ctx context.Context) error { return s.renew(ctx, EventRotated) }

func (s *Session) renew(ctx context.Context, event string, methods ...Method) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writable(); err != nil {
		return err
	}
	if !s.live || s.rec.User == "" {
		return ErrAnonymous
	}
	count := 0
	s.body.eachProof(func(Method, time.Time) bool { count++; return true })
	if count+len(methods) > maxProofs {
		return fmt.Errorf("session: more than %d methods", maxProofs)
	}
	ctx, cancel := s.m.lastingContext(ctx)
	defer cancel()
	return s.rotate(ctx, event, methods, func(time.Time) {})
}

// rotate replaces the token, in the store and here, or makes the session if there is none. change sets what else is new.
func (s *Session) rotate(ctx context.Context, event string, methods []Method, change func(now time.Time)) error {
	before := s.state()
	var over []string
	for {
		now := s.m.now()
		insert, version := !s.live, s.rec.Version
		if insert {
			s.token = ""
			s.compose(now)
		} else {
			s.body.retire(s.rec.Token, now)
			s.m.renew(&s.body.binding, s.rec.ID, s.x.request)
			s.token = newToken(s.rec.ID)
			s.rec.Token = s.m.hashToken(s.token)
			s.rec.Generation++
			s.rec.Version++
		}
		change(now)
		for _, m := range methods {
			s.body.prove(m, now)
		}
		s.rec.Seen, s.rec.Expires = now, s.m.expires(now, s.rec.Deadline)
		s.body.values = s.values.without(onceKey)
		s.m.seal(&s.rec, s.body.append(nil))
		var err error
		if insert {
			over, err = s.m.store.Create(ctx, s.rec, s.m.cfg.PerUser, now)
		} else {
			over, err = s.m.store.Rotate(ctx, s.rec, version, s.m.cfg.PerUser, now)
		}
		if err == nil {
			break
		}
		s.restore(before)
		if insert || !errors.Is(err, ErrConflict) {
			return s.lost(storeError(err))
		}
		if err := s.rebase(ctx); err != nil {
			return s.lost(err)
		}
		before = s.state()
	}
	s.values, s.deltas, s.filled, s.wanted = s.body.values, nil, false, false
	s.live, s.fresh = true, true
	s.m.inflight.follow(&s.x.entry, s.rec.ID, s.rec.Generation)
	if before.live {
		s.m.inflight.raise(s.rec.ID, s.rec.Generation, &s.x.entry)
	}
	return s.announce(ctx, event, methods, over)
}

// announce ends what is over the limit here too, and reports.
func (s *Session) announce(ctx context.Context, event string, methods []Method, over []string) error {
	var failed error
	for _, id := range over {
		s.m.inflight.end(id, nil)
		if err := s.m.audit(ctx, s.x.request, EventLimit, id, s.rec.User); err != nil {
			failed = err
		}
	}
	if failed != nil {
		s.drop(ctx, reasonUnrecorded)
		return failed
	}
	return s.recorded(ctx, event, methodsAttr(methods)...)
}

func methodsAttr(methods []Method) []slog.Attr {
	if len(methods) == 0 {
		return nil
	}
	names := make([]string, len(methods))
	for i, m := range methods {
		names[i] = string(m)
	}
	return []slog.Attr{slog.String("methods", strings.Join(names, " "))}
}

// A snapshot is what a failed rotation leaves as it was.
type snapshot struct {
	rec   Record
	body  body
	token string
	live  bool
}

func (s *Session) state() snapshot { return snapshot{s.rec, s.body, s.token, s.live} }

func (s *Session) restore(to snapshot) {
	s.rec, s.body, s.token, s.live = to.rec, to.body, to.token, to.live
}

// lost marks the session as ended when the store says so.
func (s *Session) lost(err error) error {
	if errors.Is(err, ErrEnded) {
		s.ended.Store(true)
	}
	return err
}

// reset forgets everything of a session that was ended for another user.
func (s *Session) reset() {
	s.rec, s.body, s.values, s.deltas, s.token, s.live, s.filled = Record{}, body{}, "", nil, "", false, false
}

// Logout ends the session in the store and tells the browser to forget it and what it cached. Later writes of this
// request return [ErrEnded]. Without a session it does nothing. A safe method, GET above all, gets a *[Refusal] with
// [ErrCSRF]. An error that is [ErrUnavailable] means that the session may still be live; one of [Config.Audit] that it
// has ended unrecorded.
func (s *Session) Logout(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.m == nil:
		return ErrNoHandler
	case s.done:
		return ErrCommitted
	case s.live && !unsafe(s.x.request) && !s.x.token.valid:
		// A picture on another site must not sign visitors out. Behind Action, a GET brings a token too.
		return s.x.refuseCSRF("method")
	}
	if s.live && !s.ended.Load() {
		ctx, cancel := s.m.lastingContext(ctx)
		defer cancel()
		err := s.m.finish(ctx, s.x.request, s.rec.ID, reasonLogout, &s.x.entry)
		if errors.Is(err, ErrUnavailable) {
			return err
		}
		s.signOut()
		return err
	}
	s.signOut()
	return nil
}

func (s *Session) signOut() {
	s.clear = !s.ended.Load() && s.x.entry.id != "" // only what the browser has is taken back
	s.loggedOut, s.live, s.fresh, s.wanted = true, false, false, false
	s.values, s.deltas = "", nil
}

// finish ends a session in the store and stops its requests but keep. A session that has ended already is no error.
func (m *Manager) finish(ctx context.Context, r *http.Request, id, reason string, keep *entry) error {
	ctx, cancel := m.lastingContext(ctx)
	defer cancel()
	user, err := m.store.End(ctx, id, m.now())
	if err != nil && !errors.Is(err, ErrNotFound) {
		return unavailable(err)
	}
	m.inflight.end(id, keep)
	if err != nil {
		return nil
	}
	return m.audit(ctx, r, EventEnded, id, user, slog.String("reason", reason))
}
