package guess

import (
	_ "embed"
	"math/bits"
)

// bloom is a Bloom filter (B. H. Bloom, "Space/time trade-offs in hash coding with allowable errors", CACM 1970).
type bloom struct {
	bits   string
	hashes int
}

//go:embed filter.bin
var filterBits string

var filter = bloom{filterBits, Hashes}

// has reports whether the form was added, or, about once in a million times, was not.
func (f bloom) has(form []byte) bool {
	h := newProbe(form)
	for range f.hashes {
		i := h.next(uint64(len(f.bits)) * 8)
		if f.bits[i/8]>>(i%8)&1 == 0 {
			return false
		}
	}
	return true
}

// Add adds a form to a bit set, for the generator. It must be used with as many hashes as the filter is read with.
func Add(set []byte, hashes int, form string) {
	h := newProbe([]byte(form))
	for range hashes {
		i := h.next(uint64(len(set)) * 8)
		set[i/8] |= 1 << (i % 8)
	}
}

// probe yields the positions of a form by double hashing (Kirsch and Mitzenmacher, "Less hashing, same performance",
// 2006) of its FNV-1a hash.
type probe struct{ at, stride uint64 }

func newProbe(form []byte) probe {
	h := uint64(14695981039346656037)
	for _, c := range form {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return probe{mix(h), mix(h+0x9e3779b97f4a7c15) | 1}
}

func (p *probe) next(size uint64) uint64 {
	i, _ := bits.Mul64(p.at, size) // scales 64 bits to the size, without a division
	p.at += p.stride
	return i
}

// mix is the finaliser of SplitMix64: FNV alone changes its high bits too little.
func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
