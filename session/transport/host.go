package transport

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

const (
	httpsPort   = "443"
	maxHostName = 253 // RFC 1035, 2.3.4, as text
)

// A host is one entry of Config.Hosts.
type host struct {
	name string // lower case; of an IPv6 address without brackets
	port string
	// remembers says whether HSTS makes sense. An address is no HSTS host (RFC 6797, 8.1.1), and the header for
	// localhost would put every other development server of the machine behind TLS.
	remembers bool
}

// authority returns the host as a URL has it.
func (h host) authority() string {
	name := h.name
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	if h.port == httpsPort {
		return name
	}
	return name + ":" + h.port
}

// parseHost reads an entry of Config.Hosts.
func parseHost(text string) (host, error) {
	if strings.Contains(text, "/") {
		return host{}, fmt.Errorf(`transport: host %q: write the host alone, such as "mail.example", without https:// and path`, text)
	}
	name, port, ok := splitHost(text)
	if !ok {
		return host{}, fmt.Errorf(`transport: host %q is not a host name or address, with or without port; write international names in their ASCII form, xn--`, text)
	}
	if port == "" {
		port = httpsPort
	}
	_, err := netip.ParseAddr(name)
	local := name == "localhost" || strings.HasSuffix(name, ".localhost") // RFC 6761, 6.3
	return host{name: name, port: port, remembers: err != nil && !local}, nil
}

// splitHost reads the value of a Host header: a name or address, and a port or none. The name comes back in lower case
// and an address in its canonical form, so that what was accepted compares with ==. It accepts no user, no path, no
// trailing dot (another origin to a browser) and no percent-encoding.
func splitHost(text string) (name, port string, ok bool) {
	if len(text) > maxHostName+len(":65535") {
		return "", "", false
	}
	name = text
	if i := strings.LastIndexByte(text, ':'); i >= 0 && !strings.HasSuffix(text, "]") {
		name, port = text[:i], text[i+1:]
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || port != strconv.FormatUint(n, 10) {
			return "", "", false
		}
	}
	if inner, cut := strings.CutPrefix(name, "["); cut {
		inner, cut = strings.CutSuffix(inner, "]")
		addr, err := netip.ParseAddr(inner)
		return addr.String(), port, cut && err == nil && addr.Is6() && addr.Zone() == ""
	}
	if !validName(name) { // before lower case: the Kelvin sign would become a k
		return "", "", false
	}
	return strings.ToLower(name), port, true
}

// validName accepts host names (RFC 1123, 2.1) and the underscore that some internal names have.
func validName(name string) bool {
	if name == "" || len(name) > maxHostName {
		return false
	}
	label := 0
	for i := range len(name) {
		switch c := name[i]; {
		case c == '.':
			if label == 0 || label > 63 || name[i-1] == '-' {
				return false
			}
			label = 0
			continue
		case c == '-':
			if label == 0 {
				return false
			}
		case c-'a' < 26, c-'A' < 26, c-'0' < 10, c == '_':
		default:
			return false
		}
		label++
	}
	return label > 0 && label <= 63 && name[len(name)-1] != '-'
}

// lookup finds the host that a request names. Over TLS the port must agree too; in clear the port is that of another
// listener.
func (t *Transport) lookup(name, port string, https bool) *host {
	if !https {
		return t.named[name]
	}
	if port == "" || port == httpsPort {
		if h := t.exact[bracketed(name)]; h != nil {
			return h
		}
		return nil
	}
	return t.exact[bracketed(name)+":"+port]
}

func bracketed(name string) string {
	if strings.IndexByte(name, ':') >= 0 {
		return "[" + name + "]"
	}
	return name
}
