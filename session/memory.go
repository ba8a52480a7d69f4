package session

import (
	"context"
	"encoding/base64"
	"hash/maphash"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"
)

// A MemoryStore keeps sessions in this process; they are gone when it stops. It is a [Store] that never waits.
//
// A million signed-in sessions take less than 200 bytes each. Rows live in 1024 shards by id, each under its own lock
// that no operation holds for long; a second index by user has as many. Who needs both takes the user's lock first. At
// 8 million sessions it is full and Create fails, so that visitors who make sessions without end cannot take all
// memory.
type MemoryStore struct {
	seed   maphash.Seed
	shards [memShards]memShard
	users  [memShards]memUsers

	sweeping sync.Mutex // held by the one sweep that runs, before any other lock
	cursor   int        // the shard at which it goes on
}

const memShards = 1 << memShardBits

// NewMemoryStore returns an empty store.
func NewMemoryStore() *MemoryStore { return &MemoryStore{seed: maphash.MakeSeed()} }

// idEncoding is strict, so that no two texts name one session.
var idEncoding = base64.RawURLEncoding.Strict()

type memID [16]byte

func parseID(text string) (id memID, ok bool) {
	if len(text) != idLen {
		return id, false
	}
	_, err := idEncoding.Decode(id[:], []byte(text))
	return id, err == nil
}

func (id memID) String() string { return idEncoding.EncodeToString(id[:]) }

// shard returns where id lives. Ids are random, so any bits of them spread.
func (s *MemoryStore) shard(id memID) *memShard {
	return &s.shards[(uint(id[0])|uint(id[1])<<8)%memShards]
}

// memUsers is a part of the index by user: the hash of the user to the id's place.
type memUsers struct {
	mu    sync.Mutex
	table memTable
}

// lockUser locks the part of the index that has the user, and returns how to unlock it. Nobody has the user "".
func (s *MemoryStore) lockUser(user string) (*memUsers, uint32) {
	if user == "" {
		return nil, 0
	}
	h := maphash.String(s.seed, user)
	u := &s.users[h%memShards]
	u.mu.Lock()
	return u, uint32(h >> 32)
}

func (u *memUsers) unlock() {
	if u != nil {
		u.mu.Unlock()
	}
}

// Create is described at [Store].
func (s *MemoryStore) Create(_ context.Context, r Record, limit int, now time.Time) ([]string, error) {
	id, ok := parseID(r.ID)
	if !ok {
		return nil, errMemoryID
	}
	u, h := s.lockUser(r.User)
	defer u.unlock()
	sh := s.shard(id)
	sh.mu.Lock()
	if _, taken := sh.find(id); taken {
		sh.mu.Unlock()
		return nil, ErrConflict
	}
	if sh.table.n >= memShardRows {
		sh.mu.Unlock()
		return nil, errMemoryFull
	}
	slot := sh.insert(id, &r)
	sh.mu.Unlock()
	if u == nil {
		return nil, nil
	}
	u.table.add(s.ref(id, slot), s.userHash)
	return s.enforce(u, h, &r, limit, now), nil
}

// Load is described at [Store].
func (s *MemoryStore) Load(_ context.Context, text string, now time.Time) (Record, error) {
	id, ok := parseID(text)
	if !ok {
		return Record{}, ErrNotFound
	}
	sh := s.shard(id)
	sh.mu.Lock()
	row, _ := sh.live(id, now)
	if row == nil {
		sh.mu.Unlock()
		return Record{}, ErrNotFound
	}
	r := row.record()
	sh.mu.Unlock()
	r.ID = text
	return r, nil
}

// Touch is described at [Store].
func (s *MemoryStore) Touch(_ context.Context, text string, generation uint32, seen, expires, now time.Time) error {
	id, ok := parseID(text)
	if !ok {
		return ErrNotFound
	}
	sh := s.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	row, slot := sh.live(id, now)
	if row == nil || row.generation != generation {
		return ErrNotFound
	}
	sh.update(slot, func(row *memRow) { row.seen, row.expires = row.after(seen), row.after(expires) })
	return nil
}

