package audit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"
)

// Bounds of one event's attributes.
const (
	maxEvent = 1 << 20 // bytes of all strings and names together
	maxAttrs = 256     // an event, groups included
	maxDepth = 8       // of groups
)

// ErrAttr says that an attribute cannot be stored: of a kind other than string, int64, uint64, bool, time, duration,
// finite float64 and groups of them, or too many, too deep, or more than 1 MiB. Nothing was recorded.
var ErrAttr = errors.New("audit: attribute cannot be recorded")

// Kinds of stored attribute values.
const (
	kindString = iota + 1
	kindInt
	kindUint
	kindBool
	kindTime
	kindDuration
	kindFloat
	kindGroup
)

// An encoder appends one event's attributes to buf.
type encoder struct {
	buf   []byte
	count int
	class *Class
	keyed func(string) string // digest of a stranger's login name
}

func appendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// attrs appends the number of attributes that are kept, then each of them.
func (e *encoder) attrs(list []slog.Attr, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%w: groups more than %d deep", ErrAttr, maxDepth)
	}
	kept := 0
	for i := range list {
		if e.keeps(list[i].Key) {
			kept++
		}
	}
	if e.count += kept; e.count > maxAttrs {
		return fmt.Errorf("%w: more than %d", ErrAttr, maxAttrs)
	}
	e.buf = binary.AppendUvarint(e.buf, uint64(kept))
	for i := range list {
		if !e.keeps(list[i].Key) {
			continue
		}
		e.buf = appendString(e.buf, list[i].Key)
		if err := e.value(list[i].Key, list[i].Value, depth); err != nil {
			return err
		}
		if len(e.buf) > maxEvent {
			return fmt.Errorf("%w: event larger than %d bytes", ErrAttr, maxEvent)
		}
	}
	return nil
}

// keeps drops what the class must not log: addresses and user agents are personal data that only some events need.
func (e *encoder) keeps(key string) bool {
	switch key {
	case "addr":
		return e.class.LogAddress
	case "agent":
		return e.class.LogAgent
	}
	return true
}

func (e *encoder) value(key string, v slog.Value, depth int) error {
	v = v.Resolve() // catches a panic of LogValue and turns it into a value of kind Any
	switch v.Kind() {
	case slog.KindString:
		s := v.String()
		if len(s) > maxEvent {
			return fmt.Errorf("%w: event larger than %d bytes", ErrAttr, maxEvent)
		}
		if key == "login" {
			s = e.keyed(s)
		}
		e.buf = appendString(append(e.buf, kindString), s)
	case slog.KindInt64:
		e.buf = binary.AppendVarint(append(e.buf, kindInt), v.Int64())
	case slog.KindUint64:
		e.buf = binary.AppendUvarint(append(e.buf, kindUint), v.Uint64())
	case slog.KindBool:
		e.buf = append(e.buf, kindBool, boolByte(v.Bool()))
	case slog.KindDuration:
		e.buf = binary.AppendVarint(append(e.buf, kindDuration), int64(v.Duration()))
	case slog.KindTime:
		t := v.Time()
		e.buf = binary.AppendVarint(append(e.buf, kindTime), t.Unix())
		e.buf = binary.AppendUvarint(e.buf, uint64(t.Nanosecond()))
	case slog.KindFloat64:
		f := v.Float64()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("%w: %.64q is not a finite number", ErrAttr, key)
		}
		e.buf = binary.BigEndian.AppendUint64(append(e.buf, kindFloat), math.Float64bits(f))
	case slog.KindGroup:
		e.buf = append(e.buf, kindGroup)
		return e.attrs(v.Group(), depth+1)
	default:
		return fmt.Errorf("%w: %.64q is of kind %v", ErrAttr, key, v.Kind())
	}
	return nil
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// errFormat says that a frame passed its checksum and yet is not an event: written by another version, or by a stranger.
var errFormat = errors.New("audit: event is not in the format of this version")

// A decoder reads what an encoder wrote. After the first mistake it returns zeros and keeps err.
type decoder struct {
	buf   []byte
	count int
	err   error
}

func (d *decoder) fail() {
	d.err, d.buf = errFormat, nil
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.buf)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.buf = d.buf[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.buf)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.buf = d.buf[n:]
	return v
}

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.buf)) {
		d.fail()
		return nil
	}
	part := d.buf[:n]
	d.buf = d.buf[n:]
	return part
}

func (d *decoder) byte() byte {
	if p := d.bytes(1); len(p) == 1 {
		return p[0]
	}
	return 0
}

func (d *decoder) uint64() uint64 {
	if p := d.bytes(8); len(p) == 8 {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

func (d *decoder) string() string { return string(d.bytes(d.uvarint())) }

func (d *decoder) attrs(depth int) []slog.Attr {
	n := d.uvarint()
	if d.count += int(min(n, maxAttrs+1)); d.count > maxAttrs || depth > maxDepth {
		d.fail()
		return nil
	}
	list := make([]slog.Attr, 0, n)
	for range n {
		key := d.string()
		list = append(list, slog.Attr{Key: key, Value: d.value(depth)})
		if d.err != nil {
			return nil
		}
	}
	return list
}

func (d *decoder) value(depth int) slog.Value {
	switch d.byte() {
	case kindString:
		return slog.StringValue(d.string())
	case kindInt:
		return slog.Int64Value(d.varint())
	case kindUint:
		return slog.Uint64Value(d.uvarint())
	case kindBool:
		return slog.BoolValue(d.byte() == 1)
	case kindDuration:
		return slog.DurationValue(time.Duration(d.varint()))
	case kindTime:
		sec := d.varint()
		return slog.TimeValue(time.Unix(sec, int64(min(d.uvarint(), 999999999))).UTC())
	case kindFloat:
		return slog.Float64Value(math.Float64frombits(d.uint64()))
	case kindGroup:
		return slog.GroupValue(d.attrs(depth + 1)...)
	}
	d.fail()
	return slog.Value{}
}
