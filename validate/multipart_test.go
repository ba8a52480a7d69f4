package validate_test

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/validate"
	"github.com/skans-go/skans/validate/upload"
)

// form makes a multipart request.
func form(t testing.TB, write func(*multipart.Writer)) *http.Request {
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	write(m)
	require.NoError(t, m.Close())
	r := httptest.NewRequest("POST", "/", &b)
	r.Header.Set("Content-Type", m.FormDataContentType())
	return r
}

type letter struct {
	To   string         `in:"form to" rule:"email"`
	Text string         `in:"form text" rule:"text,max=10"`
	Docs []*upload.File `in:"file docs" rule:"txt,max=1KB,count=2" opt:""`
}

func letters(dir string) *validate.Schema[letter] {
	return validate.Must[letter](validate.Options{Methods: []string{"POST"}, UploadDir: dir})
}

func TestMultipart(t *testing.T) {
	field := func(m *multipart.Writer, name, value string) { require.NoError(t, m.WriteField(name, value)) }
	file := func(m *multipart.Writer, name, filename, content string) {
		w, err := m.CreateFormFile(name, filename)
		require.NoError(t, err)
		_, err = io.WriteString(w, content)
		require.NoError(t, err)
	}
	raw := func(body string) *http.Request {
		r := httptest.NewRequest("POST", "/", strings.NewReader(strings.ReplaceAll(body, "\n", "\r\n")))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=X")
		return r
	}
	for _, c := range []struct {
		name string
		r    *http.Request
		want []string
	}{
		{
			"field and file change places", form(t, func(m *multipart.Writer) {
				file(m, "to", "a.txt", "a@b.se")
				field(m, "text", "x")
				field(m, "docs", "x")
			}),
			[]string{"form to:source", "file docs:source"},
		},
		{"unknown file", form(t, func(m *multipart.Writer) {
			field(m, "to", "a@b.se")
			field(m, "text", "x")
			file(m, "evil", "a.txt", "x")
		}), []string{"file :unknown"}},
		{"too many files", form(t, func(m *multipart.Writer) {
			field(m, "to", "a@b.se")
			field(m, "text", "x")
			for range 3 {
				file(m, "docs", "a.txt", "x")
			}
		}), []string{"file docs:count"}},
		{"file too large", form(t, func(m *multipart.Writer) {
			field(m, "to", "a@b.se")
			field(m, "text", "x")
			file(m, "docs", "a.txt", strings.Repeat("x", 1025))
		}), []string{"file docs:size"}},
		{"text too long", form(t, func(m *multipart.Writer) { field(m, "to", "a@b.se"); field(m, "text", strings.Repeat("x", 1<<15)) }), []string{"form text:long"}},
		{"error after a good file", form(t, func(m *multipart.Writer) {
			file(m, "docs", "a.txt", "x")
			field(m, "to", "nobody")
			field(m, "text", "x")
		}), []string{"form to:format"}},
		{"cut short", raw("--X\nContent-Disposition: form-data; name=\"to\"\n\na@b"), []string{"request :syntax"}},
		{"no disposition", raw("--X\n\na\n--X--\n"), []string{"request :syntax"}},
		{"another disposition", raw("--X\nContent-Disposition: attachment; name=\"to\"\n\na\n--X--\n"), []string{"request :syntax"}},
		{"two dispositions", raw("--X\nContent-Disposition: form-data; name=\"to\"\nContent-Disposition: form-data; name=\"text\"\n\na\n--X--\n"), []string{"request :syntax"}},
		{"name twice in a disposition", raw("--X\nContent-Disposition: form-data; name=\"to\"; name=\"text\"\n\na\n--X--\n"), []string{"request :syntax"}},
		{"NUL in the file's name", raw("--X\nContent-Disposition: form-data; name=\"docs\"; filename=\"a.txt\x00.exe\"\n\nx\n--X--\n"), []string{"request :syntax"}},
		{"path as the file's name, without an extension", raw("--X\nContent-Disposition: form-data; name=\"docs\"; filename=\"../../x\"\n\nx\n--X--\n"), []string{"form to:missing", "form text:missing", "file docs:extension"}},
		{"extended parameter beside the plain one", raw("--X\nContent-Disposition: form-data; name=\"docs\"; filename=\"a.txt\"; filename*=UTF-8''b.txt\n\nx\n--X--\n"), []string{"request :syntax"}},
		{"endless disposition", raw("--X\nContent-Disposition: form-data; name=\"to\"" + strings.Repeat("; a=b", 10_000) + "\n\nx\n--X--\n"), []string{"request :syntax"}},
		{"another charset", raw("--X\nContent-Disposition: form-data; name=\"to\"\nContent-Type: text/plain; charset=utf-7\n\nx\n--X--\n"), []string{"request :syntax"}},
		{"another type", raw("--X\nContent-Disposition: form-data; name=\"to\"\nContent-Type: application/json\n\nx\n--X--\n"), []string{"request :syntax"}},
		{"transfer encoding", raw("--X\nContent-Disposition: form-data; name=\"to\"\nContent-Transfer-Encoding: base64\n\nYUBiLnNl\n--X--\n"), []string{"request :syntax"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := letters(dir).Parse(httptest.NewRecorder(), c.r)
			require.Equal(t, c.want, faults(t, err))
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, entries, "a refused request leaves nothing")
		})
	}
	t.Run("no file selected", func(t *testing.T) {
		in, err := letters(t.TempDir()).Parse(httptest.NewRecorder(), form(t, func(m *multipart.Writer) {
			field(m, "to", "a@b.se")
			field(m, "text", "x\r\ny")
			file(m, "docs", "", "")
		}))
		require.NoError(t, err)
		require.Empty(t, in.Docs)
		require.Equal(t, "x\ny", in.Text)
	})
	t.Run("first part consumed by a middleware", func(t *testing.T) {
		r := form(t, func(m *multipart.Writer) { field(m, "csrf", "t"); field(m, "to", "a@b.se"); field(m, "text", "x") })
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		second := bytes.Index(body[1:], []byte("\r\n--")) + 1
		r.Body = io.NopCloser(bytes.NewReader(body[second:]))
		in, err := letters(t.TempDir()).Parse(httptest.NewRecorder(), r)
		require.NoError(t, err)
		require.Equal(t, "a@b.se", in.To)
	})
	t.Run("parsed by a middleware", func(t *testing.T) {
		r := form(t, func(m *multipart.Writer) { field(m, "to", "a@b.se"); field(m, "text", "x") })
		require.NoError(t, r.ParseMultipartForm(1<<20))
		_, err := letters(t.TempDir()).Parse(httptest.NewRecorder(), r)
		require.Equal(t, []string{"request :syntax"}, faults(t, err))
		require.ErrorContains(t, errors.Unwrap(err), "read before")
	})
}

