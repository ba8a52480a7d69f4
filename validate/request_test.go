package validate_test

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/validate"
)

type sample struct {
	A    string       `in:"form a" rule:"line,max=20" opt:""`
	N    int64        `in:"form n" rule:"min=-9223372036854775808,max=9223372036854775807" opt:"0"`
	Tags []string     `in:"form tag" rule:"identifier,max=8,count=3" opt:""`
	F    float64      `in:"form f" rule:"min=-10,max=10" opt:"0"`
	On   bool         `in:"form on" rule:"bool" opt:"false"`
	Pass skans.Secret `in:"form pass" rule:"secret,max=20" opt:""`
	Page uint8        `in:"query page" rule:"min=1,max=200" opt:"1"`
}

var samples = validate.Must[sample](validate.Options{Methods: []string{"POST"}, MaxBody: 64 << 10})

// Each of these is a request that some stack reads otherwise than the one behind it.
func TestNastyRequests(t *testing.T) {
	for _, c := range []struct {
		name, target, body string
		status             int
		want               []string
	}{
		{"name twice", "/", "a=1&a=2", 422, []string{"form a:duplicate"}},
		{"name twice, once escaped", "/", "a=1&%61=2", 422, []string{"form a:duplicate"}},
		{"PHP list", "/", "a[]=1", 422, []string{"form :unknown"}},
		{"PHP list, escaped", "/", "a%5B%5D=1", 422, []string{"form :unknown"}},
		{"other case", "/", "A=1", 422, []string{"form :unknown"}},
		{"path into a struct", "/", "a.b=1", 422, []string{"form :unknown"}},
		{"Go field name", "/", "Pass=1", 422, []string{"form :unknown"}},
		{"no name", "/", "=1", 422, []string{"form :unknown"}},
		{"empty pair", "/", "a=1&&n=2", 422, []string{"form :unknown"}},
		{"bad escape", "/", "a=%zz", 400, []string{"request :encoding"}},
		{"bad escape in a name", "/", "%zz=1", 400, []string{"request :encoding"}},
		{"half an escape", "/", "a=%2", 400, []string{"request :encoding"}},
		{"invalid UTF-8", "/", "a=%ff", 400, []string{"form a:encoding"}},
		{"overlong UTF-8", "/", "a=%c0%af", 400, []string{"form a:encoding"}},
		{"surrogate in UTF-8", "/", "a=%ed%a0%80", 400, []string{"form a:encoding"}},
		{"byte order mark", "/", "\ufeffa=1", 422, []string{"form :unknown"}},
		{"byte order mark in the value", "/", "a=%ef%bb%bfx", 422, []string{"form a:character"}},
		{"NUL", "/", "a=%00", 422, []string{"form a:character"}},
		{"newline in a line", "/", "a=x%0d%0aSet-Cookie:+y", 422, []string{"form a:character"}},
		{"secret in the query", "/?pass=x", "", 422, []string{"form pass:source"}},
		{"form field in the query", "/?a=x", "", 422, []string{"form a:source"}},
		{"form field in both", "/?a=x", "a=y", 422, []string{"form a:source"}},
		{"query field in the form", "/", "page=2", 422, []string{"query page:source"}},
		{"token in the query", "/?csrf=abc", "", 422, []string{"query :unknown"}},
		{"token twice", "/", "csrf=abc&csrf=abd", 422, []string{"form csrf:duplicate"}},
		{"unknown in the query", "/?x=1", "", 422, []string{"query :unknown"}},
		{"exponent as an integer", "/", "n=1e3", 422, []string{"form n:type"}},
		{"blank before", "/", "n=+1", 422, []string{"form n:type"}},
		{"plus sign", "/", "n=%2B1", 422, []string{"form n:type"}},
		{"hexadecimal", "/", "n=0x1", 422, []string{"form n:type"}},
		{"leading zero", "/", "n=007", 422, []string{"form n:type"}},
		{"negative zero", "/", "n=-0", 422, []string{"form n:type"}},
		{"underscore", "/", "n=1_000", 422, []string{"form n:type"}},
		{"Arabic digits", "/", "n=%D9%A1", 422, []string{"form n:type"}},
		{"above int64", "/", "n=9223372036854775808", 422, []string{"form n:high"}},
		{"below int64", "/", "n=-9223372036854775809", 422, []string{"form n:low"}},
		{"above uint8", "/?page=256", "", 422, []string{"query page:high"}},
		{"below the range", "/?page=0", "", 422, []string{"query page:low"}},
		{"not a number", "/", "f=NaN", 422, []string{"form f:type"}},
		{"infinite", "/", "f=-Inf", 422, []string{"form f:type"}},
		{"hexadecimal float", "/", "f=0x1p-2", 422, []string{"form f:type"}},
		{"exponent in a form", "/", "f=1e1", 422, []string{"form f:type"}},
		{"negative zero float", "/", "f=-0.0", 422, []string{"form f:type"}},
		{"other truths", "/", "on=1", 422, []string{"form on:type"}},
		{"True", "/", "on=True", 422, []string{"form on:type"}},
		{"too many of a list", "/", "tag=a&tag=b&tag=c&tag=d", 422, []string{"form tag:count"}},
		{"too long", "/", "a=" + strings.Repeat("x", 21), 422, []string{"form a:long"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, err := samples.Parse(httptest.NewRecorder(), post(c.target, c.body))
			require.Equal(t, c.want, faults(t, err))
			require.Equal(t, c.status, err.(*validate.Error).Status)
			require.Empty(t, in.Tags)
			require.Zero(t, in.A)
		})
	}
}

