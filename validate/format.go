package validate

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

var errEmptyChoice = errors.New("has an empty choice in its list")

// formats are the classes whose values have a form of their own, most with a length by nature.
var formats = []*class{
	{name: "email", about: "an address: dot-atom, @, domain as A-labels", length: 254, ascii: set("!-~"), wide: true, form: email},
	{name: "uuid", about: "a UUID of RFC 9562 in lower case", length: 36, ascii: set("0-9a-fA-F-"), form: uuid},
	{name: "colour", about: "# and six hexadecimal digits in lower case", length: 7, ascii: set("#0-9a-fA-F"), form: colour},
	{name: "phone", about: "a number of ITU-T E.164: + and 7 to 15 digits", length: 24, ascii: set("+0-9 -"), form: phone},
	{name: "country", about: "a code of ISO 3166-1 alpha-2", length: 2, ascii: set("A-Z"), form: listedCode(countries, 2)},
	{name: "currency", about: "a code of ISO 4217", length: 3, ascii: set("A-Z"), form: listedCode(currencies, 3)},
	{name: "language", about: "a tag of BCP 47", length: 35, ascii: set("A-Za-z0-9-"), form: languageTag},
	{name: "iban", about: "an account number of ISO 13616", length: 42, ascii: set("A-Za-z0-9 "), form: iban},
	{name: "path", about: "an absolute path on this site", ascii: set("!-~"), form: localPath},
}

// email takes the addresses that people have: a dot-atom (RFC 5322, section 3.2.3) of at most 64 octets, and a domain
// with a dot; together at most 254 octets (RFC 5321, section 4.5.3.1, with the path's brackets taken off). Quoted local
// parts, comments and address literals are refused. A domain with other letters becomes its A-labels (RFC 5891).
func email(s string) (string, string) {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || len(local) > 64 || !dotAtom(local) || local[0] == '-' { // an option, to a mail program that is started with it
		return "", "format"
	}
	host, ok := hostname(domain)
	if !ok || !strings.Contains(host, ".") || len(local)+1+len(host) > 254 {
		return "", "format"
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return "", "format"
	}
	if host == domain {
		return s, ""
	}
	return local + "@" + host, ""
}

var atext = set("A-Za-z0-9!#$%&'*+/=?^_`{|}~-")

func dotAtom(s string) bool {
	dot := true // as if one stood before
	for i := range len(s) {
		switch {
		case s[i] == '.':
			if dot {
				return false
			}
			dot = true
		case s[i] < 128 && atext[s[i]]:
			dot = false
		default:
			return false
		}
	}
	return !dot
}

// hostname returns the domain in lower case with A-labels, or false. The last label must not be all digits: that is an
// address in one of the ways that browsers read.
func hostname(s string) (string, bool) {
	if s == "" || len(s) > 253 {
		return "", false
	}
	if !plainHost(s) {
		a, err := idna.Lookup.ToASCII(s)
		if err != nil || len(a) > 253 {
			return "", false
		}
		s = a
	}
	label := 0
	for i := range len(s) + 1 {
		if i < len(s) && s[i] != '.' {
			if b := s[i]; !isAlnum(b) && b != '-' || b == '-' && label == 0 {
				return "", false
			}
			label++
			continue
		}
		if label == 0 || label > 63 || s[i-1] == '-' {
			return "", false
		}
		label = 0
	}
	last := s[strings.LastIndexByte(s, '.')+1:]
	if allDigits(last) {
		return "", false
	}
	return s, true
}

// plainHost reports whether s needs no conversion: lower-case ASCII and no A-label that would have to be proven.
func plainHost(s string) bool {
	for i := range len(s) {
		if s[i] >= 'A' && s[i] <= 'Z' || s[i] >= 128 {
			return false
		}
	}
	return !strings.Contains(s, "xn--")
}

