package audit_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/audit"
	"github.com/stretchr/testify/require"
)

// load reads a log into memory, to be changed there.
func load(t testing.TB, dir string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == "lock" || name == "reserve" {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		files[name] = &fstest.MapFile{Data: data}
		return err
	}))
	return files
}

func clone(files fstest.MapFS) fstest.MapFS {
	out := fstest.MapFS{}
	for name, f := range files {
		out[name] = &fstest.MapFile{Data: bytes.Clone(f.Data)}
	}
	return out
}

// split cuts a file into its frames, by the lengths that stand in them.
func split(t testing.TB, data []byte) [][]byte {
	t.Helper()
	var frames [][]byte
	for len(data) > 0 {
		n := 12 + int(binary.BigEndian.Uint32(data))
		frames = append(frames, data[:n:n])
		data = data[n:]
	}
	return frames
}

// forge gives a frame the checksums of its new bytes, as an attacker would.
func forge(body []byte) []byte {
	frame := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	frame = binary.BigEndian.AppendUint32(frame, crc32.ChecksumIEEE(body))
	frame = binary.BigEndian.AppendUint32(frame, crc32.ChecksumIEEE(frame[:8]))
	return append(frame, body...)
}

// smallLog has three sealed batches of session events, some of them in a second segment, and one not-found event.
func smallLog(t testing.TB, keys *skans.Keyring, server string) (fstest.MapFS, audit.Trust) {
	t.Helper()
	dir := t.TempDir()
	var trust audit.Trust
	n := 0
	for range 2 {
		log := openLog(t, audit.Config{Dir: dir, Keys: keys, Server: server})
		for range 2 {
			for range 2 {
				n++
				require.NoError(t, log.Record(t.Context(), "session.login", slog.Int("n", n)))
			}
			require.NoError(t, log.Record(t.Context(), "notfound.request", slog.Int("n", n)))
			require.NoError(t, log.Seal())
		}
		require.NoError(t, log.Close())
		trust = audit.Trust{Keys: log.PublicKeys(), AtLeast: log.Witness()}
	}
	return load(t, dir), trust
}

func check(t testing.TB, files fs.FS, trust audit.Trust) audit.Report {
	t.Helper()
	report, err := audit.Verify(t.Context(), files, trust)
	require.NoError(t, err)
	return report
}

func TestVerifyFindsEveryFlippedBit(t *testing.T) {
	dir := t.TempDir()
	log := openLog(t, audit.Config{Dir: dir, Keys: newKeys(t)})
	for n := range 3 {
		require.NoError(t, log.Record(t.Context(), "session.login", slog.Int("n", n)))
		require.NoError(t, log.Seal())
	}
	require.NoError(t, log.Close())
	files, trust := load(t, dir), audit.Trust{Keys: log.PublicKeys()} // without a witness, too
	require.True(t, check(t, files, trust).OK())
	for _, name := range slices.Sorted(maps.Keys(files)) {
		data := files[name].Data
		for i := range data {
			data[i] ^= 1 << (i % 8)
			report := check(t, files, trust)
			data[i] ^= 1 << (i % 8)
			require.False(t, report.OK(), "%s byte %d", name, i)
			require.NotZero(t, report.FirstBad, "%s byte %d", name, i)
			require.True(t, strings.HasPrefix(name, report.Class+"/"), "%s byte %d: %s", name, i, report)
		}
	}
}

