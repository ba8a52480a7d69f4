package session

import (
	"context"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// A Session is the visitor's session within one request, from [From]. It is safe for the goroutines of that request and
// must not outlive it. Reading never waits for the store; Login, Elevate, Rotate and Logout write to it at once, and
// the values of a [Key] are written when the answer begins.
type Session struct {
	m *Manager
	x *exchange

	mu     sync.Mutex
	ended  atomic.Bool // ended or rotated by another request, or a token that was rotated away: nothing is stored any more
	live   bool        // rec is in the store
	done   bool        // the answer has begun
	failed error       // of the commit

	rec    Record
	body   body
	token  string
	values values // as this request sees them
	deltas []delta
	stop   *bool // set by a replayed delta that makes the patch pointless

	wanted    bool // a CSRF token was given out, so that the session must be made
	filled    bool // the binding learned the other address family
	fresh     bool // the browser has to learn the token
	clear     bool // the browser has to forget it
	loggedOut bool
	secret    bool // the answer holds what no cache may keep
}

// User returns who signed in. ok is false for an anonymous session.
func (s *Session) User() (user string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.live || s.ended.Load() {
		return "", false
	}
	return s.rec.User, s.rec.User != ""
}

// ID returns the public id: 22 letters that stay across rotations, for logs and for "your devices". It is "" as long as
// nothing is stored. It gives no access.
func (s *Session) ID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token == "" {
		return ""
	}
	return s.token[:idLen]
}

// A Method is a way to prove who one is, by the names of RFC 8176, section 2, and some more.
type Method string

// The methods. Mail and Recovery are not in RFC 8176.
const (
	Password    Method = "pwd"      // password
	PIN         Method = "pin"      // personal identification number
	OTP         Method = "otp"      // one-time password from an app or a token (RFC 6238)
	SMS         Method = "sms"      // code sent to a telephone
	Mail        Method = "mail"     // code sent to a mailbox
	HardwareKey Method = "hwk"      // proof of possession of a key in hardware
	SoftwareKey Method = "swk"      // proof of possession of a key in software
	Recovery    Method = "recovery" // recovery code kept on paper
)

// maxProofs bounds what one session lists.
const maxProofs = 16

// Proved returns when the signed-in user last proved themselves by m in this session, to the millisecond.
func (s *Session) Proved(m Method) (at time.Time, ok bool) {
	for method, t := range s.Proofs() {
		if method == m {
			return t, true
		}
	}
	return time.Time{}, false
}

// Proofs yields what the user has proved in this session, the oldest first; nothing for an anonymous one.
func (s *Session) Proofs() iter.Seq2[Method, time.Time] {
	return func(yield func(Method, time.Time) bool) {
		if _, ok := s.User(); !ok {
			return
		}
		s.mu.Lock()
		b := s.body
		s.mu.Unlock()
		b.eachProof(yield)
	}
}

// writable says why this request cannot write, if so. The caller holds the lock.
func (s *Session) writable() error {
	switch {
	case s.m == nil:
		return ErrNoHandler
	case s.ended.Load() || s.loggedOut:
		return ErrEnded
	case s.done:
		return ErrCommitted
	}
	return nil
}

// recorded reports an event about the session. If that fails, what was to be reported must not stand: the session is ended.
func (s *Session) recorded(ctx context.Context, event string, attrs ...slog.Attr) error {
	err := s.m.audit(ctx, s.x.request, event, s.rec.ID, s.rec.User, attrs...)
	if err == nil {
		return nil
	}
	s.drop(ctx, reasonUnrecorded)
	return err
}

// drop ends the session from within its own request.
func (s *Session) drop(ctx context.Context, reason string) {
	_ = s.m.finish(ctx, s.x.request, s.rec.ID, reason, &s.x.entry)
	s.live, s.fresh = false, false
	s.ended.Store(true)
}

// abandon is for a handler that panicked. Its data is dropped. A token that it was about to give out never reaches the
// browser, so the session behind it is ended; endings of its own stand.
func (s *Session) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.done && s.live && s.fresh {
		ctx, cancel := s.m.lastingContext(s.x.context.Context)
		defer cancel()
		s.drop(ctx, reasonPanic)
	}
	s.done = true
}
