package validate_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/validate"
)

func TestRejectedGoesToAuditWithoutInput(t *testing.T) {
	var got []string
	down := errors.New("audit is down")
	s := validate.Must[sample](validate.Options{Audit: func(_ context.Context, event string, attrs ...slog.Attr) error {
		got = append(got, event)
		for _, a := range attrs {
			require.NotContains(t, a.Value.String(), "hunter2")
			got = append(got, a.Key+"="+a.Value.String())
		}
		return down
	}})
	_, err := s.Parse(nil, post("/?page=hunter2", "a=hunter2%00&hunter2=1&pass=hunter2"))
	e := err.(*validate.Error)
	require.Equal(t, []string{validate.Rejected, "schema=sample", "status=422", "reason=form a:character query page:type form:unknown", "ref=" + e.Ref}, got)
	require.ErrorIs(t, err, down)
	require.Equal(t, 422, e.Status)
	require.NotContains(t, e.Error(), "hunter2")
}

func TestRefuseHook(t *testing.T) {
	s := validate.Must[sample](validate.Options{Refuse: func(w http.ResponseWriter, _ *http.Request, err error) {
		var e *validate.Error
		require.ErrorAs(t, err, &e)
		w.WriteHeader(e.Status)
		_, _ = io.WriteString(w, "my page "+e.Ref)
	}})
	w := httptest.NewRecorder()
	s.Handle(never).ServeHTTP(w, post("/", "x=1"))
	require.Equal(t, 422, w.Code)
	require.Contains(t, w.Body.String(), "my page ")
}

func TestErrorPages(t *testing.T) {
	send := func(accept, language string) *httptest.ResponseRecorder {
		r := post("/", "a=%00")
		r.Header.Set("Accept", accept)
		r.Header.Set("Accept-Language", language)
		w := httptest.NewRecorder()
		samples.Handle(never).ServeHTTP(w, r)
		require.Equal(t, 422, w.Code)
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		return w
	}
	w := send("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "sv-SE,sv;q=0.9,en;q=0.8")
	require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	require.Contains(t, w.Body.String(), "Har ett tecken som inte är tillåtet här.")
	require.Equal(t, "sv", w.Header().Get("Content-Language"))
	for language, want := range map[string]string{
		"nn-NO": "nb", "no": "nb", "fr-CA, en;q=0.1": "fr", "de": "en", "": "en", "en;q=0.1, sv;q=0.9": "sv", "sv;q=0, fr;q=0.1": "fr",
		strings.Repeat("x,", 100) + "sv": "en", "sv;q=99": "en", "sv;q=NaN": "en",
	} {
		require.Equal(t, want, send("*/*", language).Header().Get("Content-Language"), language)
	}
	w = send("application/json, text/html", "")
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	require.JSONEq(t, `{"type":"about:blank","title":"Unprocessable Entity","status":422,"ref":"`+ref(w.Body.String())+`",
		"errors":[{"in":"form","name":"a","code":"character","message":"Has a character that is not allowed here."}]}`, w.Body.String())
}

// ref takes the reference id out of a problem document.
func ref(body string) string {
	_, rest, _ := strings.Cut(body, `"ref":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

func TestEveryLanguageHasEveryText(t *testing.T) {
	english := validate.English()
	for _, m := range []validate.Messages{validate.Swedish(), validate.Norwegian(), validate.French()} {
		for code, text := range english.Text {
			require.NotEmpty(t, m.Text[code], "%s %s", m.Language, code)
			for _, mark := range []string{"{min}", "{max}", "{count}", "{choices}"} {
				require.Equal(t, strings.Contains(text, mark), strings.Contains(m.Text[code], mark), "%s %s", m.Language, code)
			}
		}
		require.Len(t, m.Text, len(english.Text))
	}
}

func TestMessagesHaveTheSchemasFigures(t *testing.T) {
	type schema struct {
		A string `in:"form a" rule:"line,min=3,max=5"`
		N int    `in:"form n" rule:"min=1,max=9"`
		C string `in:"form c" rule:"oneof=red|green"`
	}
	_, err := validate.Must[schema](validate.Options{}).Parse(nil, post("/", "a=x&n=10&c=blue"))
	var texts []string
	for _, f := range err.(*validate.Error).Fields {
		texts = append(texts, f.Message)
	}
	require.Equal(t, []string{"Must have at least 3 characters.", "Must be at most 9.", "Must be one of: red, green."}, texts)
}

func TestPageEscapesWhatTheHostSays(t *testing.T) {
	e := &validate.Error{Fields: []validate.FieldError{{In: "form", Name: "<a>", Code: "x", Message: "<script>alert(1)</script>"}}}
	r := get("/")
	r.Header.Set("Accept", "text/html")
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	require.Equal(t, 400, w.Code)
	require.NotContains(t, w.Body.String(), "<script>")
	require.NotContains(t, w.Body.String(), "<a>")
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
}

func TestHostsOwnWords(t *testing.T) {
	words := validate.English()
	words.Language = "da"
	words.Text["even"] = "Skal have lige mange tegn."
	words.Text["missing"] = "Skal udfyldes."
	p, err := validate.NewProbe("", `in:"form a" rule:"line,max=5,even"`, validate.Options{
		Messages: []validate.Messages{words, validate.Swedish()},
		Rules:    []validate.Rule{validate.NewRule("even", func(s string) bool { return len(s)%2 == 0 })},
	})
	require.NoError(t, err)
	words.Text["missing"] = "changed later"
	for body, want := range map[string]string{"a=abc": "Skal have lige mange tegn.", "": "Skal udfyldes."} {
		_, err = p.Parse(nil, post("/", body))
		require.Equal(t, want, err.(*validate.Error).Fields[0].Message)
		require.Equal(t, "da", err.(*validate.Error).Language)
	}
	r := post("/", "a=abc")
	r.Header.Set("Accept-Language", "sv")
	_, err = p.Parse(nil, r)
	require.Equal(t, "Är inte giltigt.", err.(*validate.Error).Fields[0].Message, "a code without a text")
}
