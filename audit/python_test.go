package audit_test

import (
	"encoding/hex"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/audit"
	"github.com/stretchr/testify/require"
)

// TestIndependentVerifier runs a verifier that shares no code with this package: what it accepts and refuses is what the
// format document says, not what both sides of one program happen to agree on.
func TestIndependentVerifier(t *testing.T) {
	for _, program := range []string{"python3", "openssl"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%[1]s is not installed: apt-get install %[1]s", program)
			}
			t.Skipf("%[1]s is not installed: apt-get install %[1]s", program)
		}
	}
	script, err := os.ReadFile("testdata/verify.py")
	require.NoError(t, err)
	require.LessOrEqual(t, strings.Count(string(script), "\n"), 150)

	// Two epochs under two keys, an expired segment, and several classes.
	dir, clock := t.TempDir(), &dial{wall: newYear}
	a, b := skans.GenerateKey("a"), skans.GenerateKey("b")
	classes := []audit.Class{{Name: "session", Keep: audit.Months(1)}}
	var log *audit.Log
	for _, ring := range [][]skans.Key{{a}, {b, a}} {
		keys, err := skans.NewKeyring(ring[0], ring[1:]...)
		require.NoError(t, err)
		log, _ = openFaulty(t, audit.Config{Dir: dir, Keys: keys, Classes: classes}, clock.read)
		for range 5 {
			require.NoError(t, log.Record(t.Context(), "session.login"))
			require.NoError(t, log.Record(t.Context(), "notfound.request"))
		}
		require.NoError(t, log.Seal())
		clock.move(20*24*time.Hour, 20*24*time.Hour)
		if len(ring) == 2 {
			n, err := log.Expire(t.Context())
			require.NoError(t, err)
			require.Equal(t, 2, n) // a segment of each class
			require.NoError(t, log.Record(t.Context(), "session.login"))
		}
		require.NoError(t, log.Close())
	}
	var keys []string
	for _, key := range log.PublicKeys() {
		keys = append(keys, hex.EncodeToString(key))
	}
	run := func(dir string, extra ...string) (string, error) {
		out, err := exec.Command("python3", append([]string{"testdata/verify.py", dir, strings.Join(keys, ",")}, extra...)...).CombinedOutput()
		return string(out), err
	}
	out, err := run(dir, log.Witness().String())
	require.NoError(t, err, out)
	require.Contains(t, out, "ok: ")
	out, err = run(dir, strings.Replace(log.Witness().String(), log.Witness().Log[:4], "ffff", 1))
	require.Error(t, err, out)

	files := load(t, dir)
	for name := range files {
		at := len(files[name].Data) / 2
		changed := clone(files)
		changed[name].Data[at] ^= 1
		dir := t.TempDir()
		require.NoError(t, os.CopyFS(dir, changed))
		out, err := run(dir)
		require.Error(t, err, "%s byte %d: %s", name, at, out)
		require.Contains(t, out, "tampered: "+strings.Split(name, "/")[0])
		require.False(t, check(t, changed, audit.Trust{Keys: log.PublicKeys()}).OK())
	}
}
