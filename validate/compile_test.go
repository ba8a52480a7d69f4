package validate_test

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/validate"
	"github.com/skans-go/skans/validate/upload"
)

// refusedAtStart compiles T and returns the error.
func refusedAtStart[T any](t *testing.T, want ...string) {
	t.Helper()
	s, err := validate.Compile[T](validate.Options{Methods: []string{"POST"}})
	require.Error(t, err)
	require.Nil(t, s)
	for _, w := range want {
		require.ErrorContains(t, err, w)
	}
	require.Panics(t, func() { validate.Must[T](validate.Options{Methods: []string{"POST"}}) })
}

// Each error names the struct, the field and what to do.
func TestSchemasThatDoNotStart(t *testing.T) {
	t.Run("no source", func(t *testing.T) {
		type schema struct {
			User string `rule:"line,max=3"`
		}
		refusedAtStart[schema](t, "schema.User", `in:"form user"`)
	})
	t.Run("unknown source", func(t *testing.T) {
		type schema struct {
			User string `in:"cookie user" rule:"line,max=3"`
		}
		refusedAtStart[schema](t, "schema.User", "cookie", "form, query, path")
	})
	t.Run("no name", func(t *testing.T) {
		type schema struct {
			User string `in:"form" rule:"line,max=3"`
		}
		refusedAtStart[schema](t, "schema.User", "name")
	})
	t.Run("no rule", func(t *testing.T) {
		type schema struct {
			User string `in:"form user"`
		}
		refusedAtStart[schema](t, "schema.User", `rule:"line,max=100"`)
	})
	t.Run("no class", func(t *testing.T) {
		type schema struct {
			User string `in:"form user" rule:"max=3"`
		}
		refusedAtStart[schema](t, "schema.User", "unknown class")
	})
	t.Run("no maximum", func(t *testing.T) {
		type schema struct {
			User string `in:"form user" rule:"line"`
		}
		refusedAtStart[schema](t, "schema.User", "max=100")
	})
	t.Run("maximum zero", func(t *testing.T) {
		type schema struct {
			User string `in:"form user" rule:"line,max=0"`
		}
		refusedAtStart[schema](t, "schema.User")
	})
	t.Run("maximum above the class's own", func(t *testing.T) {
		type schema struct {
			ID string `in:"form id" rule:"uuid,max=50"`
		}
		refusedAtStart[schema](t, "schema.ID", "36")
	})
	t.Run("slice without count", func(t *testing.T) {
		type schema struct {
			Tags []string `in:"form tag" rule:"line,max=3"`
		}
		refusedAtStart[schema](t, "schema.Tags", "count=10")
	})
	t.Run("endless slice", func(t *testing.T) {
		type schema struct {
			Tags []string `in:"form tag" rule:"line,max=3,count=70000"`
		}
		refusedAtStart[schema](t, "schema.Tags", "10000")
	})
	t.Run("slice without class", func(t *testing.T) {
		type schema struct {
			Tags []string `in:"form tag" rule:"count=3"`
		}
		refusedAtStart[schema](t, "schema.Tags", "class")
	})
	t.Run("number without range", func(t *testing.T) {
		type schema struct {
			N int `in:"form n" rule:"min=1"`
		}
		refusedAtStart[schema](t, "schema.N", "min=0,max=100")
	})
	t.Run("float without range", func(t *testing.T) {
		type schema struct {
			N float64 `in:"form n"`
		}
		refusedAtStart[schema](t, "schema.N", "range")
	})
	t.Run("range outside the type", func(t *testing.T) {
		type schema struct {
			N int8 `in:"form n" rule:"min=0,max=200"`
		}
		refusedAtStart[schema](t, "schema.N", "200", "int8")
	})
	t.Run("range the wrong way round", func(t *testing.T) {
		type schema struct {
			N int `in:"form n" rule:"min=5,max=1"`
		}
		refusedAtStart[schema](t, "schema.N", "above")
	})
	t.Run("decimal without range", func(t *testing.T) {
		type schema struct {
			N validate.Decimal `in:"form n" rule:"scale=2"`
		}
		refusedAtStart[schema](t, "schema.N", "scale=2")
	})
	t.Run("unknown rule", func(t *testing.T) {
		type schema struct {
			User string `in:"form user" rule:"line,max=3,requird"`
		}
		refusedAtStart[schema](t, "schema.User", "requird")
	})
	t.Run("rule twice", func(t *testing.T) {
		type schema struct {
			User string `in:"form user" rule:"line,max=3,max=4"`
		}
		refusedAtStart[schema](t, "schema.User", "twice")
	})
	t.Run("any", func(t *testing.T) {
		type schema struct {
			V any `in:"json v" rule:"line,max=3"`
		}
		refusedAtStart[schema](t, "schema.V", "takes anything")
	})
	t.Run("interface with methods", func(t *testing.T) {
		type schema struct {
			V fmt.Stringer `in:"json v" rule:"line,max=3"`
		}
		refusedAtStart[schema](t, "schema.V", "takes anything")
	})
	t.Run("slice of any", func(t *testing.T) {
		type schema struct {
			V []any `in:"json v" rule:"line,max=3,count=3"`
		}
		refusedAtStart[schema](t, "schema.V", "takes anything")
	})
	t.Run("bytes", func(t *testing.T) {
		type schema struct {
			V []byte `in:"form v" rule:"line,max=3,count=3"`
		}
		refusedAtStart[schema](t, "schema.V")
	})
	t.Run("unsigned number without range", func(t *testing.T) {
		type schema struct {
			N uint `in:"form n" rule:"max=9"`
		}
		refusedAtStart[schema](t, "schema.N", "range")
	})
	t.Run("own text type without class", func(t *testing.T) {
		type schema struct {
			N netip.Addr `in:"form n" rule:"max=9"`
		}
		refusedAtStart[schema](t, "schema.N", "class")
	})
	t.Run("secret deep inside an embedded struct", func(t *testing.T) {
		type Inner struct {
			Password skans.Secret `in:"query password" rule:"secret,max=3"`
		}
		type schema struct{ Inner }
		refusedAtStart[schema](t, "Password", "logs")
	})
	t.Run("two fields on one name, one of them embedded", func(t *testing.T) {
		type Inner struct {
			A string `in:"form x" rule:"line,max=3"`
		}
		type schema struct {
			Inner
			B string `in:"form x" rule:"line,max=3"`
		}
		refusedAtStart[schema](t, "schema.B", "same source and name")
	})
	t.Run("map", func(t *testing.T) {
		type schema struct {
			V map[string]string `in:"json v" rule:"line,max=3"`
		}
		refusedAtStart[schema](t, "schema.V", "takes anything")
	})
	t.Run("channel", func(t *testing.T) {
		type schema struct {
			V chan int `in:"json v"`
		}
		refusedAtStart[schema](t, "schema.V", "not supported")
	})
	t.Run("unexported tagged field", func(t *testing.T) {
		type schema struct {
			user string `in:"form user" rule:"line,max=3"`
		}
		_ = schema{}.user
		refusedAtStart[schema](t, "schema.user", "capital")
	})
	t.Run("secret from the query", func(t *testing.T) {
		type schema struct {
			Password skans.Secret `in:"query password" rule:"secret,max=3"`
		}
		refusedAtStart[schema](t, "schema.Password", "logs")
	})
	t.Run("secret from the path", func(t *testing.T) {
		type schema struct {
			Password skans.Secret `in:"path password" rule:"secret,max=3"`
		}
		refusedAtStart[schema](t, "schema.Password", "logs")
	})
	t.Run("secret in a string", func(t *testing.T) {
		type schema struct {
			Password string `in:"form password" rule:"secret,max=3"`
		}
		refusedAtStart[schema](t, "schema.Password", "skans.Secret")
	})
	t.Run("two fields on one name", func(t *testing.T) {
		type schema struct {
			A string `in:"form x" rule:"line,max=3"`
			B string `in:"form x" rule:"line,max=3"`
		}
		refusedAtStart[schema](t, "schema.B", "same source and name as A")
	})
	t.Run("file and field on one name", func(t *testing.T) {
		type schema struct {
			A string       `in:"form x" rule:"line,max=3"`
			B *upload.File `in:"file x" rule:"pdf,max=1MB"`
		}
		refusedAtStart[schema](t, "schema.B", "same source and name as A")
	})
	t.Run("two spellings of one header", func(t *testing.T) {
		type schema struct {
			A string `in:"header X-Tenant" rule:"identifier,max=3"`
			B string `in:"header x-tenant" rule:"identifier,max=3"`
		}
		refusedAtStart[schema](t, "schema.B", "same source")
	})
	t.Run("reserved name", func(t *testing.T) {
		type schema struct {
			A string `in:"form csrf" rule:"token,max=30"`
		}
		refusedAtStart[schema](t, "schema.A", "reserved")
	})
	t.Run("form and JSON", func(t *testing.T) {
		type schema struct {
			A string `in:"form a" rule:"line,max=3"`
			B string `in:"json b" rule:"line,max=3"`
		}
		refusedAtStart[schema](t, "two schemas")
	})
	t.Run("file without size", func(t *testing.T) {
		type schema struct {
			F *upload.File `in:"file f" rule:"pdf"`
		}
		refusedAtStart[schema](t, "schema.F", "max=5MB")
	})
	t.Run("file without types", func(t *testing.T) {
		type schema struct {
			F *upload.File `in:"file f" rule:"max=5MB"`
		}
		refusedAtStart[schema](t, "schema.F", "pdf|png")
	})
	t.Run("file of an unfit type", func(t *testing.T) {
		type schema struct {
			F *upload.File `in:"file f" rule:"svg,max=5MB"`
		}
		refusedAtStart[schema](t, "schema.F", "program for the browser")
	})
	t.Run("file as a form field", func(t *testing.T) {
		type schema struct {
			F *upload.File `in:"form f" rule:"pdf,max=5MB"`
		}
		refusedAtStart[schema](t, "schema.F", "file")
	})
	t.Run("bool without its spelling", func(t *testing.T) {
		type schema struct {
			B bool `in:"form b"`
		}
		refusedAtStart[schema](t, "schema.B", "checkbox")
	})
	t.Run("default that cannot be decoded", func(t *testing.T) {
		type schema struct {
			N int `in:"query n" rule:"min=0,max=9" opt:"many"`
		}
		refusedAtStart[schema](t, "schema.N", "many")
	})
	t.Run("empty default of a number", func(t *testing.T) {
		type schema struct {
			N int `in:"query n" rule:"min=0,max=9" opt:""`
		}
		refusedAtStart[schema](t, "schema.N")
	})
	t.Run("default outside the rules", func(t *testing.T) {
		type schema struct {
			N string `in:"query n" rule:"digits,max=2" opt:"abc"`
		}
		refusedAtStart[schema](t, "schema.N", "abc")
	})
	t.Run("pointer that cannot be missing", func(t *testing.T) {
		type schema struct {
			N *int `in:"query n" rule:"min=0,max=9"`
		}
		refusedAtStart[schema](t, "schema.N", `opt:""`)
	})
	t.Run("url without hosts", func(t *testing.T) {
		type schema struct {
			U string `in:"form u" rule:"url,max=100"`
		}
		refusedAtStart[schema](t, "schema.U", "url=example.com")
	})
	t.Run("url with a host that is none", func(t *testing.T) {
		type schema struct {
			U string `in:"form u" rule:"url=https://example.com,max=100"`
		}
		refusedAtStart[schema](t, "schema.U", "host")
	})
	t.Run("unknown postcode country", func(t *testing.T) {
		type schema struct {
			P string `in:"form p" rule:"postcode=XX"`
		}
		refusedAtStart[schema](t, "schema.P", "XX")
	})
	t.Run("type that holds itself", func(t *testing.T) {
		type node struct {
			Children []node `in:"json children" rule:"count=2"`
		}
		type schema struct {
			Root node `in:"json root"`
		}
		refusedAtStart[schema](t, "itself")
	})
	t.Run("not a struct", func(t *testing.T) { refusedAtStart[string](t, "struct") })
	t.Run("past and future", func(t *testing.T) {
		type schema struct {
			T time.Time `in:"form t" rule:"past,future"`
		}
		refusedAtStart[schema](t, "schema.T")
	})
}

