package activation

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"strings"
	"time"

	"github.com/skans-go/skans"
)

var (
	// ErrKey says that a key is not good: mistyped, expired, used, replaced by a newer one, issued for another
	// purpose, or overtaken by a change of what it depended on. Which of these is told to the audit log only.
	ErrKey = errors.New("activation: key is not valid")
	// ErrStore says that the store failed; nothing was issued or redeemed. Answer 503.
	ErrStore = errors.New("activation: store failed")
)

// A Purpose is what a key is good for. Hosts may add their own.
type Purpose string

const (
	// Activate lets a new account set its first password.
	Activate Purpose = "activate"
	// Reset lets the owner of an account set a new password.
	Reset Purpose = "reset"
	// ChangeAddress proves that a new e-mail address is the account's.
	ChangeAddress Purpose = "change-address"
)

// Config of [Keys].
type Config struct {
	// Keys makes the keyed hashes under which keys are stored. Required.
	Keys *skans.Keyring
	// Store keeps the records; nil means a memory store, whose keys end with the process.
	Store Store
	// TTL is how long keys are good, by purpose. Default: 48 hours for Activate, 30 minutes for all others.
	TTL map[Purpose]time.Duration
	// Timeout bounds a store call; 0 means two seconds.
	Timeout time.Duration
	// BaseURL is where [Keys.Link] leads, "https://mail.example/"; links are never built from a request's Host. It
	// may be empty when Link is not used.
	BaseURL string
	// Paths are where the pages of the purposes are, below BaseURL, for the links that Run mails; default: the
	// purpose's name.
	Paths map[Purpose]string
	// Find returns the account that a submitted name or address belongs to. Needed for [Keys.Request]; called by Run.
	Find func(ctx context.Context, purpose Purpose, submitted string) (to Recipient, found bool, err error)
	// Send delivers a mail. Needed for [Keys.Request]; called by Run, one mail at a time, with 30 seconds for each.
	Send func(ctx context.Context, m Message) error
	// Throttle bounds the mails to one account; nil: five an hour for each purpose, counted in this process.
	Throttle Throttle
	// Audit records the events; nil means that they are not recorded.
	Audit func(ctx context.Context, event string, attrs ...slog.Attr) error
}

// Keys issues and redeems activation keys. It is safe for concurrent use.
type Keys struct {
	cfg      Config
	base     *url.URL
	queue    chan request
	throttle Throttle
}

const (
	keyBytes   = 32
	keyLength  = 43 // in base64url without padding
	resetTTL   = 30 * time.Minute
	activeTTL  = 48 * time.Hour
	maxTTL     = 30 * 24 * time.Hour
	maxSubject = 512
)

// New returns Keys, or an error that says what to change in the Config.
func New(cfg Config) (*Keys, error) {
	if cfg.Keys == nil {
		return nil, errors.New("activation: Config.Keys is required")
	}
	if cfg.Store == nil {
		cfg.Store = NewMemoryStore()
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 2 * time.Second
	}
	if cfg.Timeout < 0 {
		return nil, errors.New("activation: Timeout is negative")
	}
	cfg.TTL = maps.Clone(cfg.TTL)
	for purpose, ttl := range cfg.TTL {
		if ttl <= 0 || ttl > maxTTL {
			return nil, fmt.Errorf("activation: TTL[%q] must be above 0 and at most 30 days", purpose)
		}
	}
	cfg.Paths = maps.Clone(cfg.Paths)
	k := &Keys{cfg: cfg, queue: make(chan request, queueLength), throttle: cfg.Throttle}
	if k.throttle == nil {
		k.throttle = &ownThrottle{}
	}
	if (cfg.Find == nil) != (cfg.Send == nil) || cfg.Send != nil && cfg.BaseURL == "" {
		return nil, errors.New("activation: Find, Send and BaseURL belong together")
	}
	if cfg.BaseURL != "" {
		base, err := url.Parse(cfg.BaseURL)
		if err != nil || !plainBase(base) {
			return nil, errors.New("activation: BaseURL must be an https address without query, such as https://mail.example/")
		}
		k.base = base
	}
	return k, nil
}

