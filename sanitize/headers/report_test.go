package headers_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/sanitize/headers"
)

// The two formats, after the examples of CSP Level 3 (5.3) and the Reporting API (2.5).
const (
	oldReport = `{"csp-report":{"document-uri":"https://mail.example/m/42?token=s3cret#x","blocked-uri":"https://u:p@evil.example/a.js?k=v","effective-directive":"script-src-elem","violated-directive":"script-src","disposition":"enforce","line-number":7,"source-file":"https://mail.example/app.js?x=1","script-sample":"s3cret"}}`
	newReport = `[{"type":"csp-violation","age":1,"url":"x","body":{"documentURL":"https://mail.example/m/42","blockedURL":"inline","effectiveDirective":"style-src","disposition":"report","lineNumber":3}},{"type":"deprecation","body":{}}]`
)

type recorded map[string]any

func reporting(t *testing.T, config headers.Config, fail error) (post func(media, body string) int, events *[]recorded) {
	t.Helper()
	events = new([]recorded)
	config.ReportPath = "/csp-reports"
	config.Audit = func(_ context.Context, event string, attrs ...slog.Attr) error {
		require.Equal(t, headers.EventViolation, event)
		r := recorded{}
		for _, a := range attrs {
			r[a.Key] = a.Value.Any()
		}
		*events = append(*events, r)
		return fail
	}
	h := handler(t, config, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) })
	return func(media, body string) int {
		r := httptest.NewRequest("POST", "/csp-reports", strings.NewReader(body))
		r.Header.Set("Content-Type", media)
		r.Header.Set("User-Agent", "Browser\r\nX: y")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}, events
}

func TestReportsAreRecordedWithoutSecrets(t *testing.T) {
	post, events := reporting(t, headers.Config{}, nil)
	require.Equal(t, 204, post("application/csp-report", oldReport))
	require.Equal(t, 204, post("application/reports+json; charset=utf-8", newReport))
	require.Equal(t, []recorded{
		{"directive": "script-src-elem", "blocked": "https://evil.example/a.js", "page": "https://mail.example/m/42", "source": "https://mail.example/app.js", "line": int64(7), "disposition": "enforce", "addr": "192.0.2.1", "agent": "Browser X: y", "dropped": int64(0)},
		{"directive": "style-src", "blocked": "inline", "page": "https://mail.example/m/42", "source": "", "line": int64(3), "disposition": "report", "addr": "192.0.2.1", "agent": "Browser X: y", "dropped": int64(0)},
	}, *events)
}

func TestReportsThatAreNone(t *testing.T) {
	post, events := reporting(t, headers.Config{}, nil)
	for name, c := range map[string]struct {
		media, body string
		status      int
	}{
		"no JSON":        {"application/csp-report", "x", 400},
		"no report":      {"application/csp-report", "{}", 400},
		"wrong type":     {"text/plain", oldReport, 400},
		"no type":        {"", oldReport, 400},
		"wrong shape":    {"application/reports+json", oldReport, 400},
		"too many":       {"application/reports+json", "[" + strings.Repeat(`{"type":"csp-violation"},`, 20) + "{}]", 400},
		"a megabyte":     {"application/csp-report", strings.Repeat(" ", 1<<20), 413},
		"line too large": {"application/csp-report", `{"csp-report":{"line-number":1e99}}`, 400},
	} {
		require.Equal(t, c.status, post(c.media, c.body), name)
	}
	require.Empty(t, *events)
}

func TestReportsAreLimitedAndTheRestCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		post, events := reporting(t, headers.Config{ReportsPerMinute: 3}, nil)
		for range 10 {
			require.Equal(t, 204, post("application/csp-report", oldReport))
		}
		require.Len(t, *events, 3)
		time.Sleep(time.Minute) // the bubble's clock
		require.Equal(t, 204, post("application/csp-report", oldReport))
		require.Len(t, *events, 4)
		require.Equal(t, int64(7), (*events)[3]["dropped"])
	})
}

func TestReportThatCannotBeRecordedFails(t *testing.T) {
	post, _ := reporting(t, headers.Config{}, errors.New("disk full"))
	require.Equal(t, 503, post("application/csp-report", oldReport))
}

func TestOnlyPOSTReports(t *testing.T) {
	h := handler(t, headers.Config{ReportPath: "/csp-reports"}, func(w http.ResponseWriter, r *http.Request) {})
	res := get(h, "/csp-reports")
	require.Equal(t, 405, res.StatusCode)
	require.Contains(t, get(h, "/").Header.Get("Content-Security-Policy"), "; report-uri /csp-reports; report-to csp")
	require.Equal(t, `csp="/csp-reports"`, get(h, "/").Header.Get("Reporting-Endpoints"))
}

// FuzzReport posts any bytes: no panic, an answer, and attributes of one line.
func FuzzReport(f *testing.F) {
	f.Add("application/csp-report", oldReport)
	f.Add("application/reports+json", newReport)
	f.Add("text/html", "<script>")
	f.Fuzz(func(t *testing.T, media, body string) {
		post, events := reporting(t, headers.Config{}, nil)
		require.Contains(t, []int{204, 400, 413}, post(media, body))
		for _, e := range *events {
			for _, v := range e {
				if s, ok := v.(string); ok {
					require.NotRegexp(t, `[\x00-\x1f\x7f?]`, strings.ReplaceAll(s, "%3F", ""))
					require.LessOrEqual(t, len(s), 310)
				}
			}
		}
	})
}