// Patch is described at [Store].
func (s *MemoryStore) Patch(_ context.Context, text string, version uint64, c Change, now time.Time) error {
	id, ok := parseID(text)
	if !ok {
		return ErrNotFound
	}
	sh := s.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	row, slot := sh.live(id, now)
	if row == nil {
		return ErrNotFound
	}
	if uint64(row.version) != version {
		return ErrConflict
	}
	sh.update(slot, func(row *memRow) {
		row.version++
		row.seen, row.expires = row.after(c.Seen), row.after(c.Expires)
		row.setText(row.user(), c.Data)
	})
	return nil
}

// Rotate is described at [Store].
func (s *MemoryStore) Rotate(_ context.Context, r Record, version uint64, limit int, now time.Time) ([]string, error) {
	id, ok := parseID(r.ID)
	if !ok {
		return nil, ErrNotFound
	}
	before, err := s.peek(id, version, now)
	if err != nil {
		return nil, err
	}
	if before != r.User && before != "" {
		return nil, errMemoryUser
	}
	u, h := s.lockUser(r.User)
	defer u.unlock()
	sh := s.shard(id)
	sh.mu.Lock()
	row, slot := sh.live(id, now)
	if row == nil {
		sh.mu.Unlock()
		return nil, ErrNotFound
	}
	if uint64(row.version) != version {
		sh.mu.Unlock()
		return nil, ErrConflict
	}
	r.Version = version + 1
	sh.update(slot, func(row *memRow) { row.set(&r) })
	sh.mu.Unlock()
	if u == nil {
		return nil, nil
	}
	if before == "" {
		u.table.add(s.ref(id, slot), s.userHash)
	}
	return s.enforce(u, h, &r, limit, now), nil
}

// peek returns the user of a row of that version. As long as the version stays, so does the user.
func (s *MemoryStore) peek(id memID, version uint64, now time.Time) (string, error) {
	sh := s.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	row, _ := sh.live(id, now)
	if row == nil {
		return "", ErrNotFound
	}
	if uint64(row.version) != version {
		return "", ErrConflict
	}
	return row.user(), nil
}

// End is described at [Store].
func (s *MemoryStore) End(_ context.Context, text string, now time.Time) (string, error) {
	id, ok := parseID(text)
	if !ok {
		return "", ErrNotFound
	}
	for {
		sh := s.shard(id)
		sh.mu.Lock()
		row, _ := sh.live(id, now)
		if row == nil {
			sh.mu.Unlock()
			return "", ErrNotFound
		}
		user := row.user()
		sh.mu.Unlock()
		if s.remove(id, user, func(row *memRow) bool { return row.live(now) }) {
			return user, nil
		} // somebody signed in or ended it in between: look again
	}
}

// remove takes out the row of that id and user if it still is as wanted.
func (s *MemoryStore) remove(id memID, user string, wanted func(*memRow) bool) bool {
	u, _ := s.lockUser(user)
	defer u.unlock()
	sh := s.shard(id)
	sh.mu.Lock()
	slot, ok := sh.find(id)
	ok = ok && sh.row(slot).user() == user && wanted(sh.row(slot))
	switch {
	case ok && u == nil:
		sh.remove(slot)
	case ok:
		sh.row(slot).generation = 0 // dead at once; the index by user needs this shard unlocked
	}
	sh.mu.Unlock()
	if ok && u != nil {
		s.drop(u, s.ref(id, slot))
	}
	return ok
}

