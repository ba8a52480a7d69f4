//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd

package audit

import (
	"errors"
	"os"
)

// lockFile refuses: without a lock that ends with its process, two writers could not be told from one that crashed.
func lockFile(*os.File) error {
	return errors.ErrUnsupported
}

func unlinked(os.FileInfo) bool { return false }

func isFull(error) bool { return false }
