package audit

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/skans-go/skans"
)

var errFull = errors.New("audit: disk is full, the reserve is in use")

func newID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// subjectOf is under whom the attributes of an event are sealed: whom it is about, else who did it.
func subjectOf(a Actor, attrs []slog.Attr) string {
	for _, attr := range attrs {
		if v := attr.Value.Resolve(); attr.Key == "user" && v.Kind() == slog.KindString && v.String() != "" {
			return v.String()
		}
	}
	for _, id := range []string{a.User, a.Behalf} {
		if id != "" {
			return id
		}
	}
	return "nobody"
}

// at binds sealed attributes to their event and log.
func (c *chain) at(event, subject string) skans.At {
	return skans.At{Subject: subject, Table: "audit", Column: c.class.Name + "/" + event, Row: c.log.id}
}

func binary64(dst []byte, n int) []byte { return binary.AppendUvarint(dst, uint64(n)) }

// recover makes a chain for each class of the configuration and of the directory, and returns the facts of the record
// that begins the epoch.
func (l *Log) recover(all []Class) ([]string, error) {
	facts := []string{fmt.Sprintf("%s %s %s", factOpen, l.server, l.version)}
	fsys := l.fs()
	for _, class := range all {
		facts = append(facts, fmt.Sprintf("%s %s %s %s", factClass, class.Name, class.Keep, class.OnFailure))
	}
	known, err := l.directories(fsys, all)
	if err != nil {
		return nil, err
	}
	for _, class := range known {
		c := &chain{class: class, log: l}
		l.chains = append(l.chains, c)
		lines, err := c.recover(fsys)
		if err != nil {
			return nil, err
		}
		facts = append(facts, lines...)
	}
	for i, class := range all {
		l.routes[class.Name] = l.chains[i]
	}
	for i, class := range all {
		for _, prefix := range class.Events {
			if l.routes[prefix] == nil {
				l.routes[prefix] = l.chains[i]
			}
		}
	}
	return facts, nil
}

// directories returns the classes of the configuration, then those that only the directory still has.
func (l *Log) directories(fsys fs.FS, all []Class) ([]Class, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, e := range entries {
		if e.IsDir() && validName(e.Name()) && e.Name() != ledgerDir && e.Name() != cursorDir {
			names[e.Name()] = true
		}
	}
	for name := range l.ledger.state {
		names[name] = true
	}
	known := slices.Clone(all)
	for _, class := range all {
		delete(names, class.Name)
	}
	var old []Class
	for name := range names {
		class := Class{Name: name}
		if s := l.ledger.state[name]; s != nil {
			class.Keep = s.keep
		}
		old = append(old, class)
	}
	slices.SortFunc(old, func(a, b Class) int { return strings.Compare(a.Name, b.Name) })
	return append(known, old...), nil
}

// recover finds where the chain ends. It cuts off a torn tail, and puts frames that are whole and not yet signed into
// runs for the next record; a crash lost only their signature.
func (c *chain) recover(fsys fs.FS) ([]string, error) {
	state := c.log.ledger.state[c.class.Name]
	if state == nil {
		state = &classState{}
	}
	c.expired = state.expired
	names, err := numbered(fsys, c.class.Name, segmentEnd)
	if err != nil {
		return nil, err
	}
	if names, err = c.finishExpiry(names); err != nil {
		return nil, err
	}
	c.seq = max(state.sealed, state.expired)
	for len(names) > 1 && firstOf(names[1]) <= state.sealed {
		names = names[1:]
	}
	if state.sealed > state.expired && (len(names) == 0 || firstOf(names[0]) > state.sealed) {
		return nil, fmt.Errorf("%w: class %s: frames up to %d were signed and are not there", ErrTampered, c.class.Name, state.sealed)
	}
	var facts []string
	for i, name := range names {
		before := c.seq
		dropped, err := c.reread(fsys, name, state.sealed)
		if err != nil {
			return nil, err
		}
		if dropped > 0 && i < len(names)-1 {
			return nil, fmt.Errorf("%w: %s is cut short", ErrTampered, name)
		}
		if dropped > 0 {
			facts = append(facts, fmt.Sprintf("%s %s %d %d", factRecovered, c.class.Name, c.seq, dropped))
		}
		if c.seq > max(before, state.sealed) {
			if err = c.syncSegment(name); err != nil { // the cache had it; the ledger must not be ahead of the disk
				return nil, err
			}
		}
		c.cut()
	}
	if c.seq < state.sealed {
		return nil, fmt.Errorf("%w: class %s: frames %d to %d were signed and are not there", ErrTampered, c.class.Name, c.seq+1, state.sealed)
	}
	for _, s := range c.unsealed {
		facts = append(facts, s.fact())
	}
	if len(facts) > 0 && c.log.ledger.closed { // to sign these would make somebody's forgery ours
		return nil, fmt.Errorf("%w: class %s: there are frames behind %d, though the log was closed in order", ErrTampered, c.class.Name, state.sealed)
	}
	c.unsealed = nil
	c.committed.Store(c.seq)
	return facts, nil
}

// reread goes through one segment and returns how many bytes of a torn tail it cut off.
func (c *chain) reread(fsys fs.FS, name string, sealed uint64) (dropped int64, err error) {
	file, err := fsys.Open(name)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	reader, next := newFrameReader(file), firstOf(name)
	if next > c.seq+1 {
		return 0, fmt.Errorf("%w: class %s: frames %d to %d are not there", ErrTampered, c.class.Name, c.seq+1, next-1)
	}
	for {
		body, err := reader.next()
		if errors.Is(err, io.EOF) && reader.offset > 0 {
			return 0, nil
		}
		if errors.Is(err, errTorn) || errors.Is(err, io.EOF) {
			return info.Size() - reader.offset, c.truncate(name, reader.offset)
		}
		if err != nil || len(body) < bodyHeader || bodySeq(body) != next {
			return 0, fmt.Errorf("%w: %s at frame %d", ErrTampered, name, next)
		}
		if next > sealed {
			c.addLeaf(next, bodyTime(body), sha256.Sum256(body))
		}
		c.lastTime, c.seq = bodyTime(body), next
		next++
	}
}

// truncate cuts a file back; one that would be empty is removed.
func (c *chain) truncate(name string, size int64) error {
	name = filepath.Join(c.log.dir, filepath.FromSlash(name))
	if size == 0 {
		return errors.Join(c.log.disk.Remove(name), c.log.disk.SyncDir(filepath.Dir(name)))
	}
	file, err := c.log.disk.OpenFile(name, os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(size), file.Sync(), file.Close())
}

// finishExpiry removes what a signed expiry record covers and a crash left behind, and returns the rest.
func (c *chain) finishExpiry(names []string) ([]string, error) {
	for len(names) > 0 && c.expired >= firstOf(names[0]) {
		if err := c.log.disk.Remove(filepath.Join(c.log.dir, filepath.FromSlash(names[0]))); err != nil {
			return nil, err
		}
		names = names[1:]
	}
	return names, nil
}

func (c *chain) syncSegment(name string) error {
	file, err := c.log.disk.OpenFile(filepath.Join(c.log.dir, filepath.FromSlash(name)), os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
