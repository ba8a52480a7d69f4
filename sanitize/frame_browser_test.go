package sanitize_test

import (
	"image/color"
	"image/png"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/sanitize"
	"github.com/skans-go/skans/sanitize/headers"
)

// TestFrameShowsInAStrictPage is the mail view as a whole: the strict default policy around a page with a style sheet
// and a frame, and a letter in it with its own sandbox. The letter must be seen, a picture that came along with it
// too, and a script that somebody smuggled past the washer must not run.
func TestFrameShowsInAStrictPage(t *testing.T) {
	browser(t)
	policy, err := headers.New(headers.Config{})
	require.NoError(t, err)
	square, err := os.ReadFile("testdata/green.png")
	require.NoError(t, err)
	letter, _, err := sanitize.NewMail(sanitize.Mail{CID: func(string) (string, bool) { return sanitize.DataPicture(square, 1000) }}).
		Wash(`<body bgcolor="#ff0000"><img src="cid:green" width="100" height="100"><div style="height:400px"></div>`)
	require.NoError(t, err)
	ran := make(chan string, 10)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /page", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `<!DOCTYPE html><link rel="stylesheet" href="/style.css"><iframe src="/body" width="200" height="200" sandbox="allow-popups"></iframe>`)
	})
	mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = io.WriteString(w, `body{background:#0000ff;margin:0}iframe{border:0}`)
	})
	mux.HandleFunc("GET /body", func(w http.ResponseWriter, r *http.Request) {
		sanitize.ServeFrame(w, letter)
		_, _ = io.WriteString(w, `<script>fetch('/ran')</script><img src=/ran><form action=/ran><script src=/ran></script>`) // as if the washer had failed
	})
	mux.HandleFunc("GET /ran", func(w http.ResponseWriter, r *http.Request) { ran <- r.Header.Get("Sec-Fetch-Dest") })
	server := httptest.NewServer(policy.Handler(mux))
	defer server.Close()
	picture := filepath.Join(t.ArtifactDir(), "frame.png")
	want := map[string]color.RGBA{"page": {0, 0, 255, 255}, "letter": {255, 0, 0, 255}, "picture": {0, 255, 0, 255}}
	var got map[string]color.RGBA
	for range 5 { // a busy machine takes the picture before the frame is painted
		run(t.Context(), t, nil, server.URL+"/page", "--screenshot="+picture, "--window-size=400,400", "--virtual-time-budget=3000")
		if got = colours(t, picture); maps.Equal(want, got) {
			break
		}
	}
	require.Equal(t, want, got)
	require.Empty(t, ran)
}

// colours are those of the page's own style sheet, the letter's background, and the picture that came with it.
func colours(t *testing.T, picture string) map[string]color.RGBA {
	t.Helper()
	f, err := os.Open(picture)
	require.NoError(t, err)
	defer f.Close()
	screen, err := png.Decode(f)
	require.NoError(t, err)
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(screen.At(x, y)).(color.RGBA) }
	return map[string]color.RGBA{"page": at(300, 300), "letter": at(150, 150), "picture": at(50, 50)}
}
