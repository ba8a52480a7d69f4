package session

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
)

// A body is the sealed part of a record: what the session is bound to, what its user has proved, the tokens it had
// before, and the host's values.
//
//	format     1 byte
//	flags      1 byte: https, address of family 4 known, of family 6 known, agent known
//	created    uvarint, milliseconds before Record.Since
//	address4   8 bytes if known
//	address6   8 bytes if known
//	agent      8 bytes if known
//	retired    count byte, then each: 8 bytes of the old token's hash, uvarint seconds after created when it was replaced
//	proofs     count byte, then each: a code of the method (0: length byte and name follow), uvarint milliseconds after Record.Since
//	values     each: uvarint length, key, uvarint length, value; to the end
//
// It is parsed once a request into parts of the record, without a copy.
type body struct {
	created time.Time
	since   time.Time // of the record: proofs are relative to it
	binding binding
	retired string
	proofs  string
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
func parseBody(b string, since time.Time) (body, error) {
	if len(b) < 2 || b[0] != bodyFormat {
		return body{}, errBody
	}
	p := parser{rest: b[2:]}
	out := body{since: since, created: since.Add(-p.milli())}
	flags := b[1]
	out.binding.https = flags&flagHTTPS != 0
	out.binding.address4 = p.mark(flags&flagAddress4 != 0)
	out.binding.address6 = p.mark(flags&flagAddress6 != 0)
	out.binding.agent = p.mark(flags&flagAgent != 0)
	out.retired = p.list(func() { p.retired() })
	out.proofs = p.list(func() { p.proof() })
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
	marks := [...]struct {
		mark
		flag byte
	}{{b.binding.address4, flagAddress4}, {b.binding.address6, flagAddress6}, {b.binding.agent, flagAgent}}
	flags := byte(0)
	if b.binding.https {
		flags = flagHTTPS
	}
	for _, m := range marks {
		if m.known {
			flags |= m.flag
		}
	}
	dst = append(dst, bodyFormat, flags)
	dst = appendMillis(dst, b.since.Sub(b.created))
	for _, m := range marks {
		if m.known {
			dst = append(dst, m.hash[:]...)
		}
	}
	for _, list := range []string{b.retired, b.proofs} {
		if list == "" {
			list = "\x00"
		}
		dst = append(dst, list...)
	}
	return append(dst, b.values...)
}

func appendMillis(dst []byte, d time.Duration) []byte {
	return binary.AppendUvarint(dst, uint64(max(d, 0).Milliseconds()))
}

// retiredLen is how much of a former token's hash is kept: it only raises an alarm.
const retiredLen = 8

// maxRetired is how many former tokens raise the alarm when they come back.
const maxRetired = 3

// retire puts the hash of a replaced token in front of the list.
func (b *body) retire(hash TokenHash, at time.Time) {
	out := append([]byte{1}, hash[:retiredLen]...)
	out = binary.AppendUvarint(out, uint64(max(at.Sub(b.created), 0)/time.Second))
	if b.retired != "" {
		p := parser{rest: b.retired[1:]}
		for range min(int(b.retired[0]), maxRetired-1) {
			hash, at := p.retired()
			out = append(out, hash...)
			out = binary.AppendUvarint(out, uint64(at/time.Second))
			out[0]++
		}
	}
	b.retired = string(out)
}

// retiredAt returns when the token of a hash that matches was replaced.
func (b *body) retiredAt(match func(hash string) bool) (time.Time, bool) {
	if b.retired == "" {
		return time.Time{}, false
	}
	p := parser{rest: b.retired[1:]}
	for range b.retired[0] {
		if hash, at := p.retired(); match(hash) {
			return b.created.Add(at), true
		}
	}
	return time.Time{}, false
}

// methodCodes are the methods that take one byte. Their order is part of the format.
var methodCodes = [...]Method{Password, OTP, SMS, Mail, HardwareKey, SoftwareKey, Recovery, PIN}

// eachProof calls f for each proof, in the order in which they were shown.
func (b *body) eachProof(f func(method Method, at time.Time) bool) {
	if b.proofs == "" {
		return
	}
	p := parser{rest: b.proofs[1:]}
	for range b.proofs[0] {
		if method, after := p.proof(); !f(method, b.since.Add(after)) {
			return
		}
	}
}

// prove notes that method was shown at that time, and forgets an earlier time.
func (b *body) prove(method Method, at time.Time) {
	out := []byte{0}
	add := func(m Method, at time.Time) {
		code := byte(0)
		for i, known := range methodCodes {
			if m == known {
				code = byte(i + 1)
			}
		}
		if out = append(out, code); code == 0 {
			out = append(append(out, byte(len(m))), m...)
		}
		out = appendMillis(out, at.Sub(b.since))
		out[0]++
	}
	b.eachProof(func(m Method, at time.Time) bool {
		if m != method {
			add(m, at)
		}
		return true
	})
	add(method, at)
	b.proofs = string(out)
}

// A parser takes fields from the front of rest. After an error it is bad and yields zeros.
type parser struct {
	rest string
	bad  bool
}

func (p *parser) take(n uint64) string {
	if p.bad || n > uint64(len(p.rest)) {
		p.bad = true
		return ""
	}
	out := p.rest[:n]
	p.rest = p.rest[n:]
	return out
}

func (p *parser) byte() byte {
	if b := p.take(1); b != "" {
		return b[0]
	}
	return 0
}

func (p *parser) uvarint() uint64 {
	v := uint64(0)
	for shift := 0; shift < 64; shift += 7 {
		b := p.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	p.bad = true
	return 0
}

// milli reads milliseconds. A span that does not fit into a time.Duration was not written here.
func (p *parser) milli() time.Duration {
	ms := p.uvarint()
	if ms > uint64(math.MaxInt64/time.Millisecond) {
		p.bad = true
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

func (p *parser) mark(known bool) mark {
	if !known {
		return mark{}
	}
	m := mark{known: true}
	copy(m.hash[:], p.take(markLen))
	return m
}

// list returns a count byte and that many entries as one string.
func (p *parser) list(entry func()) string {
	start := p.rest
	for range p.byte() {
		if entry(); p.bad {
			return ""
		}
	}
	return start[:len(start)-len(p.rest)]
}

func (p *parser) retired() (hash string, at time.Duration) {
	hash = p.take(retiredLen)
	return hash, p.milli() * 1000
}

func (p *parser) proof() (Method, time.Duration) {
	code := int(p.byte())
	switch {
	case code == 0:
		return Method(p.take(uint64(p.byte()))), p.milli()
	case code > len(methodCodes):
		p.bad = true
		return "", 0
	}
	return methodCodes[code-1], p.milli()
}
