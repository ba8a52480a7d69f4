package session

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"time"
)

// Info describes a session of a user, for a page of "your devices". A [Key] reads its values with In.
type Info struct {
	ID      string    // what End takes; Session.ID tells which one is the visitor's own
	User    string    //
	Created time.Time // when it began, anonymous or not
	Since   time.Time // when the user signed in
	Seen    time.Time // last activity, up to a minute old
	Expires time.Time // when it ends unless there is activity before
	Methods []Method  // what the user has proved, the oldest first
	values  values
}

// Sessions yields the live sessions of the user, the newest sign-in first. An error ends it and is [ErrUnavailable].
func (m *Manager) Sessions(ctx context.Context, user string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		all, err := m.list(ctx, user)
		for _, info := range all {
			if !yield(info, nil) {
				return
			}
		}
		if err != nil {
			yield(Info{}, err)
		}
	}
}

// list collects them first, so that the time a caller takes is not the store's.
func (m *Manager) list(ctx context.Context, user string) (all []Info, err error) {
	if user == "" {
		return nil, nil
	}
	ctx, cancel := m.storeContext(ctx)
	defer cancel()
	now := m.now()
	for rec, err := range m.store.ByUser(ctx, user, now) {
		if err != nil {
			return all, unavailable(err)
		}
		raw, ok := m.unseal(&rec)
		if !ok || rec.User != user || !m.live(&rec, now) {
			continue // nobody can use it either
		}
		b, err := parseBody(raw, rec.Since)
		if err != nil {
			continue
		}
		info := Info{
			ID: rec.ID, User: rec.User, Created: b.created, Since: rec.Since, Seen: rec.Seen, Expires: rec.Expires, values: b.values,
		}
		b.eachProof(func(method Method, _ time.Time) bool {
			info.Methods = append(info.Methods, method)
			return true
		})
		all = append(all, info)
	}
	return all, nil
}

// End ends the session of that public id, whoever's it is: the host checks whose it may be, by [Manager.Sessions]. A
// session that has ended already is no error. The error is [ErrUnavailable] or that of [Config.Audit].
func (m *Manager) End(ctx context.Context, id string) error {
	if len(id) != idLen || !base64url(id) {
		return nil
	}
	x := exchangeOf(ctx)
	if x == nil {
		return m.finish(ctx, nil, id, reasonRevoked, nil)
	}
	err := m.finish(ctx, x.request, id, reasonRevoked, &x.entry)
	if !errors.Is(err, ErrUnavailable) {
		x.endedByItself(id)
	}
	return err
}

// endedByItself is for a request that ended its own session through the Manager: as after Logout, its context goes on.
func (x *exchange) endedByItself(id string) {
	s := &x.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live && s.rec.ID == id {
		s.signOut()
	}
}

// EndUser ends all sessions of the user but those with the ids excepted: after a new password or second factor, or for
// an account that was disabled. Errors as for End.
func (m *Manager) EndUser(ctx context.Context, user string, except ...string) error {
	if user == "" {
		return nil
	}
	lasting, cancel := m.lastingContext(ctx)
	defer cancel()
	ended, err := m.store.EndUser(lasting, user, except, m.now())
	if err != nil {
		return unavailable(err)
	}
	var request *http.Request
	var own *entry
	x := exchangeOf(ctx)
	if x != nil {
		request, own = x.request, &x.entry
	}
	var failed error
	for _, id := range ended {
		m.inflight.end(id, own)
		if x != nil {
			x.endedByItself(id)
		}
		failed = errors.Join(failed, m.audit(ctx, request, EventEnded, id, user, slog.String("reason", reasonRevoked)))
	}
	return failed
}

// EndExposed ends the sessions whose cookies are in r, because r came over a connection that others can read. It is
// made for the OnInsecure hook of package session/transport. Only the real token ends a session.
func (m *Manager) EndExposed(r *http.Request) {
	n := 0
	for token := range sessionCookies(r) {
		if !wellFormed(token) {
			continue
		}
		if n++; n > maxExposed {
			return
		}
		ctx, cancel := m.lastingContext(r.Context())
		rec, err := m.store.Load(ctx, token[:idLen], m.now())
		cancel()
		if err == nil && m.verify(string(rec.Token[:]), purposeToken, token) {
			_ = m.finish(r.Context(), r, rec.ID, reasonExposed, nil)
		}
	}
}

// maxExposed bounds what one request can make the store do.
const maxExposed = 4

// sweepBatch is how many sessions one call of the store removes.
const sweepBatch = 1000

// Sweep removes the sessions that have expired and returns how many, and stops requests that still run for a session
// that has ended here or in another process. The error is [ErrUnavailable] or the cause of ctx.
func (m *Manager) Sweep(ctx context.Context) (int, error) {
	total := 0
	for {
		if ctx.Err() != nil {
			return total, context.Cause(ctx)
		}
		call, cancel := m.storeContext(ctx)
		n, err := m.store.Sweep(call, sweepBatch, m.now())
		cancel()
		total += n
		if err != nil {
			return total, unavailable(err)
		}
		if n < sweepBatch {
			return total, m.watch(ctx)
		}
	}
}

// watch looks up the sessions of running requests: streams outlive what ended them in another process, or a timeout.
func (m *Manager) watch(ctx context.Context) error {
	for id, generation := range m.inflight.sessions() {
		call, cancel := m.storeContext(ctx)
		now := m.now()
		rec, err := m.store.Load(call, id, now)
		cancel()
		switch {
		case errors.Is(err, ErrNotFound), err == nil && !m.live(&rec, now):
			m.inflight.end(id, nil)
		case err != nil:
			return unavailable(err)
		case rec.Generation > generation:
			m.inflight.raise(id, rec.Generation, nil)
		}
	}
	return nil
}

const (
	watchEvery = 5 * time.Second
	sweepEvery = time.Minute
)

// Run sweeps every minute, and every 5 seconds stops running requests whose session has ended elsewhere, until ctx is
// over. Run it in a goroutine of the host. It returns the cause of ctx, joined with the error of the last attempt if
// that failed; failures in between are made good by the next attempt.
func (m *Manager) Run(ctx context.Context) error {
	watch, sweep := time.NewTicker(watchEvery), time.NewTicker(sweepEvery)
	defer watch.Stop()
	defer sweep.Stop()
	var last error
	for {
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), last)
		case <-watch.C:
			last = m.watch(ctx)
		case <-sweep.C:
			_, last = m.Sweep(ctx)
		}
	}
}
