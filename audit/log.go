package audit

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skans-go/skans"
)

var (
	// ErrClosed says that the log was closed before the event came.
	ErrClosed = errors.New("audit: log is closed")
	// ErrTimeout says that the disk did not answer within [Config.Deadline]; the event may still be recorded.
	ErrTimeout = errors.New("audit: disk did not answer in time")
	// ErrPoisoned says that a write went wrong in a way that leaves the state of the files unknown, as after a failed
	// fsync. The log takes nothing more; close it and open it again.
	ErrPoisoned = errors.New("audit: log is out of use after a failed write")
	// ErrLocked says that another process, or another Log of this one, writes to the directory.
	ErrLocked = errors.New("audit: directory is in use by another writer")
	// ErrTampered says that the files are not what a log wrote. [Verify] tells where. When Open returns it, keep the
	// directory as it is, as evidence, and begin a new log in another.
	ErrTampered = errors.New("audit: log was tampered with or damaged")
	// ErrDropped is what [Config.Alert] gets when an event of a class with OnFailure Alert could not be kept.
	ErrDropped = errors.New("audit: event dropped")
)

// Config says where a log lives and what it promises.
type Config struct {
	Dir     string         // directory of this log alone, made if it is not there
	Keys    *skans.Keyring // signs the ledger and keys digests
	Vault   *skans.Vault   // nil: no class may be Personal
	Server  string         // name of this instance; "": the host name
	Version string         // of the program; "": "-"
	Classes []Class        // besides and instead of [DefaultClasses]
	Ship    []Shipper      // where [Log.Run] sends the events; nil: nowhere

	// Archive is called with each segment before it is deleted, with the path of its file; an error keeps the segment.
	// nil: nothing is archived.
	Archive func(ctx context.Context, class, path string) error
	// Alert is told what cannot be returned to a caller: dropped events, a poisoned log, a shipper that fails. It is
	// called at most once a second for each message, must not block or call the log, and may be called by several
	// goroutines. nil: slog.Error.
	Alert func(err error)
	// Deadline is how long Record waits for the disk; zero: 10 seconds.
	Deadline time.Duration
	// Reserve is the room, in bytes, that is kept on the disk so that durable events and the ledger go on for a while when it
	// is full; zero: 4 MiB.
	Reserve int64
}

// A Log is one directory of events, open for writing. It is safe for concurrent use.
type Log struct {
	id       string
	dir      string
	epoch    uint64
	server   string
	version  string
	keys     *skans.Keyring
	vault    *skans.Vault
	disk     disk
	clock    func() (wall time.Time, mono time.Duration)
	opened   time.Time
	deadline time.Duration
	config   Config

	maxSegment, maxLedger int64 // sizes at which a file is ended

	routes   routes
	chains   []*chain
	lock     *os.File
	reserve  reserve
	poisoned atomic.Pointer[error]
	alerts   alerts
	watches  watches
	confirm  atomic.Int64 // drift of a clock that the host vouched for
	before   int64        // time of the last record before this epoch

	sealMu sync.Mutex
	ledger ledger

	historyMu    sync.Mutex
	historySeen  bool // the last batch in the log was compared with the table
	historyDoubt bool // recording a batch failed
	historyBatch int64

	timerMu sync.Mutex
	timer   *time.Timer // set while something waits for a seal
	armed   atomic.Bool
	ended   bool
	seals   sync.WaitGroup
}

// sealEvery is how long an event may wait for its signature.
const sealEvery = time.Second

// Open opens the log in a directory, or begins one. It takes the directory's lock, cuts off what a crash left half
// written, and signs what had been recorded and not yet signed. It fails with [ErrLocked], with [ErrTampered], or when the
// keyring has neither the key that signs the log nor one before it.
func Open(ctx context.Context, cfg Config) (*Log, error) {
	return open(ctx, cfg, osDisk{}, realClock())
}

func realClock() func() (time.Time, time.Duration) {
	start := time.Now()
	return func() (time.Time, time.Duration) {
		now := time.Now()
		return now.Round(0), now.Sub(start)
	}
}