func TestBorrowedRulesAreAClosedTable(t *testing.T) {
	for _, tag := range []string{
		"-", "omitempty", "omitnil", "url", "uri", "http_url", "file", "filepath", "dir", "dirpath", "image",
		"excludes=a", "excludesall=a", "excludesrune=a", "ne=a", "startsnotwith=a", "endsnotwith=a", "required", "eqfield=Other", "dive", "structonly", "unique", "alpha|numeric", "startswith", "alpha=3",
	} {
		_, err := compileRule(tag)
		require.ErrorContains(t, err, "has the", tag)
	}
	s, err := compileRule("startswith=ab")
	require.NoError(t, err)
	_, err = s.Parse(nil, get("/?a=abc"))
	require.NoError(t, err)
	_, err = s.Parse(nil, get("/?a=xabc"))
	require.Equal(t, []string{"query a:startswith"}, faults(t, err))
}

// Every tag of the table starts, and answers hostile texts with yes or no, never with a panic.
func TestEveryBorrowedRuleStartsAndNeverPanics(t *testing.T) {
	tags := validate.ClosedTable()
	require.NotEmpty(t, tags)
	hostile := []string{"", "0", "-", "%", "æ", "é@é", "[::1]", "1/2/3", "..", "{}", "\x7f", strings.Repeat("9", 100), strings.Repeat("a.", 50), "0x", "+", "v1.2", "::/129", "9" + strings.Repeat("\u0301", 5)}
	for _, tag := range tags {
		p, err := validate.NewProbe("", `in:"form a" rule:"text,min=0,max=200,`+tag+`"`, validate.Options{Methods: []string{"POST"}})
		require.NoError(t, err, tag)
		for _, s := range hostile {
			require.NotPanics(t, func() { _, _ = p.Parse(nil, post("/", url.Values{"a": {s}}.Encode())) }, "%s %q", tag, s)
		}
	}
}

