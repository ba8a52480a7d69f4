package password

import (
	"encoding/base64"
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"golang.org/x/crypto/scrypt"
)

// maxScryptWork bounds N*r*p, which the time is proportional to: 2^20 blocks of r = 1 take a few seconds.
const maxScryptWork = 1 << 21

// parseScrypt reads "$scrypt$ln=16,r=8,p=1$salt$tag" (PHC format, passlib) and Django's "scrypt$16384$salt$8$1$tag"
// with a salt of letters and padded base64.
func (h *Hasher) parseScrypt(enc string) *digest {
	if rest, ok := strings.CutPrefix(enc, "scrypt$"); ok {
		f := strings.Split(rest, "$")
		if len(f) != 5 {
			return nil
		}
		n, ok := decimal(f[0])
		tag, err := base64.StdEncoding.Strict().DecodeString(f[4])
		if !ok || bits.OnesCount32(n) != 1 || err != nil || base64.StdEncoding.EncodeToString(tag) != f[4] {
			return nil
		}
		ln := strconv.Itoa(bits.Len32(n) - 1)
		return withTag(newScrypt(ln, f[2], f[3], encode64([]byte(f[1])), strconv.Itoa(len(tag)), h.memory), tag)
	}
	rest, ok := strings.CutPrefix(enc, "$scrypt$")
	if !ok {
		return nil
	}
	f := strings.Split(rest, "$")
	if len(f) != 3 {
		return nil
	}
	costs := strings.Split(f[0], ",")
	tag, ok := decode64(f[2], minDigest, maxDigest)
	if !ok || len(costs) != 3 {
		return nil
	}
	ln, ok1 := strings.CutPrefix(costs[0], "ln=")
	r, ok2 := strings.CutPrefix(costs[1], "r=")
	p, ok3 := strings.CutPrefix(costs[2], "p=")
	if !ok1 || !ok2 || !ok3 {
		return nil
	}
	return withTag(newScrypt(ln, r, p, f[1], strconv.Itoa(len(tag)), h.memory), tag)
}

func newScrypt(ln, r, p, salt, length string, maxMemory uint64) *digest {
	logN, ok1 := decimal(ln)
	blocks, ok2 := decimal(r)
	lanes, ok3 := decimal(p)
	l, ok4 := decimal(length)
	raw, ok5 := decode64(salt, 1, maxLegacySalt)
	switch {
	case !ok1 || !ok2 || !ok3 || !ok4 || !ok5,
		logN < 1 || logN > 24,
		blocks < 1 || blocks > 64,
		lanes < 1 || lanes > maxLanes,
		l < minDigest || l > maxDigest:
		return nil
	}
	work := uint64(blocks) << logN
	memory := (128*work + 128*uint64(blocks*lanes)) >> 10
	if work*uint64(lanes) > maxScryptWork || memory > maxMemory {
		return nil
	}
	return &digest{
		kind: Scrypt, memory: memory, settings: fmt.Sprintf("scrypt:%d:%d:%d:%s:%d", logN, blocks, lanes, salt, l),
		sum: func(password []byte) []byte {
			key, err := scrypt.Key(password, raw, 1<<logN, int(blocks), int(lanes), int(l))
			if err != nil {
				return nil // only for parameters beyond the bounds above
			}
			return key
		},
	}
}
