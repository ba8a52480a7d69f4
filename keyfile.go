package skans

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// maxKeyFile bounds what is read from a key file: about a thousand keys.
const maxKeyFile = 64 << 10

// ParseKeyring reads keys from the text of a key file, an environment variable or a secret manager: a line a key,
// "id:base64" of 32 bytes, newest first. Blank lines and lines that begin with '#' are skipped. Errors name the line,
// never what it says.
func ParseKeyring(text string) (*Keyring, error) {
	if len(text) > maxKeyFile {
		return nil, fmt.Errorf("skans: key text is over %d bytes", maxKeyFile)
	}
	var keys []Key
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		id, encoded, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("skans: line %d of the keys is not id:base64", n)
		}
		master, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if err != nil { // the decoder's error would say where in the key
			return nil, fmt.Errorf("skans: line %d of the keys is not base64 after the colon", n)
		}
		key, err := NewKey(id, master)
		if err != nil {
			return nil, fmt.Errorf("skans: line %d of the keys: %w", n, err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("skans: no key found; a key is a line id:base64")
	}
	return NewKeyring(keys[0], keys[1:]...)
}

// OpenKeyringFile reads a key file (see [ParseKeyring]). It refuses one that group or others may read or write,
// because then the keys are known already: make new ones rather than only tightening the mode.
func OpenKeyringFile(path string) (*Keyring, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("skans: open key file: %w", err)
	}
	defer file.Close()
	info, err := file.Stat() // of the open file, so that nobody swaps it in between
	if err != nil {
		return nil, fmt.Errorf("skans: open key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("skans: key file %s is not a regular file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("skans: key file %s has mode %04o and is open to others; run: chmod 600 %s (and replace its keys if others could read it)", path, mode, path)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("skans: read key file: %w", err)
	}
	ring, err := ParseKeyring(string(text))
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return ring, nil
}

// CreateKeyringFile writes a new file with one new key, named for today, and opens it. The file appears under its name
// whole and on disk, with mode 0600, or not at all; one that exists is left alone and reported as [os.ErrExist].
func CreateKeyringFile(path string) (*Keyring, error) {
	key := GenerateKey(time.Now().UTC().Format("2006-01-02"))
	if err := writeNew(path, key.line()); err != nil {
		return nil, fmt.Errorf("skans: create key file: %w", err)
	}
	return OpenKeyringFile(path)
}

// writeNew writes text to a temporary file beside path and links it there. A link, unlike a rename, never replaces; a
// crash at any point leaves either no file of that name or all of it.
func writeNew(path, text string) (err error) {
	temp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text())
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(temp)) }()
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err = os.Link(temp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a new name in a directory survive a crash.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // has no such call; NTFS journals names
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