func open(ctx context.Context, cfg Config, d disk, clock func() (time.Time, time.Duration)) (_ *Log, err error) {
	all, err := cfg.prepare()
	if err != nil {
		return nil, err
	}
	if err = ctx.Err(); err != nil {
		return nil, err
	}
	wall, mono := clock()
	l := &Log{
		dir: cfg.Dir, server: cfg.Server, version: cfg.Version, keys: cfg.Keys, vault: cfg.Vault, disk: d, clock: clock,
		opened: wall.Add(-mono), deadline: cfg.Deadline, config: cfg, routes: routes{},
		maxSegment: maxSegment, maxLedger: maxLedger,
	}
	if err = l.takeLock(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = l.closeFiles()
		}
	}()
	l.reserve.find(l)
	l.ledger = ledger{log: l, state: map[string]*classState{}}
	if err = l.ledger.load(os.DirFS(l.dir)); err != nil {
		return nil, err
	}
	l.begin()
	facts, err := l.recover(all)
	if err != nil {
		return nil, err
	}
	if err = l.succeed(); err != nil {
		return nil, err
	}
	if err = l.ledger.append(facts...); err != nil {
		return nil, err
	}
	l.reserve.fill(l)
	return l, nil
}

func (cfg *Config) prepare() ([]Class, error) {
	switch {
	case cfg.Dir == "":
		return nil, errors.New("audit: Config.Dir is empty; name a directory for this log alone")
	case cfg.Keys == nil:
		return nil, errors.New("audit: Config.Keys is nil; the ledger needs a keyring to be signed with")
	case cfg.Deadline < 0 || cfg.Reserve < 0:
		return nil, errors.New("audit: Config.Deadline and Config.Reserve must not be negative")
	}
	if cfg.Server == "" {
		cfg.Server, _ = os.Hostname()
	}
	for _, s := range []*string{&cfg.Server, &cfg.Version} {
		if *s == "" {
			*s = "-"
		}
		if len(*s) > 64 || strings.ContainsFunc(*s, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, errors.New("audit: Config.Server and Config.Version are at most 64 printable ASCII characters without space")
		}
	}
	if cfg.Deadline == 0 {
		cfg.Deadline = 10 * time.Second
	}
	if cfg.Reserve == 0 {
		cfg.Reserve = 4 << 20
	}
	if err := checkShippers(cfg.Ship); err != nil {
		return nil, err
	}
	return classes(cfg.Classes, cfg.Vault != nil)
}

// begin names a new log or counts the epoch of an old one.
func (l *Log) begin() {
	l.id, l.epoch, l.before = l.ledger.last.Log, l.ledger.epoch+1, l.ledger.time
	if l.ledger.last.Record == 0 {
		l.id = newID()
	}
}

// succeed chooses the signing key. When the keyring has a new current key, the key in force names it as its successor,
// so that nobody but the holder of the old one can bring in a new one.
func (l *Log) succeed() error {
	signer := l.keys.Signer(keyPurpose)
	public := signer.Public().(ed25519.PublicKey)
	if len(l.ledger.keys) == 0 {
		l.ledger.signer, l.ledger.keys = signer, []ed25519.PublicKey{public}
		return nil
	}
	inForce := l.ledger.keys[len(l.ledger.keys)-1]
	for _, key := range l.keys.SigningKeys(keyPurpose) {
		if inForce.Equal(key.Public()) {
			l.ledger.signer = key
		}
	}
	if l.ledger.signer == nil {
		return fmt.Errorf("audit: %s was signed last with a key that is not in the keyring; open it once with that key among the older ones", l.dir)
	}
	if inForce.Equal(public) {
		return nil
	}
	err := l.ledger.append(factSuccessor + " " + hex.EncodeToString(public))
	l.ledger.signer = signer
	return err
}

