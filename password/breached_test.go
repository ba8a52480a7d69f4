package password_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/password"
)

// SHA-1 of "password" is 5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8 (the example in the service's documentation).
const leaked, leakedPrefix, leakedSuffix = "password", "5BAA6", "1E4C9B93F3F0682250B6CF8331B7EE68FD8"

func rangeService(t *testing.T, answer http.HandlerFunc) password.Breached {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return password.Breached{URL: s.URL + "/range/"}
}

func TestBreachedAsksForFiveDigits(t *testing.T) {
	rule := rangeService(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/range/"+leakedPrefix, r.URL.Path, "no more than five digits leave")
		require.Equal(t, "true", r.Header.Get("Add-Padding"))
		_, _ = w.Write([]byte("0018A45C4D1DEF81644B54AB7F969B88D65:1\r\n" + strings.ToLower(leakedSuffix) + ":9545824\r\n"))
	})
	problem := rule.Check(context.Background(), leaked, password.About{})
	require.NotNil(t, problem)
	require.Equal(t, password.CodeBreached, problem.Code)
}

func TestBreachedAccepts(t *testing.T) {
	for name, body := range map[string]string{
		"not in the range": "0018A45C4D1DEF81644B54AB7F969B88D65:1\r\n",
		"padding":          leakedSuffix + ":0\r\n",
		"an empty range":   "",
	} {
		var events []string
		rule := rangeService(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) })
		rule.Audit = recorder(&events)
		require.Nil(t, rule.Check(context.Background(), leaked, password.About{}), name)
		require.Empty(t, events, name)
	}
}

// Without an answer the password passes and the event says so; an attacker's answer does no harm.
func TestBreachedFailsOpenWithAnEvent(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"500":         func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"429":         func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) },
		"redirect":    func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"a page":      func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>login</html>")) },
		"endless":     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(strings.Repeat("A", 2<<20))) },
		"never":       func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"connection ": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			var got []slog.Attr
			rule := rangeService(t, answer)
			rule.Timeout = 100 * time.Millisecond
			rule.Audit = func(_ context.Context, event string, attrs ...slog.Attr) error {
				require.Equal(t, password.EventBreachUnknown, event)
				got = attrs
				return nil
			}
			require.Nil(t, rule.Check(context.Background(), leaked, password.About{}))
			require.Equal(t, []slog.Attr{slog.String("outcome", "accepted")}, got)
		})
	}
}

// A service that answers with a redirect could send the prefix anywhere: none is followed, not even to where the list is.
func TestBreachedFollowsNoRedirect(t *testing.T) {
	followed := false
	rule := rangeService(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			followed = true
			return
		}
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	})
	require.Nil(t, rule.Check(context.Background(), leaked, password.About{}))
	require.False(t, followed)
}

func TestBreachedRefusesWhatItCannotRecord(t *testing.T) {
	rule := rangeService(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	rule.Audit = func(context.Context, string, ...slog.Attr) error { return errors.New("disk full") }
	problem := rule.Check(context.Background(), leaked, password.About{})
	require.NotNil(t, problem)
	require.Equal(t, password.CodeUnchecked, problem.Code)
}

func TestBreachedEndsWithTheRequest(t *testing.T) {
	rule := rangeService(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	rule.Timeout = time.Hour
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p := password.Policy{Rules: []password.Rule{rule}}
	require.Empty(t, p.CheckContext(ctx, "correct horse battery", password.About{}))
}
