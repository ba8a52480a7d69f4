// Package routertest shows that package session works with the routers that services use: a session handler around the router, declared
// actions at its routes, and path parameters in them.
package routertest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/session"
	"github.com/skans-go/skans/session/sessiontest"
)

// whoami is what every router serves at GET /whoami.
func whoami(w http.ResponseWriter, r *http.Request) {
	user, _ := session.From(r.Context()).User()
	_, _ = io.WriteString(w, user)
}

func deleted(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "deleted") }

func action(param func(*http.Request) string) http.Handler {
	return session.Action("delete", param, http.HandlerFunc(deleted))
}

func routers() map[string]http.Handler {
	std := http.NewServeMux()
	std.HandleFunc("GET /whoami", whoami)
	std.Handle("POST /delete/{id}", action(func(r *http.Request) string { return r.PathValue("id") }))

	c := chi.NewRouter()
	c.Get("/whoami", whoami)
	c.Method(http.MethodPost, "/delete/{id}", action(func(r *http.Request) string { return chi.URLParam(r, "id") }))

	e := echo.New()
	e.GET("/whoami", echo.WrapHandler(http.HandlerFunc(whoami)))
	e.POST("/delete/:id", func(c echo.Context) error {
		action(func(*http.Request) string { return c.Param("id") }).ServeHTTP(c.Response(), c.Request())
		return nil
	})

	gin.SetMode(gin.ReleaseMode)
	g := gin.New()
	g.GET("/whoami", gin.WrapF(whoami))
	g.POST("/delete/:id", func(c *gin.Context) {
		action(func(*http.Request) string { return c.Param("id") }).ServeHTTP(c.Writer, c.Request)
	})
	return map[string]http.Handler{"net/http": std, "chi": c, "echo": e, "gin": g}
}

func TestRouters(t *testing.T) {
	for name, router := range routers() {
		t.Run(name, func(t *testing.T) {
			keys, err := skans.NewKeyring(skans.GenerateKey("a"))
			require.NoError(t, err)
			m, err := session.New(session.Config{Keys: keys, Origins: []string{"https://mail.example"}})
			require.NoError(t, err)
			server := httptest.NewTLSServer(m.Handler(router))
			defer server.Close()
			client := sessiontest.SignIn(t, m, server, "anna")
			read := func(res *http.Response, err error) (int, string) {
				require.NoError(t, err)
				defer res.Body.Close()
				body, err := io.ReadAll(res.Body)
				require.NoError(t, err)
				return res.StatusCode, string(body)
			}
			status, body := read(client.Get(server.URL + "/whoami"))
			require.Equal(t, 200, status)
			require.Equal(t, "anna", body)
			status, body = read(client.PostForm(server.URL+"/delete/42", url.Values{"csrf": {client.CSRF("delete", "42")}}))
			require.Equal(t, 200, status)
			require.Equal(t, "deleted", body)
			status, _ = read(client.PostForm(server.URL+"/delete/43", url.Values{"csrf": {client.CSRF("delete", "42")}}))
			require.Equal(t, 403, status, "the token is for another object")
			status, _ = read(client.PostForm(server.URL+"/delete/42", nil))
			require.Equal(t, 403, status)
		})
	}
}
