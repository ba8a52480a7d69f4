package upload

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// ErrInfected is what the function of [ClamAV] returns for a file in which clamd finds something.
var ErrInfected = errors.New("upload: the scanner found something")

// scanTimeout bounds one conversation with the scanner when the request's context has no deadline.
const scanTimeout = 2 * time.Minute

// ClamAV returns a function for Config.Scan that asks the daemon of ClamAV, as ("unix", "/run/clamav/clamd.ctl") or ("tcp",
// "127.0.0.1:3310"). It streams the file with the command INSTREAM (clamd manual, section Commands). An answer other than OK, a
// daemon that is away, hangs or stops listening, for instance at its StreamMaxLength, refuses the file.
func ClamAV(network, address string) func(ctx context.Context, file io.Reader) error {
	return func(ctx context.Context, file io.Reader) error {
		ctx, cancel := context.WithTimeout(ctx, scanTimeout)
		defer cancel()
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return fmt.Errorf("upload: clamd: %w", err)
		}
		defer conn.Close()
		stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
		defer stop()
		if err := instream(conn, file); err != nil {
			return fmt.Errorf("upload: clamd: %w", err)
		}
		answer, err := io.ReadAll(io.LimitReader(conn, 1<<10))
		if err != nil {
			return fmt.Errorf("upload: clamd: %w", err)
		}
		switch text := strings.TrimRight(string(answer), "\x00\n"); {
		case text == "stream: OK":
			return nil
		case strings.HasSuffix(text, " FOUND"):
			return ErrInfected
		}
		return errors.New("upload: clamd answered neither OK nor FOUND")
	}
}

// instream sends the file in chunks, each after its length in four bytes; a length of zero ends it.
func instream(w io.Writer, file io.Reader) error {
	if _, err := io.WriteString(w, "zINSTREAM\x00"); err != nil {
		return err
	}
	chunk := make([]byte, 4+32<<10)
	for {
		n, err := file.Read(chunk[4:])
		if n > 0 {
			binary.BigEndian.PutUint32(chunk, uint32(n))
			if _, err := w.Write(chunk[:4+n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			_, err = w.Write([]byte{0, 0, 0, 0})
			return err
		}
		if err != nil {
			return err
		}
	}
}
