package authz

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// maxRunning bounds the calls of one function of the host that run at a time, those among them that were given up and
// never return.
const maxRunning = 4096

var (
	errPanicked = errors.New("authz: a function of the host panicked")
	errTooMany  = errors.New("authz: too many calls of a function of the host have not returned")
)

// A caller calls a function of the host so that neither a panic nor a hang of it stops the request.
type caller struct {
	timeout time.Duration
	running chan struct{}
}

func newCaller(timeout time.Duration) *caller {
	return &caller{timeout: timeout, running: make(chan struct{}, maxRunning)}
}

// call returns what f returns, or an error once the time is over, whether or not f minds its context.
func call[T any](ctx context.Context, c *caller, f func(context.Context) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	select {
	case c.running <- struct{}{}:
	default:
		return *new(T), errTooMany
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	answers := make(chan answer, 1)
	go func() {
		a := answer{err: errPanicked}
		defer func() {
			if v := recover(); v != nil { // runtime.Goexit ends here too, with nil
				a = answer{err: fmt.Errorf("%w: %v", errPanicked, v)}
			}
			<-c.running
			answers <- a
		}()
		value, err := f(ctx)
		a = answer{value, err}
	}()
	select {
	case a := <-answers:
		if a.err == nil {
			a.err = ctx.Err() // too late is late, even if both are ready
		}
		if a.err != nil {
			return *new(T), a.err
		}
		return a.value, nil
	case <-ctx.Done():
		return *new(T), ctx.Err()
	}
}

// A hostCondition is a condition that the host decides.
type hostCondition struct {
	*caller
	ask func(ctx context.Context, c *Condition, sub Subject, at Object) (bool, error)
}

// A failure is why a condition could not be told.
type failure struct{ err error }

var notConfigured = &failure{errors.New("authz: nothing is configured to ask")}

// holds returns what the host says, or broken and why.
func (h *hostCondition) holds(ctx context.Context, c *Condition, sub *Subject, at *Object, broken bool) (bool, *failure) {
	if h == nil {
		return broken, notConfigured
	}
	subject, object := *sub, *at // copies, so that only this slow path puts them on the heap
	ok, err := call(ctx, h.caller, func(ctx context.Context) (bool, error) { return h.ask(ctx, c, subject, object) })
	if err != nil {
		return broken, &failure{fmt.Errorf("authz: condition %s: %w", c, err)}
	}
	return ok, nil
}