func TestVerifyNamesTheFirstBad(t *testing.T) {
	keys := newKeys(t)
	files, trust := smallLog(t, keys, "a")
	const first, second = "session/00000000000000000001.seg", "session/00000000000000000006.seg"
	require.Contains(t, files, second)
	frames := split(t, files[first].Data)
	require.Len(t, frames, 5) // the segment's own and four events
	other, _ := smallLog(t, keys, "a")
	join := func(f ...[]byte) []byte { return bytes.Join(f, nil) }
	changed := bytes.Clone(frames[2][12:])
	changed[len(changed)-1] ^= 2
	tests := map[string]struct {
		name  string
		data  []byte
		first uint64
	}{
		"deleted":                {first, join(frames[0], frames[1], frames[3], frames[4]), 3},
		"swapped":                {first, join(frames[0], frames[1], frames[3], frames[2], frames[4]), 3},
		"duplicated":             {first, join(frames[0], frames[1], frames[1], frames[2], frames[3], frames[4]), 3},
		"inserted":               {first, join(frames[0], frames[1], forge([]byte("\x00\x01x")), frames[2], frames[3], frames[4]), 3},
		"cut at a frame":         {first, join(frames[:4]...), 5},
		"cut in a frame":         {first, join(frames...)[:len(join(frames...))-1], 5},
		"appended":               {first, join(join(frames...), frames[4]), 6},
		"of another log":         {first, other[first].Data, 1},
		"rewritten and forged":   {first, join(frames[0], frames[1], forge(changed), frames[3], frames[4]), 1},
		"second segment removed": {second, nil, 6},
		"first segment removed":  {first, nil, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			files := clone(files)
			files[tt.name].Data = tt.data
			if tt.data == nil {
				delete(files, tt.name)
			}
			report := check(t, files, audit.Trust{Keys: trust.Keys})
			require.False(t, report.OK())
			require.Equal(t, "session", report.Class)
			require.Equal(t, tt.first, report.FirstBad, report.String())
			require.GreaterOrEqual(t, report.LastBad, report.FirstBad)
		})
	}
	t.Run("extra segment", func(t *testing.T) {
		files := clone(files)
		files["session/00000000000000000003.seg"] = files[second]
		report := check(t, files, audit.Trust{Keys: trust.Keys})
		require.False(t, report.OK())
		require.EqualValues(t, 3, report.FirstBad)
	})
	t.Run("class removed", func(t *testing.T) {
		files := clone(files)
		maps.DeleteFunc(files, func(name string, _ *fstest.MapFile) bool { return strings.HasPrefix(name, "notfound/") })
		report := check(t, files, audit.Trust{Keys: trust.Keys})
		require.Equal(t, "notfound", report.Class)
		require.EqualValues(t, 1, report.FirstBad)
	})
}

func TestVerifyLedger(t *testing.T) {
	keys := newKeys(t)
	files, trust := smallLog(t, keys, "a")
	const ledger = "ledger/00000000000000000001.led"
	records := split(t, files[ledger].Data)
	require.Greater(t, len(records), 5)
	otherKeys := newKeys(t)
	foreign, _ := smallLog(t, otherKeys, "a")
	other, _ := smallLog(t, keys, "a")
	join := func(f ...[]byte) []byte { return bytes.Join(f, nil) }
	replaced := func(i int, with []byte) []byte {
		all := slices.Clone(records)
		all[i] = with
		return join(all...)
	}
	tests := map[string]struct {
		data  []byte
		first uint64
	}{
		"deleted":                   {join(append(slices.Clone(records[:2]), records[3:]...)...), 3},
		"swapped":                   {join(append([][]byte{records[0], records[2], records[1]}, records[3:]...)...), 2},
		"first removed":             {join(records[1:]...), 1},
		"record of another key":     {replaced(2, split(t, foreign[ledger].Data)[2]), 3},
		"record of another log":     {replaced(2, split(t, other[ledger].Data)[2]), 3},
		"whole of another key":      {foreign[ledger].Data, 1},
		"cut back to a record":      {join(records[:len(records)-1]...), uint64(len(records))},
		"emptied":                   {[]byte{}, 1},
		"whole ledger of other log": {other[ledger].Data, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			files := clone(files)
			files[ledger].Data = tt.data
			report := check(t, files, trust)
			require.False(t, report.OK())
			require.Equal(t, "ledger", report.Class)
			require.Equal(t, tt.first, report.FirstBad, report.String())
		})
	}
	t.Run("cut back without a witness", func(t *testing.T) {
		files := clone(files)
		files[ledger].Data = join(records[:3]...)
		report := check(t, files, audit.Trust{Keys: trust.Keys})
		require.True(t, report.OK(), report.String())
		require.EqualValues(t, 3, report.Records)
		require.NotEmpty(t, report.UnprovenAfter)
	})
	t.Run("whole log of another instance", func(t *testing.T) {
		require.False(t, check(t, other, trust).OK())
		require.True(t, check(t, other, audit.Trust{Keys: trust.Keys}).OK()) // only the witness knows
	})
	t.Run("torn at every byte", func(t *testing.T) {
		whole := join(records[:len(records)-1]...)
		for n := range records[len(records)-1] {
			files := clone(files)
			files[ledger].Data = join(whole, records[len(records)-1][:n])
			report := check(t, files, audit.Trust{Keys: trust.Keys})
			require.True(t, report.OK(), "%d: %s", n, report)
			require.Equal(t, n > 0, slices.Contains(report.Torn, "ledger"))
			require.False(t, check(t, files, trust).OK())
		}
	})
}

