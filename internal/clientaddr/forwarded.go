package clientaddr

import (
	"net/netip"
	"strings"
)

// unreadable is no scheme, and not the same as none: a stranger could spoil the proxy's header to be rid of its scheme.
const unreadable = "?"

// fromForwarded walks the elements of Forwarded (RFC 7239, section 4) from the right and returns the address and scheme
// of the first client that is not a trusted proxy. Every element is parsed before any is believed, so that a quote which
// a stranger opened on the left cannot swallow what the proxy wrote on the right: such a header tells nothing.
func fromForwarded(values []string, proxies []netip.Prefix) (client netip.Addr, proto string) {
	type element struct {
		client netip.Addr
		proto  string
	}
	var chain []element
	rest := strings.Join(values, ",")
	for {
		var e element
		var ok bool
		e.client, e.proto, rest, ok = parseElement(rest)
		if !ok || len(chain) >= maxHops {
			return netip.Addr{}, unreadable
		}
		chain = append(chain, e)
		if rest == "" {
			break
		}
		rest = rest[1:] // the comma
	}
	for i := len(chain) - 1; i >= 0; i-- {
		client, proto = chain[i].client, chain[i].proto
		if !client.IsValid() || !trusted(client, proxies) {
			break
		}
	}
	return client, proto
}

// parseElement reads one forwarded-element up to the comma or the end. An element without for=, or with a node that is
// no address (unknown, _hidden), has the zero Addr.
func parseElement(s string) (client netip.Addr, proto, rest string, ok bool) {
	var hasFor, hasProto bool
	for {
		var name, value string
		name, value, s, ok = parsePair(strings.TrimLeft(s, " \t"))
		if !ok {
			return netip.Addr{}, "", "", false
		}
		switch strings.ToLower(name) {
		case "for":
			if hasFor { // "Each parameter MUST NOT occur more than once"
				return netip.Addr{}, "", "", false
			}
			client, hasFor = parse(value), true
		case "proto":
			if hasProto {
				return netip.Addr{}, "", "", false
			}
			proto, hasProto = strings.ToLower(value), true
		}
		s = strings.TrimLeft(s, " \t")
		if s == "" || s[0] == ',' {
			return client, proto, s, true
		}
		if s[0] != ';' {
			return netip.Addr{}, "", "", false
		}
		s = s[1:]
	}
}

// parsePair reads token "=" ( token / quoted-string ) of RFC 9110, 5.6.
func parsePair(s string) (name, value, rest string, ok bool) {
	n := tokenLen(s)
	if n == 0 || n == len(s) || s[n] != '=' {
		return "", "", "", false
	}
	name, s = s[:n], s[n+1:]
	if s == "" || s[0] != '"' {
		n = nodeLen(s)
		return name, s[:n], s[n:], n > 0
	}
	var unquoted strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return name, unquoted.String(), s[i+1:], true
		case c == '\\' && i+1 < len(s):
			i++
			unquoted.WriteByte(s[i])
		default:
			unquoted.WriteByte(c)
		}
	}
	return "", "", "", false
}

func tokenLen(s string) int {
	for i := range len(s) {
		c := s[i]
		if c|0x20-'a' >= 26 && c-'0' >= 10 && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return i
		}
	}
	return len(s)
}

// nodeLen is tokenLen with the colon and brackets that proxies leave unquoted against the letter of section 6.
func nodeLen(s string) int {
	n := 0
	for n < len(s) {
		k := tokenLen(s[n:])
		n += k
		if n == len(s) || strings.IndexByte(":[]", s[n]) < 0 {
			return n
		}
		n++
	}
	return n
}
