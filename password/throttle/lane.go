package throttle

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

// What a lane counts, as the audit log says it.
const (
	reasonPair    = "pair"
	reasonName    = "name"
	reasonAddress = "address"
	reasonNetwork = "network"
	reasonDevice  = "device"
	reasonStreak  = "captcha"
)

const maxLanes = 5

// lane is one bucket that an attempt passes, with what it is for.
type lane struct {
	key     Key
	limit   *Limit
	reason  string
	captcha int // count from which a CAPTCHA is due; 0 means that this lane asks for none
}

// path is all that one attempt passes, with the space for the store call.
type path struct {
	lanes   []lane
	buckets []Bucket
	space   [maxLanes]lane
	room    [maxLanes]Bucket
}

var paths = sync.Pool{New: func() any { return new(path) }}

func (p *path) free() { paths.Put(p) }

func (p *path) add(key Key, limit *Limit, reason string, captcha int) {
	p.lanes = append(p.lanes, lane{key, limit, reason, captcha})
}

// gates returns the buckets with the limits that hold for the attempt: without a CAPTCHA, a lane stops where one is
// due.
func (p *path) gates(a Attempt) []Bucket {
	p.buckets = p.room[:0]
	for _, l := range p.lanes {
		p.buckets = append(p.buckets, Bucket{Key: l.key, Limit: *l.limit})
		if stop := &p.buckets[len(p.buckets)-1].Limit.Stop; l.captcha > 0 && !a.Captcha && (*stop == 0 || l.captcha < *stop) {
			*stop = l.captcha
		}
	}
	return p.buckets
}

// streakLimit remembers the failures of an address in a row, for an hour; only the CAPTCHA stops at it.
var streakLimit = Limit{Forget: time.Hour}

// path returns the buckets of an attempt. A known device passes its own only: however many others fail at the name, or
// from the same address, its owner is not locked out.
func (l *Limiter) path(a Attempt) *path {
	p := paths.Get().(*path)
	p.lanes = p.space[:0]
	name := CanonicalName(a.Name)
	captcha := max(0, l.cfg.CaptchaAfter)
	if key, ok := l.deviceKey(name, a.Device); ok {
		p.add(key, &l.cfg.Device, reasonDevice, captcha)
		return p
	}
	byName := l.nameKey(name)
	addr, network := l.addrKeys(a.Addr)
	var pair, streak Key
	copy(pair[:12], byName[:12])
	copy(pair[12:], addr[:12])
	copy(streak[:], addr[8:])
	copy(streak[16:], addr[:8])
	p.add(pair, &l.cfg.Pair, reasonPair, 0)
	p.add(byName, &l.cfg.Name, reasonName, 0)
	p.add(addr, &l.cfg.Address, reasonAddress, 0)
	if captcha > 0 {
		p.add(streak, &streakLimit, reasonStreak, captcha)
	}
	if network != (Key{}) {
		p.add(network, &l.cfg.Network, reasonNetwork, 0)
	}
	return p
}

func (l *Limiter) nameKey(canonical string) Key {
	return Key(l.cfg.Keys.MAC("throttle.name", canonical))
}

// addrKeys returns the keys of an address: for IPv6 that of its /64, which is one customer's, and of its /48, which
// one customer can have too.
func (l *Limiter) addrKeys(addr netip.Addr) (one, network Key) {
	addr = addr.Unmap()
	if !addr.Is6() {
		b := addr.AsSlice()
		return Key(l.cfg.Keys.MAC("throttle.address", string(b))), Key{}
	}
	b := addr.As16()
	return Key(l.cfg.Keys.MAC("throttle.address", string(b[:8]))), Key(l.cfg.Keys.MAC("throttle.network", string(b[:6])))
}

// decide reads the states that the store filled in. reason names the lane that is shut longest.
func (p *path) decide(now int64) (d Decision, reason string) {
	for i := range p.buckets {
		b := &p.buckets[i]
		shut := p.lanes[i].limit.Wait(b.State, now)
		if shut > d.RetryAfter {
			d.RetryAfter, reason = shut, p.lanes[i].reason
		}
		if shut == 0 && b.Limit.Wait(b.State, now) > 0 {
			d.CaptchaDue = true
		}
	}
	if d.CaptchaDue && reason == "" {
		reason = reasonStreak
	}
	d.Allowed = reason == ""
	return d, reason
}

// refuse reports a refusal. The name is left out: people type passwords into the wrong field.
func (l *Limiter) refuse(ctx context.Context, a Attempt, p *path, now int64) (Decision, error) {
	d, reason := p.decide(now)
	d.Allowed = false
	if l.cfg.Audit == nil {
		return d, nil // before attributes are made: refusals are what a flood asks for
	}
	return d, l.record(ctx, EventRefused, slog.String("addr", text(a.Addr)), slog.String("reason", reason))
}

func text(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	return addr.String()
}

func (l *Limiter) record(ctx context.Context, event string, attrs ...slog.Attr) error {
	if l.cfg.Audit == nil {
		return nil
	}
	return l.cfg.Audit(ctx, event, attrs...)
}