// plainBase reports whether u is what links can be built on.
func plainBase(u *url.URL) bool {
	return (u.Scheme == "https" || loopback(u)) && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// loopback allows http for a developer's own machine.
func loopback(u *url.URL) bool {
	h := u.Hostname()
	return u.Scheme == "http" && (h == "localhost" || h == "127.0.0.1" || h == "::1")
}

// Issue returns a new key of 43 URL-safe characters (256 random bits) and kills the older one of the same purpose and
// subject. state is what the key depends on, the stored password hash or the present e-mail address: as soon as it
// changes, the key is dead. Only keyed hashes of key and state are stored.
//
// Give the key to nobody but the subject, by mail; not to the administrator who asked for it.
func (k *Keys) Issue(ctx context.Context, purpose Purpose, subject, state string) (string, error) {
	if purpose == "" || subject == "" || len(subject) > maxSubject {
		return "", errors.New("activation: purpose and subject must not be empty, and the subject has 512 bytes at most")
	}
	var b [keyBytes]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	key := base64.RawURLEncoding.EncodeToString(b[:])
	r := Record{
		ID:      k.mac("activation.key", string(purpose), key),
		Slot:    k.mac("activation.slot", string(purpose), subject),
		Subject: subject,
		State:   k.mac("activation.state", string(purpose), subject, state),
		Expires: time.Now().Add(k.ttl(purpose)),
	}
	if err := k.put(ctx, purpose, r); err != nil {
		return "", fmt.Errorf("%w: %w", ErrStore, err)
	}
	if err := k.record(ctx, EventIssued, purpose, subject, ""); err != nil {
		return "", errors.Join(err, k.Revoke(ctx, purpose, subject))
	}
	return key, nil
}

// put stores the record. What was issued under an older master key lies in another slot and is dropped first.
func (k *Keys) put(ctx context.Context, purpose Purpose, r Record) error {
	ctx, cancel := context.WithTimeout(ctx, k.cfg.Timeout)
	defer cancel()
	for slot := range k.cfg.Keys.MACs("activation.slot", string(purpose), r.Subject) {
		if ID(slot) == r.Slot {
			continue
		}
		if err := k.cfg.Store.Revoke(ctx, ID(slot)); err != nil {
			return err
		}
	}
	return k.cfg.Store.Put(ctx, r)
}

// Peek returns the subject of a good key and leaves the key as it is: for the GET of a link, which mail scanners and
// previews fetch too. It returns [ErrKey] or [ErrStore]. It cannot tell whether the state has changed; Redeem does.
func (k *Keys) Peek(ctx context.Context, purpose Purpose, key string) (string, error) {
	r, err := k.find(ctx, purpose, key)
	if err != nil {
		return "", err
	}
	return r.Subject, nil
}

// Redeem uses the key up and returns its subject: for the POST. Of any number of calls with one key, one succeeds.
//
// current returns the present state of the subject, as Issue got it. It is called before the key is used up, and its
// error leaves the key good: check there, too, all that can be refused or fail, such as the policy and the hashing of
// the new password. What remains for after Redeem is one write of what is ready:
// UPDATE ... SET hash = new WHERE id = subject AND hash = state. Should the program die in between, the
// account is as it was and its owner asks for another key; the other order would let a key work twice.
//
// It returns [ErrKey], [ErrStore], the error of current, or that of Audit; the key of a redemption that could not be
// recorded is used up.
func (k *Keys) Redeem(
	ctx context.Context, purpose Purpose, key string, current func(subject string) (state string, err error),
) (string, error) {
	r, err := k.find(ctx, purpose, key)
	if err != nil {
		return "", err
	}
	state, err := current(r.Subject)
	if err != nil {
		return "", err
	}
	if !k.cfg.Keys.VerifyMAC(r.State[:], "activation.state", string(purpose), r.Subject, state) {
		return "", k.refuse(ctx, purpose, r.Subject, "state")
	}
	storeCtx, cancel := context.WithTimeout(ctx, k.cfg.Timeout)
	defer cancel()
	won, err := k.cfg.Store.Consume(storeCtx, r.ID)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrStore, err)
	}
	if !won {
		return "", k.refuse(ctx, purpose, r.Subject, "used")
	}
	if err := k.record(ctx, EventRedeemed, purpose, r.Subject, ""); err != nil {
		return "", err
	}
	return r.Subject, nil
}

