package password

import (
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"strconv"
	"strings"
)

const (
	maxRounds       = 1 << 21
	maxLegacySalt   = 256
	minDigest       = 16
	maxDigest       = 128
	djangoPBKDF2    = "pbkdf2_"
	passlibPBKDF2   = "$pbkdf2"
	sha1Name        = "sha1"
	settingsPattern = "pbkdf2:%s:%d:%s:%d"
)

// parsePBKDF2 reads the three spellings: Django's "pbkdf2_sha256$600000$salt$tag" with a salt of letters and padded
// base64; passlib's "$pbkdf2-sha256$29000$salt$tag" with '.' for '+' and no padding; and the PHC format's
// "$pbkdf2-sha256$i=600000,l=32$salt$tag". passlib writes SHA-1 as "$pbkdf2$".
func (h *Hasher) parsePBKDF2(enc string) *digest {
	if rest, ok := strings.CutPrefix(enc, djangoPBKDF2); ok {
		f := strings.Split(rest, "$")
		if len(f) != 4 {
			return nil
		}
		tag, err := base64.StdEncoding.Strict().DecodeString(f[3])
		if err != nil || base64.StdEncoding.EncodeToString(tag) != f[3] {
			return nil
		}
		return withTag(newPBKDF2(f[0], f[1], encode64([]byte(f[2])), strconv.Itoa(len(tag))), tag)
	}
	rest, ok := strings.CutPrefix(enc, passlibPBKDF2)
	if !ok {
		return nil
	}
	f := strings.Split(rest, "$")
	if len(f) != 4 {
		return nil
	}
	name := sha1Name
	if f[0] != "" {
		name, _ = strings.CutPrefix(f[0], "-")
	}
	rounds, length, given := pbkdf2Rounds(f[1])
	salt, ok1 := decode64(strings.ReplaceAll(f[2], ".", "+"), 1, maxLegacySalt)
	tag, ok2 := decode64(strings.ReplaceAll(f[3], ".", "+"), minDigest, maxDigest)
	if !ok1 || !ok2 || (given && length != strconv.Itoa(len(tag))) {
		return nil
	}
	return withTag(newPBKDF2(name, rounds, encode64(salt), strconv.Itoa(len(tag))), tag)
}

// pbkdf2Rounds reads "29000" or "i=29000" or "i=29000,l=32".
func pbkdf2Rounds(s string) (rounds, length string, given bool) {
	rounds, phcStyle := strings.CutPrefix(s, "i=")
	if phcStyle {
		rounds, length, given = strings.Cut(rounds, ",l=")
	}
	return rounds, length, given
}

func newPBKDF2(name, rounds, salt, length string) *digest {
	hashes := map[string]func() hash.Hash{sha1Name: sha1.New, "sha256": sha256.New, "sha512": sha512.New}
	newHash := hashes[name]
	n, ok1 := decimal(rounds)
	l, ok2 := decimal(length)
	raw, ok3 := decode64(salt, 1, maxLegacySalt)
	if newHash == nil || !ok1 || !ok2 || !ok3 || n < 1 || n > maxRounds || l < minDigest || l > maxDigest {
		return nil
	}
	if perBlock := uint32(newHash().Size()); (l+perBlock-1)/perBlock*n > maxRounds {
		return nil // each block of output costs all rounds again
	}
	return &digest{
		kind: PBKDF2, settings: fmt.Sprintf(settingsPattern, name, n, salt, l),
		sum: func(password []byte) []byte {
			key, err := pbkdf2.Key(newHash, string(password), raw, int(n), int(l))
			if err != nil {
				return nil // only in FIPS mode, for short salts; nothing equals an empty tag
			}
			return key
		},
	}
}

func withTag(d *digest, tag []byte) *digest {
	if d != nil {
		d.tag = tag
	}
	return d
}