func TestWhatIsTaken(t *testing.T) {
	parse := func(target, body string) sample {
		t.Helper()
		in, err := samples.Parse(httptest.NewRecorder(), post(target, body))
		require.NoError(t, err)
		return in
	}
	require.Equal(t, int64(9007199254740993), parse("/", "n=9007199254740993").N) // not a float64
	require.Equal(t, "a;n=5", parse("/", "a=a;n=5").A)                            // a semicolon is data
	require.Equal(t, "a=b", parse("/", "a=a=b").A)
	require.Equal(t, "%3Cscript%3E", parse("/", "a=%253Cscript%253E").A) // decoded once
	require.Equal(t, "é", parse("/", "a=e%CC%81").A)                     // NFC
	require.Equal(t, []string{"a", "b"}, parse("/", "tag=a&tag=b").Tags)
	require.Equal(t, -2.5, parse("/", "f=-2.5").F)
	in := parse("/", "")
	require.Equal(t, uint8(1), in.Page)
	in = parse("/?page=", "a=&n=&f=&on=") // inputs that were left empty
	require.Equal(t, uint8(1), in.Page)
	require.Zero(t, in.N)
}

func TestMissingEmptyAndZeroDiffer(t *testing.T) {
	type schema struct {
		S *string `in:"form s" rule:"line,max=5" opt:""`
		N *int    `in:"form n" rule:"min=0,max=5" opt:""`
		D string  `in:"form d" rule:"line,max=5" opt:"def"`
		M string  `in:"form m" rule:"line,min=3,max=5" opt:""`
	}
	s := validate.Must[schema](validate.Options{})
	in, err := s.Parse(nil, post("/", ""))
	require.NoError(t, err)
	require.Nil(t, in.S)
	require.Nil(t, in.N)
	require.Equal(t, "def", in.D)
	_, err = s.Parse(nil, post("/", "m=ab"))
	require.Equal(t, []string{"form m:short"}, faults(t, err))
	in, err = s.Parse(nil, post("/", "s=&n=0&d=&m=")) // an optional input that was left empty is not too short
	require.NoError(t, err)
	require.Empty(t, *in.S)
	require.Zero(t, *in.N)
	require.Empty(t, in.D)
	in, err = s.Parse(nil, post("/", "n="))
	require.NoError(t, err)
	require.Nil(t, in.N)
}

func TestMethodTypeAndSize(t *testing.T) {
	send := func(method, kind string, body io.Reader, change ...func(*http.Request)) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/", body)
		if kind != "" {
			r.Header.Set("Content-Type", kind)
		}
		for _, f := range change {
			f(r)
		}
		w := httptest.NewRecorder()
		samples.Handle(func(w http.ResponseWriter, _ *http.Request, _ sample) { w.WriteHeader(204) }).ServeHTTP(w, r)
		return w
	}
	const form = "application/x-www-form-urlencoded"
	w := send("GET", "", nil)
	require.Equal(t, 405, w.Code)
	require.Equal(t, "POST", w.Header().Get("Allow"))

	require.Equal(t, 204, send("POST", form, strings.NewReader("a=1")).Code)
	require.Equal(t, 204, send("POST", form+"; charset=UTF-8", strings.NewReader("a=1")).Code)
	for _, kind := range []string{"", "text/plain", "application/json", form + "; charset=utf-7", form + "; x=y", "multipart/form-data", "multipart/mixed; boundary=x", "*/*", form + ", text/plain"} {
		require.Equal(t, 415, send("POST", kind, strings.NewReader(`{"a":"1"}`)).Code, kind)
	}
	require.Equal(t, 415, send("POST", form, strings.NewReader("a=1"), func(r *http.Request) { r.Header.Add("Content-Type", "text/plain") }).Code)
	require.Equal(t, 415, send("POST", form, strings.NewReader("a=1"), func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }).Code)
	require.Equal(t, 413, send("POST", form, strings.NewReader("a="+strings.Repeat("x", 64<<10))).Code)
	endless := func(r *http.Request) { r.ContentLength = -1 } // chunked, without a length
	require.Equal(t, 413, send("POST", form, io.LimitReader(letterX{}, 1<<40), endless).Code)
	require.Equal(t, 204, send("POST", form, strings.NewReader("a=1"), endless).Code)
}

