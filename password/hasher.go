package password

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"

	"github.com/skans-go/skans"
)

var (
	// ErrMismatch says that the password does not belong to the hash, or that there is no hash.
	ErrMismatch = errors.New("password: mismatch")
	// ErrBusy says that too many hashes wait already, or that the context ended while this one waited. Nothing was
	// verified: answer 503 with Retry-After.
	ErrBusy = errors.New("password: too many hashes at once")
	// ErrHash says that a stored hash is malformed, of a kind that Config.Accept does not list, sealed for another
	// subject or by an unknown key, or more expensive than this Hasher allows.
	ErrHash = errors.New("password: stored hash is not acceptable")
	// ErrUnusable says that a new password is empty, longer than [MaxBytes], or not valid UTF-8.
	ErrUnusable = errors.New("password: empty, too long or not valid UTF-8")
)

// Config of a [Hasher].
type Config struct {
	// Params are the costs of new hashes; empty means [OWASP]. Weaker ones than the OWASP cheat sheet's are refused.
	Params Params
	// InsecureParams accepts weaker Params, for tests that hash a lot.
	InsecureParams bool
	// MaxMemory bounds, in bytes, what all running hashes and their uncollected buffers take together, and with it
	// how expensive a stored hash may be; 0 means 128 MiB, or two buffers of Params if that is more.
	MaxMemory uint64
	// MaxQueue bounds how many calls wait for their turn; 0 means 64 for each one that may run.
	MaxQueue int
	// Keys seals the hashes: without the keys a stolen table cannot be cracked, and a hash moved to another
	// subject's row does not open. nil means that hashes are stored in clear.
	Keys *skans.Keyring
	// SealedOnly refuses unsealed hashes ([ErrHash]), so that who can write to the table cannot plant a hash of a
	// password of their own. Set it when every row is sealed ([Hasher.Reseal]).
	SealedOnly bool
	// Accept lists the older formats that still verify.
	Accept []Legacy
	// AsReceived leaves out the normalisation to NFC. Then a password typed on a system that sends letters
	// decomposed differs from the same one typed elsewhere.
	AsReceived bool
	// Audit records the events; nil means that they are not recorded.
	Audit func(ctx context.Context, event string, attrs ...slog.Attr) error
}

// A Hasher hashes and verifies passwords. Make one for the process: its limits are its own. It is safe for concurrent
// use.
type Hasher struct {
	cfg     Config
	cost    cost
	memory  uint64 // KiB
	limiter *limiter
	dummy   *phc
	nobody  string // the dummy as it would be stored
}

// New returns a Hasher, or an error that says what to change in the Config.
func New(cfg Config) (*Hasher, error) {
	if cfg.Params == "" {
		cfg.Params = OWASP
	}
	c, err := cfg.Params.parse()
	if err != nil {
		return nil, err
	}
	if !cfg.InsecureParams && !c.strongEnough() {
		return nil, fmt.Errorf("password: Params %s are below every configuration of the OWASP cheat sheet; use OWASP, or InsecureParams in a test", c)
	}
	if cfg.MaxMemory == 0 {
		cfg.MaxMemory = max(128<<20, 2*uint64(c.memory)<<10)
	}
	memory := cfg.MaxMemory >> 10
	if memory < uint64(c.memory) {
		return nil, fmt.Errorf("password: MaxMemory is less than one hash takes; it must be %d at least", uint64(c.memory)<<10)
	}
	if cfg.SealedOnly && cfg.Keys == nil {
		return nil, errors.New("password: SealedOnly needs Keys")
	}
	for _, l := range cfg.Accept {
		if !slices.Contains(legacies, l) {
			return nil, errors.New("password: Accept names a format that is not one of the Legacy constants")
		}
	}
	slots := max(1, min(runtime.GOMAXPROCS(0)/int(c.lanes), int(memory/uint64(c.memory))))
	if cfg.MaxQueue == 0 {
		cfg.MaxQueue = 64 * slots
	}
	if cfg.MaxQueue < 0 {
		return nil, errors.New("password: MaxQueue is negative")
	}
	cfg.Accept = slices.Clone(cfg.Accept)
	h := &Hasher{cfg: cfg, cost: c, memory: memory, limiter: newLimiter(slots, memory, cfg.MaxQueue)}
	h.dummy = &phc{cost: c, salt: random(newSalt), tag: random(newTag)}
	h.nobody = h.seal(nobody, h.dummy.encode())
	return h, nil
}

