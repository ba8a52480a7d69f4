package upload_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/validate/upload"
)

// eicar is the test file of EICAR, in two pieces so that no scanner takes this source for it.
const eicar = `X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR` + `-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`

// fakeClamd speaks INSTREAM as the manual of clamd describes it, on loopback, for one conversation each.
func fakeClamd(t *testing.T, answer func(content string) string) (network, address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r := bufio.NewReader(conn)
				if command, err := r.ReadString(0); err != nil || command != "zINSTREAM\x00" {
					return
				}
				var content strings.Builder
				for {
					var n uint32
					if binary.Read(r, binary.BigEndian, &n) != nil {
						return
					}
					if n == 0 {
						break
					}
					if _, err := io.CopyN(&content, r, int64(n)); err != nil {
						return
					}
				}
				_, _ = io.WriteString(conn, answer(content.String()))
			}()
		}
	}()
	return "tcp", l.Addr().String()
}

func TestClamAV(t *testing.T) {
	ask := upload.ClamAV(fakeClamd(t, func(content string) string {
		switch {
		case strings.Contains(content, "EICAR"):
			return "stream: Eicar-Test-Signature FOUND\x00"
		case len(content) > 100_000:
			return "INSTREAM size limit exceeded. ERROR\x00"
		case content == "hang up":
			return ""
		}
		return "stream: OK\x00"
	}))
	require.NoError(t, ask(t.Context(), strings.NewReader("harmless")))
	require.NoError(t, ask(t.Context(), strings.NewReader("")))
	require.NoError(t, ask(t.Context(), strings.NewReader(strings.Repeat("x", 99_000))))
	require.ErrorIs(t, ask(t.Context(), strings.NewReader(eicar)), upload.ErrInfected)
	for _, content := range []string{"hang up", strings.Repeat("x", 100_001)} {
		err := ask(t.Context(), strings.NewReader(content))
		require.Error(t, err)
		require.NotErrorIs(t, err, upload.ErrInfected)
	}
	broken := errors.New("disk")
	require.ErrorIs(t, ask(t.Context(), failing{broken}), broken)
}

func TestClamAVThatIsAwayOrHangs(t *testing.T) {
	require.Error(t, upload.ClamAV("unix", t.TempDir()+"/none")(t.Context(), strings.NewReader("x")))

	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts by its backlog and never answers
	require.NoError(t, err)
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.Error(t, upload.ClamAV("tcp", l.Addr().String())(ctx, strings.NewReader("x")))
}

// The real daemon, where Debian's clamav-daemon runs.
func TestClamAVOfDebian(t *testing.T) {
	const socket = "/run/clamav/clamd.ctl"
	if _, err := os.Stat(socket); err != nil {
		t.Skip("clamav-daemon does not run here: no " + socket)
	}
	ask := upload.ClamAV("unix", socket)
	require.NoError(t, ask(t.Context(), strings.NewReader("harmless")))
	require.ErrorIs(t, ask(t.Context(), strings.NewReader(eicar)), upload.ErrInfected)
}
