package throttle

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"html/template"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/skans-go/skans"
)

// WorkConfig of a [Work].
type WorkConfig struct {
	// Keys signs the challenges. Required.
	Keys *skans.Keyring
	// Store remembers which solutions were used; nil means a memory store of its own, which is right for one process.
	Store Store
	// MaxNumber is how many hashes a solution takes at most, and twice what it takes on average; 0 means 50,000, a
	// second or two in a browser. At most 10,000,000.
	MaxNumber int
	// TTL is how long a challenge is good; 0 means 20 minutes.
	TTL time.Duration
	// Timeout bounds a store call; 0 means two seconds.
	Timeout time.Duration
	// ScriptPath is where [Work.Script] is served from. Empty means that the page carries the script itself, under
	// the nonce that Challenge gets.
	ScriptPath string
	// Working, Done and NoScript are what the page says; empty means English.
	Working, Done, NoScript string
}

// Work is a [Captcha] by proof of work, in the format of ALTCHA (https://altcha.org/docs/), without a third party,
// cookies or riddles. It makes a guess cost a second of a browser's time; a program of its own solves it perhaps a
// hundred times faster, so it slows down floods and is no proof of a human being. It is safe for concurrent use.
type Work struct{ cfg WorkConfig }

// NewWork returns a Work, or an error that says what to change in the config.
func NewWork(cfg WorkConfig) (*Work, error) {
	if cfg.Keys == nil {
		return nil, errors.New("throttle: WorkConfig.Keys is required")
	}
	if cfg.Store == nil {
		cfg.Store = NewMemoryStore()
	}
	if cfg.MaxNumber == 0 {
		cfg.MaxNumber = 50_000
	}
	if cfg.TTL == 0 {
		cfg.TTL = 20 * time.Minute
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 2 * time.Second
	}
	if cfg.MaxNumber < 1 || cfg.MaxNumber > 10_000_000 || cfg.TTL < 0 || cfg.Timeout < 0 {
		return nil, errors.New("throttle: MaxNumber must be 1 to 10,000,000, TTL and Timeout above 0")
	}
	for text, english := range map[*string]string{
		&cfg.Working: "Checking that you are not a robot…", &cfg.Done: "Checked.", &cfg.NoScript: "Please allow JavaScript to go on.",
	} {
		if *text == "" {
			*text = english
		}
	}
	return &Work{cfg}, nil
}

// workChallenge is the JSON that ALTCHA's widget reads.
type workChallenge struct {
	Algorithm string `json:"algorithm"`
	Challenge string `json:"challenge"`
	MaxNumber int    `json:"maxnumber"`
	Salt      string `json:"salt"`
	Signature string `json:"signature"`
}

// workSolution is the JSON that it sends back, in base64.
type workSolution struct {
	Algorithm string `json:"algorithm"`
	Challenge string `json:"challenge"`
	Number    int    `json:"number"`
	Salt      string `json:"salt"`
	Signature string `json:"signature"`
}

const (
	workAlgorithm = "SHA-256"
	workPurpose   = "throttle.captcha"
	maxSolution   = 2048
)

func (w *Work) challenge() (workChallenge, error) {
	number, err := rand.Int(rand.Reader, big.NewInt(int64(w.cfg.MaxNumber)+1))
	if err != nil {
		return workChallenge{}, err
	}
	salt := fmt.Sprintf("%s?expires=%d&", rand.Text(), time.Now().Add(w.cfg.TTL).Unix())
	c := workChallenge{Algorithm: workAlgorithm, Challenge: workHash(salt, int(number.Int64())), MaxNumber: w.cfg.MaxNumber, Salt: salt}
	// The signature covers the salt too: over the challenge alone, as others have it, digits of the number could be
	// moved to the end of the expiry.
	c.Signature = hex.EncodeToString(w.cfg.Keys.MAC(workPurpose, c.Salt, c.Challenge))
	return c, nil
}

func workHash(salt string, number int) string {
	sum := sha256.Sum256([]byte(salt + strconv.Itoa(number)))
	return hex.EncodeToString(sum[:])
}

//go:embed altcha.js
var workScript string

// Challenge returns a hidden field that the script fills in, and a line that says so. It needs no style, no worker and
// no inline handler, so a policy of script-src 'nonce-...' or 'self' is enough.
func (w *Work) Challenge(_ context.Context, nonce string) (template.HTML, error) {
	c, err := w.challenge()
	if err != nil {
		return "", err
	}
	data, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	script := `<script nonce="` + html.EscapeString(nonce) + `">` + workScript + `</script>`
	if w.cfg.ScriptPath != "" {
		script = `<script src="` + html.EscapeString(w.cfg.ScriptPath) + `" nonce="` + html.EscapeString(nonce) + `" defer></script>`
	}
	return template.HTML(`<div data-altcha="` + html.EscapeString(string(data)) + `" data-done="` + html.EscapeString(w.cfg.Done) + `">` +
		`<input type="hidden" name="` + CaptchaField + `" autocomplete="off">` +
		`<output>` + html.EscapeString(w.cfg.Working) + `</output>` +
		`<noscript>` + html.EscapeString(w.cfg.NoScript) + `</noscript></div>` + script), nil
}

// ServeHTTP answers with a challenge as JSON, for ALTCHA's own widget (its challengeurl).
func (w *Work) ServeHTTP(rw http.ResponseWriter, _ *http.Request) {
	c, err := w.challenge()
	if err != nil {
		http.Error(rw, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
		return
	}
	h := rw.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	_ = json.NewEncoder(rw).Encode(c)
}

// Script serves the script, for pages whose policy allows 'self' only; see WorkConfig.ScriptPath.
func (w *Work) Script(rw http.ResponseWriter, _ *http.Request) {
	h := rw.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "max-age=3600")
	_, _ = rw.Write([]byte(workScript))
}

// Verify implements [Captcha].
func (w *Work) Verify(ctx context.Context, solution string) error {
	s, ok := w.parse(solution)
	if !ok || subtle.ConstantTimeCompare([]byte(workHash(s.Salt, s.Number)), []byte(s.Challenge)) != 1 {
		return ErrCaptcha
	}
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Timeout)
	defer cancel()
	used := []Bucket{{
		Key:   Key(w.cfg.Keys.MAC(workPurpose+".used", s.Challenge)),
		Limit: Limit{Stop: 1, Forget: w.cfg.TTL + time.Minute, Fixed: true},
	}}
	first, err := w.cfg.Store.Take(ctx, time.Now().UnixNano(), used)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStore, err)
	}
	if !first {
		return ErrCaptcha
	}
	return nil
}

// parse reads a solution of a challenge that we signed and that is still good.
func (w *Work) parse(solution string) (s workSolution, ok bool) {
	if len(solution) > maxSolution {
		return s, false
	}
	b, err := base64.StdEncoding.Strict().DecodeString(solution)
	if err != nil || json.Unmarshal(b, &s) != nil {
		return s, false
	}
	mac, err := hex.DecodeString(s.Signature)
	if err != nil || s.Algorithm != workAlgorithm || s.Number < 0 || !w.cfg.Keys.VerifyMAC(mac, workPurpose, s.Salt, s.Challenge) {
		return s, false
	}
	_, expiry, _ := strings.Cut(s.Salt, "?expires=")
	until, err := strconv.ParseInt(strings.TrimSuffix(expiry, "&"), 10, 64)
	return s, err == nil && time.Now().Unix() < until
}
