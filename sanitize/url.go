package sanitize

import (
	"net/netip"
	"strings"
)

// maxURL bounds an address. The longest tracking links in circulation have about 4 KB.
const maxURL = 16 << 10

// An address is a URL, taken apart as far as it must be judged.
type address struct {
	scheme string // lower case, without the colon
	host   string // lower case; only for http and https
	full   string // what is written
	user   string // what stood before '@' in the authority; it is not written
}

// parseLink reads an address that a reader may follow: http, https, mailto, tel or sms, always absolute. It reads as
// browsers do (WHATWG URL Standard): controls and blanks around are dropped, tabs and line ends inside too, a
// backslash is a slash after http, and any number of slashes may follow. It writes the one form that every parser
// reads alike.
func parseLink(raw string) (address, bool) {
	raw, ok := tidyURL(raw)
	if !ok {
		return address{}, false
	}
	scheme, rest, found := strings.Cut(raw, ":")
	if !found {
		return address{}, false
	}
	switch scheme = strings.ToLower(scheme); scheme {
	case "http", "https":
		return parseWeb(scheme, rest)
	case "mailto", "tel", "sms":
		// "tel:*#06#" and the like are orders to the telephone or its network, not numbers.
		if rest == "" || scheme != "mailto" && strings.ContainsAny(percentDecode(rest), "*#") {
			return address{}, false
		}
		return address{scheme: scheme, full: scheme + ":" + escapeURL(rest)}, true
	}
	return address{}, false
}

func parseWeb(scheme, rest string) (address, bool) {
	rest = strings.TrimLeft(rest, `/\`)
	end := strings.IndexAny(rest, `/\?#`)
	if end < 0 {
		end = len(rest)
	}
	authority, tail := rest[:end], rest[end:]
	user := ""
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		user, authority = authority[:at], authority[at+1:]
	}
	host, ok := cleanHost(authority)
	if !ok {
		return address{}, false
	}
	if strings.HasPrefix(tail, `\`) {
		tail = "/" + tail[1:]
	}
	name, _, _ := strings.Cut(host, ":")
	if strings.HasPrefix(host, "[") {
		name = host[:strings.IndexByte(host, ']')+1]
	}
	return address{scheme: scheme, host: strings.TrimSuffix(name, "."), full: scheme + "://" + host + escapeURL(tail), user: user}, true
}

// cleanHost accepts a host with an optional port, in lower case. Percent signs, blanks and everything else that
// browsers decode or map before they look the host up are refused: the name that was judged must be the name that is
// asked for.
func cleanHost(authority string) (string, bool) {
	if authority == "" || len(authority) > 300 {
		return "", false
	}
	if strings.HasPrefix(authority, "[") {
		end := strings.IndexByte(authority, ']')
		if end < 0 {
			return "", false
		}
		ip, err := netip.ParseAddr(authority[1:end])
		if err != nil || !ip.Is6() || ip.Zone() != "" || !validPort(authority[end+1:]) {
			return "", false
		}
		return strings.ToLower(authority), true
	}
	name, port, hasPort := strings.Cut(authority, ":")
	if hasPort && !validPort(":"+port) || name == "" || strings.HasPrefix(name, ".") || strings.Contains(name, "..") {
		return "", false
	}
	for _, r := range name {
		if r < 0x80 && !isAlnum(byte(r)) && r != '-' && r != '.' && r != '_' || r == 0xFFFD || isHidden(r) || looksLikeSyntax(r) {
			return "", false
		}
	}
	return strings.ToLower(authority), true
}

// looksLikeSyntax reports the characters that IDNA maps to a dot, a slash or another delimiter (UTS #46).
func looksLikeSyntax(r rune) bool {
	return r >= 0xFF00 && r <= 0xFF65 || r >= 0x3000 && r <= 0x3003 || r >= 0x2000 && r <= 0x206F || r >= 0x2100 && r <= 0x214F ||
		r >= 0x2215 && r <= 0x2216 || r == 0xFE52 || r == 0x29F5 || r == 0x29F8
}

func validPort(s string) bool {
	if s == "" || s == ":" {
		return true
	}
	digits, rest := leadingDigits(s[1:])
	return s[0] == ':' && rest == "" && len(digits) <= 5
}

// tidyURL drops what browsers drop before they read a URL, and refuses what is too long or has no characters left.
func tidyURL(raw string) (string, bool) {
	raw = strings.TrimFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7F || r >= 0x80 && r < 0xA0 || isHidden(r) })
	if raw == "" || len(raw) > maxURL {
		return "", false
	}
	if strings.ContainsAny(raw, "\t\r\n") {
		raw = strings.Map(func(r rune) rune {
			if r == '\t' || r == '\r' || r == '\n' {
				return -1
			}
			return r
		}, raw)
	}
	return raw, true
}

// escapeURL percent-encodes blanks, controls and the characters that end an attribute or a tag somewhere. What
// is encoded already stays as it is.
func escapeURL(s string) string {
	if !strings.ContainsFunc(s, mustEscape) {
		return s
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i, r := range s {
		if !mustEscape(r) {
			b.WriteRune(r)
			continue
		}
		n := len(string(r))
		if r == 0xFFFD { // an invalid byte is one byte long; a real U+FFFD is three
			b.WriteString("%EF%BF%BD")
			continue
		}
		for _, c := range []byte(s[i : i+n]) {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

func mustEscape(r rune) bool {
	switch r {
	case '"', '<', '>', '`', '\\', '{', '}', '|', '^', 0xFFFD:
		return true
	}
	return r <= ' ' || r >= 0x7F && r < 0xA0 || isHidden(r)
}

// remoteHost judges an address that a browser would fetch without being asked. remote is false for what fetches
// nothing.
func remoteHost(raw string) (host string, remote bool) {
	long := len(raw) > maxURL
	raw, ok := tidyURL(raw)
	if !ok {
		return "", long
	}
	scheme, rest, found := strings.Cut(raw, ":")
	if found && !strings.ContainsAny(scheme, `/\?#`) {
		switch strings.ToLower(scheme) {
		case "data", "cid", "mid", "about", "blob", "javascript", "vbscript":
			return "", false
		case "http", "https":
			a, _ := parseWeb("https", rest)
			return a.host, true
		}
		return "", true
	}
	if len(raw) > 1 && strings.ContainsRune(`/\`, rune(raw[0])) && strings.ContainsRune(`/\`, rune(raw[1])) {
		a, _ := parseWeb("https", raw)
		return a.host, true
	}
	return "", true
}

// public reports whether a host is a name on the internet: not an address, not a name of the local network. A
// picture on http://192.168.0.1/ or http://printer/ is a request inside the reader's own network.
func public(host string) bool {
	i := strings.LastIndexByte(host, '.')
	if i <= 0 || i == len(host)-1 || strings.HasPrefix(host, "[") {
		return false
	}
	if _, rest := leadingDigits(host[i+1:]); rest == "" || strings.HasPrefix(host[i+1:], "0x") {
		return false
	}
	switch host[i+1:] {
	case "local", "localhost", "internal", "intranet", "lan", "home", "corp", "private", "test", "invalid", "onion":
		return false
	}
	return !strings.HasSuffix(host, ".home.arpa")
}
