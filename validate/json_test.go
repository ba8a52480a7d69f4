package validate_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/validate"
)

type address struct {
	Street string `in:"json street" rule:"line,max=20"`
	Zip    string `in:"json zip" rule:"postcode=SE" opt:""`
}

type order struct {
	ID     int64            `in:"json id" rule:"min=0,max=9223372036854775807"`
	Note   string           `in:"json note" rule:"text,max=20" opt:""`
	Paid   bool             `in:"json paid" rule:"bool" opt:"false"`
	Weight float64          `in:"json weight" rule:"min=0,max=1000" opt:"0"`
	Price  validate.Decimal `in:"json price" rule:"min=0,max=1000,scale=2" opt:"0"`
	Tags   []string         `in:"json tags" rule:"identifier,max=9,count=2" opt:""`
	To     *address         `in:"json to" opt:""`
	Lines  []address        `in:"json lines" rule:"count=2,atleast=1" opt:""`
	Pass   skans.Secret     `in:"json pass" rule:"secret,max=9" opt:""`
	Dry    bool             `in:"query dry" rule:"bool" opt:"false"`
}

var orders = validate.Must[order](validate.Options{Methods: []string{"POST", "PUT"}, MaxBody: 64 << 10})

func postJSON(body string) *http.Request {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// encoding/json takes most of these; RFC 8259 or the schema does not.
func TestNastyJSON(t *testing.T) {
	deep := strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000)
	for _, c := range []struct {
		name, body string
		status     int
		want       []string
	}{
		{"duplicate name", `{"id":1,"id":2}`, 422, []string{"json id:duplicate"}},
		{"duplicate name, escaped", `{"id":1,"\u0069d":2}`, 422, []string{"json id:duplicate"}},
		{"case variant", `{"id":1,"ID":2}`, 422, []string{"json :unknown"}},
		{"Kelvin sign for k", `{"id":1,"to\u212a":2}`, 422, []string{"json :unknown"}},
		{"unknown name", `{"id":1,"admin":true}`, 422, []string{"json :unknown"}},
		{"unknown deep inside", `{"id":1,"to":{"street":"x","x":{"y":[1,{}]}}}`, 422, []string{"json :unknown"}},
		{"query field in the body", `{"id":1,"dry":true}`, 422, []string{"query dry:source"}},
		{"prototype", `{"id":1,"__proto__":{}}`, 422, []string{"json :unknown"}},
		{"trailing data", `{"id":1}{"id":2}`, 400, []string{"request :syntax"}},
		{"trailing comma", `{"id":1,}`, 400, []string{"request :syntax"}},
		{"comment", `{"id":1/**/}`, 400, []string{"request :syntax"}},
		{"single quotes", `{'id':1}`, 400, []string{"request :syntax"}},
		{"list at the top", `[{"id":1}]`, 400, []string{"request :syntax"}},
		{"null at the top", `null`, 400, []string{"request :syntax"}},
		{"nothing", ``, 400, []string{"request :syntax"}},
		{"byte order mark", "\ufeff{\"id\":1}", 400, []string{"request :syntax"}},
		{"invalid UTF-8", "{\"id\":1,\"note\":\"\xff\"}", 400, []string{"request :encoding"}},
		{"lone surrogate", `{"id":1,"note":"\ud800"}`, 400, []string{"request :syntax"}},
		{"surrogates the wrong way round", `{"id":1,"note":"\udc00\ud800"}`, 400, []string{"request :syntax"}},
		{"raw newline in a string", "{\"id\":1,\"note\":\"a\nb\"}", 400, []string{"request :syntax"}},
		{"unknown escape", `{"id":1,"note":"\x41"}`, 400, []string{"request :syntax"}},
		{"short escape", `{"id":1,"note":"\u00"}`, 400, []string{"request :syntax"}},
		{"cut short", `{"id":1,"note":"a`, 400, []string{"request :syntax"}},
		{"NUL escape", `{"id":1,"note":"\u0000"}`, 422, []string{"json note:character"}},
		{"escaped bidi override", `{"id":1,"note":"\u202e"}`, 422, []string{"json note:character"}},
		{"nested a hundred thousand deep", `{"id":1,"x":` + deep + `}`, 400, []string{"request :syntax"}},
		{"string for a number", `{"id":"1"}`, 422, []string{"json id:type"}},
		{"number for a string", `{"id":1,"note":5}`, 422, []string{"json note:type"}},
		{"string for a bool", `{"id":1,"paid":"true"}`, 422, []string{"json paid:type"}},
		{"number for a bool", `{"id":1,"paid":1}`, 422, []string{"json paid:type"}},
		{"object for a string", `{"id":1,"note":{"a":1}}`, 422, []string{"json note:type"}},
		{"string for a list", `{"id":1,"tags":"a"}`, 422, []string{"json tags:type"}},
		{"list in a list", `{"id":1,"tags":[["a"]]}`, 422, []string{"json tags:type"}},
		{"list for an object", `{"id":1,"to":[]}`, 422, []string{"json to:type"}},
		{"too many in a list", `{"id":1,"tags":["a","b","c"]}`, 422, []string{"json tags:count"}},
		{"too few in a list", `{"id":1,"lines":[]}`, 422, []string{"json lines:few"}},
		{"null for a required number", `{"id":null}`, 422, []string{"json id:missing"}},
		{"null in a list", `{"id":1,"tags":[null]}`, 422, []string{"json tags:type"}},
		{"exponent as an integer", `{"id":1e3}`, 422, []string{"json id:type"}},
		{"fraction as an integer", `{"id":1.0}`, 422, []string{"json id:type"}},
		{"negative zero", `{"id":-0}`, 422, []string{"json id:type"}},
		{"leading zero", `{"id":01}`, 400, []string{"request :syntax"}},
		{"plus sign", `{"id":+1}`, 400, []string{"request :syntax"}},
		{"NaN", `{"id":1,"weight":NaN}`, 400, []string{"request :syntax"}},
		{"1e400", `{"id":1,"weight":1e400}`, 422, []string{"json weight:high"}},
		{"-1e400", `{"id":1,"weight":-1e400}`, 422, []string{"json weight:low"}},
		{"above int64", `{"id":9223372036854775808}`, 422, []string{"json id:high"}},
		{"member of an object missing", `{"id":1,"to":{}}`, 422, []string{"json to.street:missing"}},
		{"wrong deep inside", `{"id":1,"lines":[{"street":"a","zip":"x"},{"street":"b","zip":"y"}]}`, 422, []string{"json lines.zip:format"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, err := orders.Parse(httptest.NewRecorder(), postJSON(c.body))
			require.Equal(t, c.want, faults(t, err))
			require.Equal(t, c.status, err.(*validate.Error).Status)
			require.Zero(t, in)
		})
	}
}

