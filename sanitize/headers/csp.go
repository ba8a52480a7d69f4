package headers

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"html/template"
	"strings"
)

// writeCSP puts the policy together once; a request only fills in its nonce.
func (p *Policy) writeCSP() {
	c := &p.config
	list := func(sources []string) string { return strings.Join(sources, " ") }
	trusted := "'none'"
	if len(c.TrustedTypes) > 0 {
		trusted = list(c.TrustedTypes)
	}
	p.before = "default-src 'none'; script-src "
	p.between = trailing(c.Script) + "; style-src "
	p.after = trailing(c.Style) +
		"; img-src " + list(c.Image) + "; font-src " + list(c.Font) + "; media-src " + list(c.Media) +
		"; connect-src " + list(c.Connect) + "; frame-src " + list(c.Frame) + "; worker-src " + list(c.Worker) +
		"; manifest-src " + list(c.Manifest) + "; form-action " + list(c.FormAction) + "; frame-ancestors " + list(c.FrameAncestors) +
		"; base-uri 'none'; object-src 'none'; require-trusted-types-for 'script'; trusted-types " + trusted
	if c.ReportPath != "" {
		p.after += "; report-uri " + c.ReportPath + "; report-to csp"
	}
}

func trailing(sources []string) string {
	if len(sources) == 0 {
		return ""
	}
	return " " + strings.Join(sources, " ")
}

// csp returns the Content-Security-Policy with this nonce.
func (p *Policy) csp(nonce string) string {
	n := "'nonce-" + nonce + "'"
	return p.before + n + p.between + n + p.after
}

// newNonce returns 128 random bits (CSP Level 3, 7.1, asks for at least that).
func newNonce() string {
	var b [18]byte         // 144 bits: 24 characters without padding
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}

type nonceKey struct{}

// Nonce returns the nonce of the response that ctx belongs to, for <script nonce="…"> and <style nonce="…">: base64,
// new for every response. Without a [Policy.Handler] around it is empty, which no policy accepts. A page that is kept
// in a cache must not have one.
func Nonce(ctx context.Context) string {
	nonce, _ := ctx.Value(nonceKey{}).(string)
	return nonce
}

// Funcs returns the function "nonce" for templates: <script nonce="{{nonce .Context}}">, with the request's context among the data.
func Funcs() template.FuncMap { return template.FuncMap{"nonce": Nonce} }
