package validate_test

import (
	"mime/multipart"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/validate"
	"github.com/skans-go/skans/validate/upload"
)

type Paging struct {
	Page int `in:"query page" rule:"min=1,max=99" opt:"1"`
}

type complaint struct {
	Paging
	Who     validate.SEPersonID `in:"form who"`
	Kind    string              `in:"form kind" rule:"oneof=noise|light"`
	Days    []validate.Date     `in:"form day" rule:"past,count=3,atleast=1"`
	Cost    validate.Decimal    `in:"form cost" rule:"min=0,max=99.50,scale=2" opt:"0"`
	Rating  *uint8              `in:"form rating" rule:"min=1,max=5" opt:""`
	Anon    bool                `in:"form anon" rule:"checkbox"`
	Picture *upload.File        `in:"file picture" rule:"png|jpg,max=2MB" opt:""`
	private int
}

func (c *complaint) Check() error { c.private = len(c.Days); return nil }

func (complaint) CheckRules() []string { return []string{"noise needs a day"} }

func TestDescribe(t *testing.T) {
	s := validate.Must[complaint](validate.Options{MaxBody: 4 << 20, UploadDir: t.TempDir()})
	require.Equal(t, `schema complaint
methods POST
body form, at most 4194304 bytes
check between fields
check noise needs a day
file picture; *upload.File; png or jpg, at most 2097152 bytes, 24000000 pixels, unpacked 268435456 bytes in 2000 entries, no scanner; rule png|jpg,max=2MB; missing means ""
form anon; bool; rule checkbox; missing means false
form cost; validate.Decimal; rule min=0,max=99.50,scale=2; missing means "0"
form day; []validate.Date; 1 to 3 values; rule past,count=3,atleast=1; required
form kind; string; class oneof (one of a list); 1 to 5 characters, at most 20 bytes; rule oneof=noise|light; required
form rating; *uint8; rule min=1,max=5; missing means ""
form who; validate.SEPersonID; kinds person or coordination; required
query page; int; rule min=1,max=99; missing means "1"
`, s.Describe())
	require.Equal(t, s.Describe(), s.Describe())

	require.Equal(t, `schema order
methods POST, PUT
body json, at most 65536 bytes
json id; int64; rule min=0,max=9223372036854775807; required
json lines.street; string; class line (one line of text); 1 to 20 characters, at most 80 bytes; rule line,max=20; required
json lines.zip; string; class postcode (of SE); 0 to 8 characters, at most 32 bytes; rule postcode=SE; missing means ""
json lines; []validate_test.address; 1 to 2 values; rule count=2,atleast=1; missing means ""
json note; string; class text (text with newlines and tabs); 0 to 20 characters, at most 80 bytes; rule text,max=20; missing means ""
json paid; bool; rule bool; missing means "false"
json pass; skans.Secret; class secret (any characters but controls, as they were typed); 0 to 9 characters, at most 36 bytes; rule secret,max=9; missing means ""
json price; validate.Decimal; rule min=0,max=1000,scale=2; missing means "0"
json tags; []string; 0 to 2 values; class identifier (A-Z a-z 0-9 _ -, beginning with a letter or digit); 1 to 9 characters, at most 36 bytes; rule identifier,max=9,count=2; missing means ""
json to.street; string; class line (one line of text); 1 to 20 characters, at most 80 bytes; rule line,max=20; required
json to.zip; string; class postcode (of SE); 0 to 8 characters, at most 32 bytes; rule postcode=SE; missing means ""
json to; *validate_test.address; missing means ""
json weight; float64; rule min=0,max=1000; missing means "0"
query dry; bool; rule bool; missing means "false"
`, orders.Describe())
}

func TestEveryKindOfFieldInOneForm(t *testing.T) {
	s := validate.Must[complaint](validate.Options{UploadDir: t.TempDir()})
	in, err := s.Parse(nil, post("/?page=2", "who=640823-3234&kind=noise&day=2020-01-01&day=2020-01-02&cost=9.50&rating=4&anon=on"))
	require.NoError(t, err)
	require.Equal(t, 2, in.Page)
	require.Equal(t, "196408233234", in.Who.String())
	require.Len(t, in.Days, 2)
	require.Equal(t, "9.50", in.Cost.String())
	require.Equal(t, uint8(4), *in.Rating)
	require.True(t, in.Anon)
	require.Nil(t, in.Picture)
	require.Equal(t, 2, in.private, "Check may fill the host's own fields")

	_, err = s.Parse(nil, post("/", "who=811218-9876&kind=light&day=&rating=0"))
	require.Equal(t, []string{"form who:kind", "form day:missing", "form rating:low"}, faults(t, err))
}

// The disk's trouble is not the client's fault.
func TestStorageFailureIs503(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "uploads")
	s := letters(dir)
	require.NoError(t, os.WriteFile(dir, nil, 0o600)) // something else takes the place
	w := httptest.NewRecorder()
	s.Handle(never).ServeHTTP(w, form(t, func(m *multipart.Writer) {
		require.NoError(t, m.WriteField("to", "a@b.se"))
		require.NoError(t, m.WriteField("text", "x"))
		_, err := m.CreateFormFile("docs", "a.txt")
		require.NoError(t, err)
	}))
	require.Equal(t, 503, w.Code)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
	require.NotContains(t, w.Body.String(), dir)
}

func TestDateAsTime(t *testing.T) {
	d := validate.DateOf(time.Date(2026, 3, 29, 23, 59, 0, 0, time.UTC))
	require.Equal(t, "2026-03-29", d.String())
	require.Equal(t, time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC), d.Time(time.UTC))
	require.Empty(t, validate.Date{}.String())
}