// userHash is the hash of the user at a place. The caller holds the lock of the user, so that the row stays.
func (s *MemoryStore) userHash(ref uint32) uint32 {
	sh := &s.shards[ref%memShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return uint32(maphash.String(s.seed, sh.row(ref>>memShardBits).user()) >> 32)
}

// A memHit is a session of a user, as found by the index.
type memHit struct {
	ref    uint32
	record Record
}

// find returns the live sessions of the user, newest first. The caller holds the user's lock.
func (s *MemoryStore) find(u *memUsers, h uint32, user string, now time.Time) (hits []memHit) {
	for ref := range u.table.places(h) {
		sh := &s.shards[ref%memShards]
		sh.mu.Lock()
		if row := sh.row(ref >> memShardBits); row.user() == user && row.live(now) {
			hits = append(hits, memHit{ref, row.record()})
			hits[len(hits)-1].record.ID = row.id.String()
		}
		sh.mu.Unlock()
	}
	slices.SortFunc(hits, func(a, b memHit) int {
		if c := b.record.Since.Compare(a.record.Since); c != 0 {
			return c
		}
		return strings.Compare(a.record.ID, b.record.ID)
	})
	return hits
}

// enforce ends what is over the limit beside r.
func (s *MemoryStore) enforce(u *memUsers, h uint32, r *Record, limit int, now time.Time) (ended []string) {
	if limit <= 0 {
		return nil
	}
	kept := 1
	for _, hit := range s.find(u, h, r.User, now) {
		if hit.record.ID == r.ID {
			continue
		}
		if kept < limit {
			kept++
			continue
		}
		s.drop(u, hit.ref)
		ended = append(ended, hit.record.ID)
	}
	return ended
}

// drop removes the row at ref. The caller holds its user's lock, without which a row of a user does not go.
func (s *MemoryStore) drop(u *memUsers, ref uint32) {
	u.table.remove(ref, s.userHash)
	sh := &s.shards[ref%memShards]
	sh.mu.Lock()
	sh.remove(ref >> memShardBits)
	sh.mu.Unlock()
}

// EndUser is described at [Store].
func (s *MemoryStore) EndUser(_ context.Context, user string, except []string, now time.Time) (ended []string, err error) {
	u, h := s.lockUser(user)
	defer u.unlock()
	if u == nil {
		return nil, nil
	}
	for _, hit := range s.find(u, h, user, now) {
		if !slices.Contains(except, hit.record.ID) {
			s.drop(u, hit.ref)
			ended = append(ended, hit.record.ID)
		}
	}
	return ended, nil
}

// ByUser is described at [Store].
func (s *MemoryStore) ByUser(_ context.Context, user string, now time.Time) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		u, h := s.lockUser(user)
		if u == nil {
			return
		}
		hits := s.find(u, h, user, now)
		u.unlock()
		for _, hit := range hits {
			if !yield(hit.record, nil) {
				return
			}
		}
	}
}

// Sweep is described at [Store]. It looks at sessions whose time may have come and at no others. Sweeps take turns, so
// that one which finds less than its limit has left nothing to another.
func (s *MemoryStore) Sweep(_ context.Context, limit int, now time.Time) (int, error) {
	s.sweeping.Lock()
	defer s.sweeping.Unlock()
	n := 0
	for range memShards {
		if n += s.sweepShard(&s.shards[s.cursor], limit-n, now); n >= limit {
			break
		}
		s.cursor = (s.cursor + 1) % memShards
	}
	return n, nil
}

// sweepShard removes at most limit rows of a shard. It takes the shard's lock anew for each memSweep rows that it looks
// at, and for each that it removes.
func (s *MemoryStore) sweepShard(sh *memShard, limit int, now time.Time) (n int) {
	var due []memDue
	for _, at := range sh.dueBuckets(now) {
		sh.begin(at)
		for more := true; more && n < limit; {
			due, more = sh.look(at, now, limit-n, due[:0])
			for _, d := range due {
				if s.remove(d.id, d.user, func(row *memRow) bool { return !row.live(now) }) {
					n++
				}
			}
		}
	}
	return n
}
