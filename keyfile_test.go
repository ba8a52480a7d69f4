package skans_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
)

// line returns a line of a key file with bytes that count from a start.
func line(id string, from byte) string {
	master := make([]byte, 32)
	for i := range master {
		master[i] = from + byte(i)
	}
	return id + ":" + base64.StdEncoding.EncodeToString(master) + "\n"
}

func TestParseKeyring(t *testing.T) {
	a, b := line("a", 1), line("b", 2)
	for _, c := range []struct {
		name, text string
		ids        []string
	}{
		{"one", a, []string{"a"}},
		{"without the last line break", strings.TrimSpace(a), []string{"a"}},
		{"newest first", b + a, []string{"b", "a"}},
		{"comments, blank lines, spaces", "# keys\n\n  " + a + "\t\n#" + b, []string{"a"}},
		{"written on Windows", strings.ReplaceAll(b+a, "\n", "\r\n"), []string{"b", "a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ring, err := skans.ParseKeyring(c.text)
			require.NoError(t, err)
			require.Equal(t, c.ids, ring.IDs())
			key, _ := counting(t, "x", map[string]byte{"a": 1, "b": 2}[c.ids[0]])
			require.Equal(t, newKeyring(t, key).MAC("p"), ring.MAC("p"))
		})
	}
}

func TestParseKeyringRefuses(t *testing.T) {
	const code = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU=" // abc...45
	_, err := skans.ParseKeyring("a:" + code)
	require.NoError(t, err, "what the cases below spoil")
	for _, c := range []struct{ name, text, says string }{
		{"nothing", "", "no key"},
		{"comments only", "# a\n\n", "no key"},
		{"no colon", line("a", 1) + "b " + code, "line 2"},
		{"no id", ":" + code, "line 1"},
		{"bad id", "a b:" + code, "line 1"},
		{"no key", "a:", "line 1"},
		{"short", "a:" + code[:40], "line 1"},
		{"long", "a:" + strings.TrimSuffix(code, "=") + "2", "line 1"},
		{"URL alphabet", "a:" + strings.Repeat("-_", 21) + "A=", "line 1"},
		{"without padding", "a:" + strings.TrimSuffix(code, "="), "line 1"},
		{"two texts for one key", "a:" + strings.TrimSuffix(code, "U=") + "V=", "line 1"}, // bits that nobody reads
		{"space inside", "a:" + code[:20] + " " + code[20:], "line 1"},
		{"zeroes", "a:" + strings.Repeat("A", 43) + "=", "line 1"},
		{"id twice", line("a", 1) + line("a", 2), `"a"`},
		{"key twice", line("a", 1) + line("b", 1), "same bytes"},
		{"over 64 KiB", strings.Repeat("#\n", 40000), "bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ring, err := skans.ParseKeyring(c.text)
			require.ErrorContains(t, err, c.says)
			require.Nil(t, ring)
			require.NotContains(t, err.Error(), code[:20], "an error does not tell keys")
		})
	}
}

func TestKeyringFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	made, err := skans.CreateKeyringFile(path)
	require.NoError(t, err)
	opened, err := skans.OpenKeyringFile(path)
	require.NoError(t, err)
	require.Equal(t, made.MAC("p"), opened.MAC("p"))
	_, err = time.Parse(time.DateOnly, opened.IDs()[0])
	require.NoError(t, err)
	if runtime.GOOS != "windows" {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	_, err = skans.CreateKeyringFile(path)
	require.ErrorIs(t, err, os.ErrExist)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after, "never overwritten")
	requireAlone(t, path)
}

// requireAlone checks that no temporary file stays: it would be a second copy of the key.
func requireAlone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestKeyringFileIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	rings := make([]*skans.Keyring, 16)
	errs := make([]error, len(rings))
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range rings {
		group.Go(func() {
			<-start
			rings[i], errs[i] = skans.CreateKeyringFile(path)
		})
	}
	close(start)
	group.Wait()
	opened, err := skans.OpenKeyringFile(path)
	require.NoError(t, err)
	made := 0
	for i := range rings {
		if errs[i] == nil {
			made++
			require.Equal(t, opened.MAC("p"), rings[i].MAC("p"))
			continue
		}
		require.ErrorIs(t, errs[i], os.ErrExist)
	}
	require.Equal(t, 1, made)
	requireAlone(t, path)
}

