package session

import (
	"encoding/binary"
	"errors"
	"time"
)

// A body is the sealed part of a record: what the session is bound to, what its user has proved, the tokens it had
// before, and the host's values.
//
//	format     1 byte
//	flags      1 byte: https, address of family 4 known, of family 6 known, agent known
//	created    uvarint, milliseconds of Unix time
//	address4   8 bytes if known
//	address6   8 bytes if known
//	agent      8 bytes if known
//	retired    count byte, then each: 16 bytes of the old token's hash, uvarint milliseconds when it was replaced
//	proofs     count byte, then each: length byte, method, uvarint milliseconds when it was shown
//	values     each: uvarint length, key, uvarint length, value; to the end
//
// It is parsed once a request into slices of the record, without a copy.
type body struct {
	created time.Time
	binding binding
	retired []byte
	proofs  []byte
	values  values
}

const bodyFormat = 1

const (
	flagHTTPS = 1 << iota
	flagAddress4
	flagAddress6
	flagAgent
)

var errBody = errors.New("session: record does not decode")

// parseBody reads b. The seal has been checked, so an error means a record of another version of this package.
func parseBody(b []byte) (body, error) {
	if len(b) < 2 || b[0] != bodyFormat {
		return body{}, errBody
	}
	p := parser{rest: b[2:]}
	out := body{created: p.millis()}
	flags := b[1]
	out.binding.https = flags&flagHTTPS != 0
	out.binding.address4 = p.mark(flags&flagAddress4 != 0)
	out.binding.address6 = p.mark(flags&flagAddress6 != 0)
	out.binding.agent = p.mark(flags&flagAgent != 0)
	out.retired = p.list(func() { p.take(retiredLen); p.uvarint() })
	out.proofs = p.list(func() { p.take(uint64(p.byte())); p.uvarint() })
	if p.bad {
		return body{}, errBody
	}
	out.values = values(p.rest)
	for len(p.rest) > 0 && !p.bad {
		p.take(p.uvarint())
		p.take(p.uvarint())
	}
	if p.bad {
		return body{}, errBody
	}
	return out, nil
}

// append writes the body in its format.
func (b *body) append(dst []byte) []byte {
	flags := byte(0)
	set := func(flag byte, on bool) {
		if on {
			flags |= flag
		}
	}
	set(flagHTTPS, b.binding.https)
	set(flagAddress4, b.binding.address4.known)
	set(flagAddress6, b.binding.address6.known)
	set(flagAgent, b.binding.agent.known)
	dst = append(dst, bodyFormat, flags)
	dst = binary.AppendUvarint(dst, uint64(b.created.UnixMilli()))
	for _, m := range []mark{b.binding.address4, b.binding.address6, b.binding.agent} {
		if m.known {
			dst = append(dst, m.hash[:]...)
		}
	}
	dst = appendList(dst, b.retired)
	dst = appendList(dst, b.proofs)
	return append(dst, b.values...)
}

// A list is its count byte and its entries; nil is the empty one.
func appendList(dst, list []byte) []byte {
	if len(list) == 0 {
		return append(dst, 0)
	}
	return append(dst, list...)
}

// retiredLen is how much of a retired token's hash is kept: enough that nobody finds another token for it.
const retiredLen = 16

// maxRetired is how many former tokens raise the alarm when they come back.
const maxRetired = 3

// retire returns the list with the hash of a replaced token in front.
func (b *body) retire(hash [32]byte, at time.Time) []byte {
	out := append([]byte{1}, hash[:retiredLen]...)
	out = binary.AppendUvarint(out, uint64(at.UnixMilli()))
	if len(b.retired) == 0 {
		return out
	}
	p := parser{rest: b.retired[1:]}
	for range min(int(b.retired[0]), maxRetired-1) {
		out = append(out, p.take(retiredLen)...)
		out = binary.AppendUvarint(out, p.uvarint())
		out[0]++
	}
	return out
}

// retiredAt returns when the token of that hash was replaced.
func (b *body) retiredAt(hashes func(want []byte) bool) (time.Time, bool) {
	if len(b.retired) == 0 {
		return time.Time{}, false
	}
	p := parser{rest: b.retired[1:]}
	for range b.retired[0] {
		want := p.take(retiredLen)
		if at := p.millis(); hashes(want) {
			return at, true
		}
	}
	return time.Time{}, false
}

// eachProof calls f for each proof, in the order in which they were shown.
func (b *body) eachProof(f func(method []byte, at time.Time) bool) {
	if len(b.proofs) == 0 {
		return
	}
	p := parser{rest: b.proofs[1:]}
	for range b.proofs[0] {
		method := p.take(uint64(p.byte()))
		if at := p.millis(); !f(method, at) {
			return
		}
	}
}

// prove returns the proofs with method shown at that time, instead of an earlier time.
func (b *body) prove(method Method, at time.Time) []byte {
	out := []byte{0}
	add := func(m string, at time.Time) {
		out = append(out, byte(len(m)))
		out = append(out, m...)
		out = binary.AppendUvarint(out, uint64(at.UnixMilli()))
		out[0]++
	}
	b.eachProof(func(m []byte, at time.Time) bool {
		if string(m) != string(method) {
			add(string(m), at)
		}
		return true
	})
	add(string(method), at)
	return out
}

// A parser takes fields from the front of rest. After an error it is bad and yields zeros.
type parser struct {
	rest []byte
	bad  bool
}

func (p *parser) take(n uint64) []byte {
	if p.bad || n > uint64(len(p.rest)) {
		p.bad = true
		return nil
	}
	out := p.rest[:n]
	p.rest = p.rest[n:]
	return out
}

func (p *parser) byte() byte {
	if b := p.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (p *parser) uvarint() uint64 {
	v, n := binary.Uvarint(p.rest)
	if p.bad || n <= 0 {
		p.bad = true
		return 0
	}
	p.rest = p.rest[n:]
	return v
}

func (p *parser) millis() time.Time {
	ms := p.uvarint()
	if ms > 1<<52 { // beyond the year 140000: not a time that this package wrote
		p.bad = true
		return time.Time{}
	}
	return time.UnixMilli(int64(ms))
}

func (p *parser) mark(known bool) mark {
	if !known {
		return mark{}
	}
	b := p.take(markLen)
	if b == nil {
		return mark{}
	}
	return mark{known: true, hash: [markLen]byte(b)}
}

// list returns a count byte and that many entries as one slice.
func (p *parser) list(entry func()) []byte {
	start := p.rest
	for range p.byte() {
		if entry(); p.bad {
			return nil
		}
	}
	return start[:len(start)-len(p.rest)]
}