// urlClass takes absolute http and https addresses of listed hosts: "example.com" alone, "*.example.com" for its
// subdomains, "example.com:8443" with that port, and "*" alone for any host.
func urlClass(arg string) (*class, error) {
	hosts := strings.Split(arg, "|")
	for _, h := range hosts {
		name, port, hasPort := strings.Cut(strings.TrimPrefix(h, "*."), ":")
		if h == "*" && len(hosts) == 1 {
			continue
		}
		if plain, ok := hostname(name); !ok || plain != name || hasPort && !allDigits(port) {
			return nil, errors.New(`has a url host that is not one; list hosts in lower case, as in url=example.com|*.example.com, or url=* for any`)
		}
	}
	return &class{
		name: "url", about: "http or https, host " + arg, ascii: set("!-~"), wide: true,
		form: func(s string) (string, string) { return webAddress(s, hosts) },
	}, nil
}

func webAddress(s string, hosts []string) (string, string) {
	u, err := url.Parse(s)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Opaque != "", u.User != nil, u.Host == "",
		strings.ContainsAny(s, "\\\"<>^`{|}"), !isASCII(u.RawQuery) || !isASCII(u.Fragment):
		return "", "format"
	}
	host, port := u.Hostname(), u.Port()
	if strings.HasSuffix(u.Host, ":") || port != "" && (len(port) > 5 || port[0] == '0' || number(port) > 65535) {
		return "", "format"
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		if hosts[0] != "*" || addr.Zone() != "" {
			return "", "host"
		}
	} else {
		name, ok := hostname(host)
		if !ok {
			return "", "format"
		}
		if !listed(hosts, name, port) {
			return "", "host"
		}
		if host = name; port != "" {
			host += ":" + port
		}
		u.Host = host
	}
	return u.String(), ""
}

// listed compares whole labels: "example.com" is not "example.com.evil.test", and "*.example.com" not "badexample.com".
func listed(hosts []string, name, port string) bool {
	for _, h := range hosts {
		if h == "*" {
			return true
		}
		h, allowed, _ := strings.Cut(h, ":")
		if allowed != port {
			continue
		}
		if parent, ok := strings.CutPrefix(h, "*"); ok && strings.HasSuffix(name, parent) && len(name) > len(parent) || h == name {
			return true
		}
	}
	return false
}

// localPath takes what a redirect may go to: a path of this site that no browser reads as another host. Backslashes
// count as slashes there (WHATWG URL, section 4.4), and an encoded one may be decoded by whoever redirects.
func localPath(s string) (string, string) {
	if s == "" || s[0] != '/' || strings.ContainsAny(s, "\\\"<>^`{|}") {
		return "", "format"
	}
	u, err := url.Parse(s)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || strings.HasPrefix(u.Path, "//") || strings.Contains(u.Path, "\\") {
		return "", "format"
	}
	for _, segment := range strings.Split(u.Path, "/") {
		if segment == "." || segment == ".." {
			return "", "format"
		}
	}
	for i := range len(u.Path) {
		if u.Path[i] < ' ' || u.Path[i] == 0x7F {
			return "", "format"
		}
	}
	return s, ""
}

// uuid takes the text form of RFC 9562, section 4, of the versions 1 to 8 and the variant defined there.
func uuid(s string) (string, string) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' || strings.Count(s, "-") != 4 {
		return "", "format"
	}
	s = strings.ToLower(s)
	if s[14] < '1' || s[14] > '8' || strings.IndexByte("89ab", s[19]) < 0 {
		return "", "format"
	}
	return s, ""
}

// colour takes what <input type=color> sends (HTML, section 2.3.6, valid simple colour).
func colour(s string) (string, string) {
	if len(s) != 7 || s[0] != '#' || strings.LastIndexByte(s, '#') != 0 {
		return "", "format"
	}
	return strings.ToLower(s), ""
}

// phone takes an international number of ITU-T E.164, section 6.2: at most 15 digits, the first no zero. Single blanks
// and hyphens between digits are dropped.
func phone(s string) (string, string) {
	if s == "" || s[0] != '+' {
		return "", "format"
	}
	digits := make([]byte, 1, 16)
	digits[0] = '+'
	for i := 1; i < len(s); i++ {
		switch b := s[i]; {
		case b >= '0' && b <= '9' && len(digits) < 16:
			digits = append(digits, b)
		case (b == ' ' || b == '-') && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9' && len(digits) > 1:
		default:
			return "", "format"
		}
	}
	if len(digits) < 8 || digits[1] == '0' {
		return "", "format"
	}
	return string(digits), ""
}
