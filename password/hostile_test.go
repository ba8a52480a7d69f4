package password_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/password"
)

// hostile are stored hashes as somebody who can write to the table might plant them.
func hostile() map[string]string {
	const salt, tag = "c29tZXNhbHQ", "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	phc := func(params, salt, tag string) string { return "$argon2id$v=19$" + params + "$" + salt + "$" + tag }
	good := "m=256,t=2,p=1"
	return map[string]string{
		"no lanes":               phc("m=256,t=2,p=0", salt, tag),
		"17 lanes":               phc("m=256,t=2,p=17", salt, tag),
		"256 lanes":              phc("m=4096,t=2,p=256", salt, tag),
		"no passes":              phc("m=256,t=0,p=1", salt, tag),
		"11 passes":              phc("m=256,t=11,p=1", salt, tag),
		"2^31 passes":            phc("m=256,t=2147483648,p=1", salt, tag),
		"2^32+1 passes":          phc("m=256,t=4294967297,p=1", salt, tag),
		"4 GiB":                  phc("m=4194304,t=2,p=1", salt, tag),
		"above MaxMemory":        phc("m=131073,t=2,p=1", salt, tag),
		"less than 8 per lane":   phc("m=31,t=2,p=4", salt, tag),
		"no memory":              phc("m=0,t=2,p=1", salt, tag),
		"empty salt":             phc(good, "", tag),
		"3-byte salt":            phc(good, "c29t", tag),
		"49-byte salt":           phc(good, b64(strings.Repeat("s", 49)), tag),
		"empty tag":              phc(good, salt, ""),
		"11-byte tag":            phc(good, salt, b64(strings.Repeat("t", 11))),
		"65-byte tag":            phc(good, salt, b64(strings.Repeat("t", 65))),
		"leading zero":           phc("m=0256,t=2,p=1", salt, tag),
		"plus sign":              phc("m=+256,t=2,p=1", salt, tag),
		"minus sign":             phc("m=-256,t=2,p=1", salt, tag),
		"hexadecimal":            phc("m=0x100,t=2,p=1", salt, tag),
		"space":                  phc("m=256, t=2,p=1", salt, tag),
		"newline in salt":        phc(good, "c29t\nZXNhbHQ", tag),
		"newline behind tag":     phc(good, salt, tag+"\n"),
		"carriage return in tag": phc(good, salt, tag[:8]+"\r"+tag[8:]),
		"padding":                phc(good, salt+"=", tag),
		"URL alphabet":           phc(good, salt, strings.ReplaceAll(tag, "/", "_")),
		"trailing bits":          phc(good, salt, tag[:len(tag)-1]+"5"),
		"parameter twice":        phc("m=256,m=256,t=2,p=1", salt, tag),
		"parameter unknown":      phc("m=256,t=2,p=1,data=c29t", salt, tag),
		"parameter missing":      phc("m=256,t=2", salt, tag),
		"other order":            phc("t=2,m=256,p=1", salt, tag),
		"no version":             "$argon2id$" + good + "$" + salt + "$" + tag,
		"version 16":             "$argon2id$v=16$" + good + "$" + salt + "$" + tag,
		"Argon2d":                "$argon2d$v=19$" + good + "$" + salt + "$" + tag,
		"upper case":             strings.ToUpper(phc(good, salt, tag)),
		"one part more":          phc(good, salt, tag) + "$",
		"no dollar":              phc(good, salt, tag)[1:],
		"NUL":                    phc(good, salt, tag) + "\x00",
		"1 MB":                   phc(good, salt, strings.Repeat("A", 1<<20)),
		"1 MB of nothing":        strings.Repeat("$", 1<<20),
		"1 MB sealed":            "$sealed$" + strings.Repeat("A", 1<<20),
		"only the prefix":        "$argon2id$",
		"a space":                " ",
		"plain text":             "hunter2",
		"sealed, no keys":        "$sealed$AQJrMQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"wrapped, nothing":       "$wrapped$",
		"wrapped, unknown":       "$wrapped$" + b64("sha1:none:") + phc(good, salt, tag),
		"wrapped, not declared":  "$wrapped$" + b64("md5:none:") + "$argon2i$v=19$" + good + "$" + salt + "$" + tag,
		"wrapped in wrapped":     "$wrapped$" + b64("md5:none:") + "$wrapped$" + b64("md5:none:") + phc(good, salt, tag),
		"wrapped, loose":         "$wrapped$" + b64("pbkdf2:sha256:01000:c2FsdA:32") + phc(good, salt, tag),
		"wrapped, order unknown": "$wrapped$" + b64("md5:both:c2FsdA") + phc(good, salt, tag),
		"bcrypt, cost 31":        "$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"bcrypt, cost 3":         "$2a$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"bcrypt, cost +5":        "$2a$+5$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"bcrypt 2x":              "$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"bcrypt, cut":            "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe",
		"pbkdf2, 2^31 rounds":    "$pbkdf2-sha256$i=2147483648$c2FsdHNhbHQ$" + tag,
		"pbkdf2, no rounds":      "pbkdf2_sha256$0$salt$AAAAAAAAAAAAAAAAAAAAAA==",
		"pbkdf2, long tag":       "$pbkdf2-sha1$i=2000000$c2FsdHNhbHQ$" + b64(strings.Repeat("t", 128)),
		"pbkdf2, wrong length":   "$pbkdf2-sha256$i=10,l=31$c2FsdHNhbHQ$" + tag,
		"pbkdf2-md5":             "$pbkdf2-md5$i=10$c2FsdHNhbHQ$" + tag,
		"scrypt, 2^63":           "$scrypt$ln=63,r=8,p=1$c2FsdA$" + tag,
		"scrypt, 1 GiB":          "$scrypt$ln=20,r=8,p=1$c2FsdA$" + tag,
		"scrypt, r*p":            "$scrypt$ln=1,r=4294967295,p=4294967295$c2FsdA$" + tag,
		"scrypt, N not 2^n":      "scrypt$1023$salt$8$1$AAAAAAAAAAAAAAAAAAAAAA==",
		"md5, short":             "5f4dcc3b5aa765d61d8327deb882cf9",
		"md5, not hex":           "5f4dcc3b5aa765d61d8327deb882cf9g",
		"md5, no salt":           "5f4dcc3b5aa765d61d8327deb882cf99:",
	}
}

