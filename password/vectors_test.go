package password_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/password"
)

var everyLegacy = []password.Legacy{password.Bcrypt, password.PBKDF2, password.Scrypt, password.Argon2i, password.MD5SaltFirst, password.InsecureBareMD5}

func b64(text string) string { return base64.RawStdEncoding.EncodeToString([]byte(text)) }

func b64hex(t *testing.T, digits string) string {
	b, err := hex.DecodeString(digits)
	require.NoError(t, err)
	return base64.RawStdEncoding.EncodeToString(b)
}

// vectors are published results of the functions, in the encodings that Verify reads.
func vectors(t *testing.T) map[string]struct{ enc, plain string } {
	const (
		// RFC 7914, section 12
		scrypt1024 = "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"
		// RFC 7914, section 11
		pbkdf2SHA256 = "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d"
		// RFC 6070, section 2
		pbkdf2SHA1 = "4b007901b765489abead49d926f721d065a429c1"
	)
	padded := func(digits string) string {
		s := b64hex(t, digits)
		return s + strings.Repeat("=", (4-len(s)%4)%4)
	}
	return map[string]struct{ enc, plain string }{
		// src/test.c of the reference implementation of Argon2
		"argon2id":             {"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "password"},
		"argon2id, two lanes":  {"$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc", "password"},
		"argon2i":              {"$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8", "password"},
		"scrypt":               {"$scrypt$ln=10,r=8,p=16$" + b64("NaCl") + "$" + b64hex(t, scrypt1024), "password"},
		"scrypt, Django":       {"scrypt$1024$NaCl$8$16$" + padded(scrypt1024), "password"},
		"pbkdf2-sha256":        {"$pbkdf2-sha256$i=80000,l=64$" + b64("NaCl") + "$" + b64hex(t, pbkdf2SHA256), "Password"},
		"pbkdf2-sha256, plain": {"$pbkdf2-sha256$80000$" + b64("NaCl") + "$" + strings.ReplaceAll(b64hex(t, pbkdf2SHA256), "+", "."), "Password"},
		"pbkdf2-sha256 Django": {"pbkdf2_sha256$80000$NaCl$" + padded(pbkdf2SHA256), "Password"},
		"pbkdf2-sha1":          {"$pbkdf2$4096$" + b64("salt") + "$" + b64hex(t, pbkdf2SHA1), "password"},
		"pbkdf2-sha1 Django":   {"pbkdf2_sha1$4096$salt$" + padded(pbkdf2SHA1), "password"},
		// wrapper.c of crypt_blowfish
		"bcrypt":            {"$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
		"bcrypt 2y, Django": {"bcrypt$$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "U*U"},
		// RFC 1321, appendix A.5
		"md5":             {"f96b697d7cb7938d525a2f31aaf161d0", "message digest"},
		"md5, upper case": {"F96B697D7CB7938D525A2F31AAF161D0", "message digest"},
		// the same digest, seen as "message " before "digest"
		"md5, salt first":  {"f96b697d7cb7938d525a2f31aaf161d0:message ", "digest"},
		"md5, Django salt": {"md5$message $f96b697d7cb7938d525a2f31aaf161d0", "digest"},
	}
}

func TestPublishedVectors(t *testing.T) {
	h, ctx := newHasher(t, func(c *password.Config) { c.Accept = everyLegacy }), context.Background()
	for name, v := range vectors(t) {
		t.Run(name, func(t *testing.T) {
			next, err := h.Verify(ctx, "anna", v.enc, v.plain)
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(next, "$argon2id$v=19$m=64,t=1,p=1$"), "an upgrade is offered")
			again, err := h.Verify(ctx, "anna", next, v.plain)
			require.NoError(t, err)
			require.Empty(t, again)

			_, err = h.Verify(ctx, "anna", v.enc, v.plain+" ")
			require.ErrorIs(t, err, password.ErrMismatch)
		})
	}
}

func TestMD5SaltLast(t *testing.T) {
	h := newHasher(t, func(c *password.Config) {
		c.Accept = []password.Legacy{password.MD5SaltLast, password.InsecureBareMD5}
	})
	_, err := h.Verify(context.Background(), "anna", "f96b697d7cb7938d525a2f31aaf161d0: digest", "message")
	require.NoError(t, err)
}

func TestWrapEveryLegacyFormat(t *testing.T) {
	keys, _ := newKeys(t)
	h := newHasher(t, func(c *password.Config) { c.Accept, c.Keys = everyLegacy, keys })
	ctx := context.Background()
	for name, v := range vectors(t) {
		t.Run(name, func(t *testing.T) {
			wrapped, err := h.Wrap(ctx, "anna", v.enc)
			if strings.Contains(v.enc, "argon2") {
				require.ErrorIs(t, err, password.ErrHash)
				return
			}
			require.NoError(t, err)
			require.NotContains(t, wrapped, v.enc)
			_, err = h.Verify(ctx, "anna", wrapped, v.plain+"x")
			require.ErrorIs(t, err, password.ErrMismatch)
			next, err := h.Verify(ctx, "anna", wrapped, v.plain)
			require.NoError(t, err)
			require.NotEmpty(t, next)
			_, err = h.Verify(ctx, "anna", next, v.plain)
			require.NoError(t, err)
			_, err = h.Verify(ctx, "bo", wrapped, v.plain)
			require.ErrorIs(t, err, password.ErrHash, "another subject's row")
		})
	}
}

// crypt_blowfish's own vector for what comes behind 72 bytes.
const (
	bcryptLong  = "$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui"
	bcryptPlain = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789chars after 72 are ignored"
)

// A success that looked at 72 bytes only must not become a hash of all that was typed: the tail may be a typing error.
func TestBcryptBeyond72BytesIsNotUpgraded(t *testing.T) {
	h, ctx := newHasher(t, func(c *password.Config) { c.Accept = everyLegacy }), context.Background()
	for name, plain := range map[string]string{"right tail": bcryptPlain, "wrong tail": bcryptPlain[:72] + "wrong"} {
		next, err := h.Verify(ctx, "anna", bcryptLong, plain)
		require.NoError(t, err, name)
		require.Empty(t, next, name)
	}
	next, err := h.Verify(ctx, "anna", bcryptLong, bcryptPlain[:72])
	require.NoError(t, err)
	require.NotEmpty(t, next, "nothing was cut off")
	_, err = h.Verify(ctx, "anna", bcryptLong, bcryptPlain[:71]+"x")
	require.ErrorIs(t, err, password.ErrMismatch)
}

// "blåbär" in UTF-8, decomposed and Windows-1252; the digests are of the bytes, by md5sum.
func TestLegacySpellings(t *testing.T) {
	h, ctx := newHasher(t, func(c *password.Config) { c.Accept = everyLegacy }), context.Background()
	for name, enc := range legacySpellings {
		_, err := h.Verify(ctx, "anna", enc, "blåbär")
		require.NoError(t, err, name)
		_, err = h.Verify(ctx, "anna", enc, "bla\u030aba\u0308r")
		require.NoError(t, err, "%s, typed decomposed", name)
	}
}

var legacySpellings = map[string]string{
	"UTF-8":        "5f0fe7036b3c2b5326f7319a530013f4",
	"Windows-1252": "a3925631a1180c80d0e128e87539c4fd",
}
