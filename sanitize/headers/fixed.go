package headers

import (
	"slices"
	"strings"
)

// features are the powers of a page that Permissions-Policy can take away. All are.
var features = []string{
	"accelerometer", "autoplay", "bluetooth", "browsing-topics", "camera",
	"clipboard-read", "clipboard-write", "compute-pressure", "cross-origin-isolated", "display-capture", "encrypted-media", "fullscreen", "gamepad",
	"geolocation", "gyroscope", "hid", "identity-credentials-get", "idle-detection", "keyboard-map", "local-fonts", "magnetometer", "microphone",
	"midi", "otp-credentials", "payment", "picture-in-picture", "publickey-credentials-create", "publickey-credentials-get", "screen-wake-lock",
	"serial", "storage-access", "sync-xhr", "unload", "usb", "web-share", "window-management", "xr-spatial-tracking",
}

// writeFixed lists the headers that are alike for every response.
func (p *Policy) writeFixed() {
	var permissions []string
	for _, f := range features {
		who := "=()"
		if slices.Contains(p.config.Permissions, f) {
			who = "=(self)"
		}
		permissions = append(permissions, f+who)
	}
	p.fixed = [][2]string{
		{"Cache-Control", "no-store"},
		{"Cross-Origin-Opener-Policy", "same-origin"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
		{"Origin-Agent-Cluster", "?1"},
		{"Permissions-Policy", strings.Join(permissions, ", ")},
		{"Referrer-Policy", p.config.Referrer},
		{"X-Content-Type-Options", "nosniff"},
		{"X-Permitted-Cross-Domain-Policies", "none"},
	}
	if slices.Equal(p.config.FrameAncestors, []string{"'none'"}) {
		p.fixed = append(p.fixed, [2]string{"X-Frame-Options", "DENY"})
	}
	if p.config.ReportPath != "" {
		p.fixed = append(p.fixed, [2]string{"Reporting-Endpoints", `csp="` + p.config.ReportPath + `"`})
	}
}

// Describe returns what the policy sends, sorted and stable, with "…" in place of the nonce: for a golden file, so
// that one changed line is one changed promise.
func (p *Policy) Describe() string {
	lines := []string{}
	for directive := range strings.SplitSeq(p.csp("…"), "; ") {
		lines = append(lines, p.cspHeader+": "+directive)
	}
	for _, h := range p.fixed {
		if h[0] != "Permissions-Policy" {
			lines = append(lines, h[0]+": "+h[1])
			continue
		}
		for f := range strings.SplitSeq(h[1], ", ") {
			lines = append(lines, h[0]+": "+f)
		}
	}
	if p.cors != nil {
		lines = append(lines, p.cors.describe()...)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}