// Hash returns the Argon2id hash of a new password, sealed for the subject if there are Keys. It waits for its turn;
// the end of ctx ends the waiting, not a hash that runs.
// It returns [ErrUnusable], [ErrBusy] (with what Audit returned, if that failed), or an error for an empty subject where
// there are Keys.
func (h *Hasher) Hash(ctx context.Context, subject, plain string) (string, error) {
	text, ok := h.normal(plain)
	if !ok {
		return "", ErrUnusable
	}
	if err := h.owned(subject); err != nil {
		return "", err
	}
	if err := h.turn(ctx, subject, uint64(h.cost.memory)); err != nil {
		return "", err
	}
	defer h.limiter.release(uint64(h.cost.memory))
	return h.seal(subject, h.fresh([]byte(text)).encode()), nil
}

// owned refuses to seal for nobody: hashes sealed for an empty subject could be moved between rows.
func (h *Hasher) owned(subject string) error {
	if h.cfg.Keys != nil && subject == "" {
		return errors.New("password: a sealed hash needs a subject to belong to")
	}
	return nil
}

// nobody is the subject of the hash that stands in where there is none.
const nobody = "\x00nobody"

// Verify returns nil when plain is the password that enc was made of, for this subject. Otherwise it returns
// [ErrMismatch], [ErrBusy] or [ErrHash].
//
// For a name that does not exist, and for an account that must not sign in with a password, call it with an empty enc:
// it costs the same as a real one and mismatches.
//
// next, when not empty, is a better hash of the same password: of the present Params, sealed, under the current key.
// Store it only where the row still holds enc (UPDATE ... SET hash = next WHERE hash = enc), or a password change in
// between is undone.
func (h *Hasher) Verify(ctx context.Context, subject, enc, plain string) (next string, err error) {
	text, ok := h.normal(plain)
	real, owner := ok && enc != "", subject
	if !real { // unsealing and parsing take time too
		enc, owner = h.nobody, nobody
	}
	s, reason := h.open(owner, enc)
	switch {
	case reason != "" && real:
		return "", h.malformed(ctx, subject, reason)
	case reason != "": // the key that sealed it has left the keyring
		s = &stored{phc: h.dummy}
	}
	need := max(s.memory(), uint64(h.cost.memory))
	if err := h.turn(ctx, subject, need); err != nil {
		return "", err
	}
	defer h.limiter.release(need)
	match, cut := s.verify(h, []byte(text), plain)
	if !match || !real {
		return "", ErrMismatch
	}
	if cut {
		return "", nil // what was cut off may be wrong; a hash of it would lock the owner out
	}
	return h.upgrade(ctx, subject, s, text), nil
}

// turn waits for a turn with the need of memory (KiB).
func (h *Hasher) turn(ctx context.Context, subject string, need uint64) error {
	if !h.limiter.acquire(ctx, need) {
		if err := h.record(ctx, EventBusy, slog.String("user", subject)); err != nil {
			return errors.Join(ErrBusy, err)
		}
		return ErrBusy
	}
	h.limiter.tidy(need, h.memory)
	return nil
}

// fresh hashes the text under a new salt, within a turn.
func (h *Hasher) fresh(text []byte) *phc {
	p := &phc{cost: h.cost, salt: random(newSalt), tag: make([]byte, newTag)}
	p.tag = p.derive(text)
	return p
}

// upgrade returns the better hash, or nothing where there is none or it cannot be recorded.
func (h *Hasher) upgrade(ctx context.Context, subject string, s *stored, text string) string {
	reason := h.outdated(s)
	if reason == "" {
		return ""
	}
	if h.record(ctx, EventUpgraded, slog.String("user", subject), slog.String("reason", reason)) != nil {
		return ""
	}
	if reason == reasonUnsealed || reason == reasonOldKey {
		return h.seal(subject, s.phc.encode())
	}
	return h.seal(subject, h.fresh([]byte(text)).encode())
}

func (h *Hasher) outdated(s *stored) string {
	switch {
	case s.legacy != nil || s.foreign:
		return "legacy"
	case s.phc.cost != h.cost || len(s.phc.salt) < newSalt || len(s.phc.tag) < newTag:
		return "parameters"
	case h.cfg.Keys != nil && !s.sealed:
		return reasonUnsealed
	case s.oldKey:
		return reasonOldKey
	}
	return ""
}

const (
	reasonUnsealed = "unsealed"
	reasonOldKey   = "key"
)

func (h *Hasher) record(ctx context.Context, event string, attrs ...slog.Attr) error {
	if h.cfg.Audit == nil {
		return nil
	}
	return h.cfg.Audit(ctx, event, attrs...)
}

func (h *Hasher) malformed(ctx context.Context, subject, reason string) error {
	if err := h.record(ctx, EventMalformed, slog.String("user", subject), slog.String("reason", reason)); err != nil {
		return errors.Join(ErrHash, err)
	}
	return ErrHash
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the program instead
	return b
}
