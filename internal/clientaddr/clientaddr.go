// Package clientaddr is the one rule by which every package learns who sent a request and over which scheme.
//
// Proxies speak of their client in X-Forwarded-For and X-Forwarded-Proto, or in Forwarded (RFC 7239). Most write one of
// the two and pass the other on as it came from the stranger. Which one is honest cannot be told from a request, so the
// rule is: if both are there, they have to say the same, or nothing is known. Then a stranger who adds the other header
// can hide an address but never choose one.
package clientaddr

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// maxHops bounds how many forwarded addresses are read; no honest chain is longer.
const maxHops = 32

// From returns the client's address: the peer's, unless the peer is a trusted proxy; then the right-most address in
// X-Forwarded-For or Forwarded that is not a trusted proxy itself. Whatever stands left of that one was written by a
// stranger. If all are trusted, the left-most is the client. An IPv4-mapped address is unmapped and a zone dropped.
//
// The zero Addr means that no address can be told: the peer's is unreadable, a trusted proxy sent none or one that is
// no address, the two headers disagree, or the chain is longer than 32 hops.
func From(r *http.Request, proxies []netip.Prefix) netip.Addr {
	peer := Peer(r)
	if !trusted(peer, proxies) {
		return peer
	}
	client, _ := forwarded(r, proxies)
	return client
}

// HTTPS reports whether the client spoke TLS: to us, or to a trusted proxy that says so. A proxy that spoke TLS with us
// and plain HTTP with the client is believed too.
func HTTPS(r *http.Request, proxies []netip.Prefix) bool {
	if len(proxies) == 0 || !Trusted(r, proxies) {
		return r.TLS != nil
	}
	if !SaysScheme(r) {
		return r.TLS != nil // passed through as it came
	}
	if proto, ok := r.Header["X-Forwarded-Proto"]; ok && (len(proto) != 1 || proto[0] != "https") {
		return false
	}
	if _, ok := r.Header["Forwarded"]; ok {
		_, proto := forwarded(r, proxies)
		return proto == "https" || proto == "" && len(r.Header["X-Forwarded-Proto"]) == 1
	}
	return true
}

// SaysScheme reports whether the request has a header in which a proxy tells the client's scheme.
func SaysScheme(r *http.Request) bool {
	if len(r.Header["X-Forwarded-Proto"]) > 0 {
		return true
	}
	for _, value := range r.Header["Forwarded"] {
		if strings.Contains(strings.ToLower(value), "proto") {
			return true
		}
	}
	return false
}

// Peer returns the address of the other end of the connection, unmapped and without a zone.
func Peer(r *http.Request) netip.Addr { return parse(r.RemoteAddr) }

// Trusted reports whether the other end of the connection is one of the proxies.
func Trusted(r *http.Request, proxies []netip.Prefix) bool {
	return len(proxies) > 0 && trusted(Peer(r), proxies)
}

// Check refuses proxies that can never match, and those that would let everybody choose an address.
func Check(proxies []netip.Prefix) error {
	for _, p := range proxies {
		switch {
		case !p.IsValid():
			return errors.New("a prefix is not valid; use netip.MustParsePrefix")
		case p.Bits() == 0:
			return fmt.Errorf("%s would believe everybody; name the networks of the proxies", p)
		case p.Addr().Is4In6():
			return fmt.Errorf("%s never matches; write it as IPv4", p)
		}
	}
	return nil
}

func trusted(addr netip.Addr, proxies []netip.Prefix) bool {
	for _, p := range proxies {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// forwarded returns what the trusted proxies say of the client: its address, and the scheme if Forwarded tells it.
func forwarded(r *http.Request, proxies []netip.Prefix) (client netip.Addr, proto string) {
	_, hasX := r.Header["X-Forwarded-For"]
	_, hasF := r.Header["Forwarded"]
	switch {
	case hasF:
		var other netip.Addr
		client, proto = fromForwarded(r.Header["Forwarded"], proxies)
		if hasX {
			other = fromX(r.Header["X-Forwarded-For"], proxies)
		}
		if hasX && other != client {
			client = netip.Addr{}
		}
	case hasX:
		client = fromX(r.Header["X-Forwarded-For"], proxies)
	}
	return client, proto
}

// fromX walks X-Forwarded-For from the right.
func fromX(values []string, proxies []netip.Prefix) netip.Addr {
	hops := 0
	last := netip.Addr{}
	for i := len(values) - 1; i >= 0; i-- {
		for rest, more := values[i], true; more; hops++ {
			var hop string
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, hop = rest[:comma], rest[comma+1:]
			} else {
				hop, more = rest, false
			}
			addr := parse(strings.Trim(hop, " \t"))
			if !addr.IsValid() || hops >= maxHops {
				return netip.Addr{}
			}
			if last = addr; !trusted(addr, proxies) {
				return addr
			}
		}
	}
	return last
}

// parse reads an address with or without a port, as net/http and proxies write them.
func parse(s string) netip.Addr {
	if len(s) > 64 { // the longest with a zone and a port that any system writes
		return netip.Addr{}
	}
	var addr netip.Addr
	var err error
	colon := strings.LastIndexByte(s, ':')
	switch bracket := strings.HasPrefix(s, "["); { // told apart first, because an error of netip costs an allocation
	case colon > 0 && (s[colon-1] == ']' || !bracket && strings.IndexByte(s, ':') == colon):
		var port netip.AddrPort
		port, err = netip.ParseAddrPort(s)
		addr = port.Addr()
	case bracket && strings.HasSuffix(s, "]"):
		if addr, err = netip.ParseAddr(s[1 : len(s)-1]); addr.Is4() {
			return netip.Addr{}
		}
	default:
		addr, err = netip.ParseAddr(s)
	}
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}
