package password

// Waiting returns how many calls wait for their turn.
func (h *Hasher) Waiting() int {
	h.limiter.mu.Lock()
	defer h.limiter.mu.Unlock()
	return h.limiter.queue.Len()
}
