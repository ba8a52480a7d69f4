package session

import (
	"encoding/binary"
	"errors"
	"math"
	"sync"
	"time"
)

var (
	errMemoryID   = errors.New("session: an id has 22 letters of base64url")
	errMemoryFull = errors.New("session: memory store is full")
	errMemoryUser = errors.New("session: a session passes from one user to another through End and Create only")
)

const (
	memShardBits = 10
	memShardRows = 8 << 10
	memChunk     = 46 // rows of 88 bytes, just below one of the sizes that memory is handed out in
)

// A memShard has the rows of some ids: in chunks that never move, found through a table of their places.
type memShard struct {
	mu      sync.Mutex
	table   memTable
	chunks  []*[memChunk]memRow
	free    uint32            // place+1 of the first free row, linked by next; 0: none
	used    uint32            // rows ever used
	buckets map[uint32]uint32 // first place+1 of each bucket's chain
	walk    uint32            // place+1 of the row at which the sweep of a chain goes on; 0: at its end
}

// A memRow is a session in 88 bytes, and its user and data in one string. All times are in milliseconds, and count from
// since but for that itself: 49 days are enough for what Manager makes, and more are cut, which ends a session early.
type memRow struct {
	id         memID
	token      TokenHash
	text       string // length of the user as uvarint, user, data
	since      int64
	seen       uint32
	expires    uint32
	deadline   uint32
	generation uint32
	version    uint32
	prev, next uint32 // place+1 of its neighbours in the chain of its bucket
}

// ref is the place of a row among all shards. 2^22 rows a shard are 4 billion sessions.
func (s *MemoryStore) ref(id memID, slot uint32) uint32 {
	return slot<<memShardBits | uint32(uint(id[0])|uint(id[1])<<8)%memShards
}

// hash needs no secret: ids are random, and nobody can make the store keep one of their choice.
func (id memID) hash() uint32 { return binary.LittleEndian.Uint32(id[4:]) }

func (s *memShard) hash(slot uint32) uint32 { return s.row(slot).id.hash() }

func (r *memRow) after(t time.Time) uint32 {
	return uint32(min(max(t.UnixMilli()-r.since, 0), math.MaxUint32))
}

func (r *memRow) at(after uint32) time.Time { return time.UnixMilli(r.since + int64(after)) }

// live reports whether the row has neither expired nor is being removed: generations count from 1.
func (r *memRow) live(now time.Time) bool {
	return r.generation != 0 && now.UnixMilli() < r.since+int64(r.expires)
}

func (r *memRow) split() (user, data string) {
	n, size := uint64(0), 0
	for shift := 0; ; shift += 7 {
		b := r.text[size]
		n |= uint64(b&0x7f) << shift
		if size++; b < 0x80 {
			break
		}
	}
	return r.text[size : size+int(n)], r.text[size+int(n):]
}

func (r *memRow) user() string {
	user, _ := r.split()
	return user
}

func (r *memRow) setText(user, data string) {
	var n [binary.MaxVarintLen64]byte
	r.text = string(n[:binary.PutUvarint(n[:], uint64(len(user)))]) + user + data
}

func (r *memRow) set(from *Record) {
	r.token, r.generation, r.version = from.Token, from.Generation, uint32(from.Version)
	r.since = from.Since.UnixMilli()
	r.seen, r.expires, r.deadline = r.after(from.Seen), r.after(from.Expires), r.after(from.Deadline)
	r.setText(from.User, from.Data)
}

// record returns the row but for its id.
func (r *memRow) record() Record {
	user, data := r.split()
	return Record{
		User: user, Token: r.token, Generation: r.generation, Version: uint64(r.version),
		Since: r.at(0), Seen: r.at(r.seen), Expires: r.at(r.expires), Deadline: r.at(r.deadline), Data: data,
	}
}

func (s *memShard) row(slot uint32) *memRow {
	return &s.chunks[slot/memChunk][slot%memChunk]
}

func (s *memShard) find(id memID) (uint32, bool) {
	for slot := range s.table.places(id.hash()) {
		if s.row(slot).id == id {
			return slot, true
		}
	}
	return 0, false
}

