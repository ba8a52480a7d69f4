package upload

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Sweep removes files that nobody kept: uploads that wait in dir since longer than age, and what a crash left half
// written there or in a folder that files are kept in. Only regular files with names of this package are touched. It returns how
// many were removed. dir is what Config.Dir was, empty for the default; age must be longer than the slowest upload takes.
func Sweep(ctx context.Context, dir string, age time.Duration) (removed int, err error) {
	if age <= 0 {
		return 0, errors.New("upload: Sweep needs an age above zero, or it takes files that are being written")
	}
	root, err := os.OpenRoot(cmp.Or(dir, DefaultDir()))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("upload: sweep: %w", err)
	}
	defer root.Close()
	folder, err := root.Open(".")
	if err != nil {
		return 0, fmt.Errorf("upload: sweep: %w", err)
	}
	defer folder.Close()
	oldest := time.Now().Add(-age)
	var errs []error
	for {
		entries, err := folder.ReadDir(256)
		for _, e := range entries {
			if ctx.Err() != nil {
				return removed, ctx.Err()
			}
			info, err := e.Info()
			if err != nil || !ours(e.Name()) || !info.Mode().IsRegular() || info.ModTime().After(oldest) {
				continue
			}
			if err := root.Remove(e.Name()); err == nil {
				removed++
			} else if !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
		if err != nil || len(entries) == 0 {
			return removed, errors.Join(errs...)
		}
	}
}
