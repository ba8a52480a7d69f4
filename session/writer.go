package session

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// A responseWriter commits the session right before the answer begins. When the commit fails, it answers itself and
// swallows what the handler writes.
type responseWriter struct {
	http.ResponseWriter
	x *exchange
}

// Unwrap is for http.ResponseController; deadlines and full duplex go through it. Flush and Hijack do not get past
// this type.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *responseWriter) WriteHeader(status int) {
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		w.ResponseWriter.WriteHeader(status) // informational: the answer is still to come
		return
	}
	if w.x.begin() == nil {
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *responseWriter) Write(p []byte) (int, error) {
	if err := w.x.begin(); err != nil {
		return 0, err
	}
	return w.ResponseWriter.Write(p)
}

// WriteString spares io.WriteString a copy.
func (w *responseWriter) WriteString(s string) (int, error) {
	if err := w.x.begin(); err != nil {
		return 0, err
	}
	return io.WriteString(w.ResponseWriter, s)
}

// ReadFrom keeps sendfile working for file servers.
func (w *responseWriter) ReadFrom(r io.Reader) (int64, error) {
	if err := w.x.begin(); err != nil {
		return 0, err
	}
	return io.Copy(w.ResponseWriter, r)
}

// Flush begins the answer.
func (w *responseWriter) Flush() { _ = w.FlushError() }

// FlushError is what http.ResponseController calls.
func (w *responseWriter) FlushError() error {
	if err := w.x.begin(); err != nil {
		return err
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack commits and hands the connection over. The request ends when the handler returns: a handler that is to hear of
// the session's end through its context stays until the connection is done. The cookie of a session that this request
// makes or rotates cannot travel then, unless the handler writes the headers of the answer itself.
func (w *responseWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if err := w.x.begin(); err != nil {
		return nil, nil, err
	}
	return http.NewResponseController(w.ResponseWriter).Hijack()
}
