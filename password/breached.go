package password

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Breached is a [Rule] that asks the range service of Have I Been Pwned, or a mirror of it, whether a password has
// leaked. The service gets five of the 40 digits of the password's SHA-1 hash and
// returns all hashes that begin with them (k-anonymity), padded so that the length of the answer says nothing.
//
// If the service cannot be asked, the password passes and [EventBreachUnknown] is recorded: an attacker who can stop
// the service gains one weak password that the other rules accept, and everybody could not choose a password
// otherwise.
type Breached struct {
	// URL is the service; empty means https://api.pwnedpasswords.com/range/.
	URL string
	// Client makes the request; nil means one of its own that follows no redirects.
	Client *http.Client
	// Timeout bounds the request; 0 means one second.
	Timeout time.Duration
	// Audit records [EventBreachUnknown]; nil means that it is not recorded. Its error refuses the password.
	Audit func(ctx context.Context, event string, attrs ...slog.Attr) error
}

const (
	pwnedURL     = "https://api.pwnedpasswords.com/range/"
	prefixDigits = 5
	maxAnswer    = 1 << 20 // a range has about 1,000 lines of 40 bytes
)

// Check implements [Rule].
func (b Breached) Check(ctx context.Context, candidate string, _ About) *Problem {
	found, err := b.lookUp(ctx, candidate)
	if err != nil && b.Audit != nil {
		// The cause is not recorded: errors of net/http repeat the address, which holds a part of the hash.
		if err := b.Audit(ctx, EventBreachUnknown, slog.String("outcome", "accepted")); err != nil {
			p := problem(CodeUnchecked, 0)
			return &p
		}
	}
	if !found {
		return nil
	}
	p := problem(CodeBreached, 0)
	return &p
}

// String describes the rule for [Policy.Describe].
func (b Breached) String() string { return "not breached according to " + host(b.address()) }

func (b Breached) address() string {
	if b.URL != "" {
		return b.URL
	}
	return pwnedURL
}

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "an invalid URL"
	}
	return u.Host
}

var errBreachService = errors.New("password: breach service did not answer")

func (b Breached) lookUp(ctx context.Context, candidate string) (bool, error) {
	timeout := b.Timeout
	if timeout <= 0 {
		timeout = time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	sum := sha1.Sum([]byte(candidate))
	digits := strings.ToUpper(hex.EncodeToString(sum[:]))
	address := strings.TrimSuffix(b.address(), "/") + "/" + digits[:prefixDigits]
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false, errBreachService
	}
	req.Header.Set("Add-Padding", "true")
	req.Header.Set("User-Agent", "skans")
	client := b.Client
	if client == nil {
		client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	resp, err := client.Do(req)
	if err != nil {
		return false, errBreachService
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return false, fmt.Errorf("%w: status %d", errBreachService, resp.StatusCode)
	}
	return contains(resp.Body, digits[prefixDigits:])
}

// contains reads lines "SUFFIX:COUNT". A count of 0 is padding.
func contains(body io.Reader, suffix string) (bool, error) {
	lines := bufio.NewScanner(io.LimitReader(body, maxAnswer))
	for lines.Scan() {
		got, count, ok := strings.Cut(strings.TrimSpace(lines.Text()), ":")
		if !ok || len(got) != len(suffix) {
			return false, errBreachService
		}
		if strings.EqualFold(got, suffix) && count != "0" {
			return true, nil
		}
	}
	if lines.Err() != nil {
		return false, errBreachService
	}
	return false, nil
}
