package session_test

import (
	"context"
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session"
)

// User-Agent strings as the browsers sent them.
const (
	firefoxUpdated = "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0"
	firefoxWindows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
	chrome         = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"
	chromeUpdated  = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36"
	edge           = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0"
	chromeWindows  = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36"
	safari         = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15"
	safariPhone    = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)

// A visit is where a request comes from.
type visit struct {
	addr, agent, forwarded string
	plain                  bool
}

func (b *browser) from(m *session.Manager, v visit) (user string, status int) {
	if v.addr == "" {
		v.addr = "192.0.2.7:5000"
	}
	if v.agent == "" {
		v.agent = firefox
	}
	b.addr, b.agent = v.addr, v.agent
	r := b.request("GET", "/", nil)
	if v.forwarded != "" {
		r.Header.Set("X-Forwarded-For", v.forwarded)
	}
	if v.plain {
		r.TLS = nil
	}
	b.handler = m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := session.From(r.Context())
		if r.URL.Path == "/" && b.cookie == "" {
			_ = s.Login(r.Context(), "anna", session.Password)
		}
		user, _ = s.User()
	}))
	return user, b.do(r).Code
}

func TestBinding(t *testing.T) {
	local := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, test := range []struct {
		name    string
		bind    session.Bind
		proxies []netip.Prefix
		visits  []visit // all but the last must pass
		reason  string  // of the last one's refusal; "" passes too
	}{
		{"same /24", session.Bind{}, nil, []visit{{}, {addr: "192.0.2.255:1"}}, ""},
		{"next /24", session.Bind{}, nil, []visit{{}, {addr: "192.0.3.7:1"}}, "address"},
		{"v4 in v6 is v4", session.Bind{}, nil, []visit{{}, {addr: "[::ffff:192.0.2.9]:1"}}, ""},
		{"v4 in v6 elsewhere", session.Bind{}, nil, []visit{{}, {addr: "[::ffff:198.51.100.1]:1"}}, "address"},
		{"same /64", session.Bind{}, nil, []visit{{addr: "[2001:db8:1:2::1]:1"}, {addr: "[2001:db8:1:2:ffff::9]:1"}}, ""},
		{"next /64", session.Bind{}, nil, []visit{{addr: "[2001:db8:1:2::1]:1"}, {addr: "[2001:db8:1:3::1]:1"}}, "address"},
		{"zone is dropped", session.Bind{}, nil, []visit{{addr: "[fe80::1%eth0]:1"}, {addr: "[fe80::2%eth1]:1"}}, ""},
		{"both families, to and fro", session.Bind{}, nil, []visit{{}, {addr: "[2001:db8::1]:1"}, {}, {addr: "[2001:db8::2]:1"}, {}}, ""},
		{"second family is bound too", session.Bind{}, nil, []visit{{}, {addr: "[2001:db8::1]:1"}, {}, {addr: "[2001:db9::1]:1"}}, "address"},
		{"second family from another browser", session.Bind{}, nil, []visit{{}, {addr: "[2001:db8::1]:1", agent: chrome}}, "agent"},
		{"exact address", session.Bind{Address: session.AddressExact}, nil, []visit{{}, {}, {addr: "192.0.2.8:5000"}}, "address"},
		{"address off", session.Bind{Address: session.InsecureAddressOff}, nil, []visit{{}, {addr: "203.0.113.1:1"}}, ""},
		{"address observed", session.Bind{Address: session.AddressObserve}, nil, []visit{{}, {addr: "203.0.113.1:1"}}, ""},
		{"address off, agent on", session.Bind{Address: session.InsecureAddressOff}, nil, []visit{{}, {agent: chrome}}, "agent"},

		{"minor update", session.Bind{}, nil, []visit{{}, {agent: firefoxUpdated}}, ""},
		{"chrome update", session.Bind{}, nil, []visit{{agent: chrome}, {agent: chromeUpdated}}, ""},
		{"another platform", session.Bind{}, nil, []visit{{}, {agent: firefoxWindows}}, "agent"},
		{"edge is not chrome", session.Bind{}, nil, []visit{{agent: chromeWindows}, {agent: edge}}, "agent"},
		{"mac is not phone", session.Bind{}, nil, []visit{{agent: safari}, {agent: safariPhone}}, "agent"},
		{"a script", session.Bind{}, nil, []visit{{agent: chrome}, {agent: "curl/8.14.1"}}, "agent"},
		{"a script's update", session.Bind{}, nil, []visit{{agent: "curl/8.14.0"}, {agent: "curl/8.14.1"}}, ""},
		{"no agent at all", session.Bind{}, nil, []visit{{}, {agent: " "}}, "agent"},
		{"exact agent", session.Bind{Agent: session.AgentExact}, nil, []visit{{}, {agent: firefoxUpdated}}, "agent"},
		{"agent off", session.Bind{Agent: session.InsecureAgentOff}, nil, []visit{{}, {agent: chrome}}, ""},
		{"agent observed", session.Bind{Agent: session.AgentObserve}, nil, []visit{{}, {agent: chrome}}, ""},
		{"agent observed, address not", session.Bind{Agent: session.AgentObserve}, nil, []visit{{}, {agent: chrome, addr: "203.0.113.1:1"}}, "address"},

		{"scheme", session.Bind{Address: session.InsecureAddressOff, Agent: session.InsecureAgentOff}, nil, []visit{{}, {plain: true}}, "scheme"},
		{"a stranger's X-Forwarded-For", session.Bind{}, local, []visit{{}, {addr: "203.0.113.1:1", forwarded: "192.0.2.7"}}, "address"},
		{"a stranger's X-Forwarded-For changes nothing", session.Bind{}, local, []visit{{}, {forwarded: "203.0.113.1"}}, ""},
		{"behind a proxy", session.Bind{}, local, []visit{
			{addr: "10.0.0.1:1", forwarded: "203.0.113.5, 192.0.2.7"}, {addr: "10.9.9.9:1", forwarded: "198.51.100.1, 192.0.2.8"},
		}, ""},
		{"behind a proxy, elsewhere", session.Bind{}, local, []visit{
			{addr: "10.0.0.1:1", forwarded: "192.0.2.7"}, {addr: "10.0.0.1:1", forwarded: "192.0.2.7, 203.0.113.5"},
		}, "address"},
		{"a proxy that drops the address", session.Bind{}, local, []visit{{addr: "10.0.0.1:1", forwarded: "192.0.2.7"}, {addr: "10.0.0.1:1"}}, "address"},
	} {
		t.Run(test.name, func(t *testing.T) {
			log := &journal{}
			m := newManager(t, session.Config{Bind: test.bind, Proxies: test.proxies, Audit: log.record})
			b := newBrowser(nil)
			last := len(test.visits) - 1
			for _, v := range test.visits[:last] {
				user, status := b.from(m, v)
				require.Equal(t, 200, status)
				require.Equal(t, "anna", user)
			}
			cookie := b.cookie
			log.take()
			user, status := b.from(m, test.visits[last])
			if test.reason == "" {
				require.Equal(t, 200, status)
				require.Equal(t, "anna", user)
				return
			}
			require.Equal(t, 401, status)
			require.Empty(t, user)
			require.Equal(t, test.reason, log.one(t, session.EventMismatch)["reason"])
			// Then the true owner comes: the session has ended for both.
			b.cookie = cookie
			user, status = b.from(m, test.visits[0])
			require.Equal(t, 200, status)
			require.Empty(t, user)
			for range m.Sessions(context.Background(), "anna") {
				t.Error("the session is still live")
			}
		})
	}
}

// Observing reports each move once.
func TestObservedMismatch(t *testing.T) {
	log := &journal{}
	m := newManager(t, session.Config{Bind: session.Bind{Address: session.AddressObserve, Agent: session.AgentObserve}, Audit: log.record})
	b := newBrowser(nil)
	b.from(m, visit{})
	log.take()
	for range 3 {
		user, _ := b.from(m, visit{addr: "203.0.113.1:1"})
		require.Equal(t, "anna", user)
	}
	e := log.one(t, session.EventMismatch)
	require.Equal(t, "observed", e["outcome"])
	require.Equal(t, "address", e["reason"])
	require.Equal(t, "203.0.113.1", e["addr"])
	b.from(m, visit{})
	require.Equal(t, "192.0.2.7", log.one(t, session.EventMismatch)["addr"])
}
