package transport

import (
	"net/http"
	"net/netip"

	"github.com/skans-go/skans/internal/clientaddr"
)

// forwarding are the headers by which proxies speak of the client. From anybody else they are lies, and some library
// inside the service will believe one of them. The names are in canonical form. X-Forwarded-Host is among them even
// though it is never read here, because others build links from it.
var forwarding = [...]string{
	"Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Server",
	"X-Forwarded-Prefix", "X-Forwarded-Scheme", "X-Forwarded-Ssl", "X-Forwarded-Client-Cert", "X-Original-Host",
	"X-Original-Forwarded-For", "X-Original-Url", "X-Rewrite-Url", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip",
	"True-Client-Ip", "Cf-Connecting-Ip", "Fastly-Client-Ip", "Front-End-Https", "X-Url-Scheme",
}

// believed returns the request without forwarding headers, unless they came from a trusted proxy. The request itself
// stays as it was: handlers do not change what they are given.
func (t *Transport) believed(r *http.Request) *http.Request {
	if clientaddr.Trusted(r, t.proxies) {
		return r
	}
	var clean *http.Request
	for _, name := range forwarding {
		if _, ok := r.Header[name]; !ok {
			continue
		}
		if clean == nil {
			clean = r.WithContext(r.Context())
			clean.Header = r.Header.Clone()
		}
		delete(clean.Header, name)
	}
	if clean == nil {
		return r
	}
	return clean
}

func addrText(addr netip.Addr) string {
	if !addr.IsValid() {
		return ""
	}
	return addr.String()
}
