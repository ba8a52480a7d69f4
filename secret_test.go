package skans_test

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"log"
	"log/slog"
	"strings"
	"testing"
	texttemplate "text/template"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
)

const password = "hunter2!hunter2!"

// seen returns the form in which text has the value, of those in which Go prints bytes: text, hex, base64, lists of
// decimal or hexadecimal numbers, hex dumps. Six bytes in a row are enough to be seen, and too many to be seen by chance in an address or a time.
func seen(text string, value []byte) (form string, ok bool) {
	text = strings.ToLower(text)
	window := value[:6]
	list := func(format, between string) string {
		var all []string
		for _, b := range window {
			all = append(all, fmt.Sprintf(format, b))
		}
		return strings.Join(all, between)
	}
	for _, form := range []string{
		string(window), hex.EncodeToString(window), base64.StdEncoding.EncodeToString(window),
		list("%d", " "), list("%d", ", "), list("%d", ","), list("0x%x", ", "), list("0x%02x", ", "), list("0x%02x", " "),
		list("%02x", " "), list("%x", " "), list("%o", " "), list("%#o", " "), list("%b", " "), list("%08b", " "), list("'%c'", " "), list("u+%04x", " "),
	} {
		if strings.Contains(text, strings.ToLower(form)) {
			return form, true
		}
	}
	return "", false
}

func requireHidden(t *testing.T, text string, value []byte) {
	t.Helper()
	form, ok := seen(text, value)
	require.False(t, ok, "shows %q", form)
}

// printed returns what everything that prints says of v: every verb and flag, loggers, encoders, templates and the
// dumper of a test library, on v, a pointer to it, and structs, slices and maps that hold it in exported and unexported
// fields.
func printed[T any](t *testing.T, v T) string {
	t.Helper()
	type outer struct {
		Exported T
		hidden   T
		pointer  *T
		list     []T
		named    map[string]T
		any      any
		deep     struct{ deeper struct{ deepest T } }
	}
	all := outer{Exported: v, hidden: v, pointer: &v, list: []T{v}, named: map[string]T{"k": v}, any: v}
	all.deep.deeper.deepest = v
	var out strings.Builder
	text := slog.New(slog.NewTextHandler(&out, nil))
	object := slog.New(slog.NewJSONHandler(&out, nil))
	for _, value := range []any{v, &v, all, &all, []T{v}, [1]T{v}, map[string]T{"k": v}, struct{ v T }{v}, struct{ v *T }{&v}, struct{ v any }{v}} {
		for _, flags := range []string{"", "+", "#", "-", " ", "0", "20", ".3", "+#", "# "} {
			for _, verb := range "vTtbcdoOqxXUeEfFgGspwZ!" {
				fmt.Fprintf(&out, "%"+flags+string(verb)+"\n", value)
			}
		}
		fmt.Fprintln(&out, fmt.Sprint(value), fmt.Sprintln(value), fmt.Errorf("failed: %v", value))
		log.New(&out, "", 0).Println(value)
		text.Info("message", "key", value, slog.Group("g", "key", value))
		object.Info("message", "key", value, slog.Group("g", "key", value))
		if encoded, err := json.Marshal(value); err == nil {
			out.Write(encoded)
		}
		if encoded, err := xml.Marshal(value); err == nil {
			out.Write(encoded)
		}
		var binary bytes.Buffer
		if err := gob.NewEncoder(&binary).Encode(value); err == nil {
			out.Write(binary.Bytes())
		}
		_ = template.Must(template.New("").Parse(`<p title="{{.}}">{{.}}</p><script>let x = {{.}}</script>`)).Execute(&out, value)
		_ = texttemplate.Must(texttemplate.New("").Parse(`{{.}} {{printf "%x" .}} {{printf "%#v" .}}`)).Execute(&out, value)
		assert.Equal(recorder{&out}, value, "something else") // follows pointers and unexported fields
	}
	require.Greater(t, out.Len(), 1000, "nothing was printed")
	return out.String()
}

// recorder is a testing.T of which only the words are kept.
type recorder struct{ out *strings.Builder }

