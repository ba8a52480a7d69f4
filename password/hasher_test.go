package password_test

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/password"
)

// cheap is for tests about anything but cost.
const cheap password.Params = "m=64,t=1,p=1"

func newHasher(t testing.TB, change func(*password.Config)) *password.Hasher {
	t.Helper()
	cfg := password.Config{Params: cheap, InsecureParams: true}
	if change != nil {
		change(&cfg)
	}
	h, err := password.New(cfg)
	require.NoError(t, err)
	return h
}

// newKeys returns a keyring whose current key is new.
func newKeys(t testing.TB, older ...skans.Key) (*skans.Keyring, skans.Key) {
	t.Helper()
	key := skans.GenerateKey("k" + string(rune('0'+len(older))))
	keys, err := skans.NewKeyring(key, older...)
	require.NoError(t, err)
	return keys, key
}

func recorder(events *[]string) func(context.Context, string, ...slog.Attr) error {
	return func(_ context.Context, event string, _ ...slog.Attr) error {
		*events = append(*events, event)
		return nil
	}
}

func unsealed(t testing.TB, enc string) []byte {
	t.Helper()
	body, ok := strings.CutPrefix(enc, "$sealed$")
	require.True(t, ok)
	b, err := base64.RawURLEncoding.DecodeString(body)
	require.NoError(t, err)
	return b
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  password.Config
		says string
	}{
		"weak params":       {password.Config{Params: "m=19455,t=2,p=1"}, "OWASP"},
		"nonsense":          {password.Config{Params: "strong"}, "written as"},
		"no lanes":          {password.Config{Params: "m=19456,t=2,p=0"}, "written as"},
		"less than a hash":  {password.Config{MaxMemory: 19456<<10 - 1}, "19922944"},
		"sealed, no keys":   {password.Config{SealedOnly: true}, "Keys"},
		"unknown legacy":    {password.Config{Accept: []password.Legacy{99}}, "Legacy"},
		"zero legacy":       {password.Config{Accept: []password.Legacy{0}}, "Legacy"},
		"negative queue":    {password.Config{MaxQueue: -1}, "MaxQueue"},
		"too many passes":   {password.Config{Params: "m=19456,t=11,p=1"}, "passes"},
		"memory for a lane": {password.Config{Params: "m=31,t=2,p=4", InsecureParams: true}, "8 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			h, err := password.New(c.cfg)
			require.Nil(t, h)
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "password: ")
		})
	}
	for _, p := range []password.Params{"", password.OWASP, password.OWASPOnePass, password.RFC9106, "m=12288,t=3,p=1", "m=7168,t=5,p=1"} {
		_, err := password.New(password.Config{Params: p})
		require.NoError(t, err, p)
	}
}

func TestHashAndVerify(t *testing.T) {
	keys, _ := newKeys(t)
	for name, change := range map[string]func(*password.Config){
		"in clear": nil,
		"sealed":   func(c *password.Config) { c.Keys, c.SealedOnly = keys, true },
	} {
		t.Run(name, func(t *testing.T) {
			h, ctx := newHasher(t, change), context.Background()
			enc, err := h.Hash(ctx, "anna", "correct horse battery staple")
			require.NoError(t, err)
			other, err := h.Hash(ctx, "anna", "correct horse battery staple")
			require.NoError(t, err)
			require.NotEqual(t, enc, other, "salted")
			next, err := h.Verify(ctx, "anna", enc, "correct horse battery staple")
			require.NoError(t, err)
			require.Empty(t, next)
			_, err = h.Verify(ctx, "anna", enc, "correct horse battery stapler")
			require.ErrorIs(t, err, password.ErrMismatch)
			_, err = h.Verify(ctx, "anna", "", "correct horse battery staple")
			require.ErrorIs(t, err, password.ErrMismatch)
		})
	}
}

