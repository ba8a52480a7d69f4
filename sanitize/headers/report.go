package headers

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/skans-go/skans/internal/clientaddr"
	"github.com/skans-go/skans/internal/refusal"
	"github.com/skans-go/skans/sanitize"
)

// EventViolation is recorded when a browser reports that a page tried what the policy forbids. Attributes: directive,
// blocked and page (without query and fragment), source and line of the script, disposition ("enforce" or "report"),
// addr, agent, dropped (reports since the last that were over the limit). Anybody can send a report: it is a hint and
// no proof.
const EventViolation = "headers.violation"

const (
	maxReportBody = 32 << 10
	maxReports    = 20 // in one request
)

// reports takes the reports in.
type reports struct {
	config  *Config
	now     func() time.Time
	mu      sync.Mutex
	minute  time.Time
	count   int
	dropped int64
}

func newReports(config *Config, now func() time.Time) *reports {
	return &reports{config: config, now: now}
}

// admit counts a report and says whether it may be recorded, and how many were dropped since the last one that was.
func (rs *reports) admit() (ok bool, dropped int64) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if now := rs.now(); now.Sub(rs.minute) >= time.Minute || now.Before(rs.minute) {
		rs.minute, rs.count = now, 0
	}
	if rs.count >= rs.config.ReportsPerMinute {
		rs.dropped++
		return false, 0
	}
	rs.count++
	dropped, rs.dropped = rs.dropped, 0
	return true, dropped
}

func (rs *reports) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		refusal.Page(w, http.StatusMethodNotAllowed, refusal.NewRef())
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxReportBody))
	if err != nil {
		refusal.Page(w, http.StatusRequestEntityTooLarge, refusal.NewRef())
		return
	}
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	violations, ok := parseReports(media, body)
	if !ok {
		refusal.Page(w, http.StatusBadRequest, refusal.NewRef())
		return
	}
	for _, v := range violations {
		if err := rs.record(r, v); err != nil {
			refusal.Page(w, http.StatusServiceUnavailable, refusal.NewRef())
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (rs *reports) record(r *http.Request, v violation) error {
	ok, dropped := rs.admit()
	if !ok || rs.config.Audit == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	addr := ""
	if a := clientaddr.From(r, rs.config.Proxies); a.IsValid() {
		addr = a.String()
	}
	return rs.config.Audit(ctx, EventViolation,
		slog.String("directive", short(v.Directive)), slog.String("blocked", place(v.Blocked)), slog.String("page", place(v.Page)),
		slog.String("source", place(v.Source)), slog.Int64("line", v.Line), slog.String("disposition", short(v.Disposition)),
		slog.String("addr", addr), slog.String("agent", short(r.UserAgent())), slog.Int64("dropped", dropped))
}

// A violation is what both formats of report say.
type violation struct {
	Directive, Blocked, Page, Source, Disposition string
	Line                                          int64
}

// parseReports reads application/csp-report (CSP Level 3, 5.3) and application/reports+json (Reporting API, 2.5).
func parseReports(media string, body []byte) ([]violation, bool) {
	switch media {
	case "application/csp-report", "application/json":
		var in struct {
			Report *struct {
				Page        string `json:"document-uri"`
				Blocked     string `json:"blocked-uri"`
				Effective   string `json:"effective-directive"`
				Violated    string `json:"violated-directive"`
				Source      string `json:"source-file"`
				Disposition string `json:"disposition"`
				Line        int64  `json:"line-number"`
			} `json:"csp-report"`
		}
		if json.Unmarshal(body, &in) != nil || in.Report == nil {
			return nil, false
		}
		r := in.Report
		if r.Effective == "" {
			r.Effective = r.Violated
		}
		return []violation{{r.Effective, r.Blocked, r.Page, r.Source, r.Disposition, r.Line}}, true
	case "application/reports+json":
		var in []struct {
			Type string `json:"type"`
			Body struct {
				Page        string `json:"documentURL"`
				Blocked     string `json:"blockedURL"`
				Directive   string `json:"effectiveDirective"`
				Source      string `json:"sourceFile"`
				Disposition string `json:"disposition"`
				Line        int64  `json:"lineNumber"`
			} `json:"body"`
		}
		if json.Unmarshal(body, &in) != nil || len(in) > maxReports {
			return nil, false
		}
		var out []violation
		for _, r := range in {
			if b := r.Body; r.Type == "csp-violation" {
				out = append(out, violation{b.Directive, b.Blocked, b.Page, b.Source, b.Disposition, b.Line})
			}
		}
		return out, true
	}
	return nil, false
}

// place returns an address without what may be secret in it: user, query and fragment.
func place(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "unreadable"
	}
	if u.Opaque != "" {
		return short(u.Scheme)
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	return short(u.String())
}

func short(s string) string {
	if s = sanitize.Line(s); len(s) > 300 {
		s = sanitize.Line(s[:300])
	}
	return s
}
