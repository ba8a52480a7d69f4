package session

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/skans-go/skans/internal/clientaddr"
)

// Bind says what a session is tied to besides its token. The scheme is always part of it. A stolen token then
// is of no use from another network or browser: the session ends at the attempt. The store gets keyed hashes only.
type Bind struct {
	Address AddressBinding // zero: AddressPrefix
	Agent   AgentBinding   // zero: AgentFamily
}

// AddressBinding says how the client's address is compared. There is one slot for IPv4 and one for IPv6, since clients
// that have both change between them; the second is filled when that family is first used. That visit must come from
// the same browser family.
type AddressBinding int

// The address bindings.
const (
	AddressPrefix      AddressBinding = iota // the first 24 bits of IPv4, 64 of IPv6: what a household or an office keeps
	AddressExact                             // the whole address
	AddressObserve                           // as AddressPrefix, but a mismatch is reported only
	InsecureAddressOff                       // not compared: for clients that roam, phones above all
)

// AgentBinding says how the User-Agent header is compared.
type AgentBinding int

// The agent bindings.
const (
	AgentFamily      AgentBinding = iota // browser family and platform: an update passes, another browser does not
	AgentExact                           // the whole header: an update of the browser signs out
	AgentObserve                         // as AgentFamily, but a mismatch is reported only
	InsecureAgentOff                     // not compared
)

// markLen is the length of a keyed hash that a session is bound by. Nobody can test guesses without the key, so 64 bits
// leave a stranger one chance in 2^64.
const markLen = 8

// A mark is the keyed hash of an address or agent, if known.
type mark struct {
	known bool
	hash  [markLen]byte
}

// binding is what a session is tied to.
type binding struct {
	https              bool
	address4, address6 mark
	agent              mark
}

// newBinding returns what a session that this request begins is tied to.
func (m *Manager) newBinding(id string, r *http.Request) binding {
	b := binding{https: clientaddr.HTTPS(r, m.cfg.Proxies)}
	m.fill(&b, id, r)
	return b
}

// fill notes what the request tells where b knows nothing yet, and reports whether it did.
func (m *Manager) fill(b *binding, id string, r *http.Request) bool {
	filled := false
	if slot, part := m.addressPart(b, r); slot != nil && !slot.known {
		*slot = m.mark(purposeAddress, id, part.text())
		filled = true
	}
	if b.agent.known {
		return filled
	}
	if browser, platform, on := m.agentPart(r); on {
		b.agent = m.mark(purposeAgent, id, browser, platform)
		filled = true
	}
	return filled
}

// mismatch returns which part of b the request does not match, and whether that only is to be reported.
func (m *Manager) mismatch(b *binding, id string, r *http.Request) (reason string, observe bool) {
	if b.https != clientaddr.HTTPS(r, m.cfg.Proxies) {
		return "scheme", false
	}
	if browser, platform, on := m.agentPart(r); on && !m.matches(&b.agent, purposeAgent, id, browser, platform) {
		reason, observe = "agent", m.cfg.Bind.Agent == AgentObserve
		if !observe {
			return reason, false
		}
	}
	if slot, part := m.addressPart(b, r); slot != nil && !m.matches(slot, purposeAddress, id, part.text()) {
		return "address", m.cfg.Bind.Address == AddressObserve
	}
	return reason, observe
}

// follow binds b to where the request comes from now, after a mismatch that was only reported: the next one is news again.
func (m *Manager) follow(b *binding, id string, r *http.Request) {
	if slot, _ := m.addressPart(b, r); slot != nil && m.cfg.Bind.Address == AddressObserve {
		*slot = mark{}
	}
	if m.cfg.Bind.Agent == AgentObserve {
		b.agent = mark{}
	}
	m.fill(b, id, r)
}

// renew makes the marks again under the current key, at a rotation: the session then survives the removal of older
// keys. A mark of the other address family cannot be made again without its address, and is learned anew while there
// are older keys.
func (m *Manager) renew(b *binding, id string, r *http.Request) {
	slot, _ := m.addressPart(b, r)
	for _, s := range []*mark{&b.address4, &b.address6} {
		if s == slot || m.rollover {
			*s = mark{}
		}
	}
	b.agent = mark{}
	m.fill(b, id, r)
}

