package audit

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// A disk is the part of a file system that a log writes through, so that tests can make each call fail.
type disk interface {
	OpenFile(name string, flag int, perm os.FileMode) (diskFile, error)
	MkdirAll(name string) error
	Remove(name string) error
	SyncDir(name string) error
}

type diskFile interface {
	io.Writer
	Sync() error
	Truncate(size int64) error
	Stat() (os.FileInfo, error)
	Close() error
}

type osDisk struct{}

func (osDisk) OpenFile(name string, flag int, perm os.FileMode) (diskFile, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (osDisk) MkdirAll(name string) error { return os.MkdirAll(name, 0o700) }
func (osDisk) Remove(name string) error   { return os.Remove(name) }

// SyncDir makes a new or removed name survive a crash.
func (osDisk) SyncDir(name string) error {
	if runtime.GOOS == "windows" {
		return nil // has no such call; NTFS journals names
	}
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// create makes a new file that must not exist, in a directory that may not.
func create(d disk, name string) (diskFile, error) {
	dir := filepath.Dir(name)
	if err := d.MkdirAll(dir); err != nil {
		return nil, err
	}
	f, err := d.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	if err = errors.Join(d.SyncDir(dir), d.SyncDir(filepath.Dir(dir))); err != nil {
		return nil, errors.Join(err, f.Close(), d.Remove(name))
	}
	return f, nil
}

// writeAll appends p to a file of that size. A short write, as on a full disk, is taken back; if that fails too, the
// file's end is unknown and poisoned is true.
func writeAll(f diskFile, p []byte, size int64) (poisoned bool, err error) {
	n, err := f.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err == nil || n == 0 {
		return false, err
	}
	if undo := f.Truncate(size); undo != nil {
		return true, errors.Join(err, undo)
	}
	return false, err
}
