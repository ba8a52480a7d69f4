package sessiontest_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/session"
	"github.com/skans-go/skans/session/sessiontest"
)

func TestSignIn(t *testing.T) {
	keys, err := skans.NewKeyring(skans.GenerateKey("test"))
	require.NoError(t, err)
	m, err := session.New(session.Config{Keys: keys, Origins: []string{"https://mail.example"}})
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		user, _ := session.From(r.Context()).User()
		_, _ = io.WriteString(w, user)
	})
	mux.Handle("POST /delete", session.Action("delete", nil, http.NotFoundHandler()))
	server := httptest.NewTLSServer(m.Handler(mux))
	defer server.Close()

	get := func(c *sessiontest.Client) string {
		res, err := c.Get(server.URL)
		require.NoError(t, err)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.Equal(t, 200, res.StatusCode)
		return string(body)
	}
	post := func(c *sessiontest.Client, token string) int {
		res, err := c.PostForm(server.URL+"/delete", url.Values{"csrf": {token}})
		require.NoError(t, err)
		res.Body.Close()
		return res.StatusCode
	}
	anna := sessiontest.SignIn(t, m, server, "anna")
	require.Equal(t, "anna", get(anna))
	require.Equal(t, 404, post(anna, anna.CSRF("delete")))
	require.Equal(t, 403, post(anna, anna.CSRF("")))
	once := anna.OneTime("delete")
	require.Equal(t, 404, post(anna, once))
	require.Equal(t, 403, post(anna, once))

	require.Empty(t, get(sessiontest.Anonymous(t, m, server)))
	require.NoError(t, m.EndUser(t.Context(), "anna"))
	require.Empty(t, get(anna))
}