// hostileTime is what a hostile row may cost.
const hostileTime = 5 * time.Millisecond

// A hostile row costs microseconds and no memory, and never a panic. One Argon2 of the parameters that the rows name
// would exceed both bounds. The time is the least of some tries, because a busy machine only ever adds to it.
func TestHostileHashes(t *testing.T) {
	var events []string
	h := newHasher(t, func(c *password.Config) { c.Accept, c.Audit = everyLegacy, recorder(&events) })
	ctx := context.Background()
	for name, enc := range hostile() {
		t.Run(name, func(t *testing.T) {
			events = nil
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			next, err := h.Verify(ctx, "anna", enc, "password")
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			require.ErrorIs(t, err, password.ErrHash)
			require.Empty(t, next)
			require.NotContains(t, err.Error(), "c29t", "errors do not repeat what was stored")
			require.Equal(t, []string{password.EventMalformed}, events)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<10))
			for range 10 {
				if took < hostileTime {
					break
				}
				start = time.Now()
				_, err = h.Verify(ctx, "anna", enc, "password")
				took = min(took, time.Since(start))
				require.ErrorIs(t, err, password.ErrHash)
			}
			require.Less(t, took, hostileTime)
		})
	}
}

// What parses is canonical: its fields, written again, are the same bytes. Everything else is refused at once.
func FuzzStoredHash(f *testing.F) {
	for _, enc := range hostile() {
		if len(enc) < 1024 {
			f.Add(enc)
		}
	}
	f.Add("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4")
	f.Add("$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW")
	f.Add("md5$salt$5f4dcc3b5aa765d61d8327deb882cf99")
	keys, _ := newKeys(f)
	h := newHasher(f, func(c *password.Config) {
		c.Accept, c.Keys, c.MaxMemory = everyLegacy, keys, 1<<20
	})
	f.Fuzz(func(t *testing.T, enc string) {
		sealed, err := h.Reseal("anna", enc)
		if err != nil {
			require.ErrorIs(t, err, password.ErrHash)
			return
		}
		inner, err := keys.Open(unsealed(t, sealed), "password.hash", "anna")
		require.NoError(t, err)
		require.Equal(t, strings.TrimPrefix(enc, "argon2"), strings.TrimPrefix(string(inner), "argon2"), "one spelling for one hash")
		again, err := h.Reseal("anna", sealed)
		require.NoError(t, err)
		require.Equal(t, sealed, again)
	})
}