func TestTrustNeedsKeys(t *testing.T) {
	_, err := audit.Verify(t.Context(), fstest.MapFS{}, audit.Trust{})
	require.ErrorContains(t, err, "Keys")
	report := check(t, fstest.MapFS{}, audit.Trust{Keys: openLog(t, audit.Config{Dir: t.TempDir(), Keys: newKeys(t)}).PublicKeys()})
	require.False(t, report.OK())
}

// TestTornTail cuts an unsealed log at every byte, as a crash may: Verify calls it torn, Open keeps every whole frame, and the
// log goes on and verifies.
func TestTornTail(t *testing.T) {
	keys, dir := newKeys(t), t.TempDir()
	log := openLog(t, audit.Config{Dir: dir, Keys: keys})
	require.NoError(t, log.Record(t.Context(), "session.login", slog.Int("n", 0)))
	require.NoError(t, log.Seal())
	sealedFiles := load(t, dir)
	require.NoError(t, log.Record(t.Context(), "session.login", slog.Int("n", 1)))
	require.NoError(t, log.Record(t.Context(), "session.login", slog.Int("n", 2)))
	files := load(t, dir)
	require.NoError(t, log.Close())
	const name = "session/00000000000000000001.seg"
	files["ledger/00000000000000000001.led"] = sealedFiles["ledger/00000000000000000001.led"]
	start, whole := len(sealedFiles[name].Data), files[name].Data
	for n := start; n <= len(whole); n++ {
		kept := 0
		for rest := whole[start:n]; len(rest) >= 12 && len(rest) >= 12+int(binary.BigEndian.Uint32(rest)); kept++ {
			rest = rest[12+int(binary.BigEndian.Uint32(rest)):]
		}
		torn := clone(files)
		torn[name].Data = whole[:n]
		report := check(t, torn, audit.Trust{Keys: log.PublicKeys()})
		require.True(t, report.OK(), "%d: %s", n, report)
		dir := t.TempDir()
		require.NoError(t, os.CopyFS(dir, torn))
		again := openLog(t, audit.Config{Dir: dir, Keys: keys})
		require.NoError(t, again.Record(t.Context(), "session.login", slog.Int("n", 9)))
		require.Len(t, events(t, again, audit.Filter{Event: "session.login"}), 1+kept+1, "cut at %d", n)
		require.NoError(t, again.Close())
		report = verify(t, dir, audit.Trust{Keys: again.PublicKeys(), AtLeast: again.Witness()})
		require.True(t, report.OK(), "%d: %s", n, report)
		require.Empty(t, report.Torn)
	}
}