// live returns the row of id, nil if there is none or it has expired.
func (s *memShard) live(id memID, now time.Time) (*memRow, uint32) {
	slot, ok := s.find(id)
	if !ok || !s.row(slot).live(now) {
		return nil, 0
	}
	return s.row(slot), slot
}

func (s *memShard) insert(id memID, r *Record) uint32 {
	slot := s.used
	if s.free != 0 {
		slot = s.free - 1
		s.free = s.row(slot).next
	} else {
		if slot%memChunk == 0 {
			s.chunks = append(s.chunks, new([memChunk]memRow))
		}
		s.used++
	}
	row := s.row(slot)
	*row = memRow{id: id}
	row.set(r)
	s.link(slot, row)
	s.table.add(slot, s.hash)
	return slot
}

func (s *memShard) remove(slot uint32) {
	row := s.row(slot)
	s.unlink(slot, row)
	s.table.remove(slot, s.hash)
	*row = memRow{text: "\x00", next: s.free}
	s.free = slot + 1
}

// A bucket holds the rows that expire within the same 64 seconds, or did when they were put there: a later expiry leaves a
// row where it is, and Sweep moves it on when it comes by. So a touch costs nothing, and a sweep sees what has expired and
// each live row about once an idle time.
const memBucket = 64_000 // milliseconds

// memHead marks, in prev of the first row of a chain, that the rest is the number of the bucket.
const memHead = 1 << 31

func bucketOf(expires time.Time) uint32 {
	return uint32(min(max(expires.UnixMilli(), 0)/memBucket, memHead-1))
}

func (s *memShard) link(slot uint32, row *memRow) {
	if s.buckets == nil {
		s.buckets = make(map[uint32]uint32)
	}
	at := bucketOf(row.at(row.expires))
	row.prev, row.next = memHead|at, s.buckets[at]
	if row.next != 0 {
		s.row(row.next - 1).prev = slot + 1
	}
	s.buckets[at] = slot + 1
}

func (s *memShard) unlink(slot uint32, row *memRow) {
	if s.walk == slot+1 {
		s.walk = row.next
	}
	if row.next != 0 {
		s.row(row.next - 1).prev = row.prev
	}
	switch {
	case row.prev&memHead == 0:
		s.row(row.prev - 1).next = row.next
	case row.next != 0:
		s.buckets[row.prev&^memHead] = row.next
	default:
		delete(s.buckets, row.prev&^memHead)
	}
}

// update changes a row by set. Only an earlier expiry needs another bucket at once.
func (s *memShard) update(slot uint32, set func(*memRow)) {
	row := s.row(slot)
	before := row.at(row.expires)
	set(row)
	if row.at(row.expires).Before(before) {
		s.unlink(slot, row)
		s.link(slot, row)
	}
}

// dueBuckets returns the buckets whose time has come.
func (s *memShard) dueBuckets(now time.Time) (all []uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := range s.buckets {
		if at <= bucketOf(now) {
			all = append(all, at)
		}
	}
	return all
}

// begin makes the first row of a bucket the next to look at.
func (s *memShard) begin(at uint32) {
	s.mu.Lock()
	s.walk = s.buckets[at]
	s.mu.Unlock()
}

// A memDue is a row whose time has come.
type memDue struct {
	id   memID
	user string
}

// memSweep is how many rows a sweep looks at before it lets go of the lock. Neither how many sessions there are nor how
// many of them expire at once lengthens that.
const memSweep = 128

// look goes on in the chain of bucket at and looks at no more than memSweep rows. It appends at most room that have
// expired to due, moves on those that were touched since they were put there, and tells whether there are more to look at.
func (s *memShard) look(at uint32, now time.Time, room int, due []memDue) ([]memDue, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range memSweep {
		if s.walk == 0 || room <= len(due) {
			break
		}
		slot := s.walk - 1
		row := s.row(slot)
		s.walk = row.next
		switch {
		case !row.live(now):
			due = append(due, memDue{row.id, row.user()})
		case bucketOf(row.at(row.expires)) != at:
			s.unlink(slot, row)
			s.link(slot, row)
		}
	}
	return due, s.walk != 0
}
