//go:build race

package sanitize_test

// everyNth thins the surroundings of the corpus out where each memory access is watched; nothing in them is concurrent.
const everyNth = 7
