package password

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	//lint:ignore SA1019 bcrypt is built on it, and only old hashes are verified with it
	"golang.org/x/crypto/blowfish"
)

const (
	bcryptLength  = 72 // bytes of the password that bcrypt looks at: Blowfish has 18 subkeys of 32 bits
	bcryptSalt    = 16
	bcryptTag     = 23 // of the 24 bytes, every implementation drops the last
	maxBcryptCost = 15
)

var bcrypt64 = base64.NewEncoding("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789").WithPadding(base64.NoPadding)

// parseBcrypt reads "$2b$12$", 22 characters of salt and 31 of tag. Django puts "bcrypt$" in front.
func parseBcrypt(enc string) *digest {
	enc = strings.TrimPrefix(enc, "bcrypt$")
	if len(enc) != 60 || !slices.Contains([]string{"$2a$", "$2b$", "$2y$"}, enc[:4]) || enc[6] != '$' {
		return nil
	}
	d := newBcrypt(enc[4:6], enc[7:29])
	tag, err := bcrypt64.Strict().DecodeString(enc[29:])
	if d == nil || err != nil || len(tag) != bcryptTag {
		return nil
	}
	d.tag = tag
	return d
}

func newBcrypt(rounds, salt string) *digest {
	if len(rounds) != 2 || strings.Trim(rounds, "0123456789") != "" || len(salt) != 22 {
		return nil
	}
	cost := int(rounds[0]-'0')*10 + int(rounds[1]-'0')
	raw, err := bcrypt64.DecodeString(salt)
	if err != nil || len(raw) != bcryptSalt || cost < 4 || cost > maxBcryptCost {
		return nil
	}
	return &digest{
		kind: Bcrypt, limit: bcryptLength, settings: fmt.Sprintf("bcrypt:%s:%s", rounds, salt),
		sum: func(password []byte) []byte { return bcryptSum(password, raw, cost) },
	}
}

// bcryptSum is the algorithm of Provos and Mazières, "A Future-Adaptable Password Scheme" (USENIX 1999), with the NUL
// at the end of the key that the OpenBSD implementation counts in. x/crypto/bcrypt compares only, and a wrapped hash
// needs the bytes.
func bcryptSum(password, salt []byte, cost int) []byte {
	key := append(password[:len(password):len(password)], 0)
	c, err := blowfish.NewSaltedCipher(key, salt)
	if err != nil {
		return nil // only for an empty key, which this one is not
	}
	for range 1 << cost {
		blowfish.ExpandKey(key, c)
		blowfish.ExpandKey(salt, c)
	}
	sum := []byte("OrpheanBeholderScryDoubt")
	for block := 0; block < len(sum); block += blowfish.BlockSize {
		for range 64 {
			c.Encrypt(sum[block:], sum[block:])
		}
	}
	return sum[:bcryptTag]
}
