package audit_test

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/skans-go/skans/audit"
	"github.com/stretchr/testify/require"
)

func TestAccess(t *testing.T) {
	log := openLog(t, audit.Config{Dir: t.TempDir(), Keys: newKeys(t)})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ok", func(w http.ResponseWriter, r *http.Request) {
		require.NotEmpty(t, audit.RequestFrom(r.Context()))
		w.WriteHeader(http.StatusEarlyHints)
		_, err := io.WriteString(w, "hello")
		require.NoError(t, err)
		require.NoError(t, http.NewResponseController(w).Flush())
		_, isFlusher := w.(http.Flusher)
		require.True(t, isFlusher)
	})
	mux.HandleFunc("GET /file", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "access_test.go") })
	mux.HandleFunc("GET /hijack", func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		require.NoError(t, err)
		_ = conn.Close()
	})
	logged := audit.Access(log)(mux)
	var requests sync.WaitGroup // a hijacked one is not waited for by the server
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		defer requests.Done()
		logged.ServeHTTP(w, r)
	}))
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // so that nothing is asked twice
	get := func(path string) {
		resp, err := client.Get(server.URL + path)
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	}
	get("/ok?token=canary")
	get("/file")
	get("/missing?q=canary")
	get("/missing/" + strings.Repeat("x", 5000))
	get("/hijack")
	server.Close()
	requests.Wait()
	file, err := os.Stat("access_test.go")
	require.NoError(t, err)
	type line struct {
		event, path string
		status      int64
		bytes       int64
	}
	var got []line
	for _, e := range events(t, log, audit.Filter{}) {
		path, _ := e.Attr("path")
		status, _ := e.Attr("status")
		bytes, _ := e.Attr("bytes")
		require.NotContains(t, e.String(), "canary")
		require.NotContains(t, e.String(), "127.0.0.1")
		got = append(got, line{e.Name, path.String(), status.Int64(), bytes.Int64()})
	}
	require.ElementsMatch(t, []line{
		{audit.EventRequest, "/ok", 200, 5},
		{audit.EventRequest, "/file", 200, file.Size()},
		{audit.EventNotFound, "/missing", 404, 19},
		{audit.EventNotFound, ("/missing/" + strings.Repeat("x", 5000))[:512] + "…", 404, 19},
		{audit.EventRequest, "/hijack", 101, 0},
	}, got)
}

// unprintable is an error whose text panics.
type unprintable struct{}

func (unprintable) Error() string { panic("Error") }

func TestRecover(t *testing.T) {
	log := openLog(t, audit.Config{Dir: t.TempDir(), Keys: newKeys(t)})
	panics := map[string]any{"string": "secret detail", "error": errors.New("secret detail"), "struct": struct{ S string }{"x"}, "unprintable": unprintable{}}
	for name, value := range panics {
		t.Run(name, func(t *testing.T) {
			h := audit.Recover(log)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				w.Header().Set("Set-Cookie", "session=x")
				panic(value)
			}))
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, httptest.NewRequest("GET", "/x?q=canary", nil))
			require.Equal(t, 500, rec.Code)
			require.NotContains(t, rec.Body.String(), "secret")
			require.Empty(t, rec.Header().Get("Set-Cookie"))
			all := events(t, log, audit.Filter{Event: audit.EventPanic})
			ref, _ := all[len(all)-1].Attr("ref")
			require.Contains(t, rec.Body.String(), ref.String())
			require.NotContains(t, all[len(all)-1].String(), "canary")
			stack, _ := all[len(all)-1].Attr("stack")
			require.Contains(t, stack.String(), "access_test.go")
		})
	}
	half := audit.Recover(log)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "half a page")
		panic("x")
	}))
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { half.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)) })
	abort := audit.Recover(log)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }))
	before := len(events(t, log, audit.Filter{Event: audit.EventPanic}))
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { abort.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)) })
	require.Len(t, events(t, log, audit.Filter{Event: audit.EventPanic}), before)
	// A log that is closed takes nothing; the page is there all the same.
	require.NoError(t, log.Close())
	rec := httptest.NewRecorder()
	audit.Access(log)(audit.Recover(log)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("x") }))).ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	require.Equal(t, 500, rec.Code)
}

func TestProofs(t *testing.T) {
	keys, dir := newKeys(t), t.TempDir()
	log := openLog(t, audit.Config{Dir: dir, Keys: keys})
	for i := range 37 { // batches of different sizes
		require.NoError(t, log.Record(t.Context(), "session.login", slog.String("user", []string{"anna", "bo", "eva"}[i%3]), slog.Int("n", i)))
		if i%7 == 0 || i%5 == 0 {
			require.NoError(t, log.Seal())
		}
	}
	require.NoError(t, log.Record(t.Context(), "notfound.request", slog.String("user", "anna")))
	require.NoError(t, log.Seal())
	n := 0
	for proof, err := range log.Prove(t.Context(), audit.Filter{User: "anna"}) {
		require.NoError(t, err)
		n++
		text, err := json.Marshal(proof)
		require.NoError(t, err)
		require.NotContains(t, string(proof.Body)+string(proof.Record), "eva")
		var p audit.Proof
		require.NoError(t, json.Unmarshal(text, &p))
		e, err := p.Event(log.PublicKeys())
		require.NoError(t, err)
		user, _ := e.Attr("user")
		require.Equal(t, "anna", user.String())
		require.Equal(t, log.Witness().Log, e.Log)
		_, err = p.Event(openLog(t, audit.Config{Dir: filepath.Join(t.TempDir(), "o"), Keys: newKeys(t)}).PublicKeys())
		require.Error(t, err, "a stranger's keys")
		for i := range p.Body {
			p.Body[i] ^= 1
			_, err := p.Event(log.PublicKeys())
			require.Error(t, err)
			p.Body[i] ^= 1
		}
		for i := 0; i < len(p.Record); i += 11 {
			p.Record[i] ^= 4
			_, err := p.Event(log.PublicKeys())
			require.Error(t, err)
			p.Record[i] ^= 4
		}
		if len(p.Path) > 0 {
			short := p
			short.Path = p.Path[1:]
			_, err = short.Event(log.PublicKeys())
			require.Error(t, err)
		}
		p.Class = "notfound"
		if e.Class != p.Class {
			_, err = p.Event(log.PublicKeys())
			require.Error(t, err)
		}
	}
	require.Equal(t, 14, n) // 13 logins and one request
}