func TestManyParametersAreRefusedUndecoded(t *testing.T) {
	many := strings.Repeat("a=%zz&", 10_000) // decoding would give another error
	_, err := samples.Parse(httptest.NewRecorder(), post("/", many))
	require.Equal(t, []string{"request :parameters"}, faults(t, err))
	require.Equal(t, 400, err.(*validate.Error).Status)
	_, err = samples.Parse(httptest.NewRecorder(), post("/?"+many, ""))
	require.Equal(t, []string{"request :parameters"}, faults(t, err))
	_, err = samples.Parse(httptest.NewRecorder(), form(t, func(m *multipart.Writer) {
		for range 100 {
			require.NoError(t, m.WriteField("x", ""))
		}
	}))
	require.Equal(t, []string{"request :parameters"}, faults(t, err))
}

func TestBodyWithGet(t *testing.T) {
	type schema struct {
		Page int `in:"query page" rule:"min=1,max=9" opt:"1"`
	}
	s := validate.Must[schema](validate.Options{})
	_, err := s.Parse(nil, get("/?page=2"))
	require.NoError(t, err)
	_, err = s.Parse(nil, httptest.NewRequest("HEAD", "/?page=2", nil))
	require.NoError(t, err)
	_, err = s.Parse(nil, httptest.NewRequest("GET", "/", strings.NewReader("page=3")))
	require.Equal(t, []string{"request :syntax"}, faults(t, err))
}

// A POST without fields of its own is a button with a token.
func TestFormWithNothingButTheToken(t *testing.T) {
	type schema struct {
		ID string `in:"path id" rule:"identifier,max=20"`
	}
	s := validate.Must[schema](validate.Options{Methods: []string{"POST"}})
	r := post("/x/delete", "csrf=abc")
	r.SetPathValue("id", "x")
	in, err := s.Parse(nil, r)
	require.NoError(t, err)
	require.Equal(t, "x", in.ID)
	r = post("/x/delete", "csrf=abc&id=y")
	r.SetPathValue("id", "x")
	_, err = s.Parse(nil, r)
	require.Equal(t, []string{"form :unknown"}, faults(t, err))
	_, err = s.Parse(nil, post("//delete", ""))
	require.Equal(t, []string{"path id:missing"}, faults(t, err))
}

// A handler that takes nothing gets nothing.
func TestNoInputAtAll(t *testing.T) {
	s := validate.Must[struct{}](validate.Options{})
	_, err := s.Parse(nil, get("/"))
	require.NoError(t, err)
	_, err = s.Parse(nil, get("/?x=1"))
	require.Equal(t, []string{"query :unknown"}, faults(t, err))
	require.Equal(t, "schema struct {}\nmethods GET, HEAD\nbody none but the form field csrf, at most 65536 bytes\n", s.Describe())
}

func TestHeaders(t *testing.T) {
	type schema struct {
		Tenant string `in:"header x-tenant" rule:"identifier,max=10"`
	}
	s := validate.Must[schema](validate.Options{})
	r := get("/")
	_, err := s.Parse(nil, r)
	require.Equal(t, []string{"header X-Tenant:missing"}, faults(t, err))
	r.Header.Set("X-Tenant", "acme")
	in, err := s.Parse(nil, r)
	require.NoError(t, err)
	require.Equal(t, "acme", in.Tenant)
	r.Header.Add("X-Tenant", "other")
	_, err = s.Parse(nil, r)
	require.Equal(t, []string{"header X-Tenant:duplicate"}, faults(t, err))
}

// Handlers cannot reach what the schema does not have.
func TestHandlerSeesOnlyTheValue(t *testing.T) {
	r := post("/?page=3", "a=x")
	require.NoError(t, r.ParseForm()) // a middleware did it before
	r.Body = io.NopCloser(strings.NewReader("a=x"))
	w := httptest.NewRecorder()
	samples.Handle(func(w http.ResponseWriter, h *http.Request, in sample) {
		require.Equal(t, "x", in.A)
		require.Empty(t, h.FormValue("a"))
		require.Empty(t, h.PostFormValue("a"))
		require.Empty(t, h.URL.Query())
		require.Empty(t, h.URL.RawQuery)
		require.Empty(t, h.RequestURI)
		require.NoError(t, h.ParseForm())
		require.Empty(t, h.Form)
		b, err := io.ReadAll(h.Body)
		require.NoError(t, err)
		require.Empty(t, b)
		_, err = h.MultipartReader()
		require.Error(t, err)
		require.Equal(t, "/", h.URL.Path)
		w.WriteHeader(204)
	}).ServeHTTP(w, r)
	require.Equal(t, 204, w.Code, w.Body)
	require.Equal(t, "page=3", r.URL.RawQuery, "the caller's request is as it was")
}

