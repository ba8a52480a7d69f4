package skans

// CachedKeys returns how many data keys are in the memory of a vault.
func CachedKeys(v *Vault) int {
	c := v.cached()
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.keys)
}
