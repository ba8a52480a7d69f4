package transport_test

import (
	"flag"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session/transport"
)

var update = flag.Bool("update", false, "write the golden files")

func TestDescribe(t *testing.T) {
	everything := transport.Config{
		Hosts: []string{"www.mail.example", "mail.example", "localhost:8443", "[::1]:8443", "MAIL.example:8444"},
		HSTS:  365 * 24 * time.Hour, Preload: true,
		Proxies:      []netip.Prefix{netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("10.1.2.3/8")},
		OutdatedPage: "<p>Update</p>",
		OnInsecure:   func(*http.Request) {},
		Audit:        (&journal{}).record,
	}
	for name, config := range map[string]transport.Config{"least": {Hosts: []string{"mail.example"}}, "everything": everything} {
		t.Run(name, func(t *testing.T) {
			tr, err := transport.New(config)
			require.NoError(t, err)
			path := filepath.Join("testdata", "describe-"+name+".txt")
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(tr.Describe()), 0o644))
			}
			golden, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(golden), tr.Describe())
		})
	}
	tr, err := transport.New(everything)
	require.NoError(t, err)
	everything.Hosts[0], everything.Hosts[1] = everything.Hosts[1], everything.Hosts[0]
	everything.Proxies[0], everything.Proxies[1] = everything.Proxies[1], everything.Proxies[0]
	again, err := transport.New(everything)
	require.NoError(t, err)
	require.Equal(t, tr.Describe(), again.Describe(), "the order in the Config does not show")
}

func TestNewRefuses(t *testing.T) {
	hosts := []string{"mail.example"}
	for _, c := range []struct {
		name, says string
		config     transport.Config
	}{
		{"no hosts", "Hosts", transport.Config{}},
		{"an origin", "https://", transport.Config{Hosts: []string{"https://mail.example"}}},
		{"a path", "alone", transport.Config{Hosts: []string{"mail.example/"}}},
		{"a wildcard", "host name", transport.Config{Hosts: []string{"*.mail.example"}}},
		{"an empty host", "host name", transport.Config{Hosts: []string{""}}},
		{"a port alone", "host name", transport.Config{Hosts: []string{":8443"}}},
		{"not ASCII", "xn--", transport.Config{Hosts: []string{"mäil.example"}}},
		{"IPv6 without brackets", "host name", transport.Config{Hosts: []string{"::1"}}},
		{"zone", "host name", transport.Config{Hosts: []string{"[fe80::1%eth0]"}}},
		{"twice", "twice", transport.Config{Hosts: []string{"mail.example", "MAIL.example:443"}}},
		{"everybody a proxy", "everybody", transport.Config{Hosts: hosts, Proxies: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}},
		{"a mapped proxy", "IPv4", transport.Config{Hosts: hosts, Proxies: []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}}},
		{"no prefix", "not valid", transport.Config{Hosts: hosts, Proxies: []netip.Prefix{{}}}},
		{"HSTS that ends at once", "HSTS", transport.Config{Hosts: hosts, HSTS: time.Millisecond}},
		{"negative HSTS", "HSTS", transport.Config{Hosts: hosts, HSTS: -time.Hour}},
		{"preload for a day", "Preload", transport.Config{Hosts: hosts, HSTS: 24 * time.Hour, Preload: true}},
		{"preload without subdomains", "Preload", transport.Config{Hosts: hosts, Preload: true, InsecureNoSubdomains: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr, err := transport.New(c.config)
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "transport: ")
			require.Nil(t, tr)
		})
	}
}

func TestConfigIsCopied(t *testing.T) {
	config := transport.Config{Hosts: []string{"mail.example"}, Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	s := newSite(t, config)
	config.Hosts[0] = "evil.example"
	config.Proxies[0] = netip.MustParsePrefix("192.0.2.0/24")
	require.Equal(t, 200, s.serve(request("GET", "https://mail.example/")).StatusCode)
	require.Equal(t, "192.0.2.1", s.ClientAddr(request("GET", "https://mail.example/", "X-Forwarded-For", "1.1.1.1")).String())
}

func TestHSTSValues(t *testing.T) {
	for want, config := range map[string]transport.Config{
		"max-age=300; includeSubDomains":               {HSTS: 5 * time.Minute},
		"max-age=63072000":                             {InsecureNoSubdomains: true},
		"max-age=63072000; includeSubDomains; preload": {Preload: true},
	} {
		res := newSite(t, config).serve(request("GET", "https://mail.example/"))
		require.Equal(t, []string{want}, res.Header.Values("Strict-Transport-Security"))
	}
}

// Whatever the Host header is: what reaches the handler, or the target of a redirect, is one of ours to the letter.
func FuzzHost(f *testing.F) {
	for _, host := range []string{
		"mail.example", "MAIL.EXAMPLE:443", "mail.example.", "evil.example", "mail.example@evil.example", "[::1]:8443", "[::1", "localhost:8443",
		"mail.example:0443", "mail.example\r\nX: y", "\u212a", "mail.example:", ":443", "%6dail.example", strings.Repeat("a.", 200),
	} {
		f.Add(host, "/a?b=c")
	}
	f.Add("mail.example", "//evil.example")
	f.Add("mail.example", "*")
	f.Fuzz(func(t *testing.T, host, path string) {
		s := newSite(t, transport.Config{Hosts: []string{"mail.example", "[::1]:8443"}})
		for _, scheme := range []string{"https", "http"} {
			r := request("GET", scheme+"://mail.example/", "Accept", page)
			r.Host, r.URL.Path = host, path
			res := s.serve(r)
			switch res.StatusCode {
			case 200:
				require.Contains(t, []string{"mail.example", "mail.example:443", "[::1]:8443"}, strings.ToLower(s.got.Host))
			case 308:
				require.Equal(t, "http", scheme)
				target := res.Header.Get("Location")
				require.True(t, target == "https://mail.example" || strings.HasPrefix(target, "https://mail.example/") ||
					target == "https://[::1]:8443" || strings.HasPrefix(target, "https://[::1]:8443/"), target)
			default:
				require.Contains(t, []int{400, 421}, res.StatusCode)
			}
		}
	})
}

func BenchmarkHandler(b *testing.B) {
	tr, err := transport.New(transport.Config{Hosts: []string{"mail.example"}, Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	require.NoError(b, err)
	handler := tr.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	for name, r := range map[string]*http.Request{
		"direct": request("GET", "https://mail.example/", "Accept", page),
		"forged": request("GET", "https://mail.example/", "Accept", page, "X-Forwarded-For", "10.0.0.1"),
	} {
		b.Run(name, func(b *testing.B) {
			w := &blank{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				handler.ServeHTTP(w, r)
			}
		})
	}
}

// blank is a ResponseWriter that forgets.
type blank struct{ header http.Header }

func (b *blank) Header() http.Header         { return b.header }
func (b *blank) Write(p []byte) (int, error) { return len(p), nil }
func (b *blank) WriteHeader(int)             {}
