package bench

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	playform "github.com/go-playground/form/v4"
	"github.com/go-playground/validator/v10"
	"github.com/gorilla/schema"
	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/validate"
)

// A form of ten fields. The peers are what teams put together: ParseForm, a decoder into a struct, validator/v10 over it.

type ours struct {
	User     string        `in:"form user" rule:"login,max=64"`
	Password skans.Secret  `in:"form password" rule:"secret,max=256"`
	Name     string        `in:"form name" rule:"name,max=100"`
	Mail     string        `in:"form mail" rule:"email"`
	Phone    string        `in:"form phone" rule:"phone"`
	Born     validate.Date `in:"form born" rule:"past"`
	Age      int           `in:"form age" rule:"min=0,max=150"`
	Country  string        `in:"form country" rule:"country"`
	Terms    bool          `in:"form terms" rule:"bool"`
	Note     string        `in:"form note" rule:"text,max=1000"`
}

type theirs struct {
	User     string `form:"user" schema:"user" validate:"required,alphanum,max=64"`
	Password string `form:"password" schema:"password" validate:"required,max=256"`
	Name     string `form:"name" schema:"name" validate:"required,max=100"`
	Mail     string `form:"mail" schema:"mail" validate:"required,email"`
	Phone    string `form:"phone" schema:"phone" validate:"required,e164"`
	Born     string `form:"born" schema:"born" validate:"required,datetime=2006-01-02"`
	Age      int    `form:"age" schema:"age" validate:"min=0,max=150"`
	Country  string `form:"country" schema:"country" validate:"required,iso3166_1_alpha2"`
	Terms    bool   `form:"terms" schema:"terms"`
	Note     string `form:"note" schema:"note" validate:"required,max=1000"`
}

func tenFields() url.Values {
	return url.Values{
		"user": {"anna"}, "password": {"correct horse battery staple"}, "name": {"Anna Lind"}, "mail": {"anna@example.com"},
		"phone": {"+46701234567"}, "born": {"1980-02-28"}, "age": {"46"}, "country": {"SE"}, "terms": {"true"},
		"note": {"Hello, this is a note."},
	}
}

// decoders return a function for each side that takes in a request, and says whether it was accepted.
func decoders(tb testing.TB) map[string]func(*http.Request) error {
	tb.Helper()
	form, err := validate.Compile[ours](validate.Options{Methods: []string{"POST"}})
	require.NoError(tb, err)
	w := &sink{header: http.Header{}}
	play, gorilla, rules := playform.NewDecoder(), schema.NewDecoder(), validator.New(validator.WithRequiredStructEnabled())
	glue := func(decode func(*theirs, url.Values) error) func(*http.Request) error {
		return func(r *http.Request) error {
			if err := r.ParseForm(); err != nil {
				return err
			}
			var in theirs
			if err := decode(&in, r.PostForm); err != nil {
				return err
			}
			return rules.Struct(&in)
		}
	}
	return map[string]func(*http.Request) error{
		"skans":           func(r *http.Request) error { _, err := form.Parse(w, r); return err },
		"form-validator":  glue(func(in *theirs, v url.Values) error { return play.Decode(in, v) }),
		"schema-validate": glue(func(in *theirs, v url.Values) error { return gorilla.Decode(in, v) }),
		"parseform":       func(r *http.Request) error { return r.ParseForm() },
	}
}

// A replay is one request that is sent again and again.
type replay struct {
	r    *http.Request
	body *bytes.Reader
}

func newReplay(body string) *replay {
	b := bytes.NewReader([]byte(body))
	r := httptest.NewRequest("POST", origin+"/", io.NopCloser(b))
	r.ContentLength = int64(len(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return &replay{r, b}
}

func (p *replay) request() *http.Request {
	_, _ = p.body.Seek(0, io.SeekStart)
	p.r.Form, p.r.PostForm = nil, nil
	return p.r
}

func TestFormsDoTheSame(t *testing.T) {
	changed := func(name, value string) url.Values {
		v := tenFields()
		v.Set(name, value)
		return v
	}
	without := func(name string) url.Values {
		v := tenFields()
		v.Del(name)
		return v
	}
	for _, tt := range []struct {
		name string
		form url.Values
		good bool
	}{
		{"all right", tenFields(), true},
		{"no terms", changed("terms", "false"), true},
		{"another country", changed("country", "NO"), true},
		{"no user", without("user"), false},
		{"no password", without("password"), false},
		{"mail without a domain", changed("mail", "anna@"), false},
		{"phone in letters", changed("phone", "call me"), false},
		{"no such day", changed("born", "2026-02-30"), false},
		{"age in letters", changed("age", "old"), false},
		{"too old", changed("age", "151"), false},
		{"no such country", changed("country", "XX"), false},
		{"note too long", changed("note", strings.Repeat("x", 1001)), false},
		{"name too long", changed("name", strings.Repeat("x", 101)), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, take := range decoders(t) {
				if name == "parseform" {
					continue // only reads
				}
				err := take(newReplay(tt.form.Encode()).request())
				if tt.good {
					require.NoError(t, err, name)
				} else {
					require.Error(t, err, name)
				}
			}
		})
	}
}

func BenchmarkForm(b *testing.B) {
	take, p := decoders(b), newReplay(tenFields().Encode())
	do := func(name string) side {
		return side{name, func() {
			if err := take[name](p.request()); err != nil {
				b.Fatal(name, err)
			}
		}}
	}
	beside(b, do("skans"), do("form-validator"), do("schema-validate"), do("parseform"))
}

// BenchmarkFormHostile takes in a megabyte that costs as much as can be: every byte escaped, combining marks to put in
// order, a name or a value without end.
func BenchmarkFormHostile(b *testing.B) {
	type note struct {
		Text string `in:"form text" rule:"text,max=1000000"`
	}
	form, err := validate.Compile[note](validate.Options{Methods: []string{"POST"}, MaxBody: 2 << 20})
	require.NoError(b, err)
	for name, body := range map[string]string{
		"escapes":    "text=" + strings.Repeat("%C3%A5", 1<<20/6),
		"marks":      "text=" + url.QueryEscape(strings.Repeat("a\u0316\u0301", 1<<20/15)),
		"name":       strings.Repeat("x", 1<<20) + "=1",
		"value":      "text=" + strings.Repeat("x", 1<<20),
		"parameters": strings.Repeat("a=%41&", 1<<20/6),
	} {
		b.Run(name, func(b *testing.B) {
			p, w := newReplay(body), &sink{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				_, _ = form.Parse(w, p.request())
			}
		})
	}
}
