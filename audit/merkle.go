package audit

import (
	"crypto/sha256"
	"errors"
	"math/bits"
)

type digest = [sha256.Size]byte

// hashNode is the interior node of RFC 6962 section 2.1.
func hashNode(left, right digest) digest {
	var buf [1 + 2*sha256.Size]byte
	buf[0] = 1
	copy(buf[1:], left[:])
	copy(buf[1+sha256.Size:], right[:])
	return sha256.Sum256(buf[:])
}

// A tree is the Merkle tree of RFC 6962 over leaves that come one by one. It keeps the roots of the full subtrees so
// far, at most one for each bit of the count.
type tree struct {
	count uint64
	full  []digest // of falling size
}

// add takes the hash of the next leaf.
func (t *tree) add(leaf digest) { t.graft(leaf, 1) }

// graft takes the root of the next size leaves; size is a power of two that divides the count so far.
func (t *tree) graft(root digest, size uint64) {
	for range bits.TrailingZeros64(^(t.count / size)) { // one merge for each subtree that this one completes
		last := len(t.full) - 1
		root = hashNode(t.full[last], root)
		t.full = t.full[:last]
	}
	t.full = append(t.full, root)
	t.count += size
}

// root is the Merkle tree hash; of no leaves, the hash of nothing.
func (t *tree) root() digest {
	if len(t.full) == 0 {
		return sha256.Sum256(nil)
	}
	at := len(t.full) - 1
	root := t.full[at]
	for at--; at >= 0; at-- {
		root = hashNode(t.full[at], root)
	}
	return root
}

func (t *tree) reset() { t.count, t.full = 0, t.full[:0] }

// auditPath is PATH(m, D[n]) of RFC 6962 section 2.1.1: the hashes that lead from leaf m to the root.
func auditPath(m int, leaves []digest) []digest {
	if len(leaves) < 2 {
		return nil
	}
	k := split(len(leaves))
	if m < k {
		return append(auditPath(m, leaves[:k]), subtree(leaves[k:]))
	}
	return append(auditPath(m-k, leaves[k:]), subtree(leaves[:k]))
}

// rootFromPath recomputes the root of a tree of n leaves from leaf m and its path.
func rootFromPath(leaf digest, m, n uint64, path []digest) (digest, error) {
	if m >= n || len(path) > 64 {
		return digest{}, errors.New("audit: proof does not fit its batch")
	}
	if n == 1 {
		if len(path) != 0 {
			return digest{}, errors.New("audit: proof is too long")
		}
		return leaf, nil
	}
	if len(path) == 0 {
		return digest{}, errors.New("audit: proof is too short")
	}
	k, last := uint64(split(int(n))), path[len(path)-1]
	if m < k {
		left, err := rootFromPath(leaf, m, k, path[:len(path)-1])
		return hashNode(left, last), err
	}
	right, err := rootFromPath(leaf, m-k, n-k, path[:len(path)-1])
	return hashNode(last, right), err
}

func subtree(leaves []digest) digest {
	var t tree
	for _, leaf := range leaves {
		t.add(leaf)
	}
	return t.root()
}

// split is the largest power of two below n.
func split(n int) int { return 1 << (bits.Len(uint(n-1)) - 1) }
