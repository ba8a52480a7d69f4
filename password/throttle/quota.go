package throttle

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// A Quota allows Limit units in a span of Per, which begins with the first unit.
type Quota struct {
	Limit int
	Per   time.Duration
}

// Take counts one unit for the key under the purpose, if its quota has one left, and otherwise says when it will. The
// key is whatever is to be limited: a user, an address, a tenant, "" for everybody together. Purposes are constants such as
// "totp" or "mail.send"; see Config.Quotas.
func (l *Limiter) Take(ctx context.Context, purpose, key string) (ok bool, retryAfter time.Duration, err error) {
	callCtx, cancel := l.deadline(ctx)
	defer cancel()
	now := time.Now().UnixNano()
	buckets := []Bucket{l.quota(purpose, key)}
	taken, err := l.store.Take(callCtx, now, buckets)
	if err != nil {
		return false, 0, fmt.Errorf("throttle: store: %w", err)
	}
	if taken {
		return true, 0, nil
	}
	return false, buckets[0].Limit.Wait(buckets[0].State, now), l.record(ctx, EventQuota, slog.String("reason", purpose))
}

// Return gives back one unit that Take counted.
func (l *Limiter) Return(ctx context.Context, purpose, key string) error {
	ctx, cancel := l.deadline(ctx)
	defer cancel()
	if err := l.store.Refund(ctx, Refund{One: []Key{l.quota(purpose, key).Key}}); err != nil {
		return fmt.Errorf("throttle: store: %w", err)
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
