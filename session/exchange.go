package session

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// An exchange is one request and its answer. Session, context and response writer are parts of it, so that a request
// costs one allocation for all three.
type exchange struct {
	session Session
	context requestContext
	writer  responseWriter
	entry   entry
	request *http.Request // as it came, for events and refusals
	header  http.Header   // a copy of what stood in the answer's header before the handler ran
	passive bool
	origin  bool // the request proved by its headers that it comes from an allowed origin
	token   presented
}

// end stops the exchange because its session has ended elsewhere.
func (x *exchange) end() {
	x.session.ended.Store(true)
	x.context.cancel(ErrEnded)
}

type contextKey struct{}

// A requestContext is the context of the request with two additions: it carries the session, and it is cancelled when
// the session ends. The machinery for the second is built when somebody asks for Done or the session does end; most
// handlers need neither.
type requestContext struct {
	context.Context
	x     *exchange
	mu    sync.Mutex
	inner context.Context // nil until needed
	stop  context.CancelCauseFunc
}

func (c *requestContext) cancellable() (context.Context, context.CancelCauseFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inner == nil {
		c.inner, c.stop = context.WithCancelCause(c.Context)
	}
	return c.inner, c.stop
}

func (c *requestContext) current() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inner == nil {
		return c.Context
	}
	return c.inner
}

func (c *requestContext) cancel(cause error) {
	_, stop := c.cancellable()
	stop(cause)
}

// release frees what cancellable built, once the handler has returned.
func (c *requestContext) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop != nil {
		c.stop(context.Canceled)
	}
}

// Deadline is that of the request.
func (c *requestContext) Deadline() (time.Time, bool) { return c.Context.Deadline() }

// Done is closed when the request is over or its session has ended.
func (c *requestContext) Done() <-chan struct{} {
	inner, _ := c.cancellable()
	return inner.Done()
}

// Err is context.Canceled after Done; the cause tells why.
func (c *requestContext) Err() error { return c.current().Err() }

// Value finds the exchange, and through the inner context what context.Cause looks for.
func (c *requestContext) Value(key any) any {
	if _, ok := key.(contextKey); ok {
		return c.x
	}
	return c.current().Value(key)
}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(contextKey{}).(*exchange)
	return x
}

// From returns the session of the request. It is never nil: in a context that did not pass [Manager.Handler] it is an
// anonymous one whose writes return [ErrNoHandler].
func From(ctx context.Context) *Session {
	if x := exchangeOf(ctx); x != nil {
		return &x.session
	}
	return &Session{}
}

// Passive marks a route as no activity of the user: polling, server-sent events. It reads the session as usual
// but does not keep it from idling out.
func Passive(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if x := exchangeOf(r.Context()); x != nil {
			x.session.mu.Lock()
			x.passive = true
			x.session.mu.Unlock()
		}
		next.ServeHTTP(w, r)
	})
}
