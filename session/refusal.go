package session

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/skans-go/skans/internal/refusal"
)

var (
	// ErrEnded is the cause of a cancelled request context and the error of every write, when the session has ended:
	// by logout, revocation, a limit, a timeout, or because its token was rotated by another request.
	ErrEnded = errors.New("session: ended")
	// ErrCommitted is the error of a write to the session after the answer has begun.
	ErrCommitted = errors.New("session: the answer has begun, nothing can be stored any more")
	// ErrNoHandler is the error of a write to the session of a context that did not pass [Manager.Handler].
	ErrNoHandler = errors.New("session: the request did not pass Manager.Handler")
	// ErrAnonymous is the error of what only a signed-in session can do.
	ErrAnonymous = errors.New("session: nobody is signed in")
	// ErrTooLarge is the error of a value that would make the session larger than 64 KiB.
	ErrTooLarge = errors.New("session: more than 64 KiB of data")
	// ErrCSRF is the cause of a [Refusal] with status 403: the request may come from another site.
	ErrCSRF = errors.New("session: request is not proven to come from this site")
	// ErrMismatch is the cause of a [Refusal] with status 401: the session was used from elsewhere than it is bound to.
	ErrMismatch = errors.New("session: used from another scheme, network or browser")
	// ErrUnavailable is in the error of every call that failed because of the store, and the cause of a [Refusal] with
	// status 503 (nothing was read) or 500 (what the handler wanted stored was not).
	ErrUnavailable = errors.New("session: store unavailable")
)

// errPanicked stays when a commit did not come to an end.
var errPanicked = errors.New("session: the commit panicked")

// A Refusal is the error that [Config.Refuse] gets. Its text is for logs; a visitor needs no more than the status and
// the reference, which the audit event carries too.
type Refusal struct {
	Status int    // 401, 403, 500 or 503
	Ref    string // reference id
	Reason string // short word, as in the event
	err    error
}

// Error returns the cause and the reason.
func (e *Refusal) Error() string { return fmt.Sprintf("%v (%s, reference %s)", e.err, e.Reason, e.Ref) }

// Unwrap returns the cause: [ErrCSRF], [ErrMismatch], or an error that is [ErrUnavailable].
func (e *Refusal) Unwrap() error { return e.err }

func newRefusal(status int, reason string, err error) *Refusal {
	return &Refusal{Status: status, Ref: refusal.NewRef(), Reason: reason, err: err}
}

// refuse answers r with the host's page or the plain one.
func (m *Manager) refuse(w http.ResponseWriter, r *http.Request, e *Refusal) {
	w.Header().Set("Cache-Control", "no-store")
	if e.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	if m.cfg.Refuse != nil {
		m.cfg.Refuse(w, r, e)
		return
	}
	refusal.Page(w, e.Status, e.Ref)
}

// unavailable marks an error of the store.
func unavailable(err error) error { return fmt.Errorf("%w: %w", ErrUnavailable, err) }