// A tag that panics in validator/v10 is found at start, not in a request.
func TestBorrowedRuleThatPanicsDoesNotStart(t *testing.T) {
	require.ErrorContains(t, validate.Borrow("nosuchtag"), "panics")
	require.ErrorContains(t, validate.Borrow("len=x"), "panics")
	require.NoError(t, validate.Borrow("alpha"))
}

// compileRule makes a schema of one text with the rule behind class and length.
func compileRule(tag string) (*validate.Probe, error) {
	return validate.NewProbe("", `in:"query a" rule:"line,max=9,`+tag+`"`, validate.Options{})
}

func TestSchemaLevelRefusals(t *testing.T) {
	type form struct {
		A string `in:"form a" rule:"line,max=3"`
	}
	for name, o := range map[string]validate.Options{
		"body with GET":      {Methods: []string{"GET"}},
		"method in small":    {Methods: []string{"post"}},
		"negative size":      {MaxBody: -1},
		"no languages":       {Messages: []validate.Messages{}},
		"language untold":    {Messages: []validate.Messages{{Text: map[string]string{"invalid": "x"}}}},
		"class of the box":   {Classes: []validate.Class{validate.NewClass("line", func(rune) bool { return true })}},
		"class without func": {Classes: []validate.Class{validate.NewClass("mine", nil)}},
		"rule of the box":    {Rules: []validate.Rule{validate.NewRule("max", func(string) bool { return true })}},
		"banned rule":        {Rules: []validate.Rule{validate.NewRule("omitempty", func(string) bool { return true })}},
	} {
		_, err := validate.Compile[form](o)
		require.ErrorContains(t, err, "validate: ", name)
	}
}
