package session_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session"
)

// serve starts a server whose handler creates a session by storing a value and then answers by f.
func serve(t *testing.T, f func(w http.ResponseWriter, r *http.Request)) (*session.Manager, *httptest.Server) {
	t.Helper()
	m := newManager(t, session.Config{})
	server := httptest.NewTLSServer(m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := session.From(r.Context())
		if r.URL.Path == "/count" {
			n, _, _ := counter.Get(s)
			_, _ = fmt.Fprint(w, n)
			return
		}
		if err := counter.Set(s, 7); err != nil {
			t.Error(err)
		}
		f(w, r)
	})))
	t.Cleanup(server.Close)
	return m, server
}

// Every way to begin an answer commits first, and after it nothing can be written to the session.
func TestCommitComesBeforeTheFirstByte(t *testing.T) {
	for name, begin := range map[string]func(w http.ResponseWriter, r *http.Request){
		"nothing":     func(http.ResponseWriter, *http.Request) {},
		"WriteHeader": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) },
		"101":         func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusSwitchingProtocols) },
		"304":         func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
		"Write":       func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("x")) },
		"WriteString": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") },
		"Flush":       func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() },
		"controller":  func(w http.ResponseWriter, _ *http.Request) { _ = http.NewResponseController(w).Flush() },
		"ReadFrom": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.(io.ReaderFrom).ReadFrom(strings.NewReader("x"))
		},
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/count", http.StatusSeeOther) },
	} {
		for _, method := range []string{"GET", "HEAD"} {
			t.Run(name+" "+method, func(t *testing.T) {
				_, server := serve(t, func(w http.ResponseWriter, r *http.Request) {
					begin(w, r)
					if err := counter.Set(session.From(r.Context()), 8); name != "nothing" && !errors.Is(err, session.ErrCommitted) {
						t.Errorf("a write after the answer began: %v", err)
					} else if name == "nothing" && err != nil {
						t.Error(err)
					}
				})
				request, err := http.NewRequest(method, server.URL, nil)
				require.NoError(t, err)
				res, err := server.Client().Transport.RoundTrip(request)
				require.NoError(t, err)
				res.Body.Close()
				require.Len(t, res.Cookies(), 1)
				require.Equal(t, "no-store", res.Header.Get("Cache-Control"))

				request, _ = http.NewRequest("GET", server.URL+"/count", nil)
				request.AddCookie(res.Cookies()[0])
				res, err = server.Client().Do(request)
				require.NoError(t, err)
				defer res.Body.Close()
				body, _ := io.ReadAll(res.Body)
				want := "7"
				if name == "nothing" {
					want = "8"
				}
				require.Equal(t, want, string(body))
			})
		}
	}
}

func TestInformationalAnswersAreNoBeginning(t *testing.T) {
	_, server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		if err := counter.Set(session.From(r.Context()), 9); err != nil {
			t.Error(err)
		}
	})
	hints := 0
	request, _ := http.NewRequest("GET", server.URL, nil)
	request = request.WithContext(httptrace.WithClientTrace(request.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			hints++
			if len(header["Set-Cookie"]) > 0 {
				t.Error("cookie in an informational answer")
			}
			return nil
		},
	}))
	res, err := server.Client().Do(request)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, 1, hints)
	require.Len(t, res.Cookies(), 1)
}

func TestHijackCommits(t *testing.T) {
	id := make(chan string, 1)
	m, server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		s := session.From(r.Context())
		if err := s.Login(r.Context(), "anna", session.Password); err != nil {
			t.Error(err)
		}
		if err := counter.Set(s, 7); err != nil {
			t.Error(err)
		}
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		id <- s.ID()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\nhello\n")
		_ = rw.Flush()
	})
	request, _ := http.NewRequest("GET", server.URL, nil)
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "chat")
	res, err := server.Client().Do(request)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusSwitchingProtocols, res.StatusCode)
	line, err := bufio.NewReader(res.Body).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "hello\n", line)
	want := <-id
	for info, err := range m.Sessions(t.Context(), "anna") {
		require.NoError(t, err)
		require.Equal(t, want, info.ID)
		n, ok, err := counter.In(info)
		require.NoError(t, err)
		require.True(t, ok, "committed before the connection was handed over")
		require.Equal(t, 7, n)
	}
}

// countingWriter tells whether ReadFrom reached it, which is how sendfile works.
type countingWriter struct {
	*httptest.ResponseRecorder
	readFrom int
}

func (w *countingWriter) ReadFrom(r io.Reader) (int64, error) {
	w.readFrom++
	return io.Copy(struct{ io.Writer }{w.ResponseRecorder}, r)
}

func TestReadFromReachesTheConnection(t *testing.T) {
	m := newManager(t, session.Config{})
	w := &countingWriter{ResponseRecorder: httptest.NewRecorder()}
	m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(w, struct{ io.Reader }{strings.NewReader("hello")})
		require.NoError(t, err)
		require.EqualValues(t, 5, n)
	})).ServeHTTP(w, httptest.NewRequest("GET", origin, nil))
	require.Equal(t, 1, w.readFrom)
	require.Equal(t, "hello", w.Body.String())
}

func TestHeadersOfOuterHandlersSurviveARefusal(t *testing.T) {
	spy := newSpy()
	m := newManager(t, session.Config{Store: spy})
	spy.breakDown(errStore, "Create")
	inner := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "none of it")
		w.Header().Set("ETag", `"x"`)
		require.NoError(t, counter.Set(session.From(r.Context()), 1))
	}))
	w := httptest.NewRecorder()
	w.Header().Set("Strict-Transport-Security", "max-age=63072000")
	w.Header().Set("Content-Security-Policy", "default-src 'self'")
	inner.ServeHTTP(w, httptest.NewRequest("GET", origin, nil))
	require.Equal(t, 500, w.Code)
	require.Equal(t, "max-age=63072000", w.Header().Get("Strict-Transport-Security"))
	require.Equal(t, "default-src 'self'", w.Header().Get("Content-Security-Policy"))
	require.Empty(t, w.Header().Get("ETag"))
}
