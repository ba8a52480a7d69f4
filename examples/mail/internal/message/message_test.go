package message_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/examples/mail/internal/message"
)

func parse(t *testing.T, raw string) message.Message {
	t.Helper()
	m, err := message.Parse(t.Context(), []byte(strings.ReplaceAll(raw, "\n", "\r\n")))
	require.NoError(t, err)
	return m
}

func TestPlainLetter(t *testing.T) {
	m := parse(t, `From: =?utf-8?q?Anna_Bj=C3=B6rk?= <Anna@Example.COM>
To: bygglov@kommun.example
Subject: =?iso-8859-1?Q?Fr=E5ga?=
Date: Fri, 20 Nov 2026 10:00:00 +0100
Message-ID: <one@example.com>
In-Reply-To: <zero@example.com>
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Hej p=E5 er
`)
	require.Equal(t, "anna@example.com", m.From)
	require.Equal(t, "Anna Björk", m.FromName)
	require.Equal(t, "bygglov@kommun.example", m.To)
	require.Equal(t, "Fråga", m.Subject)
	require.Equal(t, "one@example.com", m.MessageID)
	require.Equal(t, []string{"zero@example.com"}, m.References)
	require.True(t, m.Date.Equal(time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)))
	require.Equal(t, "Hej på er\r\n", m.Text)
	require.Empty(t, m.Problem)
}

func TestAlternativesPicturesAndFiles(t *testing.T) {
	m := parse(t, `From: a@example.com
Content-Type: multipart/mixed; boundary=outer

--outer
Content-Type: multipart/related; boundary=inner

--inner
Content-Type: text/html

<img src="cid:pic@x">
--inner
Content-Type: image/png
Content-ID: <pic@x>
Content-Transfer-Encoding: base64

iVBORw0KGgo=
--inner--
--outer
Content-Type: text/plain
Content-Disposition: attachment; filename="../../etc/passwd"

root
--outer--
`)
	require.Equal(t, `<img src="cid:pic@x">`, m.HTML)
	require.Len(t, m.Parts, 2)
	require.Equal(t, "pic@x", m.Parts[0].CID)
	require.Equal(t, []byte("\x89PNG\r\n\x1a\n"), m.Parts[0].Data)
	require.Equal(t, "../../etc/passwd", m.Parts[1].Name, "a name is data; whoever shows it cleans it")
	require.Equal(t, []byte("root"), m.Parts[1].Data)
}

// Text that is not just another form of the HTML is not hidden behind it: it can be opened as a file.
func TestTextBesideHTMLIsNotLost(t *testing.T) {
	part := func(kind, text string) string { return "--b\nContent-Type: " + kind + "\n\n" + text + "\n" }
	letter := func(multipart string, parts ...string) message.Message {
		return parse(t, "From: a@example.com\nContent-Type: multipart/"+multipart+"; boundary=b\n\n"+strings.Join(parts, "")+"--b--\n")
	}
	html, text := part("text/html", "<p>html</p>"), part("text/plain", "the text")
	for name, m := range map[string]message.Message{"text first": letter("mixed", text, html), "text last": letter("mixed", html, text)} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, "<p>html</p>", m.HTML)
			require.Len(t, m.Parts, 1)
			require.Equal(t, "the text", string(m.Parts[0].Data))
		})
	}
	for _, m := range []message.Message{letter("alternative", text, html), letter("alternative", html, text)} {
		require.Equal(t, "<p>html</p>", m.HTML)
		require.Equal(t, "the text", m.Text)
		require.Empty(t, m.Parts, "two forms of one text")
	}
}

// What was readable before the fault is kept, and the letter says that there was one.
func TestMalformedLettersKeepWhatIsReadable(t *testing.T) {
	for name, test := range map[string]struct{ raw, subject, text string }{
		"a line that is no field": {"From: a@example.com\nthis is no field\nSubject: kept\n\nbody\n", "kept", "body\r\n"},
		"multipart cut short":     {"From: a@example.com\nSubject: kept\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nbody", "kept", "body"},
		"no sender":               {"Subject: kept\n\nbody\n", "kept", "body\r\n"},
		"unknown character set":   {"From: a@example.com\nSubject: kept\nContent-Type: text/plain; charset=klingon\n\nbody\n", "kept", "body\r\n"},
		"unknown encoding":        {"From: a@example.com\nSubject: kept\nContent-Transfer-Encoding: rot13\n\nbody\n", "kept", "body\r\n"},
		"multipart, no boundary":  {"From: a@example.com\nSubject: kept\nContent-Type: multipart/mixed\n\nbody\n", "kept", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := parse(t, test.raw)
			require.Equal(t, test.subject, m.Subject)
			require.Equal(t, test.text, m.Text)
			require.NotEmpty(t, m.Problem)
		})
	}
}