// After the handler the folder is empty but for what it kept, even when it panics.
func TestFilesDoNotOutliveTheHandler(t *testing.T) {
	dir, home := t.TempDir(), t.TempDir()
	root, err := os.OpenRoot(home)
	require.NoError(t, err)
	defer root.Close()
	request := func() *http.Request {
		return form(t, func(m *multipart.Writer) {
			require.NoError(t, m.WriteField("to", "a@b.se"))
			require.NoError(t, m.WriteField("text", "x"))
			for range 2 {
				w, err := m.CreateFormFile("docs", "a.txt")
				require.NoError(t, err)
				_, _ = io.WriteString(w, "x")
			}
		})
	}
	letters(dir).Handle(func(_ http.ResponseWriter, _ *http.Request, in letter) {
		require.NoError(t, in.Docs[0].Keep(root, "1"))
	}).ServeHTTP(httptest.NewRecorder(), request())
	require.Panics(t, func() {
		letters(dir).Handle(func(http.ResponseWriter, *http.Request, letter) { panic("handler") }).ServeHTTP(httptest.NewRecorder(), request())
	})
	waiting, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, waiting)
	kept, err := os.ReadDir(home)
	require.NoError(t, err)
	require.Len(t, kept, 1)
}

// The body of a client that never stops ends at the limit, with nothing on the disk and little in memory.
func TestEndlessFile(t *testing.T) {
	dir := t.TempDir()
	s := validate.Must[letter](validate.Options{UploadDir: dir, MaxBody: 8 << 20})
	head := "--X\r\nContent-Disposition: form-data; name=\"docs\"; filename=\"a.txt\"\r\n\r\n"
	for name, first := range map[string]string{"the file comes first": "", "after a fault": "--X\r\nContent-Disposition: form-data; name=\"evil\"\r\n\r\nx\r\n"} {
		r := httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader(first+head), letterX{}))
		r.ContentLength = -1
		r.Header.Set("Content-Type", "multipart/form-data; boundary=X")
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := s.Parse(httptest.NewRecorder(), r)
		runtime.ReadMemStats(&after)
		require.Equal(t, http.StatusRequestEntityTooLarge, err.(*validate.Error).Status, name)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(2<<20), name)
		waiting, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, waiting)
	}
}

type letterX struct{}

func (letterX) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// The same over a real connection, chunked, beside one that hangs up in the middle of a file.
func TestUploadOverTheNetwork(t *testing.T) {
	dir := t.TempDir()
	server := httptest.NewServer(letters(dir).Handle(func(w http.ResponseWriter, _ *http.Request, in letter) {
		_, _ = io.WriteString(w, in.To)
	}))
	defer server.Close()
	send := func(body io.Reader) (int, string) {
		r, err := http.NewRequest("POST", server.URL, body)
		require.NoError(t, err)
		r.ContentLength = -1
		r.Header.Set("Content-Type", "multipart/form-data; boundary=X")
		resp, err := server.Client().Do(r)
		if err != nil {
			return 0, ""
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	part := func(head, content string) string {
		return "--X\r\nContent-Disposition: form-data; " + head + "\r\n\r\n" + content + "\r\n"
	}
	good := part(`name="to"`, "a@b.se") + part(`name="text"`, "x") + part(`name="docs"; filename="a.txt"`, "hello") + "--X--\r\n"
	status, text := send(strings.NewReader(good))
	require.Equal(t, 200, status)
	require.Equal(t, "a@b.se", text)

	hangUp, w := io.Pipe()
	go func() {
		_, _ = io.WriteString(w, good[:len(good)-12]) // within the file
		_ = w.CloseWithError(errors.New("gone"))
	}()
	_, _ = send(hangUp)
	server.Close() // waits for the handlers
	waiting, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, waiting)
}
