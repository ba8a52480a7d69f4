package validate_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/validate"
)

type tenFields struct {
	User     string        `in:"form user" rule:"login,max=64"`
	Password skans.Secret  `in:"form password" rule:"secret,max=256"`
	Name     string        `in:"form name" rule:"name,max=100"`
	Mail     string        `in:"form mail" rule:"email"`
	Phone    string        `in:"form phone" rule:"phone" opt:""`
	Born     validate.Date `in:"form born" rule:"past"`
	Age      int           `in:"form age" rule:"min=0,max=150"`
	Country  string        `in:"form country" rule:"country"`
	Terms    bool          `in:"form terms" rule:"bool"`
	Note     string        `in:"form note" rule:"text,max=1000"`
}

var ten = validate.Must[tenFields](validate.Options{Methods: []string{"POST"}})

var tenBody = url.Values{
	"user": {"anna"}, "password": {"correct horse battery staple"}, "name": {"Anna Lind"}, "mail": {"anna@example.com"}, "phone": {"+46701234567"},
	"born": {"1980-02-28"}, "age": {"46"}, "country": {"SE"}, "terms": {"true"}, "note": {"Hello, this is a note."},
}.Encode()

// replay is a request whose body can be read again, so that only the parsing is measured.
type replay struct {
	r    *http.Request
	body *bytes.Reader
}

func newReplay(body string) *replay {
	r := post("/", body)
	b := bytes.NewReader([]byte(body))
	r.Body = io.NopCloser(b)
	return &replay{r, b}
}

func (p *replay) request() *http.Request {
	_, _ = p.body.Seek(0, io.SeekStart)
	p.r.Form, p.r.PostForm = nil, nil
	return p.r
}

func BenchmarkTenFieldForm(b *testing.B) {
	p := newReplay(tenBody)
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ten.Parse(w, p.request()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseFormAlone(b *testing.B) {
	p := newReplay(tenBody)
	b.ReportAllocs()
	for b.Loop() {
		if err := p.request().ParseForm(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTenFieldHandle(b *testing.B) {
	p := newReplay(tenBody)
	h := ten.Handle(func(http.ResponseWriter, *http.Request, tenFields) {})
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, p.request())
	}
}

func BenchmarkJSONOrder(b *testing.B) {
	p := newReplay(`{"id":42,"note":"hello","paid":true,"weight":1.5,"price":"12.50","tags":["a","b"],"to":{"street":"x","zip":"111 22"}}`)
	p.r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := orders.Parse(w, p.request()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTenThousandParameters(b *testing.B) {
	p := newReplay(strings.Repeat("a=%41&", 10_000))
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := samples.Parse(w, p.request()); err == nil {
			b.Fatal("accepted")
		}
	}
}

func BenchmarkHostileMegabyte(b *testing.B) {
	type note struct {
		Text string `in:"form text" rule:"text,max=1000000"`
	}
	s := validate.Must[note](validate.Options{Methods: []string{"POST"}, MaxBody: 2 << 20})
	for name, body := range map[string]string{
		"escapes": "text=" + strings.Repeat("%C3%A5", 1<<20/6),
		"marks":   "text=" + url.QueryEscape(strings.Repeat("a\u0316\u0301", 1<<20/5/3)),
		"name":    strings.Repeat("x", 1<<20) + "=1",
		"value":   "text=" + strings.Repeat("x", 1<<20),
	} {
		b.Run(name, func(b *testing.B) {
			p := newReplay(body)
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				_, _ = s.Parse(w, p.request())
			}
		})
	}
}

// BenchmarkHostileMegabyteUnescaped has a megabyte of text that is three times as much as in a form with escapes: loose accents,
// accents in the wrong order, points, characters that NFC takes apart.
func BenchmarkHostileMegabyteUnescaped(b *testing.B) {
	type note struct {
		Text string `in:"json text" rule:"text,max=1000000"`
	}
	s := validate.Must[note](validate.Options{Methods: []string{"POST"}, MaxBody: 2 << 20})
	for name, unit := range map[string]string{
		"accents": "a\u0301", "order": "a\u0316\u0301", "long rows": "a\u0301\u0316\u0301\u0316\u0301\u0316\u0301", "points": "\u05e9\u05c1\u05b8",
		"exclusions": "\u0958", "jamo": "\u1112\u1161\u11ab", "joiners": "\u0915\u094d\u200c", "piled": "a" + strings.Repeat("\u0316", 100),
	} {
		b.Run(name, func(b *testing.B) {
			body := `{"text":"` + strings.Repeat(unit, (1<<20)/len(unit)) + `"}`
			for b.Loop() {
				_, _ = s.Parse(nil, postJSON(body))
			}
		})
	}
}

// The promise: a ten-field form costs at most ten allocations more than ParseForm.
func TestAllocationsOfTenFieldForm(t *testing.T) {
	p := newReplay(tenBody)
	w := httptest.NewRecorder()
	alone := testing.AllocsPerRun(100, func() { _ = p.request().ParseForm() })
	whole := testing.AllocsPerRun(100, func() {
		if _, err := ten.Parse(w, p.request()); err != nil {
			t.Fatal(err)
		}
	})
	t.Logf("ParseForm %v, Parse %v", alone, whole)
	require.LessOrEqual(t, whole, alone+10)
}
