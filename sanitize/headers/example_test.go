package headers_test

import (
	"fmt"
	"html/template"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/skans-go/skans/sanitize/headers"
)

func Example() {
	policy, err := headers.New(headers.Config{ReportPath: "/csp-reports"})
	if err != nil {
		log.Fatal(err)
	}
	page := template.Must(template.New("page").Parse(`<script nonce="{{.Nonce}}" src="/static/app.js"></script>`))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		_ = page.Execute(w, map[string]any{"Nonce": headers.Nonce(r.Context())})
	})
	mux.HandleFunc("GET /attachment", func(w http.ResponseWriter, r *http.Request) {
		headers.Download(w, "Ritning Åsa.html", "text/html")
		_, _ = w.Write([]byte("<script>steal()</script>"))
	})
	outermost := policy.Handler(mux)

	w := httptest.NewRecorder()
	outermost.ServeHTTP(w, httptest.NewRequest("GET", "/attachment", nil))
	fmt.Println(w.Header().Get("Content-Type"))
	fmt.Println(w.Header().Get("Content-Disposition"))
	w = httptest.NewRecorder()
	outermost.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	csp, _, _ := strings.Cut(w.Header().Get("Content-Security-Policy"), "'nonce-")
	fmt.Println(csp + "…")
	// Output:
	// application/octet-stream
	// attachment; filename="Ritning _sa.html"; filename*=UTF-8''Ritning%20%C3%85sa.html
	// default-src 'none'; script-src …
}
