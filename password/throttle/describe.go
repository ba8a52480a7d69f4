package throttle

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Describe returns the limits as sorted, stable lines for a golden file (ASVS 5.0, 6.1.1).
func (l *Limiter) Describe() string {
	c := l.cfg
	lines := []string{
		"address (IPv4 address, IPv6 /64): " + c.Address.String(),
		"captcha: " + captchaText(c.CaptchaAfter),
		"device that signed in before: " + c.Device.String() + "; other limits do not hold for it; known for " + c.DeviceTTL.String(),
		"lock-out: never of a known device; Forgive opens a name after a reset",
		"name from unknown devices: " + c.Name.String(),
		"network (IPv6 /48): " + c.Network.String(),
		"pair of name and address: " + c.Pair.String(),
		"store failure: denied",
	}
	for _, purpose := range slices.Sorted(maps.Keys(c.Quotas)) {
		q := c.Quotas[purpose]
		if purpose == "" {
			purpose = "(others)"
		}
		lines = append(lines, fmt.Sprintf("quota %s: %d in %s", purpose, q.Limit, q.Per))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

func captchaText(after int) string {
	if after < 0 {
		return "never"
	}
	return fmt.Sprintf("after %d consecutive failures of an address or a known device", after)
}

// String describes the limit.
func (l *Limit) String() string {
	var parts []string
	if l.Delay > 0 {
		parts = append(parts, fmt.Sprintf("%d free, then %s doubling to %s", l.Free, l.Delay, l.MaxDelay))
	}
	if l.Stop > 0 {
		parts = append(parts, fmt.Sprintf("shut at %d", l.Stop))
	}
	since := "last"
	if l.Fixed {
		since = "first"
	}
	return strings.Join(append(parts, fmt.Sprintf("forgotten %s after the %s", l.Forget, since)), ", ")
}
