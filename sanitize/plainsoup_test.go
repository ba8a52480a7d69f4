package sanitize_test

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/sanitize"
)

var (
	unsafeInLine = regexp.MustCompile(`[\x00-\x1F\x{2028}\x{2029}\x{200E}\x{200F}\x{061C}\x{202A}-\x{202E}\x{2066}-\x{2069}\x{0080}-\x{009F}\x7F]`)
	plainName    = regexp.MustCompile(`^[^./\\ :*?"<>|]([^/\\:*?"<>|]*[^/\\:*?"<>|. ])?$`)
	deviceName   = regexp.MustCompile(`^(?i:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?$`)
)

// TestPlainSoup found what bytes at random did not: names that grew past their bound by the mark before a device, accents that joined a
// letter when what stood between was dropped, and the joiners that Unicode puts into overlong rows of accents.
func TestPlainSoup(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	pieces := []string{
		"CON", "con", "nul", "COM", "CLOCK$", "1", "¹", ".", "..", "/", "\\", " ", "  ", "\u00a0", "\u3000", "_", "-", "--", "a", "Z", "å", "A\u030a", "\u0301", "\uff0e", "\u2024",
		"\uff0f", "¥", ":", "*", "\x00", "\n", "\r\n", "\t", "\u2028", "\u202e", "\u200d", "\u200b", "\ufeff", "\xff", "\xc3", "👩", "ﬁ", "æ", "ß", "\u0085", "\x1b", "…", "\u212b",
	}
	for range 20_000 {
		var b strings.Builder
		for range random.IntN(12) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		if random.IntN(50) == 0 {
			b.WriteString(strings.Repeat(pieces[random.IntN(len(pieces))], 1500))
		}
		s := b.String()
		for name, f := range plain {
			out := f(s)
			require.True(t, utf8.ValidString(out), "%s of %q", name, s)
			if name != "TextFromHTML" { // its output is text, and text can look like markup
				require.Equal(t, out, f(out), "%s of %q", name, s)
			}
			if name != "Text" && name != "TextFromHTML" {
				require.False(t, unsafeInLine.MatchString(out), "%s of %q", name, s)
			}
		}
		name := sanitize.Filename(s)
		require.True(t, plainName.MatchString(name) && !deviceName.MatchString(name) && len(name) <= 255, "%q of %q", name, s)
	}
}
