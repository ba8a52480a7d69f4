package clientaddr_test

import (
	"crypto/tls"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/internal/clientaddr"
)

var proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}

// request comes from peer with pairs of header names and values.
func request(peer string, headers ...string) *http.Request {
	r := &http.Request{RemoteAddr: peer, Header: http.Header{}}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func TestFrom(t *testing.T) {
	const proxy = "10.0.0.1:1234"
	xff := func(values ...string) []string {
		var headers []string
		for _, v := range values {
			headers = append(headers, "X-Forwarded-For", v)
		}
		return headers
	}
	forwarded := func(values ...string) []string {
		var headers []string
		for _, v := range values {
			headers = append(headers, "Forwarded", v)
		}
		return headers
	}
	for _, c := range []struct {
		name, peer string
		headers    []string
		want       string // "" for unknown
	}{
		{"stranger", "192.0.2.1:1234", nil, "192.0.2.1"},
		{"stranger that forges", "192.0.2.1:1234", xff("10.9.9.9"), "192.0.2.1"},
		{"stranger that forges, RFC 7239", "192.0.2.1:1234", forwarded("for=10.9.9.9"), "192.0.2.1"},
		{"stranger on IPv6", "[2001:db8::1]:1234", nil, "2001:db8::1"},
		{"zone", "[fe80::1%eth0]:1234", nil, "fe80::1"},
		{"mapped", "[::ffff:192.0.2.1]:1234", nil, "192.0.2.1"},
		{"without port", "192.0.2.1", nil, "192.0.2.1"},
		{"Unix socket", "@", xff("198.51.100.7"), ""},
		{"nothing", "", xff("198.51.100.7"), ""},
		{"no address", "mail.example:80", nil, ""},

		{"proxy", proxy, xff("198.51.100.7"), "198.51.100.7"},
		{"proxy on a mapped address", "[::ffff:10.0.0.1]:1", xff("198.51.100.7"), "198.51.100.7"},
		{"proxy with a zone", "[fd00::1%eth0]:1", xff("198.51.100.7"), "198.51.100.7"},
		{"forged before the proxy", proxy, xff("1.1.1.1, 198.51.100.7"), "198.51.100.7"},
		{"forged in an earlier header", proxy, xff("1.1.1.1", "198.51.100.7"), "198.51.100.7"},
		{"forged as a proxy", proxy, xff("10.0.0.9, 198.51.100.7"), "198.51.100.7"},
		{"nonsense on the left", proxy, xff("<script>, , 198.51.100.7"), "198.51.100.7"},
		{"a chain of proxies", proxy, xff("198.51.100.7, 10.0.0.3, 10.0.0.2"), "198.51.100.7"},
		{"a chain over two headers", proxy, xff("198.51.100.7, 10.0.0.3", "10.0.0.2"), "198.51.100.7"},
		{"proxies only", proxy, xff("10.0.0.3, 10.0.0.2"), "10.0.0.3"},
		{"with port", proxy, xff("198.51.100.7:4711"), "198.51.100.7"},
		{"IPv6", proxy, xff("2001:db8::1"), "2001:db8::1"},
		{"IPv6 in brackets", proxy, xff("[2001:db8::1]"), "2001:db8::1"},
		{"IPv6 with port", proxy, xff("[2001:db8::1]:4711"), "2001:db8::1"},
		{"IPv6 with a zone", proxy, xff("fe80::1%eth0"), "fe80::1"},
		{"mapped inside", proxy, xff("::ffff:198.51.100.7"), "198.51.100.7"},
		{"a mapped proxy inside", proxy, xff("198.51.100.7, ::ffff:10.0.0.2"), "198.51.100.7"},
		{"tabs", proxy, xff("\t198.51.100.7 "), "198.51.100.7"},
		{"no header", proxy, nil, ""},
		{"empty header", proxy, xff(""), ""},
		{"empty last hop", proxy, xff("198.51.100.7,"), ""},
		{"unknown", proxy, xff("198.51.100.7, unknown"), ""},
		{"host name", proxy, xff("mail.example"), ""},
		{"octal", proxy, xff("010.0.0.1"), ""},
		{"short form", proxy, xff("10.1"), ""},
		{"decimal", proxy, xff("167772161"), ""},
		{"brackets around IPv4", proxy, xff("[198.51.100.7]"), ""},
		{"half a bracket", proxy, xff("[2001:db8::1"), ""},
		{"NUL", proxy, xff("198.51.100.7\x00"), ""},
		{"quotes", proxy, xff(`"198.51.100.7"`), ""},
		{"32 hops", proxy, xff("198.51.100.7" + strings.Repeat(", 10.0.0.2", 31)), "198.51.100.7"},
		{"33 hops", proxy, xff("198.51.100.7" + strings.Repeat(", 10.0.0.2", 32)), ""},
		{"100 kB", proxy, xff(strings.Repeat("10.0.0.2,", 11000) + "10.0.0.2"), ""},

		// RFC 7239, sections 4 and 7.
		{"forwarded", proxy, forwarded("for=198.51.100.7"), "198.51.100.7"},
		{"RFC example IPv6", proxy, forwarded(`For="[2001:db8:cafe::17]:4711"`), "2001:db8:cafe::17"},
		{"RFC example with proto and by", proxy, forwarded("for=192.0.2.60;proto=http;by=203.0.113.43"), "192.0.2.60"},
		{"RFC example of two", proxy, forwarded("for=192.0.2.43, for=198.51.100.17"), "198.51.100.17"},
		{"two headers", proxy, forwarded("for=1.1.1.1", "for=198.51.100.7"), "198.51.100.7"},
		{"forwarded by a chain", proxy, forwarded("for=198.51.100.7, for=10.0.0.3, for=10.0.0.2"), "198.51.100.7"},
		{"port in quotes", proxy, forwarded(`for="198.51.100.7:80"`), "198.51.100.7"},
		{"quoted pairs", proxy, forwarded(`for="198.51.100\.7"`), "198.51.100.7"},
		{"spaces", proxy, forwarded(`  for=198.51.100.7 ; proto=https , for=10.0.0.2`), "198.51.100.7"},
		{"colon without quotes", proxy, forwarded("for=198.51.100.7:80"), "198.51.100.7"},
		{"extension", proxy, forwarded(`for=198.51.100.7;x="a,b;for=1.1.1.1"`), "198.51.100.7"},
		{"obfuscated", proxy, forwarded("for=_hidden"), ""},
		{"unknown node", proxy, forwarded("for=unknown"), ""},
		{"the proxy hides, a stranger does not", proxy, forwarded("for=1.1.1.1, for=_hidden"), ""},
		{"no for", proxy, forwarded("proto=https"), ""},
		{"for twice", proxy, forwarded("for=1.1.1.1;for=198.51.100.7"), ""},
		{"quote opened by a stranger", proxy, forwarded(`for="1.1.1.1, for=198.51.100.7`), ""},
		{"quote opened in an earlier header", proxy, forwarded(`for=1.1.1.1;x="`, `for=198.51.100.7`), ""},
		{"quote closed by the proxy's", proxy, forwarded(`for=1.1.1.1;x=", for="[2001:db8::1]"`), ""},
		{"not a pair", proxy, forwarded("198.51.100.7"), ""},
		{"empty value", proxy, forwarded("for="), ""},
		{"empty element", proxy, forwarded("for=198.51.100.7,"), ""},
		{"33 elements", proxy, forwarded("for=198.51.100.7" + strings.Repeat(",for=10.0.0.2", 32)), ""},

		// Most proxies write one header and pass the other on.
		{"both agree", proxy, append(xff("198.51.100.7"), forwarded("for=198.51.100.7")...), "198.51.100.7"},
		{"both agree behind forgeries", proxy, append(xff("1.1.1.1, 198.51.100.7"), forwarded("for=2.2.2.2, for=198.51.100.7")...), "198.51.100.7"},
		{"both disagree", proxy, append(xff("198.51.100.7"), forwarded("for=1.1.1.1")...), ""},
		{"one is unreadable", proxy, append(xff("198.51.100.7"), forwarded("x")...), ""},
		{"one is empty", proxy, append(xff(""), forwarded("for=198.51.100.7")...), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr := clientaddr.From(request(c.peer, c.headers...), proxies)
			if c.want == "" {
				require.Zero(t, addr)
				return
			}
			require.Equal(t, netip.MustParseAddr(c.want), addr)
		})
	}
}

