package validate_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/validate"
)

// A request that is wrong in every way is refused for the first of them, in the order in which a wrong request costs least. Each
// row mends what the row above was refused for.
func TestOrderOfRefusals(t *testing.T) {
	type schema struct {
		A    string `in:"form a" rule:"digits,min=2,max=4,maxbytes=4"`
		N    int    `in:"form n" rule:"min=5,max=9"`
		M    int    `in:"form m" rule:"min=0,max=9"`
		Page int    `in:"query page" rule:"min=1,max=9" opt:"1"`
	}
	s := validate.Must[schema](validate.Options{Methods: []string{"POST"}, MaxBody: 4096})
	huge := strings.Repeat("x", 5000)
	many := strings.Repeat("&b=1", 100)
	for _, c := range []struct {
		name, method, kind, target, body string
		status                           int
		want                             []string
	}{
		{"method", "PUT", "text/plain", "/?page=%zz" + many, "a=%zz" + huge, 405, []string{"request :method"}},
		{"content type", "POST", "text/plain", "/?page=%zz" + many, "a=%zz" + huge, 415, []string{"request :media"}},
		{"size", "POST", "", "/?page=%zz" + many, "a=%zz" + huge, 413, []string{"request :large"}},
		{"parameters of the query", "POST", "", "/?page=%zz" + many, "a=%zz" + many, 400, []string{"request :parameters"}},
		{"parameters of the body", "POST", "", "/", "a=%zz" + many, 400, []string{"request :parameters"}},
		{"escapes", "POST", "", "/", "a=%zz&b=1&n=x", 400, []string{"request :encoding"}},
		{
			"names, sources, characters and types at once", "POST", "", "/?m=1", "a=xxxxxx&a=1&b=1&n=x&page=1", 422,
			[]string{"form a:long", "form a:duplicate", "form n:type", "form m:source", "query page:source", "form :unknown"},
		},
		{"character before length in characters", "POST", "", "/", "a=x&n=1&m=1", 422, []string{"form a:character", "form n:low"}},
		{"length before range", "POST", "", "/", "a=1&n=x1&m=1", 422, []string{"form a:short", "form n:type"}},
		{"range", "POST", "", "/", "a=12&n=4&m=10", 422, []string{"form n:low", "form m:high"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := post(c.target, c.body)
			r.Method = c.method
			if c.kind != "" {
				r.Header.Set("Content-Type", c.kind)
			}
			_, err := s.Parse(httptest.NewRecorder(), r)
			require.Equal(t, c.want, faults(t, err))
			require.Equal(t, c.status, err.(*validate.Error).Status)
		})
	}
}
