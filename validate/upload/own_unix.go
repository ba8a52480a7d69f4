//go:build unix

package upload

import (
	"io/fs"
	"os"
	"syscall"
)

// own reports whether the folder belongs to this process's user.
func own(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid()
}
