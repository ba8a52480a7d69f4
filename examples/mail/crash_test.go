package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/audit"
)

// childData makes the test binary a mailbox of its own process, so that it can be killed.
const childData = "SKANS_MAIL_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childData); dir != "" {
		err := run(context.Background(), []string{"-http", "localhost:0", "-smtp", "127.0.0.1:0", "-data", dir}, os.Stdout)
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

var printedSMTP = regexp.MustCompile(`SMTP\s+(\S+)`)

// child starts a mailbox in a process of its own and returns where it takes letters.
func child(t *testing.T, dir string) (cmd *exec.Cmd, addr string) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childData+"="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if found := printedSMTP.FindStringSubmatch(lines.Text()); found != nil {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return cmd, found[1]
		}
	}
	require.Fail(t, "the mailbox did not start", stderr.String())
	return nil, ""
}

// deliver sends one letter in clear and returns nil if it was acknowledged.
func deliver(addr, subject string) error {
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return err
	}
	c, err := smtp.NewClient(conn, "localhost")
	if err != nil {
		return err
	}
	if err := errors.Join(c.Mail("a@example.org"), c.Rcpt("mail@localhost")); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "From: a@example.org\r\nSubject: %s\r\n\r\nbody\r\n", subject); err != nil {
		return err
	}
	return w.Close()
}

// kill -9 at any moment: every letter that was acknowledged with 250 is there, once, and so is its event, and the log verifies.
func TestKilledAtAnyMomentLosesNothing(t *testing.T) {
	dir := t.TempDir()
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	for round := range 8 {
		cmd, addr := child(t, dir)
		enough := make(chan struct{}, 100)
		var senders sync.WaitGroup
		for sender := range 4 { // so that the end comes at another point of each dialogue
			senders.Go(func() {
				for n := 0; ; n++ {
					subject := fmt.Sprintf("letter-%d-%d-%d", round, sender, n)
					if deliver(addr, subject) != nil {
						return
					}
					mu.Lock()
					acknowledged[subject] = true
					mu.Unlock()
					select {
					case enough <- struct{}{}:
					default:
					}
				}
			})
		}
		for range 5 + 3*round {
			<-enough
		}
		require.NoError(t, cmd.Process.Kill())
		senders.Wait()
		_ = cmd.Wait()
	}
	require.GreaterOrEqual(t, len(acknowledged), 24)

	r := start(t, dir, false)
	stored := map[string]int{}
	all, err := r.store.Conversations(t.Context(), "mail", "", 0, 1000)
	require.NoError(t, err)
	ids := map[string]string{}
	for _, c := range all {
		stored[c.Subject]++
		messages, err := r.store.Messages(t.Context(), "mail", c.ID, 0, 100)
		require.NoError(t, err)
		ids[c.Subject] = messages[0].ID
	}
	recorded := map[string]bool{}
	for e, err := range r.log.Query(t.Context(), audit.Filter{Event: eventDelivered}) {
		require.NoError(t, err)
		recorded[attr(e, "message")] = true
	}
	for subject := range acknowledged {
		require.Equal(t, 1, stored[subject], subject)
		require.True(t, recorded[ids[subject]], "no event of %s", subject)
	}
	report, err := audit.Verify(t.Context(), os.DirFS(r.logDir), audit.Trust{Keys: r.log.PublicKeys(), AtLeast: r.log.Witness()})
	require.NoError(t, err)
	require.True(t, report.OK(), report.String())
	require.Contains(t, strings.Join(strings.Fields(report.String()), " "), "ok:")
}
