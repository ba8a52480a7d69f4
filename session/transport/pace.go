package transport

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	// stall is how long a client may keep a read or write of the handler waiting.
	stall = 30 * time.Second
	// minRate is how many bytes of a request body a client sends in a second at least, once stall is used up. Without it
	// a byte every 29 seconds would hold a connection, a goroutine and perhaps a place in a queue for days.
	minRate = 1 << 10
	// writeChunk is how much has to get through within stall.
	writeChunk = 64 << 10
	// leftover is how long the rest of a body that the handler did not want may take. net/http reads some of it, so that
	// the connection can be used again, and over HTTP/1 it does so before it sends the answer.
	leftover = 5 * time.Second
	// unsent is how much an answer may have before any of it goes out: net/http keeps 2048 bytes back for HTTP/1 and
	// 4096 for HTTP/2. Up to there no deadline is needed, which is most pages.
	unsent = 2 << 10
)

// paced gives every read and write of a handler a deadline, so that no client can hold it by sending or reading slowly.
// http.Server has deadlines for a whole request and a whole answer only, which either end every download and stream of
// events, or are so long that they bound nothing. A deadline is always taken back: over HTTP/2 one that passes ends the
// stream, even if nobody waits.
func paced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		pw := &pacedWriter{ResponseWriter: w, control: control}
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(pw, r)
			pw.finish()
			return
		}
		body := &pacedBody{ReadCloser: r.Body, control: control, credit: stall}
		if r.ProtoMajor == 1 {
			pw.unread = body
		}
		r = r.WithContext(r.Context())
		r.Body = body
		next.ServeHTTP(pw, r)
		if !body.over && !pw.hijacked {
			_ = control.SetReadDeadline(time.Now().Add(leftover))
		}
		pw.finish()
	})
}

// pacedBody counts the time that its reads have waited, against what came.
type pacedBody struct {
	io.ReadCloser
	control *http.ResponseController
	credit  time.Duration
	over    bool
}

func (b *pacedBody) Read(p []byte) (int, error) {
	if b.over {
		return b.ReadCloser.Read(p)
	}
	began := time.Now()
	_ = b.control.SetReadDeadline(began.Add(b.credit)) // not supported: a test's recorder
	n, err := b.ReadCloser.Read(p)
	b.credit = min(b.credit-time.Since(began)+time.Duration(n)*time.Second/minRate, stall)
	b.over = err != nil
	if err != nil && err != io.EOF {
		_ = b.control.SetReadDeadline(time.Now()) // net/http reads on by itself and would wait for ever
		return n, err
	}
	_ = b.control.SetReadDeadline(time.Time{})
	return n, err
}

type pacedWriter struct {
	http.ResponseWriter
	control  *http.ResponseController
	held     int        // bytes that net/http keeps back for sure
	unread   *pacedBody // what net/http may read on before the first byte goes out
	hijacked bool
}

func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *pacedWriter) Write(p []byte) (int, error) {
	if w.held+len(p) <= unsent {
		w.held += len(p)
		return w.ResponseWriter.Write(p)
	}
	w.held = unsent
	written := 0
	for {
		chunk := p[written:min(written+writeChunk, len(p))]
		w.expect()
		n, err := w.ResponseWriter.Write(chunk)
		written += n
		if err != nil || written >= len(p) {
			w.relax()
			return written, err
		}
	}
}

// WriteHeader sends 103 Early Hints and the like at once; any other status waits for the first byte.
func (w *pacedWriter) WriteHeader(status int) {
	if status < http.StatusOK {
		w.expect()
		defer w.relax()
	}
	w.ResponseWriter.WriteHeader(status)
}

// Flush implements http.Flusher for handlers that ask for it by type.
func (w *pacedWriter) Flush() { _ = w.FlushError() }

// FlushError is what http.ResponseController calls.
func (w *pacedWriter) FlushError() error {
	w.expect()
	defer w.relax()
	return w.control.Flush()
}

// Hijack hands the connection over without deadlines.
func (w *pacedWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := w.control.Hijack()
	w.hijacked = err == nil
	return conn, buffered, err
}

func (w *pacedWriter) expect() {
	limit := stall
	if w.unread != nil && !w.unread.over {
		_ = w.control.SetReadDeadline(time.Now().Add(leftover))
		limit += leftover
	}
	_ = w.control.SetWriteDeadline(time.Now().Add(limit))
}

func (w *pacedWriter) relax() {
	_ = w.control.SetWriteDeadline(time.Time{})
	if w.unread != nil && !w.unread.over {
		_ = w.control.SetReadDeadline(time.Time{})
	}
	w.unread = nil
}

// finish bounds what net/http sends after the handler returned, and after leftover. It takes the deadline back itself.
func (w *pacedWriter) finish() {
	if !w.hijacked {
		_ = w.control.SetWriteDeadline(time.Now().Add(leftover + stall))
	}
}
