package session

import (
	"net/http"
	"strings"
)

// cookieName has the prefix that makes browsers insist on Secure, Path=/ and no Domain (RFC 6265bis, section 4.1.3.2),
// so that no neighbouring host and no plain connection can plant it.
const cookieName = "__Host-session"

const cookieAttributes = "; Path=/; Secure; HttpOnly; SameSite=Lax"

// readCookies returns the value of the session cookie and how many the request has. The value is as sent: quotes
// belong to it and make it malformed. It reads the header itself because net/http repairs and skips
// what it finds odd, and the count must not depend on that.
func readCookies(r *http.Request) (value string, n int) {
	for _, line := range r.Header["Cookie"] {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			name, v, ok := strings.Cut(strings.Trim(pair, " \t"), "=")
			if ok && strings.TrimRight(name, " \t") == cookieName {
				if n++; n == 1 {
					value = strings.TrimLeft(v, " \t")
				}
			}
		}
	}
	return value, n
}

func setCookie(h http.Header, token string) {
	h.Add("Set-Cookie", cookieName+"="+token+cookieAttributes)
}

func clearCookie(h http.Header) { h.Add("Set-Cookie", cookieName+"="+cookieAttributes+"; Max-Age=0") }

// sessionCookies yields the values of all session cookies.
func sessionCookies(r *http.Request) []string {
	var all []string
	for _, line := range r.Header["Cookie"] {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			name, v, ok := strings.Cut(strings.Trim(pair, " \t"), "=")
			if ok && strings.TrimRight(name, " \t") == cookieName {
				all = append(all, strings.TrimLeft(v, " \t"))
			}
		}
	}
	return all
}
