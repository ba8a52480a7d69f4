package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/skans-go/skans"
	"github.com/stretchr/testify/require"
)

// FuzzFrames: what a reader accepts, framed again, is what it read; nothing panics or reads past the end.
func FuzzFrames(f *testing.F) {
	whole := appendEvent(nil, 0, "session.login", "", Actor{User: "anna"})
	whole = append(whole, 0)
	sealFrame(whole)
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(append(bytes.Clone(whole), make([]byte, 600)...))
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0}, 5000))
	f.Fuzz(func(t *testing.T, data []byte) {
		reader := newFrameReader(bytes.NewReader(data))
		var again []byte
		for {
			body, err := reader.next()
			if err != nil {
				require.True(t, errors.Is(err, io.EOF) || errors.Is(err, errTorn) || errors.Is(err, errBroken))
				require.Equal(t, errors.Is(err, io.EOF), len(again) == len(data))
				require.LessOrEqual(t, reader.offset, int64(len(data)))
				break
			}
			frame := append(make([]byte, frameHeader), body...)
			sealFrame(frame)
			again = append(again, frame...)
			_, _, _ = parseEvent(body)
			_, _ = parseSegment(body)
			_, _ = parseRecord(body)
		}
		require.True(t, bytes.HasPrefix(data, again))
	})
}

// FuzzEvent: an event that is read and written again has the same attributes, and its line is valid whatever it holds.
func FuzzEvent(f *testing.F) {
	seed := func(attrs ...slog.Attr) {
		e := encoder{class: &Class{}, keyed: func(s string) string { return s }}
		if e.attrs(attrs, 0) == nil {
			f.Add(e.buf)
		}
	}
	seed()
	seed(slog.String("s", "x\xff\u202e"), slog.Int("n", -1), slog.Bool("b", true))
	seed(slog.Group("g", slog.Float64("f", 0.5), slog.Group("h", slog.Uint64("u", 1<<63))))
	f.Fuzz(func(t *testing.T, data []byte) {
		d := decoder{buf: data}
		attrs := d.attrs(0)
		if d.err != nil {
			return
		}
		e := encoder{class: &Class{LogAddress: true, LogAgent: true}, keyed: func(s string) string { return s }}
		if e.attrs(attrs, 0) != nil {
			return // NaN: never written, and harmless when read
		}
		again := decoder{buf: e.buf}
		got := again.attrs(0)
		require.NoError(t, again.err)
		require.True(t, slog.GroupValue(attrs...).Equal(slog.GroupValue(got...)))
		line := Event{Attrs: attrs}.String()
		require.NotContains(t, line, "\n")
		require.NotContains(t, line, "\x1b")
	})
}

// FuzzRecord: a ledger record that parses and verifies is one that was signed.
func FuzzRecord(f *testing.F) {
	keys, err := skans.NewKeyring(skans.GenerateKey("a"))
	require.NoError(f, err)
	r := record{log: newID(), number: 1, epoch: 1, facts: []string{"open s v", sealed{class: "session", from: 1, to: 2}.fact()}}
	signed := r.sign(keys.Signer(keyPurpose))[frameHeader:]
	f.Add(signed)
	f.Add(signed[:len(signed)-1])
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := parseRecord(body)
		if err != nil {
			return
		}
		for _, fact := range r.facts {
			_, _ = parseSealed(fact)
			_, _ = parseExpiry(fact)
			_, _, _ = parseState(fact)
		}
		if r.verify() == nil && r.key.Equal(keys.Signer(keyPurpose).Public()) {
			require.Equal(t, signed, body)
		}
	})
}

// FuzzVerify: any change of the stored bytes of a closed log is reported.
func FuzzVerify(f *testing.F) {
	keys, err := skans.NewKeyring(skans.GenerateKey("a"))
	require.NoError(f, err)
	dir := f.TempDir()
	log, err := Open(context.Background(), Config{Dir: dir, Keys: keys, Server: "s"})
	require.NoError(f, err)
	for range 3 {
		require.NoError(f, log.Record(context.Background(), "session.login", slog.String("user", "anna")))
		require.NoError(f, log.Seal())
	}
	require.NoError(f, log.Close())
	files := map[string][]byte{}
	require.NoError(f, fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && name != "lock" && name != "reserve" {
			files[name], err = os.ReadFile(dir + "/" + name)
		}
		return err
	}))
	names := slices.Sorted(maps.Keys(files))
	trust := Trust{Keys: log.PublicKeys(), AtLeast: log.Witness()}
	f.Add(uint8(0), uint16(3), uint16(1), []byte("x"))
	f.Add(uint8(1), uint16(0), uint16(9999), []byte{})
	f.Add(uint8(1), uint16(60), uint16(0), []byte{0, 0})
	f.Fuzz(func(t *testing.T, file uint8, at, cut uint16, insert []byte) {
		name := names[int(file)%len(names)]
		data := files[name]
		from := int(at) % (len(data) + 1)
		to := min(from+int(cut), len(data))
		changed := slices.Concat(data[:from], insert, data[to:])
		mutated := fstest.MapFS{}
		for n, d := range files {
			mutated[n] = &fstest.MapFile{Data: d}
		}
		mutated[name] = &fstest.MapFile{Data: changed}
		report, err := Verify(t.Context(), mutated, trust)
		require.NoError(t, err)
		same := bytes.Equal(changed, data)
		torn := name == names[0] && bytes.HasPrefix(changed, data) // behind the ledger: as if the next Open had crashed
		require.True(t, report.OK() == same || torn, "%s %d %d %q: %s", name, from, to, insert, report)
	})
}

// TestMerkle holds the tree against the definition of RFC 6962 section 2.1, and paths against roots.
func TestMerkle(t *testing.T) {
	leaf := func(i int) digest { return sha256.Sum256(binary.BigEndian.AppendUint64([]byte{0}, uint64(i))) }
	var mth func(leaves []digest) digest
	mth = func(leaves []digest) digest {
		if len(leaves) == 1 {
			return leaves[0]
		}
		k := 1
		for 2*k < len(leaves) {
			k *= 2
		}
		l, r := mth(leaves[:k]), mth(leaves[k:])
		return sha256.Sum256(slices.Concat([]byte{1}, l[:], r[:]))
	}
	var leaves []digest
	var tr tree
	for n := 1; n <= 70; n++ {
		leaves = append(leaves, leaf(n))
		tr.add(leaf(n))
		require.Equal(t, mth(leaves), tr.root())
		for m := range n {
			path := auditPath(m, leaves)
			root, err := rootFromPath(leaves[m], uint64(m), uint64(n), path)
			require.NoError(t, err)
			require.Equal(t, tr.root(), root)
			if n > 1 {
				_, err = rootFromPath(leaves[m], uint64(m), uint64(n), path[1:])
				if err == nil {
					root, _ = rootFromPath(leaves[m], uint64(m), uint64(n), path[1:])
					require.NotEqual(t, tr.root(), root)
				}
			}
		}
		_, err := rootFromPath(leaves[0], uint64(n), uint64(n), nil)
		require.Error(t, err)
	}
	// RFC 9162 and the certificate-transparency test vectors: the hash of an empty leaf, and of no leaves.
	require.Equal(t, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d", hexDigest(sha256.Sum256([]byte{0})))
	var none tree
	require.Equal(t, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", hexDigest(none.root()))
}
func hexDigest(d digest) string { return hex.EncodeToString(d[:]) }