// A process that was killed leaves a half-written temporary file, never a half-written key file.
func TestKeyringFileAfterACrash(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keys")
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".keys.ABC"), []byte("2026:QUJ"), 0o600))
	_, err := skans.OpenKeyringFile(path)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = skans.CreateKeyringFile(path)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, 20)) // a file that was cut by something else
	_, err = skans.OpenKeyringFile(path)
	require.ErrorContains(t, err, "line 1")
	require.ErrorContains(t, err, path)
}

func TestKeyringFileModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no modes")
	}
	path := filepath.Join(t.TempDir(), "keys")
	require.NoError(t, os.WriteFile(path, []byte(line("a", 1)), 0o600))
	for mode, ok := range map[os.FileMode]bool{
		0o600: true, 0o400: true, 0o640: false, 0o620: false, 0o604: false, 0o602: false, 0o601: false, 0o644: false, 0o666: false, 0o777: false,
	} {
		require.NoError(t, os.Chmod(path, mode))
		_, err := skans.OpenKeyringFile(path)
		if ok {
			require.NoError(t, err, "%04o", mode)
			continue
		}
		require.ErrorContains(t, err, "chmod 600", "%04o", mode)
	}
}

func TestKeyringFileThatIsNone(t *testing.T) {
	dir := t.TempDir()
	_, err := skans.OpenKeyringFile(dir)
	require.ErrorContains(t, err, "regular")
	_, err = skans.OpenKeyringFile(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = skans.CreateKeyringFile(filepath.Join(dir, "none", "keys"))
	require.ErrorIs(t, err, os.ErrNotExist)

	target := filepath.Join(dir, "elsewhere")
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink(target, link)) // planted to get the key written where somebody can read it
	_, err = skans.CreateKeyringFile(link)
	require.ErrorIs(t, err, os.ErrExist)
	require.NoFileExists(t, target)

	big := filepath.Join(dir, "big")
	require.NoError(t, os.WriteFile(big, []byte(strings.Repeat("# long\n", 20000)+line("a", 1)), 0o600))
	_, err = skans.OpenKeyringFile(big)
	require.ErrorContains(t, err, "bytes")
}

func TestFileKMS(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kms")
	kms, err := skans.OpenFileKMS(path)
	require.NoError(t, err)
	again, err := skans.OpenFileKMS(path)
	require.NoError(t, err)
	key := []byte("0123456789abcdef0123456789abcdef")
	wrapped, err := kms.Wrap(t.Context(), key)
	require.NoError(t, err)
	require.NotContains(t, string(wrapped), string(key))
	require.True(t, again.Current(wrapped))
	unwrapped, err := again.Unwrap(t.Context(), wrapped)
	require.NoError(t, err)
	require.Equal(t, key, unwrapped)
	_, err = again.Unwrap(t.Context(), wrapped[1:])
	require.ErrorIs(t, err, skans.ErrTampered)

	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append([]byte(line("new", 1)), text...), 0o600))
	rotated, err := skans.OpenFileKMS(path)
	require.NoError(t, err)
	require.False(t, rotated.Current(wrapped))
	unwrapped, err = rotated.Unwrap(t.Context(), wrapped)
	require.NoError(t, err)
	require.Equal(t, key, unwrapped)
	v := newVault(t, skans.VaultConfig{KMS: rotated})
	opens(t, v, "anna", seal(t, v, "anna", "plain"), "plain")
}

func FuzzParseKeyring(f *testing.F) {
	f.Add(line("a", 1))
	f.Add(line("b", 2) + "# comment\n\n" + line("a", 1))
	f.Add("a:")
	f.Add(":")
	f.Add("a:AAAA\na:AAAA\n")
	f.Add("\xef\xbb\xbf" + line("a", 1))
	f.Add("a:" + strings.Repeat("A", 43) + "=")
	f.Fuzz(func(t *testing.T, text string) {
		ring, err := skans.ParseKeyring(text)
		if err != nil {
			require.Nil(t, ring)
			for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune(":\n\r\t #", r) }) {
				if len(part) > 32 {
					require.NotContains(t, err.Error(), part)
				}
			}
			return
		}
		for _, id := range ring.IDs() {
			require.Contains(t, text, id+":")
			require.LessOrEqual(t, len(id), 32)
		}
		plain, err := ring.Open(ring.Seal([]byte("x"), "p"), "p")
		require.NoError(t, err)
		require.Equal(t, "x", string(plain))
	})
}
