package password_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/password"
)

// known is an entry of the corpus of hashes that strangers published.
type known struct {
	Encoded     string
	Format      string
	Match       bool
	Password    *string
	PasswordB64 *string `json:"password_b64"`
}

func (k known) plain(t *testing.T) string {
	if k.Password != nil {
		return *k.Password
	}
	require.NotNil(t, k.PasswordB64)
	b, err := base64.StdEncoding.DecodeString(*k.PasswordB64)
	require.NoError(t, err)
	return string(b)
}

// corpus reads a file of ../shared/corpora, seen from the repository's root.
func corpus(t *testing.T, name string) []known {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		require.NotEqual(t, dir, filepath.Dir(dir), "no go.mod above the test")
		dir = filepath.Dir(dir)
	}
	b, err := os.ReadFile(filepath.Join(dir, "..", "shared", "corpora", "hashes", name))
	if os.IsNotExist(err) {
		t.Skipf("no corpus of hashes beside this checkout: %s", name)
	}
	require.NoError(t, err)
	var file struct{ Entries []known }
	require.NoError(t, json.Unmarshal(b, &file))
	require.NotEmpty(t, file.Entries)
	return file.Entries
}

func TestHashesOfStrangers(t *testing.T) {
	entries := append(corpus(t, "argon2.json"), corpus(t, "legacy_hashes.json")...)
	supported := map[string]bool{
		"argon2": true, "phc-spec-example": true, "bcrypt": true, "django-bcrypt": true, "django-argon2": true, "md5-hex": true, "django-md5": true,
		"django-md5-unsalted": true, "scrypt-phc": true, "django-scrypt": true, "pbkdf2-phc": true, "django-pbkdf2_sha256": true,
		"django-pbkdf2_sha1": true, "pbkdf2-sha1-passlib": true, "pbkdf2-sha256-passlib": true, "pbkdf2-sha512-passlib": true,
	}
	h := newHasher(t, func(c *password.Config) {
		c.Accept = []password.Legacy{password.Bcrypt, password.PBKDF2, password.Scrypt, password.Argon2i, password.InsecureBareMD5}
		c.AsReceived = true // some of the published passwords are not normalised
	})
	tried := 0
	for _, k := range entries {
		if k.Encoded == "" || k.Password == nil && k.PasswordB64 == nil {
			continue // raw vectors of the functions
		}
		plain := k.plain(t)
		_, err := h.Verify(context.Background(), "anna", k.Encoded, plain)
		switch {
		case plain == "" || !utf8.ValidString(plain): // never a password here, whatever the hash
			assert.ErrorIs(t, err, password.ErrMismatch, k.Encoded)
		case !supported[k.Format]:
			assert.ErrorIs(t, err, password.ErrHash, "%s %s", k.Format, k.Encoded)
		case why(k.Encoded) != "":
			assert.ErrorIs(t, err, password.ErrHash, "%s: %s", k.Encoded, why(k.Encoded))
		case !k.Match:
			assert.ErrorIs(t, err, password.ErrMismatch, k.Encoded)
			tried++
		default:
			assert.NoError(t, err, "%s %q", k.Encoded, plain)
			tried++
		}
	}
	require.Greater(t, tried, 90, "the corpus holds that many of our formats")
}

// why says why a hash of a supported format is refused all the same.
func why(enc string) string {
	switch {
	case strings.Contains(enc, "argon2d$"):
		return "Argon2d is open to side channels (RFC 9106, section 1)"
	case strings.Contains(enc, "m=262144"):
		return "above MaxMemory"
	case strings.Contains(enc, "argon2") && !strings.Contains(enc, "$v=19$"):
		return "version 16 of Argon2"
	case strings.HasSuffix(enc, "MNzk5BtR2vUhrp6qQEjRN2"), strings.HasSuffix(enc, "aCGNVHbkfL7"):
		return "bits behind the last byte of the tag"
	}
	return ""
}
