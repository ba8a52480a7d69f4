package sanitize_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/sanitize"
)

// FuzzWash holds every promise of the washer for any bytes.
func FuzzWash(f *testing.F) {
	for _, a := range attacks(f) {
		f.Add(a.HTML)
	}
	letters, err := filepath.Glob("testdata/letters/*.html")
	require.NoError(f, err)
	require.NotEmpty(f, letters)
	for _, name := range letters {
		raw, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(string(raw))
	}
	all := washers()
	f.Fuzz(func(t *testing.T, source string) {
		for name, w := range all {
			h, _, err := w.Wash(source)
			if errors.Is(err, sanitize.ErrTooDeep) || errors.Is(err, sanitize.ErrTooLong) {
				requireAllowed(t, parseIn(t, "div", h.String()), source, false)
				continue
			}
			require.True(t, utf8.ValidString(h.String()))
			require.Less(t, len(h.String()), 16*len(source)+16<<10)
			requireHarmless(t, w, source, name == "allow")
		}
	})
}

// FuzzPlain holds what the functions for plain text promise: one line where it is promised, nothing hidden, a name
// that every system takes, and the same again when applied again.
func FuzzPlain(f *testing.F) {
	for _, s := range []string{"", "hej", "a\r\nb", "\u202efdp.exe", "CON.txt", "..\\x", "a\x00b", "\xff\xfe", "Åsa Öst", "=?utf-8?q?=0d=0a?=", strings.Repeat("å", 3000), "<p>x<br>y", "&lt;b&gt;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, fn := range plain {
			out := fn(s)
			require.True(t, utf8.ValidString(out), name)
			require.NotContains(t, out, "\x00", name)
			require.NotContains(t, out, "\r", name)
			require.NotRegexp(t, `[\x{202A}-\x{202E}\x{2066}-\x{2069}\x{0080}-\x{009F}\x7F\x1B]`, out, name)
			if name != "TextFromHTML" { // its output is text, and text can look like markup
				require.Equal(t, out, fn(out), name)
			}
			if name != "Text" && name != "TextFromHTML" {
				require.NotRegexp(t, `[\x00-\x1F\x{2028}\x{2029}\x{200E}\x{200F}\x{061C}]`, out, name)
			}
		}
		name := sanitize.Filename(s)
		require.Regexp(t, `^[^./\\ :*?"<>|][^/\\:*?"<>|]*$`, name)
		require.NotRegexp(t, `[. ]$`, name)
		require.NotRegexp(t, `^(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?$`, name)
		require.LessOrEqual(t, len(name), 255)
		require.Regexp(t, `^[a-zA-Z][a-zA-Z0-9_-]{0,63}$`, sanitize.Identifier(s))
		require.LessOrEqual(t, utf8.RuneCountInString(sanitize.Line(s)), 1000)
	})
}

var plain = map[string]func(string) string{
	"Line": sanitize.Line, "Text": sanitize.Text, "Identifier": sanitize.Identifier, "Filename": sanitize.Filename, "HeaderValue": sanitize.HeaderValue, "Log": sanitize.Log, "TextFromHTML": sanitize.TextFromHTML,
}
