// Package clientaddr is the one rule by which every package learns who sent a request and over which scheme.
package clientaddr

import (
	"net/http"
	"net/netip"
	"strings"
)

// maxHops bounds how many forwarded addresses are read; no honest chain is longer.
const maxHops = 32

// From returns the client's address: the peer's, unless the peer is a trusted proxy; then the right-most address in
// X-Forwarded-For that is not a trusted proxy itself. Whatever stands left of that one was written by a stranger.
// An IPv4-mapped address is unmapped and a zone dropped. The zero Addr means that no address can be told: the peer's is unreadable,
// or a trusted proxy sent none.
func From(r *http.Request, proxies []netip.Prefix) netip.Addr {
	peer := Peer(r)
	if !trusted(peer, proxies) {
		return peer
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	last := netip.Addr{}
	for i := len(hops) - 1; i >= 0 && i >= len(hops)-maxHops; i-- {
		addr := parse(strings.TrimSpace(hops[i]))
		if !addr.IsValid() {
			return netip.Addr{}
		}
		if last = addr; !trusted(addr, proxies) {
			return addr
		}
	}
	return last
}

// Peer returns the address of the other end of the connection, unmapped and without a zone.
func Peer(r *http.Request) netip.Addr { return parse(r.RemoteAddr) }

// HTTPS reports whether the client spoke TLS: to us, or to a trusted proxy that says so in X-Forwarded-Proto.
func HTTPS(r *http.Request, proxies []netip.Prefix) bool {
	if r.TLS != nil {
		return true
	}
	proto := r.Header.Values("X-Forwarded-Proto")
	return trusted(Peer(r), proxies) && len(proto) == 1 && proto[0] == "https"
}

func trusted(addr netip.Addr, proxies []netip.Prefix) bool {
	for _, p := range proxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// parse reads an address with or without a port, as net/http and proxies write them.
func parse(s string) netip.Addr {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}