func TestWithoutProxiesNobodyIsBelieved(t *testing.T) {
	r := request("127.0.0.1:1", "X-Forwarded-For", "198.51.100.7", "X-Forwarded-Proto", "https", "Forwarded", "for=198.51.100.7;proto=https")
	require.Equal(t, netip.MustParseAddr("127.0.0.1"), clientaddr.From(r, nil))
	require.False(t, clientaddr.HTTPS(r, nil))
	require.False(t, clientaddr.Trusted(r, nil))
}

func TestHTTPS(t *testing.T) {
	for _, c := range []struct {
		name, peer string
		tls        bool
		headers    []string
		want       bool
	}{
		{"TLS", "192.0.2.1:1", true, nil, true},
		{"clear", "192.0.2.1:1", false, nil, false},
		{"stranger that forges", "192.0.2.1:1", false, []string{"X-Forwarded-Proto", "https"}, false},
		{"stranger over TLS that says http", "192.0.2.1:1", true, []string{"X-Forwarded-Proto", "http"}, true},
		{"proxy", "10.0.0.1:1", false, []string{"X-Forwarded-Proto", "https"}, true},
		{"proxy of a plain client", "10.0.0.1:1", false, []string{"X-Forwarded-Proto", "http"}, false},
		{"proxy over TLS of a plain client", "10.0.0.1:1", true, []string{"X-Forwarded-Proto", "http"}, false},
		{"proxy over TLS", "10.0.0.1:1", true, []string{"X-Forwarded-Proto", "https"}, true},
		{"proxy over TLS that says nothing", "10.0.0.1:1", true, nil, true},
		{"proxy that says nothing", "10.0.0.1:1", false, nil, false},
		{"two values", "10.0.0.1:1", false, []string{"X-Forwarded-Proto", "https", "X-Forwarded-Proto", "https"}, false},
		{"a list", "10.0.0.1:1", false, []string{"X-Forwarded-Proto", "https, http"}, false},
		{"a forged list", "10.0.0.1:1", false, []string{"X-Forwarded-Proto", "https,https"}, false},
		{"empty", "10.0.0.1:1", true, []string{"X-Forwarded-Proto", ""}, false},
		{"forwarded", "10.0.0.1:1", false, []string{"Forwarded", "for=198.51.100.7;proto=https"}, true},
		{"forwarded in capitals", "10.0.0.1:1", false, []string{"Forwarded", "For=198.51.100.7;Proto=HTTPS"}, true},
		{"forwarded for a plain client", "10.0.0.1:1", true, []string{"Forwarded", "for=198.51.100.7;proto=http"}, false},
		{"forged, the proxy says http", "10.0.0.1:1", false, []string{"Forwarded", "for=1.1.1.1;proto=https, for=198.51.100.7;proto=http"}, false},
		{"the client's own scheme, not that between proxies", "10.0.0.1:1", false, []string{"Forwarded", "for=198.51.100.7;proto=https, for=10.0.0.2;proto=http"}, true},
		{"a plain client, then TLS between proxies", "10.0.0.1:1", false, []string{"Forwarded", "for=198.51.100.7;proto=http, for=10.0.0.2;proto=https"}, false},
		{"unreadable", "10.0.0.1:1", false, []string{"Forwarded", "proto=https, ;"}, false},
		{"forwarded without proto", "10.0.0.1:1", false, []string{"Forwarded", "for=198.51.100.7"}, false},
		{"both", "10.0.0.1:1", false, []string{"Forwarded", "for=198.51.100.7;proto=https", "X-Forwarded-Proto", "https"}, true},
		{"both, one without proto", "10.0.0.1:1", false, []string{"Forwarded", "for=198.51.100.7", "X-Forwarded-Proto", "https"}, true},
		{"both, one spoiled by a stranger", "10.0.0.1:1", false, []string{"Forwarded", `x, for=198.51.100.7;proto=http`, "X-Forwarded-Proto", "https"}, false},
		{"they disagree", "10.0.0.1:1", false, []string{"Forwarded", "for=198.51.100.7;proto=http", "X-Forwarded-Proto", "https"}, false},
		{"they disagree the other way", "10.0.0.1:1", false, []string{"Forwarded", "for=198.51.100.7;proto=https", "X-Forwarded-Proto", "http"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request(c.peer, c.headers...)
			if c.tls {
				r.TLS = &tls.ConnectionState{}
			}
			require.Equal(t, c.want, clientaddr.HTTPS(r, proxies))
		})
	}
}

