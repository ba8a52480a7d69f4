package throttle

import (
	"context"
	"log/slog"
	"net/netip"
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
	limit   Limit
	reason  string
	captcha int // count from which a CAPTCHA is due; 0 means that this lane asks for none
}

// gate is the limit that holds for an attempt: without a CAPTCHA, the lane stops where one is due.
func (l lane) gate(a Attempt) Limit {
	if l.captcha > 0 && !a.Captcha && (l.limit.Stop == 0 || l.captcha < l.limit.Stop) {
		l.limit.Stop = l.captcha
	}
	return l.limit
}

// lanes fills in the buckets of an attempt. A known device passes its own only: however many others fail at the name, or
// from the same address, its owner is not locked out.
func (l *Limiter) lanes(into *[maxLanes]lane, a Attempt) []lane {
	name := CanonicalName(a.Name)
	captcha := max(0, l.cfg.CaptchaAfter)
	if key, ok := l.deviceKey(name, a.Device); ok {
		into[0] = lane{key, l.cfg.Device, reasonDevice, captcha}
		return into[:1]
	}
	byName := l.nameKey(name)
	addr, network := l.addrKeys(a.Addr)
	var pair, streak Key
	copy(pair[:12], byName[:12])
	copy(pair[12:], addr[:12])
	copy(streak[:], addr[8:])
	copy(streak[16:], addr[:8])
	into[0] = lane{pair, l.cfg.Pair, reasonPair, 0}
	into[1] = lane{byName, l.cfg.Name, reasonName, 0}
	into[2] = lane{addr, l.cfg.Address, reasonAddress, 0}
	n := 3
	if captcha > 0 {
		into[n] = lane{streak, Limit{Forget: time.Hour}, reasonStreak, captcha}
		n++
	}
	if network != (Key{}) {
		into[n] = lane{network, l.cfg.Network, reasonNetwork, 0}
		n++
	}
	return into[:n]
}

func (l *Limiter) nameKey(canonical string) Key {
	return Key(l.cfg.Keys.MAC("throttle.name", canonical))
}

// addrKeys returns the keys of an address: for IPv6 that of its /64, which is one customer's, and of its /48, which one
// customer can have too.
func (l *Limiter) addrKeys(addr netip.Addr) (one, network Key) {
	addr = addr.Unmap()
	if !addr.Is6() {
		b := addr.AsSlice()
		return Key(l.cfg.Keys.MAC("throttle.address", string(b))), Key{}
	}
	b := addr.As16()
	return Key(l.cfg.Keys.MAC("throttle.address", string(b[:8]))), Key(l.cfg.Keys.MAC("throttle.network", string(b[:6])))
}

// decide looks at the states of lanes. reason names the lane that shuts longest.
func decide(used []lane, states []State, now time.Time, a Attempt) (d Decision, reason string) {
	for i, u := range used {
		if wait := u.limit.Wait(states[i], now); wait > d.RetryAfter {
			d.RetryAfter, reason = wait, u.reason
		}
		if u.gate(a).Wait(states[i], now) > 0 && u.limit.Wait(states[i], now) == 0 {
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
func (l *Limiter) refuse(ctx context.Context, a Attempt, used []lane, before []State, now time.Time) (Decision, error) {
	d, reason := decide(used, before, now, a)
	d.Allowed = false
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
