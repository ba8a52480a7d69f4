package audit

import (
	"crypto/sha256"
	"runtime"
	"sync"
)

// partLeaves is how many frames are hashed as one piece of work; a power of two, so that each piece is a full subtree.
const partLeaves = 256

// A part is up to partLeaves bodies and, once done is closed, the hashes of them or of their subtree.
type part struct {
	bodies []byte
	ends   []int
	leaves []digest
	done   chan struct{}
}

// A hasher computes the Merkle tree over bodies on all processors, in memory that does not depend on their number.
type hasher struct {
	parts   *sync.Pool
	open    *part
	running []*part // in order
	tree    tree
}

func (h *hasher) add(body []byte) {
	if h.open == nil {
		p := h.parts.Get().(*part)
		p.bodies, p.ends, p.leaves = p.bodies[:0], p.ends[:0], p.leaves[:0]
		h.open = p
	}
	p := h.open
	p.bodies = append(p.bodies, body...)
	p.ends = append(p.ends, len(p.bodies))
	if len(p.ends) < partLeaves {
		return
	}
	p.done = make(chan struct{})
	go func() {
		p.hash()
		close(p.done)
	}()
	h.running, h.open = append(h.running, p), nil
	if len(h.running) > runtime.GOMAXPROCS(0) {
		h.take()
	}
}

func (p *part) hash() {
	begin := 0
	for _, end := range p.ends {
		p.leaves = append(p.leaves, sha256.Sum256(p.bodies[begin:end]))
		begin = end
	}
	if len(p.leaves) == partLeaves {
		p.leaves = append(p.leaves[:0], subtree(p.leaves))
	}
}

// take grafts the oldest part.
func (h *hasher) take() {
	p := h.running[0]
	h.running = h.running[1:]
	<-p.done
	h.tree.graft(p.leaves[0], partLeaves)
	h.parts.Put(p)
}

// root waits for all parts and returns the tree.
func (h *hasher) root() *tree {
	for len(h.running) > 0 {
		h.take()
	}
	if h.open != nil {
		h.open.hash()
		for _, leaf := range h.open.leaves {
			h.tree.add(leaf)
		}
		h.parts.Put(h.open)
		h.open = nil
	}
	return &h.tree
}
