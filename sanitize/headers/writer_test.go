package headers_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/sanitize/headers"
)

// TestWrappedWriterKeepsWhatItWraps goes over a real connection, where the abilities of a response are.
func TestWrappedWriterKeepsWhatItWraps(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.txt")
	require.NoError(t, os.WriteFile(file, []byte(strings.Repeat("x", 100_000)), 0o600))
	mux := http.NewServeMux()
	mux.HandleFunc("/flush", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "first\n")
		require.NoError(t, http.NewResponseController(w).Flush())
		<-r.Context().Done() // the reader has got it before we end
	})
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
	mux.HandleFunc("/deadline", func(w http.ResponseWriter, r *http.Request) {
		require.NoError(t, http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)))
	})
	mux.HandleFunc("/hijack", func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		require.NoError(t, err)
		_, _ = io.WriteString(conn, "HTTP/1.1 299 Mine\r\nContent-Length: 0\r\n\r\n")
		require.NoError(t, conn.Close())
	})
	server := httptest.NewServer(handler(t, headers.Config{}, mux.ServeHTTP))
	defer server.Close()

	res, err := http.Get(server.URL + "/flush")
	require.NoError(t, err)
	line, err := bufio.NewReader(res.Body).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "first\n", line)
	require.NoError(t, res.Body.Close())

	res, err = http.Get(server.URL + "/file")
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Len(t, body, 100_000)
	require.Equal(t, "nosniff", res.Header.Get("X-Content-Type-Options"))

	for path, status := range map[string]int{"/deadline": 200, "/hijack": 299, "/nothing": 404} {
		res, err = http.Get(server.URL + path)
		require.NoError(t, err)
		require.Equal(t, status, res.StatusCode)
	}
}

func BenchmarkHandler(b *testing.B) {
	p, err := headers.New(headers.Config{})
	if err != nil {
		b.Fatal(err)
	}
	h := p.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) }))
	r := httptest.NewRequest("GET", "/", nil)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}
