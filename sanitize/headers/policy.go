package headers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Config says what pages of the application may do beyond the strict default. The zero value is for an application
// whose scripts, style sheets, pictures and frames come from itself.
//
// Each list of sources replaces the default of its directive; an empty list that is not nil stands for 'none'. A
// source is 'self', 'none', an origin such as https://cdn.example, a path under one, a hash such as 'sha256-…', or a
// scheme such as data: where only pictures, fonts or media come from. Sources that undo the policy ('unsafe-inline',
// 'unsafe-eval', *, data: for scripts, http:) are refused by [New].
type Config struct {
	Script     []string // beside the nonce; nil: nothing but the nonce
	Style      []string // beside the nonce; nil: 'self'
	Image      []string // nil: 'self' data:
	Font       []string // nil: 'self'
	Media      []string // nil: 'self'
	Connect    []string // fetch, EventSource, WebSocket; nil: 'self'
	Frame      []string // what pages show in frames; nil: 'self'
	Worker     []string // nil: 'none'
	Manifest   []string // nil: 'self'
	FormAction []string // nil: 'self'
	// FrameAncestors are the pages that may show ours in a frame; nil: none at all.
	FrameAncestors []string
	// TrustedTypes are the names of the policies that scripts may create; nil: none.
	TrustedTypes []string
	// Referrer is the Referrer-Policy; empty: "same-origin". Not "no-referrer": browsers then send "Origin: null"
	// with forms, which defences against forged requests refuse.
	Referrer string
	// Permissions are the browser features that pages may use, such as "fullscreen" or "clipboard-write"; all others
	// that Describe lists are switched off.
	Permissions []string
	// CORS says which other origins may read responses; zero: none.
	CORS CORS
	// ReportPath is where browsers report violations of the policy, such as "/csp-reports"; the Handler answers there
	// itself, ahead of sign-in and every other check, because browsers send reports without either. Empty: no
	// reports.
	ReportPath string
	// ReportsPerMinute bounds the reports that are recorded; what comes beyond is counted, not recorded. Zero: 60.
	ReportsPerMinute int
	// Proxies are the trusted proxies in front of the server, to tell who reported.
	Proxies []netip.Prefix
	// InsecureReportOnly sends the Content-Security-Policy as Report-Only: violations are reported and not stopped.
	// To try a policy out.
	InsecureReportOnly bool
	// Audit hears of [EventViolation]. Nil: not recorded.
	Audit func(ctx context.Context, event string, attrs ...slog.Attr) error
}

// A Policy sets the headers. It is immutable and safe for concurrent use.
type Policy struct {
	config    Config
	fixed     [][2]string // header and value, alike for every response
	cspHeader string
	before    string // the Content-Security-Policy around the nonce's two places
	between   string
	after     string
	cors      *cors
	reports   *reports
}

// New checks config and returns its Policy. Its errors name the field and the remedy.
func New(config Config) (*Policy, error) {
	p := &Policy{config: config, cspHeader: "Content-Security-Policy"}
	if config.InsecureReportOnly {
		p.cspHeader = "Content-Security-Policy-Report-Only"
	}
	if err := p.config.complete(); err != nil {
		return nil, err
	}
	var err error
	if p.cors, err = newCORS(config.CORS); err != nil {
		return nil, err
	}
	if p.config.ReportPath != "" {
		p.reports = newReports(&p.config, time.Now)
	}
	p.writeCSP()
	p.writeFixed()
	return p, nil
}

// complete checks every field, copies it and fills in its default.
func (c *Config) complete() error {
	script := sourceRule{field: "Script", code: true}
	lists := []struct {
		rule sourceRule
		list *[]string
		def  []string
	}{
		{script, &c.Script, nil},
		{sourceRule{field: "Style", code: true}, &c.Style, []string{"'self'"}},
		{sourceRule{field: "Image", data: true}, &c.Image, []string{"'self'", "data:"}},
		{sourceRule{field: "Font", data: true}, &c.Font, []string{"'self'"}},
		{sourceRule{field: "Media", data: true}, &c.Media, []string{"'self'"}},
		{sourceRule{field: "Connect", sockets: true}, &c.Connect, []string{"'self'"}},
		{sourceRule{field: "Frame"}, &c.Frame, []string{"'self'"}},
		{sourceRule{field: "Worker"}, &c.Worker, []string{"'none'"}},
		{sourceRule{field: "Manifest"}, &c.Manifest, []string{"'self'"}},
		{sourceRule{field: "FormAction"}, &c.FormAction, []string{"'self'"}},
		{sourceRule{field: "FrameAncestors"}, &c.FrameAncestors, []string{"'none'"}},
	}
	for _, l := range lists {
		for _, source := range *l.list {
			if err := l.rule.check(source, len(*l.list)); err != nil {
				return err
			}
		}
		switch {
		case *l.list == nil:
			*l.list = l.def
		case len(*l.list) == 0 && !l.rule.code:
			*l.list = []string{"'none'"}
		default:
			*l.list = slices.Clone(*l.list)
		}
	}
	return c.completeRest()
}

