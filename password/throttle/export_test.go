package throttle

// NewSmallStore returns a memory store of the given size.
func NewSmallStore(size int) Store { return &memoryStore{counts: map[Key]*count{}, max: size} }

// Len returns how many counts a memory store holds.
func Len(s Store) int { return len(s.(*memoryStore).counts) }
