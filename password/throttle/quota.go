package throttle

import (
	"context"
	"fmt"
	"time"
)

// A Quota allows Limit units in a span of Per, which begins with the first unit.
type Quota struct {
	Limit int
	Per   time.Duration
}

// Take counts one unit for the key under the purpose, if its quota has one left, and otherwise says when it will. The
// key is whatever is to be limited: a user, an address, a tenant, "" for everybody together. Purposes are constants
// such as "totp" or "mail.send"; see Config.Quotas.
func (l *Limiter) Take(ctx context.Context, purpose, key string) (ok bool, retryAfter time.Duration, err error) {
	return l.take(ctx, purpose, key, "")
}

// Return gives back one unit that Take counted.
func (l *Limiter) Return(ctx context.Context, purpose, key string) error {
	ctx, cancel := l.deadline(ctx)
	defer cancel()
	if err := l.store.Refund(ctx, Refund{One: []Key{l.quota(purpose, key).Key}}); err != nil {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	return nil
}

func (l *Limiter) quota(purpose, key string) Bucket {
	q, ok := l.cfg.Quotas[purpose]
	if !ok {
		q = l.cfg.Quotas[""]
	}
	return Bucket{
		Key:   Key(l.cfg.Keys.MAC("throttle.quota", purpose, key)),
		Limit: Limit{Stop: q.Limit, Forget: q.Per, Fixed: true},
	}
}
