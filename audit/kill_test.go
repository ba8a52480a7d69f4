package audit_test

import (
	"bufio"
	"context"
	crand "crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/audit"
	"github.com/stretchr/testify/require"
)

// killRounds is how often the child is killed: 200 times where SKANS_TEST_LONG is set, which takes most of a minute.
func killRounds() int {
	if os.Getenv("SKANS_TEST_LONG") != "" {
		return 200
	}
	return 20
}

func TestMain(m *testing.M) {
	if dir := os.Getenv("SKANS_AUDIT_CHILD"); dir != "" {
		recordUntilKilled(dir)
	}
	os.Exit(m.Run())
}

// recordUntilKilled is the child: it records from four goroutines and prints each event that was acknowledged.
func recordUntilKilled(dir string) {
	keys, err := skans.ParseKeyring(os.Getenv("SKANS_AUDIT_KEY"))
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	log, err := audit.Open(ctx, audit.Config{Dir: dir, Keys: keys, Server: "test-1", Reserve: 1})
	if err != nil {
		panic(err)
	}
	round := os.Getenv("SKANS_AUDIT_ROUND")
	var mu sync.Mutex
	for w := range 4 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%s-%d-%d", round, w, i)
				if err := log.Record(ctx, "session.login", slog.String("id", id)); err != nil {
					panic(err)
				}
				mu.Lock()
				fmt.Println(id)
				mu.Unlock()
				if i%3 == 0 {
					_ = log.Seal()
				}
			}
		}()
	}
	select {}
}

func TestKilledAtAnyInstant(t *testing.T) {
	dir := t.TempDir()
	var master [32]byte
	_, _ = crand.Read(master[:])
	secret := "a:" + base64.StdEncoding.EncodeToString(master[:])
	rnd := rand.New(rand.NewPCG(1, 2))
	acknowledged := map[string]bool{}
	for round := range killRounds() {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "SKANS_AUDIT_CHILD="+dir, "SKANS_AUDIT_KEY="+secret, fmt.Sprintf("SKANS_AUDIT_ROUND=%d", round))
		var stderr strings.Builder
		child.Stderr = &stderr
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		lines := bufio.NewScanner(out)
		for n := rnd.IntN(25); n >= 0 && lines.Scan(); n-- {
			acknowledged[lines.Text()] = true
		}
		require.NoError(t, child.Process.Kill(), stderr.String())
		for lines.Scan() { // printed before the kill
			if text := lines.Text(); strings.Count(text, "-") == 2 {
				acknowledged[text] = true
			}
		}
		require.ErrorContains(t, child.Wait(), "killed", stderr.String())
	}
	keys, err := skans.ParseKeyring(secret)
	require.NoError(t, err)
	log := openLog(t, audit.Config{Dir: dir, Keys: keys})
	found := map[string]int{}
	for _, e := range events(t, log, audit.Filter{Event: "session.login"}) {
		id, _ := e.Attr("id")
		found[id.String()]++
	}
	require.Greater(t, len(acknowledged), killRounds())
	for id := range acknowledged {
		require.Equal(t, 1, found[id], id)
	}
	for id, n := range found {
		require.Equal(t, 1, n, id)
	}
	report := verify(t, dir, audit.Trust{Keys: log.PublicKeys(), AtLeast: log.Witness()})
	require.True(t, report.OK(), report.String())
}
