package validate_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/validate"
	"github.com/skans-go/skans/validate/upload"
)

type login struct {
	User     string         `in:"form user" rule:"login,max=64"`
	Password skans.Secret   `in:"form password" rule:"secret,max=256"`
	Born     validate.Date  `in:"form born" rule:"past" opt:""`
	Public   bool           `in:"form public" rule:"checkbox"`
	Tab      int            `in:"query tab" rule:"min=0,max=9" opt:"0"`
	Docs     []*upload.File `in:"file docs" rule:"pdf|txt,max=5MB,count=3" opt:""`
}

func loginSchema(t testing.TB) *validate.Schema[login] {
	return validate.Must[login](validate.Options{Methods: []string{"POST"}, MaxBody: 16 << 20, UploadDir: t.TempDir()})
}

func post(target, body string) *http.Request {
	r := httptest.NewRequest("POST", target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// faults returns what was refused, as "in name:code".
func faults(t testing.TB, err error) []string {
	t.Helper()
	var e *validate.Error
	require.ErrorAs(t, err, &e)
	var out []string
	for _, f := range e.Fields {
		require.NotEmpty(t, f.Message)
		out = append(out, f.In+" "+f.Name+":"+f.Code)
	}
	return out
}

func TestFormBecomesValue(t *testing.T) {
	in, err := loginSchema(t).Parse(httptest.NewRecorder(), post("/login?tab=3", "user=anna&password=hunt%2Ber+2&born=2001-02-03&public=on&csrf=abc"))
	require.NoError(t, err)
	require.Equal(t, "anna", in.User)
	require.Equal(t, "hunt+er 2", in.Password.Reveal())
	require.Equal(t, "2001-02-03", in.Born.String())
	require.True(t, in.Public)
	require.Equal(t, 3, in.Tab)
	require.Empty(t, in.Docs)
}

func TestEveryWrongFieldIsNamedAtOnce(t *testing.T) {
	_, err := loginSchema(t).Parse(httptest.NewRecorder(), post("/login?tab=03", "user=ANNA&born=2026-02-30&role=admin"))
	require.Equal(t, []string{"form user:character", "form password:missing", "form born:format", "query tab:type", "form :unknown"}, faults(t, err))
	require.Equal(t, 422, err.(*validate.Error).Status)
}

func TestMultipartStreamsFiles(t *testing.T) {
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	require.NoError(t, m.WriteField("csrf", "abc"))
	require.NoError(t, m.WriteField("user", "anna"))
	part, err := m.CreateFormFile("docs", "../../note.txt")
	require.NoError(t, err)
	_, _ = io.WriteString(part, "hello")
	require.NoError(t, m.WriteField("password", "x"))
	require.NoError(t, m.Close())
	r := httptest.NewRequest("POST", "/login", &body)
	r.Header.Set("Content-Type", m.FormDataContentType())

	w := httptest.NewRecorder()
	loginSchema(t).Handle(func(w http.ResponseWriter, r *http.Request, in login) {
		require.Empty(t, r.FormValue("user"))
		require.Len(t, in.Docs, 1)
		require.Equal(t, "note.txt", in.Docs[0].Name())
		f, err := in.Docs[0].Open()
		require.NoError(t, err)
		defer f.Close()
		text, _ := io.ReadAll(f)
		require.Equal(t, "hello", string(text))
		w.WriteHeader(http.StatusNoContent)
	}).ServeHTTP(w, r)
	require.Equal(t, http.StatusNoContent, w.Code, w.Body)
}

func TestErrorIsAProblemDocument(t *testing.T) {
	w := httptest.NewRecorder()
	loginSchema(t).Handle(never).ServeHTTP(w, post("/login", "user=<script>"))
	require.Equal(t, 422, w.Code)
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	require.NotContains(t, w.Body.String(), "script")
	require.Contains(t, w.Body.String(), `"name":"password","code":"missing"`)
}

func get(target string) *http.Request { return httptest.NewRequest("GET", target, nil) }

// never is a handler for requests that are refused.
func never[T any](http.ResponseWriter, *http.Request, T) { panic("the handler ran") }
