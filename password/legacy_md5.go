package password

import (
	"crypto/md5"
	"encoding/hex"
	"slices"
	"strings"
)

const (
	saltFirst = "first"
	saltLast  = "last"
	noSalt    = "none"
)

// parseMD5 reads 32 hex digits of either case, Django's "md5$salt$hex", and "hex:salt" where the order of salt and
// password was declared.
func (h *Hasher) parseMD5(enc string) *digest {
	if rest, ok := strings.CutPrefix(enc, "md5$"); ok {
		salt, sum, ok := strings.Cut(rest, "$")
		if !ok {
			return nil
		}
		if salt == "" { // Django's unsalted form
			return hexTag(newMD5(noSalt, ""), sum)
		}
		return hexTag(newMD5(saltFirst, encode64([]byte(salt))), sum)
	}
	sum, salt, salted := strings.Cut(enc, ":")
	switch {
	case !salted:
		return hexTag(newMD5(noSalt, ""), sum)
	case slices.Contains(h.cfg.Accept, MD5SaltFirst):
		return hexTag(newMD5(saltFirst, encode64([]byte(salt))), sum)
	case slices.Contains(h.cfg.Accept, MD5SaltLast):
		return hexTag(newMD5(saltLast, encode64([]byte(salt))), sum)
	}
	return nil
}

func hexTag(d *digest, sum string) *digest {
	tag, err := hex.DecodeString(sum)
	if d == nil || err != nil || len(tag) != md5.Size {
		return nil
	}
	d.tag = tag
	return d
}

func newMD5(order, salt string) *digest {
	var raw []byte
	if order != noSalt || salt != "" {
		var ok bool
		if raw, ok = decode64(salt, 1, maxLegacySalt); !ok {
			return nil
		}
	}
	d := &digest{kind: MD5, settings: "md5:" + order + ":" + salt}
	switch order {
	case noSalt:
		d.sum = func(password []byte) []byte { return md5Sum(password) }
	case saltFirst:
		d.sum = func(password []byte) []byte { return md5Sum(raw, password) }
	case saltLast:
		d.sum = func(password []byte) []byte { return md5Sum(password, raw) }
	default:
		return nil
	}
	return d
}

func md5Sum(parts ...[]byte) []byte {
	sum := md5.Sum(slices.Concat(parts...))
	return sum[:]
}
