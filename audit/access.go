package audit

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/skans-go/skans/internal/clientaddr"
	"github.com/skans-go/skans/internal/refusal"
)

// maxLogged bounds what a stranger's URL may add to a log.
const maxLogged = 512

// Access records every request as [EventRequest], and one that is answered with 404 as [EventNotFound]: method, path
// without query, status, size and time. It gives the request an id ([RequestFrom]). An event that cannot be recorded
// does not fail the request, whatever its class says.
func Access(log *Log) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			start, path := time.Now(), short(r.URL.Path)
			ctx := r.Context()
			if RequestFrom(ctx) == "" {
				ctx = WithRequest(ctx, refusal.NewRef())
				r = r.WithContext(ctx)
			}
			seen := &seenWriter{ResponseWriter: w}
			defer func() {
				failure := recover()
				status, event := seen.status, EventRequest
				switch {
				case failure != nil && status == 0:
					status = http.StatusInternalServerError
				case status == 0:
					status = http.StatusOK
				}
				if status == http.StatusNotFound {
					event = EventNotFound
				}
				err := log.Record(ctx, event, slog.String("method", short(r.Method)), slog.String("path", path), slog.Int("status", status),
					slog.Int64("bytes", seen.bytes), slog.Duration("duration", time.Since(start)),
					slog.String("addr", clientaddr.Peer(r).String()), slog.String("agent", short(r.UserAgent())))
				if err != nil {
					log.alert(fmt.Errorf("audit: access log: %w", err))
				}
				if failure != nil {
					panic(failure)
				}
			}()
			next.ServeHTTP(seen, r)
		})
	}
}

// Recover turns a panic into one event, [EventPanic], and the generic page with the reference id that the event carries; the
// process goes on. http.ErrAbortHandler passes, as does a response that has begun: it is cut off, for half a page must
// not look whole. Put it outside of everything else.
func Recover(log *Log) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if RequestFrom(r.Context()) == "" {
				r = r.WithContext(WithRequest(r.Context(), refusal.NewRef()))
			}
			seen := &seenWriter{ResponseWriter: w}
			defer func() {
				failure := recover()
				if failure == nil {
					return
				}
				if failure == http.ErrAbortHandler {
					panic(failure)
				}
				log.caught(r, failure)
				if seen.status != 0 {
					panic(http.ErrAbortHandler)
				}
				h := w.Header()
				clear(h) // what was meant for the page that failed
				refusal.Page(w, http.StatusInternalServerError, RequestFrom(r.Context()))
			}()
			next.ServeHTTP(seen, r)
		})
	}
}

func (l *Log) caught(r *http.Request, failure any) {
	reason := fmt.Sprintf("%T", failure)
	if err, ok := failure.(error); ok {
		reason = describe(err)
	} else if s, ok := failure.(string); ok {
		reason = s
	}
	err := l.Record(r.Context(), EventPanic, slog.String("ref", RequestFrom(r.Context())), slog.String("reason", short(reason)),
		slog.String("method", short(r.Method)), slog.String("path", short(r.URL.Path)), slog.String("stack", string(debug.Stack())))
	if err != nil {
		l.alert(fmt.Errorf("audit: panic could not be recorded: %w", err))
	}
}

// describe is err.Error() even for an error whose method panics.
func describe(err error) (text string) {
	defer func() {
		if recover() != nil {
			text = fmt.Sprintf("%T", err)
		}
	}()
	return err.Error()
}

func short(s string) string {
	if len(s) > maxLogged {
		return s[:maxLogged] + "…"
	}
	return s
}

// A seenWriter notes what was answered. http.ResponseController reaches the writer beneath through Unwrap.
type seenWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (s *seenWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *seenWriter) WriteHeader(status int) {
	if s.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) { // others are interim
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *seenWriter) Write(p []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	n, err := s.ResponseWriter.Write(p)
	s.bytes += int64(n)
	return n, err
}

// Flush, Hijack and ReadFrom are for handlers that ask the writer itself.
func (s *seenWriter) Flush() { _ = http.NewResponseController(s.ResponseWriter).Flush() }

// Hijack hands over the connection.
func (s *seenWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	s.status = http.StatusSwitchingProtocols
	return http.NewResponseController(s.ResponseWriter).Hijack()
}

// ReadFrom keeps sendfile.
func (s *seenWriter) ReadFrom(r io.Reader) (int64, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	n, err := io.Copy(s.ResponseWriter, r)
	s.bytes += n
	return n, err
}
