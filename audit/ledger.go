package audit

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

const (
	ledgerDir  = "ledger"
	ledgerEnd  = ".led"
	maxLedger  = 4 << 20
	keyPurpose = "audit.ledger"
)

func ledgerName(first uint64) string { return fmt.Sprintf("%s/%020d%s", ledgerDir, first, ledgerEnd) }

// numbered lists the files of a directory whose names are 20 digits and end, in order. A directory that is not there is
// empty.
func numbered(fsys fs.FS, dir, end string) ([]string, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if base, ok := strings.CutSuffix(e.Name(), end); ok && firstOf(e.Name()) > 0 && len(base) == 20 {
			names = append(names, path.Join(dir, e.Name()))
		}
	}
	slices.Sort(names)
	return names, nil
}

// firstOf returns the number in a file's name, 0 if there is none.
func firstOf(name string) uint64 {
	digits, _, _ := strings.Cut(path.Base(name), ".")
	var n uint64
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' || len(digits) != 20 || n > 1<<59 {
			return 0
		}
		n = n*10 + uint64(digits[i]-'0')
	}
	return n
}

// A ledger appends signed records. It is used under Log.sealMu.
type ledger struct {
	log    *Log
	file   diskFile
	name   string
	size   int64
	last   Witness
	epoch  uint64
	time   int64 // of the last record
	closed bool  // the last record closed the log in order
	signer ed25519.PrivateKey
	keys   []ed25519.PublicKey // that ever signed, oldest first, as far as this ledger still tells
	torn   int64               // bytes of a torn record that were cut off at Open
	state  map[string]*classState
}

// A classState is what a ledger says of a class so far.
type classState struct {
	sealed  uint64
	expired uint64
	keep    Keep
}

func (l *ledger) class(name string) *classState {
	if l.state[name] == nil {
		l.state[name] = &classState{}
	}
	return l.state[name]
}

// load reads the last file of the ledger. Each file begins with the state of all classes, so that opening a log takes
// no longer the older it is. The hash chain and the last signature vouch for what is read; [Verify] checks all of it.
func (l *ledger) load(fsys fs.FS) error {
	names, err := numbered(fsys, ledgerDir, ledgerEnd)
	if err != nil || len(names) == 0 {
		return err
	}
	name := names[len(names)-1]
	if err = l.read(fsys, name); err == nil && l.last.Record == 0 && len(names) > 1 {
		if err = os.Remove(filepath.Join(l.log.dir, filepath.FromSlash(name))); err == nil { // torn in its first record
			name = names[len(names)-2]
			err = l.read(fsys, name)
		}
	}
	if err != nil {
		return err
	}
	l.name = filepath.Join(l.log.dir, filepath.FromSlash(name))
	if l.file, err = l.log.disk.OpenFile(l.name, os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return err
	}
	if l.torn > 0 {
		if err = l.file.Truncate(l.size); err == nil {
			err = l.file.Sync()
		}
	}
	return err
}

func (l *ledger) read(fsys fs.FS, name string) error {
	file, err := fsys.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	reader := newFrameReader(file)
	for {
		body, err := reader.next()
		if errors.Is(err, io.EOF) || errors.Is(err, errTorn) {
			l.size, l.torn = reader.offset, info.Size()-reader.offset
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %s at byte %d: %w", ErrTampered, name, reader.offset, err)
		}
		r, err := parseRecord(body)
		if err == nil {
			err = r.verify()
		}
		if err != nil {
			return fmt.Errorf("%w: %s after record %d: %w", ErrTampered, name, l.last.Record, err)
		}
		if err = l.follow(r, firstOf(name)); err != nil {
			return err
		}
	}
}

// follow takes over what a record says.
func (l *ledger) follow(r *record, first uint64) error {
	switch {
	case l.last.Record == 0 && r.number == first:
		l.keys = append(l.keys, r.key)
	case r.number == l.last.Record+1 && r.previous == l.last.Hash && r.log == l.last.Log && l.keys[len(l.keys)-1].Equal(r.key):
	default:
		return fmt.Errorf("%w: ledger record %d does not follow the one before", ErrTampered, r.number)
	}
	l.last, l.epoch = Witness{Log: r.log, Record: r.number, Hash: r.hash}, r.epoch
	l.time, l.closed = r.time, false
	for _, fact := range r.facts {
		if err := l.learn(fact); err != nil {
			return fmt.Errorf("%w: ledger record %d: %w", ErrTampered, r.number, err)
		}
	}
	return nil
}

