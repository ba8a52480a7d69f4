package password

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Params are the costs of Argon2id in the notation of the PHC string format: memory in KiB, passes, lanes, as in
// "m=19456,t=2,p=1". A string constant cannot be changed by anyone at run time.
type Params string

const (
	// OWASP is the first choice of the OWASP Password Storage Cheat Sheet where memory matters: 19 MiB, two passes.
	OWASP Params = "m=19456,t=2,p=1"
	// OWASPOnePass is the cheat sheet's equal with 46 MiB and one pass.
	OWASPOnePass Params = "m=47104,t=1,p=1"
	// RFC9106 is the second recommended option of RFC 9106, section 4: 64 MiB, three passes, four lanes.
	RFC9106 Params = "m=65536,t=3,p=4"
)

// Bounds on every Argon2 hash, ours or stored, checked before any memory is taken. RFC 9106, section 3.1 demands
// m >= 8p; the others keep a row that an attacker wrote from costing more than a few seconds.
const (
	maxPasses = 10
	maxLanes  = 16
	blocksMin = 8 // KiB for each lane
)

// cost is a parsed Params.
type cost struct {
	memory uint32 // KiB
	passes uint32
	lanes  uint8
}

func (c cost) String() string { return fmt.Sprintf("m=%d,t=%d,p=%d", c.memory, c.passes, c.lanes) }

var errParams = errors.New(`password: Params are written as "m=19456,t=2,p=1": KiB of memory, 1 to 10 passes, 1 to 16 lanes, and at least 8 KiB for each lane`)

func (p Params) parse() (cost, error) {
	var c cost
	fields := strings.Split(string(p), ",")
	if len(fields) != 3 {
		return cost{}, errParams
	}
	m, ok1 := field(fields[0], "m=")
	t, ok2 := field(fields[1], "t=")
	l, ok3 := field(fields[2], "p=")
	if !ok1 || !ok2 || !ok3 || t < 1 || t > maxPasses || l < 1 || l > maxLanes || m < blocksMin*l {
		return cost{}, errParams
	}
	c.memory, c.passes, c.lanes = m, t, uint8(l)
	return c, nil
}

// field reads "name=" and a canonical decimal: no sign, no leading zero, at most 10 digits.
func field(s, name string) (uint32, bool) {
	digits, ok := strings.CutPrefix(s, name)
	if !ok {
		return 0, false
	}
	return decimal(digits)
}

func decimal(digits string) (uint32, bool) {
	if digits == "" || len(digits) > 10 || strings.Trim(digits, "0123456789") != "" || digits[0] == '0' && digits != "0" {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), err == nil
}

// floor lists the memory that each number of passes needs at least: the OWASP cheat sheet's five configurations of
// equal strength (ASVS 5.0, 11.4.2).
var floor = [...]struct{ passes, memory uint32 }{{1, 47104}, {2, 19456}, {3, 12288}, {4, 9216}, {5, 7168}}

func (c cost) strongEnough() bool {
	for _, f := range floor {
		if c.passes >= f.passes && c.memory >= f.memory {
			return true
		}
	}
	return false
}

// Measure runs one hash at these costs and returns how long it took on this machine: to choose Params that take as
// long as a sign-in may. It errs on Params that New would not take, except weak ones.
func (p Params) Measure() (time.Duration, error) {
	c, err := p.parse()
	if err != nil {
		return 0, err
	}
	h := &phc{cost: c, salt: random(newSalt), tag: make([]byte, newTag)}
	start := time.Now()
	h.derive([]byte("correct horse battery staple"))
	return time.Since(start), nil
}
