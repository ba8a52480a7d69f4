package activation

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
)

// ErrBusy says that too many requests wait to be mailed. Answer 503.
var ErrBusy = errors.New("activation: too many requests wait")

// A Recipient is an account that may get a key.
type Recipient struct {
	Subject string // as for Issue
	State   string // as for Issue
	Address string // where the account's mail goes: from the account, never from the form
}

// A Message is what Config.Send delivers.
type Message struct {
	Purpose Purpose
	Subject string
	Address string
	Link    string // BaseURL, the purpose's path and the key; a secret until it is used
	Expires time.Time
}

// A Throttle counts one mail for a purpose ("activation.mail") and a key (purpose and subject). ok false drops it.
// *throttle.Limiter of password/throttle is one.
type Throttle interface {
	Take(ctx context.Context, purpose, key string) (ok bool, retryAfter time.Duration, err error)
}

// request is what somebody typed into a form.
type request struct {
	purpose   Purpose
	submitted string
}

const (
	maxSubmitted = 512
	queueLength  = 1000
	sendTimeout  = 30 * time.Second
	mailsPerHour = 5
)

// Request asks for a key to be mailed to the account that the submitted name or address belongs to, if there is one.
// It looks nothing up and sends nothing itself, so it takes the same time and gives the same answer whether the
// account exists or not: say "if that is an account of yours, a mail is on its way" to everybody. [Keys.Run] does the
// rest. It returns [ErrBusy] when a thousand requests wait; limit what one address may ask for before calling it.
func (k *Keys) Request(_ context.Context, purpose Purpose, submitted string) error {
	if k.cfg.Find == nil || k.cfg.Send == nil || k.base == nil {
		return errors.New("activation: Request needs Config.Find, Send and BaseURL")
	}
	if len(submitted) > maxSubmitted {
		submitted = "" // nobody's, but as slow as others
	}
	select {
	case k.queue <- request{purpose, submitted}:
		return nil
	default:
		return ErrBusy
	}
}

// Run mails what [Keys.Request] queued, one after the other, and sweeps the store every five minutes, until ctx ends.
// It returns the cause. What waits then is lost; those who asked ask again.
func (k *Keys) Run(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			_, _ = k.Sweep(ctx) // the next one makes up for it
		case r := <-k.queue:
			k.mail(ctx, r)
		}
	}
}

// mail serves one request. What goes wrong is recorded, because nobody is there to hear of it.
func (k *Keys) mail(ctx context.Context, r request) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	to, found, err := k.cfg.Find(ctx, r.purpose, r.submitted)
	switch {
	case err != nil:
		k.unsent(ctx, r.purpose, "", "find")
		return
	case !found:
		k.unsent(ctx, r.purpose, "", "unknown")
		return
	case to.Address == "" || strings.ContainsAny(to.Address, "\r\n\x00"):
		k.unsent(ctx, r.purpose, to.Subject, "address")
		return
	}
	if ok, _, err := k.throttle.Take(ctx, "activation.mail", string(r.purpose)+" "+to.Subject); !ok || err != nil {
		k.unsent(ctx, r.purpose, to.Subject, "throttled")
		return
	}
	key, err := k.Issue(ctx, r.purpose, to.Subject, to.State)
	if err != nil {
		k.unsent(ctx, r.purpose, to.Subject, "issue")
		return
	}
	link, err := k.Link(k.path(r.purpose), key)
	if err != nil {
		k.unsent(ctx, r.purpose, to.Subject, "link")
		return
	}
	m := Message{r.purpose, to.Subject, to.Address, link, time.Now().Add(k.ttl(r.purpose))}
	if err := k.cfg.Send(ctx, m); err != nil {
		k.unsent(ctx, r.purpose, to.Subject, "send")
	}
}

func (k *Keys) path(purpose Purpose) string {
	if p, ok := k.cfg.Paths[purpose]; ok {
		return p
	}
	return string(purpose)
}

func (k *Keys) unsent(ctx context.Context, purpose Purpose, subject, reason string) {
	_ = k.record(ctx, EventUnsent, purpose, subject, reason) // no answer depends on it
}

// ownThrottle allows five mails an hour for each key, in this process. Keys are accounts, so accounts bound it.
type ownThrottle struct {
	mu   sync.Mutex
	sent map[string][]time.Time
}

func (o *ownThrottle) Take(_ context.Context, _, key string) (bool, time.Duration, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	sent := o.sent[key]
	for len(sent) > 0 && now.Sub(sent[0]) >= time.Hour {
		sent = sent[1:]
	}
	if len(sent) >= mailsPerHour {
		return false, sent[0].Add(time.Hour).Sub(now), nil
	}
	if o.sent == nil {
		o.sent = map[string][]time.Time{}
	}
	o.sent[key] = append(sent[:len(sent):len(sent)], now)
	return true, 0, nil
}
