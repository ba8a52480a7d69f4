//go:build !race

package sanitize_test

const everyNth = 1
