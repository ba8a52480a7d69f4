package throttle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/skans-go/skans/internal/clientaddr"
	"github.com/skans-go/skans/internal/refusal"
)

var (
	// ErrQuota is the cause of a [Refusal] with status 429.
	ErrQuota = errors.New("throttle: quota used up")
	// ErrStore is in the error of every call that failed because of the store; the cause of a [Refusal] with status
	// 503.
	ErrStore = errors.New("throttle: store failed")
)

// A Refusal is the error that Config.Refuse gets.
type Refusal struct {
	Status     int    // 429 or 503
	Ref        string // reference id, as in the event
	RetryAfter time.Duration
	err        error
}

// Error returns the cause and the reference.
func (e *Refusal) Error() string { return fmt.Sprintf("%v (reference %s)", e.err, e.Ref) }

// Unwrap returns the cause: [ErrQuota], or an error that is [ErrStore].
func (e *Refusal) Unwrap() error { return e.err }

// Handler lets a request through to next if the quota of the purpose has a unit left for its key, and otherwise
// answers 429 with Retry-After (ASVS 5.0, 2.4.1). key says whose quota it is: the user's, the tenant's, or [ByAddr].
func (l *Limiter) Handler(purpose string, key func(*http.Request) string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ref := refusal.NewRef()
		ok, wait, err := l.take(r.Context(), purpose, key(r), ref)
		switch {
		case ok && err == nil:
			next.ServeHTTP(w, r)
		case wait > 0:
			l.refuseRequest(w, r, &Refusal{http.StatusTooManyRequests, ref, wait, ErrQuota})
		default:
			l.refuseRequest(w, r, &Refusal{http.StatusServiceUnavailable, ref, 5 * time.Second, err})
		}
	})
}

func (l *Limiter) refuseRequest(w http.ResponseWriter, r *http.Request, e *Refusal) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Retry-After", RetryAfter(e.RetryAfter))
	if l.cfg.Refuse != nil {
		l.cfg.Refuse(w, r, e)
		return
	}
	refusal.Page(w, e.Status, e.Ref)
}

// RetryAfter returns a wait as the value of a Retry-After field: whole seconds, rounded up (RFC 9110, 10.2.3).
func RetryAfter(wait time.Duration) string {
	return strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10)
}

// ByAddr is a key for [Limiter.Handler]: the client's IPv4 address or IPv6 /64. X-Forwarded-For counts when it comes
// from one of the proxies.
func ByAddr(proxies ...netip.Prefix) func(*http.Request) string {
	return func(r *http.Request) string {
		addr := clientaddr.From(r, proxies)
		if addr.Is6() {
			if p, err := addr.Prefix(64); err == nil {
				return p.String()
			}
		}
		return text(addr)
	}
}

// take counts one unit and records a refusal.
func (l *Limiter) take(ctx context.Context, purpose, key, ref string) (ok bool, retryAfter time.Duration, err error) {
	callCtx, cancel := l.deadline(ctx)
	defer cancel()
	now := time.Now().UnixNano()
	buckets := []Bucket{l.quota(purpose, key)}
	taken, err := l.store.Take(callCtx, now, buckets)
	if err != nil {
		return false, 0, fmt.Errorf("%w: %w", ErrStore, err)
	}
	if taken {
		return true, 0, nil
	}
	attrs := []slog.Attr{slog.String("reason", purpose)}
	if ref != "" {
		attrs = append(attrs, slog.String("ref", ref))
	}
	wait := buckets[0].Limit.Wait(buckets[0].State, now)
	return false, max(wait, 1), l.record(ctx, EventQuota, attrs...)
}
