package throttle

// NewSmallStore returns a memory store of the given size.
func NewSmallStore(size int) Store { return &memoryStore{counts: map[Key]*count{}, max: size} }

// Len returns how many counts a memory store holds.
func Len(s Store) int {
	m := s.(*memoryStore)
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.counts)
}
