package transport

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// Describe returns what the Transport decides as sorted, stable text for a golden file, so that one changed line is one
// changed promise.
func (t *Transport) Describe() string {
	var b strings.Builder
	line := func(name string, values ...string) { fmt.Fprintf(&b, "%-12s %s\n", name, strings.Join(values, " ")) }
	for _, h := range slices.SortedFunc(slices.Values(t.hosts), func(a, b host) int { return strings.Compare(a.authority(), b.authority()) }) {
		remembered := "hsts " + t.hsts[0]
		if !h.remembers {
			remembered = "no hsts: local name or address"
		}
		line("host", "https://"+h.authority(), "("+remembered+")")
	}
	proxies := []string{}
	for _, p := range t.proxies {
		proxies = append(proxies, p.Masked().String())
	}
	slices.Sort(proxies)
	if len(proxies) == 0 {
		proxies = []string{"none: forwarding headers are removed"}
	}
	line("proxies", proxies...)
	line("plain http", "GET and HEAD of a page: 308 to https; all else: 403")
	line("credentials", "in clear:", or(t.exposed != nil, "reported to OnInsecure", "nobody is told (OnInsecure is nil)"))
	line("audit", or(t.record != nil, "recorded", "not recorded (Audit is nil)"))
	line("outdated", or(t.outdated != "", "TLS 1.0 and up may connect and get the page alone", "cannot connect"))
	line("tls", "1.2", "1.3")
	for _, id := range suites() {
		line("tls 1.2", tls.CipherSuiteName(id))
	}
	for _, id := range curves() {
		line("tls curve", id.String())
	}
	return b.String()
}

func or(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}
