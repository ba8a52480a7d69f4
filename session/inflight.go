package session

import (
	"hash/maphash"
	"math"
	"sync"
)

// inflight knows the requests that are running, by the session they came with, so that they stop when it ends. A request
// enters before its session is loaded: whatever ends between the load and the entry would be missed otherwise.
type inflight struct {
	seed   maphash.Seed
	shards [64]inflightShard
}

type inflightShard struct {
	mu   sync.Mutex
	head map[string]*entry // doubly linked
}

// An entry is one running request.
type entry struct {
	x          *exchange
	id         string
	generation uint32 // of the token it came with; 0 until that is verified
	floor      uint32 // lowest generation that is still good
	touched    int64  // microseconds: when some request of this session last claimed to write the activity down
	prev, next *entry
}

func (f *inflight) shard(id string) *inflightShard {
	return &f.shards[maphash.String(f.seed, id)%uint64(len(f.shards))]
}

func (f *inflight) enter(e *entry) {
	s := f.shard(e.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.head == nil {
		s.head = make(map[string]*entry)
	}
	if first := s.head[e.id]; first != nil {
		e.next, first.prev = first, e
	}
	s.head[e.id] = e
}

func (f *inflight) leave(e *entry) {
	if e.id == "" {
		return
	}
	s := f.shard(e.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.next != nil {
		e.next.prev = e.prev
	}
	switch {
	case e.prev != nil:
		e.prev.next = e.next
	case e.next != nil:
		s.head[e.id] = e.next
	default:
		delete(s.head, e.id)
	}
	e.prev, e.next = nil, nil
}

// verified notes the generation of the token that the request came with, and ends the request if the session ended or
// rotated since it entered.
func (f *inflight) verified(e *entry, generation uint32) {
	s := f.shard(e.id)
	s.mu.Lock()
	e.generation = generation
	late := generation < e.floor
	s.mu.Unlock()
	if late {
		e.x.end()
	}
}

// follow notes that the request goes on with a session that it has just made or rotated.
func (f *inflight) follow(e *entry, id string, generation uint32) {
	if e.id != id {
		f.leave(e)
		*e = entry{x: e.x, id: id, generation: generation}
		f.enter(e)
		return
	}
	f.verified(e, generation)
}

// end stops the running requests of a session but keep, the one that ends it.
func (f *inflight) end(id string, keep *entry) { f.raise(id, math.MaxUint32, keep) }

// raise stops the running requests whose token is of a generation below floor, except keep.
func (f *inflight) raise(id string, floor uint32, keep *entry) {
	s := f.shard(id)
	s.mu.Lock()
	var late []*exchange
	for e := s.head[id]; e != nil; e = e.next {
		if e == keep {
			continue
		}
		e.floor = max(e.floor, floor)
		if e.generation != 0 && e.generation < floor {
			late = append(late, e.x)
		}
	}
	s.mu.Unlock()
	for _, x := range late {
		x.end()
	}
}

// claim reports whether this request is the one to write down activity at now: not if another that runs has done so
// after since.
func (f *inflight) claim(e *entry, now, since int64) bool {
	s := f.shard(e.id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.touched > since {
		return false
	}
	for other := s.head[e.id]; other != nil; other = other.next {
		other.touched = max(other.touched, now)
	}
	return true
}

// sessions returns the ids that have verified requests running, with the lowest generation among them.
func (f *inflight) sessions() map[string]uint32 {
	all := make(map[string]uint32)
	for i := range f.shards {
		s := &f.shards[i]
		s.mu.Lock()
		for id, e := range s.head {
			for ; e != nil; e = e.next {
				if g, ok := all[id]; e.generation != 0 && (!ok || e.generation < g) {
					all[id] = e.generation
				}
			}
		}
		s.mu.Unlock()
	}
	return all
}
