//go:build !unix

package upload

import "io/fs"

// own is not known here; the folders for temporary files are the user's own on these systems.
func own(fs.FileInfo) bool { return true }
