package session

import (
	"iter"
	"net/http"
	"strings"
)

// cookieName has the prefix that makes browsers insist on Secure, Path=/ and no Domain (RFC 6265bis, section 4.1.3.2),
// so that no neighbouring host and no plain connection can plant it.
const cookieName = "__Host-session"

const cookieAttributes = "; Path=/; Secure; HttpOnly; SameSite=Lax"

// sessionCookies yields the values of all session cookies of the request, as sent: quotes belong to the value and make
// it malformed. It reads the header itself because net/http repairs and skips what it finds odd, and the count must not
// depend on that.
func sessionCookies(r *http.Request) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range r.Header["Cookie"] {
			for line != "" {
				var pair string
				pair, line, _ = strings.Cut(line, ";")
				name, value, ok := strings.Cut(strings.Trim(pair, " \t"), "=")
				if ok && strings.TrimRight(name, " \t") == cookieName && !yield(strings.TrimLeft(value, " \t")) {
					return
				}
			}
		}
	}
}

// readCookies returns the first session cookie and how many there are.
func readCookies(r *http.Request) (value string, n int) {
	for v := range sessionCookies(r) {
		if n++; n == 1 {
			value = v
		}
	}
	return value, n
}

func setCookie(h http.Header, token string) {
	h.Add("Set-Cookie", cookieName+"="+token+cookieAttributes)
}

func clearCookie(h http.Header) { h.Add("Set-Cookie", cookieName+"="+cookieAttributes+"; Max-Age=0") }
