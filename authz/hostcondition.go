package authz

import (
	"context"
	"time"
)

// maxHanging bounds the calls of one condition that run at a time, those among them that were given up but never return.
const maxHanging = 256

// A hostCondition runs a function of the host so that neither an error, a panic nor a hang of it lets anybody in or
// stops the request.
type hostCondition struct {
	call    func(ctx context.Context, c *Condition, sub Subject, at Object) (bool, error)
	timeout time.Duration
	running chan struct{}
}

func newHostCondition(timeout time.Duration, call func(context.Context, *Condition, Subject, Object) (bool, error)) *hostCondition {
	return &hostCondition{call: call, timeout: timeout, running: make(chan struct{}, maxHanging)}
}

// holds returns what the host says, or broken.
func (h *hostCondition) holds(ctx context.Context, c *Condition, sub *Subject, at Object, broken bool) bool {
	if h == nil {
		return broken
	}
	select {
	case h.running <- struct{}{}:
	default:
		return broken
	}
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	answer := make(chan bool, 1)
	subject := *sub
	go func() {
		result := broken
		defer func() {
			_ = recover() // also reached by runtime.Goexit
			answer <- result
			<-h.running
		}()
		ok, err := h.call(ctx, c, subject, at)
		if err == nil && ctx.Err() == nil {
			result = ok
		}
	}()
	select {
	case result := <-answer:
		return result
	case <-ctx.Done():
		return broken
	}
}
