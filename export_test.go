package skans

// CachedKeys returns how many data keys are in the memory of a vault.
func CachedKeys(v *Vault) int {
	c := v.cached()
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.keys)
}

// QueuedKeys returns how many names wait for their expiry in the memory of a vault.
func QueuedKeys(v *Vault) int {
	c := v.cached()
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.queue)
}