// ASVS 5.0, 6.2.8: nothing is trimmed, folded or cut.
func TestEveryByteCounts(t *testing.T) {
	h, ctx := newHasher(t, nil), context.Background()
	true64 := strings.Repeat("😀", 64) // 64 characters of four bytes (ASVS 5.0, 6.2.9)
	for set, wrongs := range map[string][]string{
		"pass word ":                   {"pass word", " pass word ", "Pass word ", "pass  word "},
		"pass\x00word":                 {"pass", "pass\x00", "passworo"},
		true64 + "a":                   {true64, true64 + "b", true64 + "aa"},
		strings.Repeat("a", 73):        {strings.Repeat("a", 72), strings.Repeat("a", 72) + "b"},
		strings.Repeat("x", 1024):      {strings.Repeat("x", 1023), strings.Repeat("x", 1025)},
		"ｐａｓｓｗｏｒｄ wide":                {"password wide"},
		"straße":                       {"strasse"},
		"\u200bzero width\u200b space": {"zero width space"},
	} {
		enc, err := h.Hash(ctx, "anna", set)
		require.NoError(t, err)
		_, err = h.Verify(ctx, "anna", enc, set)
		require.NoError(t, err)
		for _, wrong := range wrongs {
			_, err = h.Verify(ctx, "anna", enc, wrong)
			require.ErrorIs(t, err, password.ErrMismatch, "%q for %q", wrong, set)
		}
	}
}

func TestUnusablePasswords(t *testing.T) {
	h, ctx := newHasher(t, nil), context.Background()
	enc, err := h.Hash(ctx, "anna", "x") // what stands in for an unusable password inside
	require.NoError(t, err)
	for name, plain := range map[string]string{
		"empty": "", "1,025 bytes": strings.Repeat("a", 1025), "Latin-1": "bl\xe5b\xe4r", "cut UTF-8": "bl\xc3", "1 MB": strings.Repeat("a", 1<<20),
	} {
		_, err := h.Hash(ctx, "anna", plain)
		require.ErrorIs(t, err, password.ErrUnusable, name)
		_, err = h.Verify(ctx, "anna", enc, plain)
		require.ErrorIs(t, err, password.ErrMismatch, name)
		_, err = h.Verify(ctx, "anna", "", plain)
		require.ErrorIs(t, err, password.ErrMismatch, name)
	}
}

func TestComposedAndDecomposedAreOnePassword(t *testing.T) {
	const nfc, nfd = "blåbär på månen", "bla\u030aba\u0308r pa\u030a ma\u030anen"
	ctx := context.Background()
	h := newHasher(t, nil)
	for _, set := range []string{nfc, nfd} {
		enc, err := h.Hash(ctx, "anna", set)
		require.NoError(t, err)
		for _, typed := range []string{nfc, nfd} {
			_, err = h.Verify(ctx, "anna", enc, typed)
			require.NoError(t, err)
		}
	}
	asReceived := newHasher(t, func(c *password.Config) { c.AsReceived = true })
	enc, err := asReceived.Hash(ctx, "anna", nfc)
	require.NoError(t, err)
	_, err = asReceived.Verify(ctx, "anna", enc, nfd)
	require.ErrorIs(t, err, password.ErrMismatch)
}

func TestUpgrades(t *testing.T) {
	ctx := context.Background()
	keys1, key1 := newKeys(t)
	keys2, _ := newKeys(t, key1)
	seal := func(keys *skans.Keyring) func(*password.Config) {
		return func(c *password.Config) { c.Keys = keys }
	}
	stronger := func(c *password.Config) { c.Params = "m=128,t=2,p=1" }
	for name, c := range map[string]struct {
		old, now func(*password.Config)
		reason   string
	}{
		"stronger parameters": {nil, stronger, "parameters"},
		"weaker parameters":   {stronger, nil, "parameters"},
		"sealing":             {nil, seal(keys1), "unsealed"},
		"newer key":           {seal(keys1), seal(keys2), "key"},
	} {
		t.Run(name, func(t *testing.T) {
			enc, err := newHasher(t, c.old).Hash(ctx, "anna", "correct horse")
			require.NoError(t, err)
			var reason string
			h := newHasher(t, func(cfg *password.Config) {
				if c.now != nil {
					c.now(cfg)
				}
				cfg.Audit = func(_ context.Context, event string, attrs ...slog.Attr) error {
					if event == password.EventUpgraded {
						require.Equal(t, "user", attrs[0].Key)
						reason = attrs[1].Value.String()
					}
					return nil
				}
			})
			next, err := h.Verify(ctx, "anna", enc, "wrong horse")
			require.ErrorIs(t, err, password.ErrMismatch)
			require.Empty(t, next)
			require.Empty(t, reason, "only after a success")

			next, err = h.Verify(ctx, "anna", enc, "correct horse")
			require.NoError(t, err)
			require.NotEmpty(t, next)
			require.Equal(t, c.reason, reason)

			last, err := h.Verify(ctx, "anna", next, "correct horse")
			require.NoError(t, err)
			require.Empty(t, last)
		})
	}
}

