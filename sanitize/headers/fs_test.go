package headers_test

import "io/fs"

// emptyFS has no file.
type emptyFS struct{}

func (emptyFS) Open(name string) (fs.File, error) { return nil, fs.ErrNotExist }