// Revoke kills the key of the purpose and subject, if there is one: after "that was not me".
func (k *Keys) Revoke(ctx context.Context, purpose Purpose, subject string) error {
	ctx, cancel := context.WithTimeout(ctx, k.cfg.Timeout)
	defer cancel()
	for slot := range k.cfg.Keys.MACs("activation.slot", string(purpose), subject) {
		if err := k.cfg.Store.Revoke(ctx, ID(slot)); err != nil {
			return fmt.Errorf("%w: %w", ErrStore, err)
		}
	}
	return nil
}

// Link returns the address that goes into the mail: BaseURL, path and the key as the last segment.
func (k *Keys) Link(path, key string) (string, error) {
	if k.base == nil {
		return "", errors.New("activation: Link needs Config.BaseURL")
	}
	return k.base.JoinPath(path, url.PathEscape(key)).String(), nil
}

// Sweep drops expired records and returns how many. Call it every few minutes, or use [Keys.Run].
func (k *Keys) Sweep(ctx context.Context) (int, error) { return k.cfg.Store.Sweep(ctx, time.Now()) }

// find returns the record of a key that is good for the purpose, except for its state.
func (k *Keys) find(ctx context.Context, purpose Purpose, key string) (Record, error) {
	if len(key) != keyLength || strings.Trim(key, keyAlphabet) != "" {
		return Record{}, k.refuse(ctx, purpose, "", "malformed")
	}
	storeCtx, cancel := context.WithTimeout(ctx, k.cfg.Timeout)
	defer cancel()
	for id := range k.cfg.Keys.MACs("activation.key", string(purpose), key) {
		r, ok, err := k.cfg.Store.Get(storeCtx, ID(id))
		switch {
		case err != nil:
			return Record{}, fmt.Errorf("%w: %w", ErrStore, err)
		case ok && time.Now().Before(r.Expires):
			return r, nil
		case ok:
			return Record{}, k.refuse(ctx, purpose, r.Subject, "expired")
		}
	}
	return Record{}, k.refuse(ctx, purpose, "", "unknown")
}

const keyAlphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

func (k *Keys) mac(purpose string, parts ...string) ID { return ID(k.cfg.Keys.MAC(purpose, parts...)) }

func (k *Keys) ttl(purpose Purpose) time.Duration {
	if ttl, ok := k.cfg.TTL[purpose]; ok {
		return ttl
	}
	if purpose == Activate {
		return activeTTL
	}
	return resetTTL
}

func (k *Keys) refuse(ctx context.Context, purpose Purpose, subject, reason string) error {
	if err := k.record(ctx, EventRefused, purpose, subject, reason); err != nil {
		return errors.Join(ErrKey, err)
	}
	return ErrKey
}

func (k *Keys) record(ctx context.Context, event string, purpose Purpose, subject, reason string) error {
	if k.cfg.Audit == nil {
		return nil
	}
	attrs := []slog.Attr{slog.String("purpose", string(purpose)), slog.String("user", subject)}
	if reason != "" {
		attrs = append(attrs, slog.String("reason", reason))
	}
	return k.cfg.Audit(ctx, event, attrs...)
}