func TestUpgradeThatCannotBeRecordedIsNotOffered(t *testing.T) {
	ctx := context.Background()
	enc, err := newHasher(t, func(c *password.Config) { c.Params = "m=128,t=1,p=1" }).Hash(ctx, "anna", "correct horse")
	require.NoError(t, err)
	h := newHasher(t, func(c *password.Config) {
		c.Audit = func(context.Context, string, ...slog.Attr) error { return errors.New("disk full") }
	})
	next, err := h.Verify(ctx, "anna", enc, "correct horse")
	require.NoError(t, err)
	require.Empty(t, next)
}

func TestSealedRowsCannotBeMovedPlantedOrCracked(t *testing.T) {
	ctx := context.Background()
	keys, _ := newKeys(t)
	h := newHasher(t, func(c *password.Config) { c.Keys, c.SealedOnly = keys, true })
	enc, err := h.Hash(ctx, "anna", "correct horse")
	require.NoError(t, err)
	require.NotContains(t, enc, "argon2")
	for _, err := range []error{
		second(h.Hash(ctx, "", "correct horse")), second(h.Reseal("", enc)), second(h.Verify(ctx, "", enc, "correct horse")),
	} {
		require.Error(t, err, "nobody owns no hash")
	}

	planted, err := newHasher(t, nil).Hash(ctx, "anna", "the attacker's own")
	require.NoError(t, err)
	foreign, _ := newKeys(t)
	elsewhere, err := newHasher(t, func(c *password.Config) { c.Keys = foreign }).Hash(ctx, "anna", "correct horse")
	require.NoError(t, err)
	flipped := []byte(enc)
	flipped[len(flipped)-2] ^= 1
	for name, c := range map[string]struct{ subject, enc, plain string }{
		"another's row":     {"bo", enc, "correct horse"},
		"planted, unsealed": {"anna", planted, "the attacker's own"},
		"other keys":        {"anna", elsewhere, "correct horse"},
		"bit flipped":       {"anna", string(flipped), "correct horse"},
		"cut":               {"anna", enc[:len(enc)-4], "correct horse"},
		"newline":           {"anna", enc + "\n", "correct horse"},
	} {
		_, err := h.Verify(ctx, c.subject, c.enc, c.plain)
		require.ErrorIs(t, err, password.ErrHash, name)
	}
}

func TestReseal(t *testing.T) {
	ctx := context.Background()
	keys1, key1 := newKeys(t)
	keys2, key2 := newKeys(t, key1)
	only2, err := skans.NewKeyring(key2)
	require.NoError(t, err)
	clear, err := newHasher(t, nil).Hash(ctx, "anna", "correct horse")
	require.NoError(t, err)
	first, err := newHasher(t, func(c *password.Config) { c.Keys = keys1 }).Reseal("anna", clear)
	require.NoError(t, err)
	rotating := newHasher(t, func(c *password.Config) { c.Keys = keys2 })
	second, err := rotating.Reseal("anna", first)
	require.NoError(t, err)
	same, err := rotating.Reseal("anna", second)
	require.NoError(t, err)
	require.Equal(t, second, same, "the current key's stays")

	after := newHasher(t, func(c *password.Config) { c.Keys, c.SealedOnly = only2, true })
	_, err = after.Verify(ctx, "anna", first, "correct horse")
	require.ErrorIs(t, err, password.ErrHash, "the old key is gone")
	next, err := after.Verify(ctx, "anna", second, "correct horse")
	require.NoError(t, err)
	require.Empty(t, next)

	_, err = rotating.Reseal("bo", first)
	require.ErrorIs(t, err, password.ErrHash)
	_, err = newHasher(t, nil).Reseal("anna", clear)
	require.ErrorIs(t, err, password.ErrHash, "no keys")
}