func TestBrokenBase64IsSaid(t *testing.T) {
	m := parse(t, "From: a@example.com\nContent-Transfer-Encoding: base64\n\naGVq!!!!%%%%\n")
	require.NotEmpty(t, m.Problem)
}

func TestLimitsRefuse(t *testing.T) {
	nested := func(depth int) string {
		var b strings.Builder
		b.WriteString("From: a@example.com\n")
		for i := range depth {
			fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
		}
		return b.String() + "\nend\n"
	}
	for name, raw := range map[string]string{
		"parts":       "From: a@example.com\nContent-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\nx\n", message.MaxParts+1) + "--b--\n",
		"100k parts":  "From: a@example.com\nContent-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\nx\n", 100_000) + "--b--\n",
		"depth":       nested(message.MaxDepth + 1),
		"depth 1,000": nested(1000),
		"header":      "From: a@example.com\nSubject: " + strings.Repeat("x", message.MaxHeader) + "\n\nbody\n",
		"part header": "From: a@example.com\nContent-Type: multipart/mixed; boundary=b\n\n--b\nX-Long: " + strings.Repeat("x", message.MaxHeader) + "\n\nx\n--b--\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := message.Parse(t.Context(), []byte(raw))
			require.ErrorIs(t, err, message.ErrLimit)
		})
	}
	t.Run("just below", func(t *testing.T) {
		m := parse(t, nested(message.MaxDepth))
		require.Equal(t, "end", strings.TrimSpace(m.Text))
		_ = parse(t, "From: a@example.com\nContent-Type: multipart/mixed; boundary=b\n\n"+strings.Repeat("--b\n\nx\n", message.MaxParts-2)+"--b--\n")
	})
}

func TestADeadlineEndsIt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := message.Parse(ctx, []byte("From: a@example.com\r\n\r\nbody"))
	require.ErrorIs(t, err, context.Canceled)
}

func TestALongBodyBecomesAFile(t *testing.T) {
	m := parse(t, "From: a@example.com\n\n"+strings.Repeat("long line\n", 300_000))
	require.Empty(t, m.Text)
	require.Len(t, m.Parts, 1)
}

func TestComposeRoundTrip(t *testing.T) {
	raw, err := message.Compose(message.Outgoing{
		MessageID: "two@kommun.example", FromName: "Bygglov\r\nBcc: all@example.com", From: "bygglov@kommun.example", To: "anna@example.com",
		Subject: "Svar\r\nBcc: all@example.com", Text: "Hej på dig,\n.\nslut", References: []string{"zero@example.com", "one@example.com"},
		Date: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC),
	})
	require.NoError(t, err)
	head, _, _ := strings.Cut(string(raw), "\r\n\r\n")
	for line := range strings.Lines(head) {
		require.False(t, strings.HasPrefix(line, "Bcc"), "a subject or name must not become a field of its own")
	}
	m, err := message.Parse(t.Context(), raw)
	require.NoError(t, err)
	require.Empty(t, m.Problem)
	require.Equal(t, "bygglov@kommun.example", m.From)
	require.Equal(t, []string{"one@example.com", "one@example.com", "zero@example.com"}, m.References)
	require.Equal(t, "Hej på dig,\n.\nslut", strings.ReplaceAll(m.Text, "\r\n", "\n"))
}

// Letters that strangers wrote, well- and ill-formed: all are read or said to be unreadable.
func TestCorpus(t *testing.T) {
	files, _ := filepath.Glob("../../../../../shared/corpora/mail/*/*")
	if len(files) == 0 {
		t.Skip("no mail corpus beside the checkout (../shared/corpora/mail); own letters are tested above")
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		m, err := message.Parse(t.Context(), raw)
		if err != nil {
			require.ErrorIs(t, err, message.ErrLimit, file)
			continue
		}
		for _, s := range []string{m.Subject, m.Text, m.HTML, m.From, m.FromName, m.MessageID} {
			require.True(t, utf8.ValidString(s), file)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("From: a@example.com\r\nSubject: s\r\n\r\nbody"))
	f.Add([]byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--"))
	f.Add([]byte("Content-Type: text/html; charset=utf-7\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+"))
	f.Add([]byte(": \r\n\x00\r\n\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := message.Parse(t.Context(), raw)
		if err != nil {
			require.ErrorIs(t, err, message.ErrLimit)
			return
		}
		require.LessOrEqual(t, len(m.Parts), message.MaxParts)
		for _, s := range []string{m.Subject, m.Text, m.HTML, m.From, m.FromName, m.To, m.MessageID} {
			require.True(t, utf8.ValidString(s))
		}
		for _, s := range []string{m.Subject, m.From, m.FromName, m.To, m.MessageID} {
			require.NotContains(t, s, "\n")
		}
	})
}