func (m *Manager) mark(purpose string, parts ...string) mark {
	return mark{known: true, hash: [markLen]byte(m.cfg.Keys.MAC(purpose, parts...)[:markLen])}
}

// matches reports whether the parts are those of k, or nothing is known yet.
func (m *Manager) matches(k *mark, purpose string, parts ...string) bool {
	return !k.known || m.verify(string(k.hash[:]), purpose, parts...)
}

// network is an address cut to the bits that are compared, as bytes: a family byte and the prefix.
type network struct {
	b [17]byte
	n int
}

func (n *network) text() string { return string(n.b[:n.n]) }

// addressPart returns the slot of the request's address family and what is compared; no slot if nothing is. An address that
// cannot be told is a network of its own: if a trusted proxy drops its header, sessions end rather than go unbound.
func (m *Manager) addressPart(b *binding, r *http.Request) (*mark, network) {
	if m.cfg.Bind.Address == InsecureAddressOff {
		return nil, network{}
	}
	addr := clientaddr.From(r, m.cfg.Proxies)
	bits, slot := 24, &b.address4
	if addr.Is6() {
		bits, slot = 64, &b.address6
	}
	if !addr.IsValid() {
		return slot, network{n: 1}
	}
	if m.cfg.Bind.Address == AddressExact {
		bits = addr.BitLen()
	}
	prefix, _ := addr.Prefix(bits) // errs only for bits beyond the address
	return slot, networkOf(prefix)
}

func networkOf(prefix netip.Prefix) network {
	var n network
	if addr := prefix.Addr(); addr.Is4() {
		b := addr.As4()
		n.b[0] = 4
		n.n = 1 + copy(n.b[1:], b[:])
	} else {
		b := addr.As16()
		n.b[0] = 6
		n.n = 1 + copy(n.b[1:], b[:])
	}
	return n
}

// agentPart returns what of the User-Agent header is compared.
func (m *Manager) agentPart(r *http.Request) (browser, platform string, on bool) {
	ua := clip(r.UserAgent(), maxAgent)
	switch m.cfg.Bind.Agent {
	case InsecureAgentOff:
		return "", "", false
	case AgentExact:
		return ua, "", true
	default:
		browser, platform = agentFamily(ua)
		return browser, platform, true
	}
}

// families are the marks by which browsers name themselves, most special first: each of these
// also carries the marks of those below it.
var families = [...]struct{ mark, name string }{
	{"Edg/", "edge"}, {"EdgA/", "edge"}, {"EdgiOS/", "edge"},
	{"OPR/", "opera"}, {"OPT/", "opera"},
	{"SamsungBrowser/", "samsung"}, {"Vivaldi/", "vivaldi"}, {"YaBrowser/", "yandex"}, {"DuckDuckGo/", "duckduckgo"},
	{"Firefox/", "firefox"}, {"FxiOS/", "firefox"},
	{"HeadlessChrome/", "headless"}, {"CriOS/", "chrome"}, {"Chrome/", "chrome"},
	{"Safari/", "safari"}, {"Trident/", "explorer"},
}

var platforms = [...]struct{ mark, name string }{
	{"Android", "android"}, {"iPhone", "ios"}, {"iPad", "ios"}, {"CrOS", "chromeos"},
	{"Windows", "windows"}, {"Macintosh", "mac"}, {"Linux", "linux"},
}

// agentFamily returns the browser family and platform of a User-Agent header, or for other programs the name before the
// version.
func agentFamily(ua string) (browser, platform string) {
	for _, f := range families {
		if strings.Contains(ua, f.mark) {
			for _, p := range platforms {
				if strings.Contains(ua, p.mark) {
					return f.name, p.name
				}
			}
			return f.name, ""
		}
	}
	name, _, _ := strings.Cut(ua, "/")
	return name, ""
}