func TestBareMD5IsRefusedUnlessAccepted(t *testing.T) {
	const md5OfPassword = "5f4dcc3b5aa765d61d8327deb882cf99"
	ctx := context.Background()
	for name, c := range map[string]struct {
		accept []password.Legacy
		err    error
	}{
		"nothing accepted":  {nil, password.ErrHash},
		"MD5 when wrapped":  {[]password.Legacy{password.MD5}, password.ErrHash},
		"salted when wrap.": {[]password.Legacy{password.MD5SaltLast}, password.ErrHash},
		"bare":              {[]password.Legacy{password.InsecureBareMD5}, nil},
	} {
		h := newHasher(t, func(cfg *password.Config) { cfg.Accept = c.accept })
		_, err := h.Verify(ctx, "anna", md5OfPassword, "password")
		require.ErrorIs(t, err, c.err, name)
	}
	h := newHasher(t, func(c *password.Config) { c.Accept = []password.Legacy{password.MD5} })
	_, err := h.Wrap(ctx, "anna", md5OfPassword)
	require.NoError(t, err)
	_, err = newHasher(t, nil).Wrap(ctx, "anna", md5OfPassword)
	require.ErrorIs(t, err, password.ErrHash, "not declared")
}

// The caller's part: an upgrade is stored where the row still holds what was verified.
func TestUpgradeLosesAgainstAPasswordChange(t *testing.T) {
	ctx := context.Background()
	old, err := newHasher(t, func(c *password.Config) { c.Params = "m=128,t=1,p=1" }).Hash(ctx, "anna", "old password")
	require.NoError(t, err)
	h := newHasher(t, nil)
	row := old
	swap := func(from, to string) bool {
		if row != from {
			return false
		}
		row = to
		return true
	}
	next, err := h.Verify(ctx, "anna", old, "old password") // begins before the change
	require.NoError(t, err)
	changed, err := h.Hash(ctx, "anna", "new password")
	require.NoError(t, err)
	require.True(t, swap(old, changed))
	require.False(t, swap(old, next))
	_, err = h.Verify(ctx, "anna", row, "old password")
	require.ErrorIs(t, err, password.ErrMismatch)
}

func TestMeasure(t *testing.T) {
	took, err := cheap.Measure()
	require.NoError(t, err)
	require.Positive(t, took)
	_, err = password.Params("m=1").Measure()
	require.Error(t, err)
}

// No event says more than who, and why in a word.
func TestEventsHoldNoPasswordAndNoHash(t *testing.T) {
	var said strings.Builder
	h := newHasher(t, func(c *password.Config) {
		c.Params, c.Accept = "m=128,t=1,p=1", everyLegacy
		c.Audit = func(_ context.Context, event string, attrs ...slog.Attr) error {
			said.WriteString(event)
			for _, a := range attrs {
				said.WriteString(" " + a.String())
			}
			said.WriteString("\n")
			return nil
		}
	})
	ctx, ended := context.WithCancel(context.Background())
	const plain, bcrypt = "hunter2 hunter2", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
	_, _ = h.Verify(ctx, "anna", bcrypt, "U*U")
	_, _ = h.Verify(ctx, "anna", bcrypt+"x", plain)
	ended()
	_, _ = h.Verify(ctx, "anna", bcrypt, plain)
	require.Equal(t, "password.upgraded user=anna reason=legacy\npassword.hash_malformed user=anna reason=malformed\npassword.busy user=anna\n", said.String())
}

func second(_ string, err error) error { return err }
