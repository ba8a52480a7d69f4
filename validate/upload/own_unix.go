//go:build unix

package upload

import (
	"io/fs"
	"os"
	"syscall"
)

// private reports whether the folder belongs to this process's user, and to nobody else.
func private(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid() && info.Mode().Perm()&0o077 == 0
}

// exposed reports whether everybody may write to the folder.
func exposed(info fs.FileInfo) bool { return info.Mode().Perm()&0o002 != 0 }