func (r recorder) Errorf(format string, args ...any) { fmt.Fprintf(r.out, format, args...) }

// The tests below could not fail if this one did.
func TestWhatIsNotHiddenIsSeen(t *testing.T) {
	type plainKey struct {
		id     string
		master [16]byte
	}
	for name, text := range map[string]string{
		"text": printed(t, password), "bytes": printed(t, []byte(password)), "array in a field": printed(t, plainKey{"a", [16]byte([]byte(password))}),
		"hex": fmt.Sprintf("%X", password), "hex with spaces": fmt.Sprintf("% x", password), "base64": base64.StdEncoding.EncodeToString([]byte(password)),
		"numbers": fmt.Sprint([]byte(password)), "Go": fmt.Sprintf("%#v", []byte(password)), "hex dump": hex.Dump([]byte(password)),
	} {
		_, ok := seen(text, []byte(password))
		require.True(t, ok, name)
	}
}

func TestSecretNeverPrints(t *testing.T) {
	out := printed(t, skans.NewSecret(password))
	requireHidden(t, out, []byte(password))
	require.Contains(t, out, "[secret]")
}

func TestSecretSaysSo(t *testing.T) {
	s := skans.NewSecret(password)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s", "%-10.2s", "%t"} {
		require.Equal(t, "[secret]", fmt.Sprintf(format, s), format)
		require.Equal(t, "[secret]", fmt.Sprintf(format, &s), format)
	}
	encoded, err := json.Marshal(map[string]any{"s": s, "p": &s, "l": []skans.Secret{s}})
	require.NoError(t, err)
	require.JSONEq(t, `{"s":"[secret]","p":"[secret]","l":["[secret]"]}`, string(encoded))
	encoded, err = json.Marshal(struct{ Password skans.Secret }{s})
	require.NoError(t, err)
	require.JSONEq(t, `{"Password":"[secret]"}`, string(encoded))
	require.ErrorContains(t, fmt.Errorf("wrong: %w", errors.New(fmt.Sprint(s))), "[secret]")
}

func TestSecretReveals(t *testing.T) {
	var zero skans.Secret
	require.Empty(t, zero.Reveal())
	require.True(t, zero.IsZero())
	require.True(t, skans.NewSecret("").IsZero())
	require.True(t, zero.Equal(skans.NewSecret("")))
	require.Equal(t, "[secret]", zero.String())
	s := skans.NewSecret(password)
	require.Equal(t, password, s.Reveal())
	require.False(t, s.IsZero())
	require.True(t, s.Equal(skans.NewSecret(password)))
	for _, other := range []string{"", password[1:], password + "!", strings.ToUpper(password)} {
		require.False(t, s.Equal(skans.NewSecret(other)))
	}
}

func TestKeysNeverPrint(t *testing.T) {
	master := []byte("ghijklmnopqrstuvwxyzGHIJKLMNOPQR")
	key, err := skans.NewKey("the-id", master)
	require.NoError(t, err)
	ring := newKeyring(t, key)
	vault := newVault(t, skans.VaultConfig{Keys: ring})
	seal(t, vault, "anna", "plain")
	signer := ring.Signer("p") // subkeys are in memory from here on
	ring.MAC("p")

	out := printed(t, key)
	requireHidden(t, out, master)
	require.Contains(t, out, "key the-id")
	for name, out := range map[string]string{"keyring": printed(t, ring), "keyring value": printed(t, *ring), "vault": printed(t, vault), "config": printed(t, skans.VaultConfig{Keys: ring})} {
		requireHidden(t, out, master)
		requireHidden(t, out, signer.Seed())
		requireHidden(t, out, hkdfSHA256(master, nil, "skans/v1/mac/p", 32))
		requireHidden(t, out, hkdfSHA256(master, nil, "skans/v1/seal/p", 32))
		require.NotEmpty(t, out, name)
	}
	require.Equal(t, "keyring [the-id]", fmt.Sprint(ring))
	require.Equal(t, "keyring [the-id]", fmt.Sprintf("%#v", ring))
	require.Equal(t, "key the-id", fmt.Sprintf("%#v", key))
}