func TestFormThatAMiddlewareRead(t *testing.T) {
	read := func(body string) *http.Request {
		r := post("/", body)
		_ = r.ParseForm() // and nobody puts the body back
		return r
	}
	browser := url.Values{"a": {"å *~"}, "csrf": {"t"}}
	in, err := samples.Parse(nil, read("a=%C3%A5+*%7E&csrf=t")) // as browsers write it
	require.NoError(t, err)
	require.Equal(t, "å *~", in.A)
	in, err = samples.Parse(nil, read(browser.Encode()))
	require.NoError(t, err)
	require.Equal(t, "å *~", in.A)

	for _, lossy := range []string{"a=x&n=%zz", "a=x&n=1;2", "a=x&%zz=1", "a=x&"} {
		_, err = samples.Parse(nil, read(lossy))
		require.Equal(t, []string{"request :syntax"}, faults(t, err), lossy)
		require.ErrorContains(t, errors.Unwrap(err), "read before")
	}
	r := read("a=x")
	r.PostForm, r.Form = nil, nil
	_, err = samples.Parse(nil, r)
	require.Equal(t, []string{"request :syntax"}, faults(t, err))
}

type span struct {
	From validate.Date `in:"form from"`
	To   validate.Date `in:"form to"`
	Mode string        `in:"form mode" rule:"oneof=plain|panic" opt:"plain"`
}

func (s span) Check() error {
	switch {
	case s.Mode == "panic":
		panic("check")
	case s.From.Year == 1999:
		return errors.New("private reason")
	case s.From.Compare(s.To) > 0:
		return &validate.Conflict{Names: []string{"from", "to", "unknown"}, Message: "The first day comes after the last."}
	}
	return nil
}

func TestCheckNamesBothFields(t *testing.T) {
	s := validate.Must[span](validate.Options{})
	_, err := s.Parse(nil, post("/", "from=2026-02-01&to=2026-03-01"))
	require.NoError(t, err)
	in, err := s.Parse(nil, post("/", "from=2026-03-02&to=2026-03-01"))
	require.Equal(t, []string{"form from:conflict", "form to:conflict"}, faults(t, err))
	require.Equal(t, "The first day comes after the last.", err.(*validate.Error).Fields[0].Message)
	require.Zero(t, in)
	_, err = s.Parse(nil, post("/", "from=1999-03-02&to=2026-03-01"))
	require.Equal(t, []string{"request :conflict"}, faults(t, err))
	require.NotContains(t, err.(*validate.Error).Fields[0].Message, "private")
	require.ErrorContains(t, errors.Unwrap(err), "private reason")
	_, err = s.Parse(nil, post("/", "from=2026-03-01&to=2026-03-02&mode=panic"))
	require.Equal(t, []string{"request :conflict"}, faults(t, err))
}

func TestFaultsAreBounded(t *testing.T) {
	wide, err := validate.NewWideProbe(40)
	require.NoError(t, err)
	_, err = wide.Parse(nil, post("/", ""))
	require.Len(t, faults(t, err), 32)
	// One fault for each name and reason, however often it comes.
	_, err = samples.Parse(nil, post("/", strings.Repeat("tag=%00&", 3)+strings.Repeat("x=1&y=2&", 5)+"tag=%00"))
	require.Equal(t, []string{"form tag:character", "form tag:count", "form :unknown"}, faults(t, err))
}

// A schema is shared by all requests of a handler; run with -race.
func TestOneSchemaManyRequests(t *testing.T) {
	s := letters(t.TempDir())
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			<-start
			to := "a" + strconv.Itoa(i) + "@b.se"
			in, err := s.Parse(nil, form(t, func(m *multipart.Writer) {
				_ = m.WriteField("to", to)
				_ = m.WriteField("text", "x")
				w, _ := m.CreateFormFile("docs", "a.txt")
				_, _ = io.WriteString(w, to)
			}))
			if !assert.NoError(t, err) || !assert.Equal(t, to, in.To) || !assert.Equal(t, int64(len(to)), in.Docs[0].Size()) {
				return
			}
			assert.NoError(t, in.Docs[0].Remove())
			_, err = s.Parse(nil, post("/", "to=x"))
			assert.Error(t, err)
		})
	}
	close(start)
	all.Wait()
}