func TestJSONBecomesValue(t *testing.T) {
	r := postJSON(` { "id" : 9007199254740993, "note":"\u00e5\n\ud83d\ude00\/\"", "paid":true, "weight":1.5e-2, "price":"12.50",
		"tags":["a","b"], "to":{"street":"x","zip":"11122"}, "lines":[{"street":"y"}], "pass":"p\u00e4ss" } `)
	r.URL.RawQuery = "dry=true"
	in, err := orders.Parse(httptest.NewRecorder(), r)
	require.NoError(t, err)
	require.Equal(t, int64(9007199254740993), in.ID)
	require.Equal(t, "å\n😀/\"", in.Note)
	require.True(t, in.Paid)
	require.True(t, in.Dry)
	require.Equal(t, 0.015, in.Weight)
	require.Equal(t, "12.50", in.Price.String())
	require.Equal(t, []string{"a", "b"}, in.Tags)
	require.Equal(t, &address{"x", "111 22"}, in.To)
	require.Equal(t, []address{{"y", ""}}, in.Lines)
	require.Equal(t, "päss", in.Pass.Reveal())

	in, err = orders.Parse(nil, postJSON(`{"id":0,"note":null,"to":null}`))
	require.NoError(t, err)
	require.Nil(t, in.To)
	require.Nil(t, in.Lines)
}

func TestJSONContentType(t *testing.T) {
	for kind, want := range map[string]int{
		"application/json": 0, "application/json; charset=utf-8": 0, "application/json; charset=utf-16": 415, "text/plain": 415, "": 415, "text/json": 415,
		"application/x-www-form-urlencoded": 415, "application/json; x=y": 415, "application/problem+json": 415,
	} {
		r := postJSON(`{"id":1}`)
		r.Header.Set("Content-Type", kind)
		if kind == "" {
			r.Header.Del("Content-Type")
		}
		_, err := orders.Parse(nil, r)
		if want == 0 {
			require.NoError(t, err, kind)
		} else {
			require.Equal(t, want, err.(*validate.Error).Status, kind)
		}
	}
	r := postJSON("")
	r.Header.Del("Content-Type")
	_, err := orders.Parse(nil, r)
	require.Equal(t, 415, err.(*validate.Error).Status)
}
