package session

import "iter"

// A memTable finds places by hash: open addressing with linear probing, 4 bytes a cell, at most 2 of 3 cells in use, so
// that runs stay short. The hash of a place is asked for where it is needed and not kept. Several places can have one
// hash. It grows by a quarter, so that little of it is air at a million sessions, and holds no pointers, so that the
// garbage collector does not look at it. Removing moves a cell into the gap instead of leaving a mark behind.
type memTable struct {
	cells []uint32 // place+1; 0: empty
	n     int
}

// home spreads the hash over any number of cells.
func (t *memTable) home(hash uint32) int { return int(uint64(hash) * uint64(len(t.cells)) >> 32) }

// add enters a place, of which hash tells the hash.
func (t *memTable) add(place uint32, hash func(place uint32) uint32) {
	if t.n+1 > len(t.cells)*2/3 {
		t.resize(max(8, len(t.cells)*5/4), hash)
	}
	t.put(place+1, hash(place))
	t.n++
}

func (t *memTable) put(cell, hash uint32) {
	i := t.home(hash)
	for t.cells[i] != 0 {
		i = t.after(i)
	}
	t.cells[i] = cell
}

func (t *memTable) after(i int) int {
	if i++; i == len(t.cells) {
		return 0
	}
	return i
}

func (t *memTable) before(i int) int {
	if i == 0 {
		i = len(t.cells)
	}
	return i - 1
}

func (t *memTable) resize(size int, hash func(place uint32) uint32) {
	old := t.cells
	t.cells = make([]uint32, size)
	home, i := -1, 0
	for _, c := range old {
		if c == 0 {
			continue
		}
		// Between the home of the one before and its place all cells are taken: many of one home need no walk each.
		if h := t.home(hash(c - 1)); h == home {
			i = t.after(i)
		} else {
			home, i = h, h
		}
		for t.cells[i] != 0 {
			i = t.after(i)
		}
		t.cells[i] = c
	}
}

// places yields those that may have the hash, others too. The table must not change meanwhile.
func (t *memTable) places(hash uint32) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		if t.n == 0 {
			return
		}
		for i := t.home(hash); t.cells[i] != 0; i = t.after(i) {
			if !yield(t.cells[i] - 1) {
				return
			}
		}
	}
}

// remove takes a place out, while hash still tells its hash.
func (t *memTable) remove(place uint32, hash func(place uint32) uint32) {
	if t.n == 0 {
		return
	}
	i := t.home(hash(place))
	for t.cells[i] != place+1 {
		if t.cells[i] == 0 {
			return
		}
		i = t.after(i)
	}
	t.n--
	// The last of the run that may stand there moves into the gap, and leaves one itself, until none may: only cells whose
	// home is not behind it. Where one user has thousands of sessions, all of one home, that is the first that is asked.
	end := i
	for next := t.after(end); t.cells[next] != 0; next = t.after(next) {
		end = next
	}
	for j := end; j != i; {
		if t.distance(t.home(hash(t.cells[j]-1)), j) < t.distance(i, j) {
			j = t.before(j)
			continue
		}
		t.cells[i] = t.cells[j]
		i, j = j, end
	}
	t.cells[i] = 0
	if len(t.cells) > 64 && t.n < len(t.cells)/6 {
		t.resize(len(t.cells)/2, hash)
	}
}

// distance is how many steps lead from one cell to another.
func (t *memTable) distance(from, to int) int {
	if to < from {
		return to - from + len(t.cells)
	}
	return to - from
}