func TestOpenRefusesTamperedFiles(t *testing.T) {
	keys := newKeys(t)
	files, trust := smallLog(t, keys, "a")
	tests := map[string]func(fstest.MapFS){
		"sealed frames missing": func(f fstest.MapFS) { delete(f, "session/00000000000000000006.seg") },
		"sealed frame cut":      func(f fstest.MapFS) { d := f["session/00000000000000000006.seg"]; d.Data = d.Data[:len(d.Data)-1] },
		"frame flipped":         func(f fstest.MapFS) { d := f["session/00000000000000000006.seg"].Data; d[len(d)-1] ^= 1 },
		"frames behind a log that was closed": func(f fstest.MapFS) {
			d := f["session/00000000000000000006.seg"]
			frames := split(t, d.Data)
			body := bytes.Clone(frames[len(frames)-1][12:])
			binary.BigEndian.PutUint64(body[3:], binary.BigEndian.Uint64(body[3:])+1)
			d.Data = append(d.Data, forge(body)...)
			require.False(t, check(t, f, trust).OK())
		},
		"ledger record flipped": func(f fstest.MapFS) { d := f["ledger/00000000000000000001.led"].Data; d[20] ^= 1 },
		"ledger signature bit":  func(f fstest.MapFS) { d := f["ledger/00000000000000000001.led"].Data; d[len(d)-1] ^= 1 },
		"ledger record taken out": func(f fstest.MapFS) {
			r := split(t, f["ledger/00000000000000000001.led"].Data)
			f["ledger/00000000000000000001.led"].Data = bytes.Join(append(r[:2:2], r[3:]...), nil)
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			files, dir := clone(files), t.TempDir()
			change(files)
			require.NoError(t, os.CopyFS(dir, files))
			_, err := audit.Open(t.Context(), audit.Config{Dir: dir, Keys: keys, Server: "a"})
			require.ErrorIs(t, err, audit.ErrTampered)
		})
	}
	for name, cfg := range map[string]audit.Config{
		"another server's": {Keys: keys, Server: "b"},
		"key unknown":      {Keys: newKeys(t), Server: "a"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg.Dir = t.TempDir()
			require.NoError(t, os.CopyFS(cfg.Dir, files))
			_, err := audit.Open(t.Context(), cfg)
			require.Error(t, err)
		})
	}
}

func TestSuccession(t *testing.T) {
	dir := t.TempDir()
	a, b, c := skans.GenerateKey("a"), skans.GenerateKey("b"), skans.GenerateKey("c")
	rings := [][]skans.Key{{a}, {b, a}, {c, b}}
	var log *audit.Log
	for i, ring := range rings {
		keys, err := skans.NewKeyring(ring[0], ring[1:]...)
		require.NoError(t, err)
		log = openLog(t, audit.Config{Dir: dir, Keys: keys})
		require.NoError(t, log.Record(t.Context(), "session.login", slog.Int("n", i)))
		require.NoError(t, log.Close())
	}
	all, err := skans.NewKeyring(c, b, a)
	require.NoError(t, err)
	other := openLog(t, audit.Config{Dir: t.TempDir(), Keys: all})
	keys := other.PublicKeys()
	require.Len(t, keys, 3)
	require.True(t, verify(t, dir, audit.Trust{Keys: keys, AtLeast: log.Witness()}).OK())
	require.False(t, verify(t, dir, audit.Trust{Keys: keys[:2]}).OK(), "the first key is not trusted")
	require.False(t, verify(t, dir, audit.Trust{Keys: keys[1:]}).OK(), "the last key is not trusted")
	slices.Reverse(keys)
	require.False(t, verify(t, dir, audit.Trust{Keys: keys}).OK(), "an older key must not succeed a newer one")

	lost, err := skans.NewKeyring(skans.GenerateKey("d"), b)
	require.NoError(t, err)
	_, err = audit.Open(t.Context(), audit.Config{Dir: dir, Keys: lost, Server: "test-1"})
	require.ErrorContains(t, err, "not in the keyring")
}

func TestWitnessText(t *testing.T) {
	log := openLog(t, audit.Config{Dir: t.TempDir(), Keys: newKeys(t)})
	w, err := audit.ParseWitness(log.Witness().String())
	require.NoError(t, err)
	require.Equal(t, log.Witness(), w)
	for _, bad := range []string{"", "skans-audit x 1", "skans-audit x 1 00", "other x 1 " + fmt.Sprintf("%064x", 1)} {
		_, err := audit.ParseWitness(bad)
		require.Error(t, err)
	}
}