func (l *ledger) learn(fact string) error {
	switch kindOf(fact) {
	case factRange:
		s, err := parseSealed(fact)
		if err != nil {
			return err
		}
		l.class(s.class).sealed = s.to
	case factExpire:
		e, err := parseExpiry(fact)
		if err != nil {
			return err
		}
		l.class(e.class).expired = e.through
	case factState:
		name, s, err := parseState(fact)
		if err != nil {
			return err
		}
		*l.class(name) = s
	case factClass:
		w := strings.Split(fact, " ")
		if len(w) != 4 {
			return errRecord
		}
		keep, err := parseKeep(w[2])
		if err != nil {
			return err
		}
		l.class(w[1]).keep = keep
	case factOpen:
		w := strings.Split(fact, " ")
		if len(w) != 3 {
			return errRecord
		}
		if l.log.server != w[1] {
			return fmt.Errorf("audit: %s is the log of server %q, not of %q; every instance needs a directory of its own", l.log.dir, w[1], l.log.server)
		}
	case factClose:
		l.closed = true
	case factSuccessor:
		key, err := parseDigest(strings.TrimPrefix(fact, factSuccessor+" "))
		if err != nil {
			return err
		}
		l.keys = append(l.keys, key[:])
	}
	return nil
}

// append signs and stores one record and returns once it is durable. After an error it is not there.
func (l *ledger) append(facts ...string) error {
	if err := l.log.failed(); err != nil {
		return err
	}
	if err := l.log.fence(); err != nil {
		return l.log.poison(err)
	}
	wall, _ := l.log.clock()
	fresh := l.file == nil || l.size > l.log.maxLedger
	if fresh {
		facts = append(l.states(), facts...)
	}
	r := &record{
		log: l.log.id, number: l.last.Record + 1, epoch: l.log.epoch, time: wall.UnixNano(), previous: l.last.Hash, facts: facts,
	}
	frame := r.sign(l.signer)
	if err := l.write(frame, r.number, fresh); err != nil {
		return err
	}
	l.last = Witness{Log: r.log, Record: r.number, Hash: r.hash}
	for _, fact := range facts {
		if err := l.learn(fact); err != nil {
			return l.log.poison(err)
		}
	}
	return nil
}

func (l *ledger) write(frame []byte, number uint64, fresh bool) error {
	file, name, size := l.file, l.name, l.size
	if fresh {
		var err error
		name, size = filepath.Join(l.log.dir, filepath.FromSlash(ledgerName(number))), 0
		if file, err = create(l.log.disk, name); err != nil {
			return err
		}
	}
	info, err := file.Stat()
	if err == nil && (unlinked(info) || info.Size() != size) {
		err = fmt.Errorf("%s was removed or changed by somebody else", name)
	}
	if err != nil {
		return l.log.poison(err)
	}
	poisoned, err := writeAll(file, frame, size)
	if err != nil && !poisoned && isFull(err) && l.log.release() {
		poisoned, err = writeAll(file, frame, size)
	}
	if poisoned {
		return l.log.poison(err)
	}
	if err != nil && fresh {
		return errors.Join(err, file.Close(), l.log.disk.Remove(name))
	}
	if err != nil {
		return err
	}
	if err = file.Sync(); err != nil {
		return l.log.poison(err)
	}
	if fresh && l.file != nil {
		_ = l.file.Close()
	}
	l.file, l.name, l.size = file, name, size+int64(len(frame))
	return nil
}

// states tells where every class stands, for the first record of a file.
func (l *ledger) states() []string {
	var facts []string
	for name, s := range l.state {
		facts = append(facts, s.fact(name))
	}
	slices.Sort(facts)
	return facts
}
