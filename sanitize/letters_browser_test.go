package sanitize_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/sanitize"
)

const letterHarness = `</table><script>
addEventListener('load', () => {
  const words = f => f.contentDocument.body.innerText.split(/\s+/).filter(w => w).join(' ');
  const frames = [...document.querySelectorAll('iframe')], out = {};
  for (let i = 0; i < frames.length; i += 2) out[frames[i].title] = {before: words(frames[i]), after: words(frames[i + 1])};
  const x = new XMLHttpRequest();
  x.open('POST', '/words', false);
  x.send(JSON.stringify(out));
});
</script>`

// TestLettersInABrowser shows each letter beside what washing left of it, compares the text that is rendered, and
// leaves a picture of both in the test's output folder (go test -artifacts).
func TestLettersInABrowser(t *testing.T) {
	browser(t)
	files, err := filepath.Glob("testdata/letters/*.html")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var mu sync.Mutex
	var words map[string]struct{ Before, After string }
	mux := http.NewServeMux()
	page := `<!DOCTYPE html><body style="margin:0"><table style="width:100%">`
	for _, file := range files {
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		name := filepath.Base(file)
		h, _, err := letterWasher(t).Wash(string(raw))
		require.NoError(t, err)
		mux.HandleFunc("GET /before/"+name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write(raw)
		})
		mux.HandleFunc("GET /after/"+name, func(w http.ResponseWriter, r *http.Request) {
			sanitize.ServeFrame(sandboxless{w}, h)
		})
		for _, side := range []string{"before", "after"} {
			page += fmt.Sprintf(`<td><iframe title=%q src="/%s/%s" sandbox="allow-same-origin" width=680 height=520></iframe>`, name, side, name)
		}
		page += "<tr>"
	}
	mux.HandleFunc("GET /letters", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, page+letterHarness)
	})
	mux.HandleFunc("POST /words", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_ = json.NewDecoder(r.Body).Decode(&words)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	picture := filepath.Join(t.ArtifactDir(), "letters.png")
	run(t.Context(), t, nil, server.URL+"/letters", "--screenshot="+picture, fmt.Sprintf("--window-size=1400,%d", 540*len(files)))

	mu.Lock()
	defer mu.Unlock()
	require.Len(t, words, len(files))
	for name, w := range words {
		require.NotEmpty(t, w.Before, name)
		require.Equal(t, w.Before, w.After, name)
	}
	png, err := os.ReadFile(picture)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(png), "\x89PNG"))
	t.Logf("before and after: %s", picture)
}

// sandboxless lets the comparing page look into the frame; the letter itself gets what ServeFrame wrote.
type sandboxless struct{ http.ResponseWriter }

func (s sandboxless) Write(b []byte) (int, error) {
	const policy = "Content-Security-Policy"
	h := s.Header()
	h.Set(policy, strings.Replace(h.Get(policy), "sandbox allow-popups allow-popups-to-escape-sandbox; ", "", 1))
	return s.ResponseWriter.Write(b)
}
