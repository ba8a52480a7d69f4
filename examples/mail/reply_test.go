package main

import (
	"bytes"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A field of a multipart form, in the order in which it is sent; with a file name it is a file.
type field struct{ name, value, file string }

// multipart posts a form as browsers do when it has files.
func (b *browser) multipart(to string, fields ...field) answer {
	b.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, f := range fields {
		create := func() (io.Writer, error) { return form.CreateFormField(f.name) }
		if f.file != "" {
			create = func() (io.Writer, error) { return form.CreateFormFile(f.name, f.file) }
		}
		part, err := create()
		require.NoError(b.t, err)
		_, err = part.Write([]byte(f.value))
		require.NoError(b.t, err)
	}
	require.NoError(b.t, form.Close())
	return b.do(http.MethodPost, to, &body, map[string]string{
		"Content-Type": form.FormDataContentType(), "Origin": b.base, "Sec-Fetch-Site": "same-origin",
	})
}

const smallPDF = "%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\nsecret-in-the-pdf\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"

func smallPNG(t testing.TB, comment string) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, png.Encode(&out, image.NewGray(image.Rect(0, 0, 3, 2))))
	return out.String() + comment // behind the end of the picture
}

func TestAnswerWithFiles(t *testing.T) {
	r := start(t, t.TempDir(), false)
	r.send(t, "mail@localhost", letterWithFile)
	b := r.member(t, firstAdministrator)
	at := conversationLink.FindStringSubmatch(b.page("/m/mail"))[1]
	page := b.page(at)
	require.Regexp(t, `enctype="multipart/form-data"[^>]*>\s*<input type="hidden" name="csrf"`, page, "the token comes first, so that files are refused before they are read")
	csrf := csrfField.FindStringSubmatch(page)[1]
	got := b.multipart(at+"/reply",
		field{"csrf", csrf, ""}, field{"text", "Here is the decision.", ""},
		field{"files", smallPDF, "Beslut å.pdf"}, field{"files", "line one\r\nline two\r\n", "notes.txt"}, field{"files", smallPNG(t, "hidden behind"), "house.png"})
	require.Equal(t, http.StatusSeeOther, got.status, got.body)

	t.Run("on the page and to download", func(t *testing.T) {
		page := b.page(at)
		require.Contains(t, page, "Beslut å.pdf")
		links := regexp.MustCompile(`href="(/m/mail/l/[a-z0-9]+/a/\d+)">Beslut`).FindStringSubmatch(page)
		require.NotNil(t, links)
		file := b.get(links[1])
		require.Equal(t, smallPDF, file.body)
		require.Contains(t, file.header.Get("Content-Disposition"), "attachment")
	})

	t.Run("in the letter", func(t *testing.T) {
		m := r.outboxHas(t, "Here is the decision.")
		require.Equal(t, "Here is the decision.", m.Text)
		require.Len(t, m.Parts, 3)
		require.Equal(t, "Beslut å.pdf", m.Parts[0].Name)
		require.Equal(t, "application/pdf", m.Parts[0].Type)
		require.Equal(t, smallPDF, string(m.Parts[0].Data))
		require.Equal(t, "line one\r\nline two\r\n", string(m.Parts[1].Data))
		require.NotContains(t, string(m.Parts[2].Data), "hidden behind", "a picture is encoded anew")
		_, err := png.Decode(bytes.NewReader(m.Parts[2].Data))
		require.NoError(t, err)
	})

	t.Run("sealed, and nothing waits in the clear", func(t *testing.T) {
		require.Empty(t, filesBelow(t, filepath.Join(r.dir, "upload")))
		for _, name := range []string{"mail.db", "mail.db-wal"} {
			data, err := os.ReadFile(filepath.Join(r.dir, name))
			require.NoError(t, err)
			require.NotContains(t, string(data), "secret-in-the-pdf")
		}
	})
}

func TestFilesThatAreRefused(t *testing.T) {
	r := start(t, t.TempDir(), false)
	r.send(t, "mail@localhost", letterWithFile)
	b := r.member(t, firstAdministrator)
	at := conversationLink.FindStringSubmatch(b.page("/m/mail"))[1]
	csrf := csrfField.FindStringSubmatch(b.page(at))[1]
	token, text := field{"csrf", csrf, ""}, field{"text", "never-sent", ""}
	for name, test := range map[string]struct {
		fields []field
		status int
	}{
		"a program named pdf":   {[]field{token, text, {"files", "MZ\x90\x00", "invoice.pdf"}}, 422},
		"a page named txt":      {[]field{token, text, {"files", "\x00<script>", "a.txt"}}, 422},
		"a type not in list":    {[]field{token, text, {"files", "<script>alert(1)</script>", "a.html"}}, 422},
		"two extensions":        {[]field{token, text, {"files", smallPDF, "a.pdf.exe"}}, 422},
		"a path":                {[]field{token, text, {"files", "x", "../../../keys"}}, 422},
		"more than three":       {[]field{token, text, {"files", "1", "1.txt"}, {"files", "2", "2.txt"}, {"files", "3", "3.txt"}, {"files", "4", "4.txt"}}, 422},
		"too large":             {[]field{token, text, {"files", strings.Repeat("x", 5_300_000), "a.txt"}}, 422},
		"in an unknown field":   {[]field{token, text, {"other", "x", "a.txt"}}, 422},
		"one refused, one good": {[]field{token, text, {"files", "good", "a.txt"}, {"files", "MZ", "b.pdf"}}, 422},
		"without a token":       {[]field{text, {"files", "x", "a.txt"}}, 403},
		"token after the file":  {[]field{{"files", "x", "a.txt"}, token, text}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			got := b.multipart(at+"/reply", test.fields...)
			require.Equal(t, test.status, got.status, got.body)
			require.Empty(t, filesBelow(t, filepath.Join(r.dir, "upload")), "what is refused leaves nothing")
		})
	}
	require.NotContains(t, b.page(at), "never-sent")
}

func filesBelow(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if !os.IsNotExist(err) {
		require.NoError(t, err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}
