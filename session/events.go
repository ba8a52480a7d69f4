package session

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/skans-go/skans/internal/clientaddr"
)

// The events that go to [Config.Audit]. Each carries, where they are known, "session" (the public id), "user", and from
// a request "addr" and "agent"; the package document lists what else.
const (
	EventCreated   = "session.created"   // an anonymous session was made
	EventLogin     = "session.login"     // a user signed in; methods
	EventElevated  = "session.elevated"  // a further proof; methods
	EventRotated   = "session.rotated"   // a new token because rights changed
	EventEnded     = "session.ended"     // reason: logout, revoked, user, mismatch, exposed, damaged, unrecorded, panic
	EventMismatch  = "session.mismatch"  // used from elsewhere; reason: scheme, address, agent; outcome: ended, observed; ref
	EventReuse     = "session.reuse"     // a token that was rotated away came back after the grace of tabs
	EventLimit     = "session.limit"     // ended because the user signed in elsewhere
	EventCSRF      = "session.csrf"      // refused; reason: origin, missing, token, action, used, method; ref
	EventDuplicate = "session.duplicate" // two session cookies in one request
	EventAnonymous = "session.anonymous" // what EventEnded or EventMismatch says, of a session that nobody signed in to; event
)

// The reasons that [EventEnded] carries.
const (
	reasonLogout     = "logout"
	reasonRevoked    = "revoked"
	reasonUser       = "user" // another user signed in from this session
	reasonMismatch   = "mismatch"
	reasonExposed    = "exposed"
	reasonDamaged    = "damaged"
	reasonUnrecorded = "unrecorded" // the event could not be recorded, so it must not have happened
	reasonPanic      = "panic"
)

// audit reports an event about a session.
func (m *Manager) audit(ctx context.Context, r *http.Request, event, id, user string, attrs ...slog.Attr) error {
	if m.cfg.Audit == nil {
		return nil
	}
	all := make([]slog.Attr, 0, 5+len(attrs))
	if user == "" && (event == EventEnded || event == EventMismatch) {
		// Any stranger can make and end as many of these as they like. A name of their own lets a log bound them without bounding
		// what happens to people.
		all = append(all, slog.String("event", event))
		event = EventAnonymous
	}
	if id != "" {
		all = append(all, slog.String("session", id))
	}
	if user != "" {
		all = append(all, slog.String("user", user))
	}
	if r != nil {
		addr := clientaddr.From(r, m.cfg.Proxies).String()
		all = append(all, slog.String("addr", addr), slog.String("agent", clip(r.UserAgent(), maxAgent)))
	}
	// A visitor who hangs up must not keep the event from being written. The session is hidden from the hook, because
	// it may be locked by the call that reports; what the hook needs of it is in the attributes.
	ctx = context.WithValue(context.WithoutCancel(ctx), contextKey{}, (*exchange)(nil))
	return m.cfg.Audit(ctx, event, append(all, attrs...)...)
}

// maxAgent bounds what one request can write into the log and what is hashed for the binding.
const maxAgent = 512

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