func (c *Config) completeRest() error {
	c.TrustedTypes, c.Permissions, c.Proxies = slices.Clone(c.TrustedTypes), slices.Clone(c.Permissions), slices.Clone(c.Proxies)
	for _, name := range c.TrustedTypes {
		if name == "" || strings.Trim(name, tokenChars+"#=/@.%") != "" {
			return fmt.Errorf("headers: TrustedTypes: %q is no policy name; use letters, digits and - # = _ / @ . %%", name)
		}
	}
	for _, name := range c.Permissions {
		if !slices.Contains(features, name) {
			return fmt.Errorf("headers: Permissions: %q is no feature of Permissions-Policy that is known here; see Describe for the list", name)
		}
	}
	switch c.Referrer {
	case "":
		c.Referrer = "same-origin"
	case "no-referrer", "same-origin", "strict-origin", "strict-origin-when-cross-origin", "origin", "origin-when-cross-origin":
	default:
		return fmt.Errorf("headers: Referrer: %q leaks addresses or is no policy; leave it empty for same-origin", c.Referrer)
	}
	if c.ReportPath != "" {
		u, err := url.Parse(c.ReportPath)
		if err != nil || u.Path != c.ReportPath || !strings.HasPrefix(c.ReportPath, "/") || strings.HasPrefix(c.ReportPath, "//") ||
			strings.ContainsAny(c.ReportPath, "\";, ") {
			return fmt.Errorf("headers: ReportPath: %q is no path; write it as \"/csp-reports\"", c.ReportPath)
		}
	}
	if c.ReportsPerMinute < 0 {
		return errors.New("headers: ReportsPerMinute is negative; leave it 0 for 60")
	}
	if c.ReportsPerMinute == 0 {
		c.ReportsPerMinute = 60
	}
	return nil
}

const tokenChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// sourceRule says what a list of sources may hold.
type sourceRule struct {
	field   string
	code    bool // scripts and styles: hashes too, no data:
	data    bool // data: and blob: are harmless here
	sockets bool // wss: origins too
}

func (r sourceRule) check(source string, n int) error {
	refuse := func(why string) error { return fmt.Errorf("headers: %s: source %q %s", r.field, source, why) }
	switch {
	case source == "'self'":
		return nil
	case source == "'none'":
		if n > 1 {
			return refuse("stands alone or not at all")
		}
		if r.code {
			return refuse("would be beside the nonce; leave the list empty")
		}
		return nil
	case source == "'strict-dynamic'" && r.field == "Script":
		return nil
	case strings.HasPrefix(source, "'sha"):
		if r.code && isHash(source) {
			return nil
		}
		return refuse("is no hash in place here; write 'sha256-…', 'sha384-…' or 'sha512-…' with base64")
	case strings.HasPrefix(source, "'unsafe-"):
		return refuse("would undo the policy; give inline elements the nonce")
	case source == "data:" || source == "blob:":
		if r.data {
			return nil
		}
		return refuse("would let text in a page become code or a document")
	}
	u, err := url.Parse(source)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(source, " ;,'\"\r\n\t") {
		return refuse("is neither a keyword nor an origin; write https://host or https://host/path")
	}
	if u.Scheme != "https" && !(r.sockets && u.Scheme == "wss") {
		return refuse("can be changed on the way; use https")
	}
	if strings.Contains(u.Host, "*") && (!strings.HasPrefix(u.Host, "*.") || strings.Count(u.Host, "*") > 1 || strings.Count(u.Host, ".") < 2) {
		return refuse("matches too much; at most one leading label may be *")
	}
	return nil
}

func isHash(source string) bool {
	source = strings.TrimSuffix(strings.TrimPrefix(source, "'"), "'")
	algorithm, sum, ok := strings.Cut(source, "-")
	size := map[string]int{"sha256": 44, "sha384": 64, "sha512": 88}[algorithm]
	return ok && size > 0 && len(sum) == size && strings.Trim(sum, tokenChars+"+/=") == ""
}
