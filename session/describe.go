package session

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Describe returns what this Manager decides, as stable text for a golden file: a line that changes in review is
// a promise that changes. It ends with where the timeouts stand beside NIST SP 800-63B-4, section 2.
func (m *Manager) Describe() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-18s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("cookie", "%s%s", cookieName, cookieAttributes)
	line("idle", "%v without activity, noted after %v", m.cfg.Idle, m.touchAfter())
	line("absolute", "%v from sign-in, whatever the activity", m.cfg.Absolute)
	line("anonymous", "%v from the first visit", anonymousLife)
	if m.cfg.PerUser == 0 {
		line("sessions per user", "no limit")
	} else {
		line("sessions per user", "the newest %d; older ones end at sign-in", m.cfg.PerUser)
	}
	line("bound to scheme", "exactly")
	line("bound to address", "%s", m.cfg.Bind.Address)
	line("bound to agent", "%s", m.cfg.Bind.Agent)
	line("origins", "%s", strings.Join(slices.Sorted(slices.Values(m.cfg.Origins)), " "))
	line("proxies", "%s", m.proxies())
	if m.cfg.InsecureOriginCheckOnly {
		line("csrf", "origin only (insecure); tokens at declared actions")
	} else {
		line("csrf", "origin and token on every unsafe method, origin on WebSockets")
	}
	line("without origin", "refused with a session cookie; cannot sign in")
	line("rotation", "at sign-in, elevation, change of rights; reuse is reported after %v", reuseGrace)
	line("store", "at most %v a call; then 503 or 500", m.cfg.Timeout)
	line("refusals", "%s", given(m.cfg.Refuse != nil, "the host's page", "plain page"))
	line("events", "%s", given(m.cfg.Audit != nil, "recorded", "not recorded"))
	line("AAL2", "%s", m.nist(24*time.Hour, time.Hour))
	line("AAL3", "%s", m.nist(12*time.Hour, 15*time.Minute))
	return b.String()
}

// nist compares with the overall and inactivity timeouts of NIST SP 800-63B-4, sections 2.2.3 and 2.3.3.
func (m *Manager) nist(overall, idle time.Duration) string {
	within := func(d, most time.Duration) string { return given(d <= most, "within", "beyond") }
	return fmt.Sprintf("overall %s %v, inactivity %s %v", within(m.cfg.Absolute, overall), overall, within(m.cfg.Idle, idle), idle)
}

func given(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

func (m *Manager) proxies() string {
	if len(m.cfg.Proxies) == 0 {
		return "none"
	}
	all := make([]string, len(m.cfg.Proxies))
	for i, p := range m.cfg.Proxies {
		all[i] = p.String()
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// String describes the binding.
func (a AddressBinding) String() string {
	switch a {
	case AddressPrefix:
		return "prefix (/24, /64)"
	case AddressExact:
		return "exact"
	case AddressObserve:
		return "prefix (/24, /64), reported only"
	case InsecureAddressOff:
		return "off (insecure)"
	}
	return "invalid"
}

// String describes the binding.
func (a AgentBinding) String() string {
	switch a {
	case AgentFamily:
		return "browser family and platform"
	case AgentExact:
		return "exact"
	case AgentObserve:
		return "browser family and platform, reported only"
	case InsecureAgentOff:
		return "off (insecure)"
	}
	return "invalid"
}
