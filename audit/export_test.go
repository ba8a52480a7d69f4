package audit

import (
	"context"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// A FaultDisk is the real file system with faults in it.
type FaultDisk struct {
	mu     sync.Mutex
	Sync   func(name string) error // asked before each fsync
	Undo   func(name string) error // asked before each truncate
	room   int64                   // bytes that may still be written; negative: no limit
	Syncs  int
	Writes int
}

// NewFaultDisk returns a disk without faults.
func NewFaultDisk() *FaultDisk { return &FaultDisk{room: -1} }

// Room lets n more bytes be written, then the disk is full.
func (d *FaultDisk) Room(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room = n
}

// Break sets what fsync and truncate return.
func (d *FaultDisk) Break(sync, undo func(name string) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Sync, d.Undo = sync, undo
}

// OpenOn opens a log on a disk with a clock.
func OpenOn(ctx context.Context, cfg Config, d *FaultDisk, clock func() (time.Time, time.Duration)) (*Log, error) {
	if clock == nil {
		clock = realClock()
	}
	return open(ctx, cfg, d, clock)
}

func (d *FaultDisk) OpenFile(name string, flag int, perm os.FileMode) (diskFile, error) {
	f, err := os.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return &faultFile{f, d}, nil
}

func (d *FaultDisk) MkdirAll(name string) error { return osDisk{}.MkdirAll(name) }

func (d *FaultDisk) Remove(name string) error {
	info, err := os.Stat(name)
	if err == nil {
		d.mu.Lock()
		if d.room >= 0 {
			d.room += info.Size()
		}
		d.mu.Unlock()
	}
	return os.Remove(name)
}
func (d *FaultDisk) SyncDir(name string) error { return osDisk{}.SyncDir(name) }

type faultFile struct {
	*os.File
	disk *FaultDisk
}

func (f *faultFile) Write(p []byte) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.Writes++
	if f.disk.room < 0 {
		return f.File.Write(p)
	}
	n := min(int64(len(p)), f.disk.room)
	f.disk.room -= n
	written, err := f.File.Write(p[:n])
	if err == nil && written < len(p) {
		err = syscall.ENOSPC
	}
	return written, err
}

func (f *faultFile) Sync() error {
	f.disk.mu.Lock()
	hook := f.disk.Sync
	f.disk.Syncs++
	f.disk.mu.Unlock()
	if hook != nil {
		if err := hook(f.Name()); err != nil {
			return err
		}
	}
	return f.File.Sync()
}

func (f *faultFile) Truncate(size int64) error {
	f.disk.mu.Lock()
	hook := f.disk.Undo
	f.disk.mu.Unlock()
	if hook != nil {
		if err := hook(f.Name()); err != nil {
			return err
		}
	}
	info, err := f.Stat()
	if err == nil {
		f.disk.mu.Lock()
		if f.disk.room >= 0 {
			f.disk.room += info.Size() - size
		}
		f.disk.mu.Unlock()
	}
	return f.File.Truncate(size)
}

var _ io.Writer = (*faultFile)(nil)

// SealFacts signs facts of the caller's own, as a thief of the live key could.
func SealFacts(l *Log, facts ...string) error { return l.seal(facts...) }

// SetSizes makes files end early.
func SetSizes(l *Log, segment, ledger int64) { l.maxSegment, l.maxLedger = segment, ledger }