func TestCheck(t *testing.T) {
	require.NoError(t, clientaddr.Check(nil))
	require.NoError(t, clientaddr.Check(proxies))
	for _, p := range []netip.Prefix{
		{},
		netip.MustParsePrefix("0.0.0.0/0"),
		netip.MustParsePrefix("::/0"),
		netip.MustParsePrefix("::ffff:10.0.0.0/104"),
	} {
		require.Error(t, clientaddr.Check([]netip.Prefix{p}), p.String())
	}
}

// Whatever strangers write, before and behind what the proxies write and in the other header: the answer is the client that the
// proxy saw, or unknown.
func FuzzFrom(f *testing.F) {
	f.Add("1.1.1.1", "for=1.1.1.1", true)
	f.Add("", "", false)
	f.Add(",,,", `for="`, true)
	f.Add("10.0.0.2", `for=10.0.0.2;x="`, false)
	f.Add(`"`, `for=1.1.1.1;x=", for="`, true)
	f.Add("::ffff:1.1.1.1", `for="[::1%25x]:1"`, false)
	f.Add("1.1.1.1\t", `for=1.1.1.1;proto=https\`, false)
	f.Add(strings.Repeat("10.0.0.2,", 40), strings.Repeat("for=10.0.0.2,", 40), true)
	f.Fuzz(func(t *testing.T, x, forwarded string, own bool) {
		client := netip.MustParseAddr("198.51.100.7")
		add := func(h http.Header) { // as proxies do: on the same line, or on their own
			if own {
				h["X-Forwarded-For"] = []string{x, client.String()}
			} else {
				h["X-Forwarded-For"] = []string{x + ", " + client.String()}
			}
		}
		r := request("10.0.0.1:1")
		add(r.Header)
		require.Equal(t, client, clientaddr.From(r, proxies), "the proxy writes X-Forwarded-For")

		r.Header["Forwarded"] = []string{forwarded}
		if addr := clientaddr.From(r, proxies); addr.IsValid() {
			require.Equal(t, client, addr, "and passes Forwarded on")
		}

		for _, element := range []string{"for=198.51.100.7;proto=https", `proto=https;for="198.51.100.7:4711"`} {
			r = request("10.0.0.1:1")
			if own {
				r.Header["Forwarded"] = []string{forwarded, element}
			} else {
				r.Header["Forwarded"] = []string{forwarded + ", " + element}
			}
			if addr := clientaddr.From(r, proxies); addr.IsValid() {
				require.Equal(t, client, addr, "the proxy writes Forwarded")
			}
			r.Header["X-Forwarded-For"] = []string{x}
			if addr := clientaddr.From(r, proxies); addr.IsValid() {
				require.Equal(t, client, addr, "and passes X-Forwarded-For on")
			}
		}

		r = request("192.0.2.1:1", "X-Forwarded-For", x, "Forwarded", forwarded)
		require.Equal(t, netip.MustParseAddr("192.0.2.1"), clientaddr.From(r, proxies), "no proxy")
	})
}

func BenchmarkFrom(b *testing.B) {
	b.Run("direct", func(b *testing.B) {
		r := request("192.0.2.1:1234", "X-Forwarded-For", "10.9.9.9")
		b.ReportAllocs()
		for b.Loop() {
			clientaddr.From(r, proxies)
		}
	})
	b.Run("behind a proxy", func(b *testing.B) {
		r := request("10.0.0.1:1234", "X-Forwarded-For", "1.1.1.1, 198.51.100.7, 10.0.0.2")
		b.ReportAllocs()
		for b.Loop() {
			clientaddr.From(r, proxies)
		}
	})
}
