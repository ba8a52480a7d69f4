package throttle_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/password/throttle"
)

var _ throttle.Captcha = (*throttle.Work)(nil)

func newWork(t testing.TB, change func(*throttle.WorkConfig)) *throttle.Work {
	t.Helper()
	keys, err := skans.NewKeyring(skans.GenerateKey("k1"))
	require.NoError(t, err)
	cfg := throttle.WorkConfig{Keys: keys, MaxNumber: 200}
	if change != nil {
		change(&cfg)
	}
	w, err := throttle.NewWork(cfg)
	require.NoError(t, err)
	return w
}

// challenge takes the challenge out of the page, as the script does.
func challenge(t testing.TB, w *throttle.Work) map[string]any {
	t.Helper()
	page, err := w.Challenge(context.Background(), "nonce")
	require.NoError(t, err)
	found := regexp.MustCompile(`data-altcha="([^"]*)"`).FindStringSubmatch(string(page))
	require.Len(t, found, 2)
	var c map[string]any
	require.NoError(t, json.Unmarshal([]byte(html.UnescapeString(found[1])), &c))
	return c
}

// solve works as ALTCHA's documentation says: the number whose SHA-256 behind the salt is the challenge, sent as
// base64 of JSON.
func solve(t testing.TB, c map[string]any) map[string]any {
	t.Helper()
	require.Equal(t, "SHA-256", c["algorithm"])
	for n := range int(c["maxnumber"].(float64)) + 1 {
		sum := sha256.Sum256([]byte(c["salt"].(string) + strconv.Itoa(n)))
		if hex.EncodeToString(sum[:]) == c["challenge"] {
			return map[string]any{"algorithm": c["algorithm"], "challenge": c["challenge"], "number": n, "salt": c["salt"], "signature": c["signature"], "took": 12}
		}
	}
	t.Fatal("no solution up to maxnumber")
	return nil
}

func payload(t testing.TB, solution map[string]any) string {
	t.Helper()
	b, err := json.Marshal(solution)
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(b)
}

func TestSolutionIsGoodOnce(t *testing.T) {
	w, ctx := newWork(t, nil), context.Background()
	p := payload(t, solve(t, challenge(t, w)))
	var good atomic.Int64
	var all sync.WaitGroup
	begin := make(chan struct{})
	for range 50 {
		all.Go(func() {
			<-begin
			if w.Verify(ctx, p) == nil {
				good.Add(1)
			}
		})
	}
	close(begin)
	all.Wait()
	require.EqualValues(t, 1, good.Load())
	require.ErrorIs(t, w.Verify(ctx, p), throttle.ErrCaptcha)
	require.ErrorIs(t, w.Verify(ctx, p+" "), throttle.ErrCaptcha, "spelled differently")
}

func TestSolutionsThatAreNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ctx := newWork(t, nil), context.Background()
		with := func(key string, value any) string {
			s := solve(t, challenge(t, w))
			s[key] = value
			return payload(t, s)
		}
		good := solve(t, challenge(t, w))
		salt := good["salt"].(string)
		for name, p := range map[string]string{
			"nothing":        "",
			"not base64":     "{}",
			"not JSON":       base64.StdEncoding.EncodeToString([]byte("altcha")),
			"empty":          base64.StdEncoding.EncodeToString([]byte("{}")),
			"1 MB":           strings.Repeat("A", 1<<20),
			"wrong number":   with("number", good["number"].(int)+201),
			"negative":       with("number", -1),
			"a fraction":     with("number", 1.5),
			"other salt":     with("salt", salt+"1"),
			"later expiry":   with("salt", strings.Replace(salt, "?expires=", "?expires=9", 1)),
			"other hash":     with("algorithm", "SHA-1"),
			"no signature":   with("signature", ""),
			"signed by none": with("signature", strings.Repeat("00", 32)),
			"of other keys":  payload(t, solve(t, challenge(t, newWork(t, nil)))),
		} {
			require.ErrorIs(t, w.Verify(ctx, p), throttle.ErrCaptcha, name)
		}
		time.Sleep(21 * time.Minute)
		require.ErrorIs(t, w.Verify(ctx, payload(t, good)), throttle.ErrCaptcha, "too old")
	})
}

func TestCaptchaStoreFailureDenies(t *testing.T) {
	w := newWork(t, func(c *throttle.WorkConfig) { c.Store, c.Timeout = broken{}, time.Millisecond })
	err := w.Verify(context.Background(), payload(t, solve(t, challenge(t, w))))
	require.ErrorIs(t, err, throttle.ErrStore)
	require.NotErrorIs(t, err, throttle.ErrCaptcha)
}

// The page part runs under a policy without 'unsafe-inline', 'unsafe-eval', blob: or style exceptions.
func TestPagePartUnderAStrictPolicy(t *testing.T) {
	page, err := newWork(t, nil).Challenge(context.Background(), `n0nce"><b>`)
	require.NoError(t, err)
	text := string(page)
	require.Contains(t, text, `<script nonce="n0nce&#34;&gt;&lt;b&gt;">`)
	require.Contains(t, text, `<input type="hidden" name="altcha"`)
	for _, forbidden := range []string{"eval", "Function(", "style", "blob:", "Worker", "innerHTML", "<b>", "http:", "https:", " onclick", " onload"} {
		require.NotContains(t, text, forbidden)
	}
	require.Equal(t, 1, strings.Count(text, "</script>"), "nothing in the script ends it early")

	w := newWork(t, func(c *throttle.WorkConfig) { c.ScriptPath, c.Working = "/altcha.js", "Kontrollerar <dig>" })
	page, err = w.Challenge(context.Background(), "")
	require.NoError(t, err)
	require.Contains(t, string(page), `<script src="/altcha.js" nonce="" defer></script>`)
	require.Contains(t, string(page), "Kontrollerar &lt;dig&gt;")
	rec := httptest.NewRecorder()
	w.Script(rec, nil)
	require.Equal(t, "text/javascript; charset=utf-8", rec.Header().Get("Content-Type"))
	require.Contains(t, rec.Body.String(), "crypto.subtle.digest")
}

func TestChallengeAsJSON(t *testing.T) {
	w := newWork(t, nil)
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, nil)
	require.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
	var c map[string]any
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &c))
	require.NoError(t, w.Verify(context.Background(), payload(t, solve(t, c))))
}

func TestNewWorkRefuses(t *testing.T) {
	_, err := throttle.NewWork(throttle.WorkConfig{})
	require.ErrorContains(t, err, "Keys")
	keys, err := skans.NewKeyring(skans.GenerateKey("k1"))
	require.NoError(t, err)
	_, err = throttle.NewWork(throttle.WorkConfig{Keys: keys, MaxNumber: 10_000_001})
	require.ErrorContains(t, err, "MaxNumber")
}

func FuzzSolution(f *testing.F) {
	w := newWork(f, nil)
	f.Add(payload(f, solve(f, challenge(f, w))))
	f.Add("")
	f.Add("e30=")
	ctx := context.Background()
	f.Fuzz(func(t *testing.T, p string) {
		if w.Verify(ctx, p) == nil {
			require.ErrorIs(t, w.Verify(ctx, p), throttle.ErrCaptcha, "once")
		}
	})
}
