package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/skans-go/skans/internal/clientaddr"
)

// defaultHSTS is two years, what the preload list of the browsers recommends; ASVS 5.0 3.4.1 asks for one.
const defaultHSTS = 2 * 365 * 24 * time.Hour

// Config says where a service lives and whom it believes.
type Config struct {
	// Hosts are the names under which the service is reached, as browsers show them: "mail.example", or with the port
	// when it is not 443: "localhost:8443". Required. International names are written in their ASCII form (xn--...).
	Hosts []string

	// HSTS is how long browsers shall use HTTPS only for these hosts and their subdomains (RFC 6797). 0: two years.
	// Begin with a few minutes when a domain that has plain HTTP services moves to HTTPS. Names that only mean this
	// machine, such as localhost, and addresses never get the header.
	HSTS time.Duration

	// InsecureNoSubdomains leaves subdomains out of HSTS. Then whoever can answer for http://x.mail.example can set
	// cookies for mail.example.
	InsecureNoSubdomains bool

	// Preload adds the word by which the domain's owner consents to the browsers' built-in list. It is slow to undo.
	Preload bool

	// Proxies are the networks whose X-Forwarded-For, X-Forwarded-Proto and Forwarded are believed. nil: nobody's.
	Proxies []netip.Prefix

	// OutdatedPage is HTML for browsers that cannot do TLS 1.2, or no cipher suite that is safe today: they may then
	// connect in the weaker way, and whatever they ask for, this page is all they get. Empty: they cannot connect.
	OutdatedPage string

	// OnInsecure is called with a request that came in clear with a cookie or an Authorization header, so that what
	// travelled in the open can be made worthless: session.Manager.EndExposed. nil: nothing is called.
	OnInsecure func(*http.Request)

	// Refuse answers a refused request; err is a [*Refusal]. nil: a plain page with the reference id.
	Refuse func(w http.ResponseWriter, r *http.Request, err error)

	// Audit records the events of the package document. nil: they are not recorded.
	Audit func(ctx context.Context, event string, attrs ...slog.Attr) error
}

// A Transport is the outermost layer of a service. It is immutable and safe for concurrent use.
type Transport struct {
	hosts    []host
	exact    map[string]*host // by name and port
	named    map[string]*host // by name: the first
	hsts     []string         // the header's values, shared by all answers
	proxies  []netip.Prefix
	outdated string
	exposed  func(*http.Request)
	refused  func(http.ResponseWriter, *http.Request, error)
	record   func(context.Context, string, ...slog.Attr) error
}

// New returns a Transport, or an error that says which part of the Config to change.
func New(c Config) (*Transport, error) {
	if len(c.Hosts) == 0 {
		return nil, errors.New(`transport: Config.Hosts is empty; name the hosts of the service, such as "mail.example"`)
	}
	t := &Transport{
		exact: map[string]*host{}, named: map[string]*host{},
		proxies: slices.Clone(c.Proxies), outdated: c.OutdatedPage,
		exposed: c.OnInsecure, refused: c.Refuse, record: c.Audit,
	}
	for _, text := range c.Hosts {
		h, err := parseHost(text)
		if err != nil {
			return nil, err
		}
		if t.exact[h.authority()] != nil {
			return nil, fmt.Errorf("transport: Config.Hosts has %q twice", text)
		}
		t.hosts = append(t.hosts, h)
		t.exact[h.authority()] = &h
		if t.named[h.name] == nil {
			t.named[h.name] = &h
		}
	}
	if err := clientaddr.Check(c.Proxies); err != nil {
		return nil, fmt.Errorf("transport: Config.Proxies: %w", err)
	}
	value, err := hsts(c)
	if err != nil {
		return nil, err
	}
	t.hsts = []string{value}
	return t, nil
}

// hsts returns the value of the Strict-Transport-Security header (RFC 6797, 6.1).
func hsts(c Config) (string, error) {
	age := c.HSTS
	if age == 0 {
		age = defaultHSTS
	}
	if age < time.Second {
		return "", errors.New("transport: Config.HSTS is under a second; zero gives the default of two years")
	}
	if c.Preload && (age < 365*24*time.Hour || c.InsecureNoSubdomains) {
		return "", errors.New("transport: Config.Preload needs a HSTS of a year or more, with subdomains")
	}
	value := "max-age=" + strconv.FormatInt(int64(age/time.Second), 10)
	if !c.InsecureNoSubdomains {
		value += "; includeSubDomains"
	}
	if c.Preload {
		value += "; preload"
	}
	return value, nil
}

// ClientAddr returns the address of the client: the peer's, or behind trusted proxies the right-most forwarded address
// that is none of theirs. It is without zone, and IPv4 even if it came as ::ffff:192.0.2.1. The zero Addr, for which
// IsValid is false, means that the address is not known; treat such a client as one that may nothing by its address.
func (t *Transport) ClientAddr(r *http.Request) netip.Addr { return clientaddr.From(r, t.proxies) }