// Record records one event and has the shape of every package's Audit hook. For a class that rejects it returns once the
// event is on the disk; the context's actor and request id go with it, its cancellation does not count, for a visitor
// who hangs up would leave no trace. It returns [ErrAttr], [ErrClosed], [ErrTimeout], [ErrPoisoned] or the disk's error.
func (l *Log) Record(ctx context.Context, event string, attrs ...slog.Attr) error {
	if len(event) == 0 || len(event) > 256 {
		return fmt.Errorf("%w: the event's name is empty or longer than 256 bytes", ErrAttr)
	}
	c := l.routes.find(event)
	buf := buffers.Get().(*[]byte)
	frame, err := c.encode((*buf)[:0], ctx, event, attrs)
	switch {
	case err == nil:
		err = c.record(frame)
	case c.class.OnFailure == Alert && !errors.Is(err, ErrAttr): // the vault's store is out of reach
		c.drop(err)
		err = nil
	}
	if cap(frame) <= 64<<10 {
		*buf = frame[:0]
		buffers.Put(buf)
	}
	if err == nil {
		l.watches.see(event, attrs)
	}
	return err
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// encode appends the event's frame, without its number and time, to dst.
func (c *chain) encode(dst []byte, ctx context.Context, event string, attrs []slog.Attr) ([]byte, error) {
	actor, request := ActorFrom(ctx), RequestFrom(ctx)
	if len(actor.User)+len(actor.Session)+len(actor.Job)+len(actor.Behalf)+len(request) > 4096 {
		return dst, fmt.Errorf("%w: actor and request id longer than 4096 bytes", ErrAttr)
	}
	var flags byte
	if c.class.Personal {
		flags = flagSealed
	}
	dst = appendEvent(dst, flags, event, request, actor)
	e := encoder{buf: dst, class: &c.class, keyed: c.log.digest}
	if !c.class.Personal {
		err := e.attrs(attrs, 0)
		return e.buf, err
	}
	e.buf = nil
	if err := e.attrs(attrs, 0); err != nil {
		return dst, err
	}
	subject := subjectOf(actor, attrs)
	blob, err := c.log.vault.Seal(ctx, c.at(event, subject), e.buf)
	if err != nil {
		return dst, fmt.Errorf("audit: seal attributes of %.64q: %w", event, err)
	}
	return append(binary64(appendString(dst, subject), len(blob)), blob...), nil
}

// digest stands for a login name that a stranger typed: it may be a password in the wrong field.
func (l *Log) digest(name string) string {
	return "hmac:" + hex.EncodeToString(l.keys.MAC("audit.login", name)[:16])
}

// PublicKeys returns the keys that the ledger is or was signed with, the current first: what [Trust] needs.
func (l *Log) PublicKeys() []ed25519.PublicKey { return PublicKeys(l.keys) }

// Witness returns the last record of the ledger. Everything recorded up to a second before it was made is under it.
func (l *Log) Witness() Witness {
	l.sealMu.Lock()
	defer l.sealMu.Unlock()
	return l.ledger.last
}

// Describe lists the classes in force, one a line, for a golden file.
func (l *Log) Describe() string {
	var b strings.Builder
	for _, c := range l.chains {
		if l.routes[c.class.Name] == c {
			b.WriteString(c.class.describe() + "\n")
		}
	}
	for _, s := range l.config.Ship {
		fmt.Fprintf(&b, "ship %s\n", s.Name())
	}
	return b.String()
}

// Close writes and signs what is left and lets go of the directory. Events that come later get [ErrClosed].
func (l *Log) Close() error {
	for _, c := range l.chains {
		c.mu.Lock()
		c.closed = true
		c.mu.Unlock()
	}
	l.timerMu.Lock()
	first := !l.ended
	l.ended = true
	if l.timer != nil && l.timer.Stop() {
		l.seals.Done()
	}
	l.timer = nil
	l.timerMu.Unlock()
	if !first {
		return nil
	}
	l.seals.Wait()
	for _, c := range l.chains {
		if err := c.flush(); errors.Is(err, ErrTimeout) {
			return err // the disk hangs; what holds its files can't be closed
		}
		c.commits.Wait()
	}
	err := l.seal(factClose)
	l.reserve.drop(l)
	return errors.Join(err, l.closeFiles())
}

func (l *Log) closeFiles() error {
	var all []error
	for _, c := range l.chains {
		if c.file != nil {
			all = append(all, c.file.Close())
		}
	}
	if l.ledger.file != nil {
		all = append(all, l.ledger.file.Close())
	}
	if l.lock != nil {
		all = append(all, l.lock.Close())
	}
	return errors.Join(all...)
}

// takeLock makes the directory and keeps other writers out.
func (l *Log) takeLock() error {
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(l.dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if err = lockFile(file); err != nil {
		return errors.Join(fmt.Errorf("%w: %s: %w", ErrLocked, l.dir, err), file.Close())
	}
	l.lock = file
	return l.fence()
}

// fence makes sure before each write that the lock is still the one in the directory. Who removes the file and starts
// a second writer thereby stops the first.
func (l *Log) fence() error {
	held, err := l.lock.Stat()
	if err != nil {
		return err
	}
	there, err := os.Stat(filepath.Join(l.dir, "lock"))
	if err != nil || !os.SameFile(held, there) {
		return errors.Join(ErrLocked, err)
	}
	return nil
}

// poison takes the log out of use and returns what every later call gets.
func (l *Log) poison(err error) error {
	err = fmt.Errorf("%w: %w", ErrPoisoned, err)
	if l.poisoned.CompareAndSwap(nil, &err) {
		l.alert(err)
	}
	return l.failed()
}

func (l *Log) failed() error {
	if err := l.poisoned.Load(); err != nil {
		return *err
	}
	return nil
}

func (l *Log) fs() fs.FS { return os.DirFS(l.dir) }
