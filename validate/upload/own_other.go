//go:build !unix

package upload

import "io/fs"

// Elsewhere the mode says nothing about other users; their folders for temporary files are each user's own.

func private(fs.FileInfo) bool { return true }

func exposed(fs.FileInfo) bool { return false }
