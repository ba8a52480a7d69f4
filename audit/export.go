package audit

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"strconv"
	"time"
	"unicode/utf8"
)

// A Format writes one event as one line.
type Format struct {
	name string
	line func(dst []byte, e Event) []byte
}

// String is the format's name.
func (f Format) String() string { return f.name }

// Export writes the events that the filter chooses, one a line. After an error what was written is not the whole.
func (l *Log) Export(ctx context.Context, w io.Writer, f Filter, format Format) error {
	return Write(w, l.Query(ctx, f), format)
}

// Write writes events, as [Query] yields them, one a line.
func Write(w io.Writer, events iter.Seq2[Event, error], format Format) error {
	if format.line == nil {
		format = NDJSON
	}
	buffered := bufio.NewWriterSize(w, 64<<10)
	var line []byte
	for e, err := range events {
		if err != nil {
			_ = buffered.Flush()
			return err
		}
		line = append(format.line(line[:0], e), '\n')
		if _, err = buffered.Write(line); err != nil {
			return fmt.Errorf("audit: export: %w", err)
		}
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("audit: export: %w", err)
	}
	return nil
}

// MarshalJSON returns the event as one line of [NDJSON].
func (e Event) MarshalJSON() ([]byte, error) { return appendJSON(nil, e), nil }

// String is the event as one line that is safe to show: no control character, no line break, no change of direction.
func (e Event) String() string { return string(appendJSON(nil, e)) }

func appendJSON(b []byte, e Event) []byte {
	b = append(b, `{"id":`...)
	b = quote(b, e.ID())
	b = append(b, `,"time":"`...)
	b = e.Time.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000000Z")
	b = append(b, `","class":`...)
	b = quote(b, e.Class)
	b = append(b, `,"seq":`...)
	b = strconv.AppendUint(b, e.Seq, 10)
	b = append(b, `,"event":`...)
	b = quote(b, e.Name)
	for _, field := range []struct{ key, value string }{
		{"server", e.Server},
		{"version", e.Version},
		{"user", e.Actor.User},
		{"session", e.Actor.Session},
		{"job", e.Actor.Job},
		{"behalf", e.Actor.Behalf},
		{"request", e.Request},
		{"subject", e.Subject},
	} {
		if field.value != "" {
			b = append(b, `,"`+field.key+`":`...)
			b = quote(b, field.value)
		}
	}
	if e.Stepped {
		b = append(b, `,"clock_stepped":true`...)
	}
	if e.Erased {
		b = append(b, `,"erased":true`...)
	}
	b = append(b, `,"attrs":`...)
	return append(appendGroup(b, e.Attrs), '}')
}

func appendGroup(b []byte, attrs []slog.Attr) []byte {
	b = append(b, '{')
	for i, a := range attrs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(quote(b, unique(attrs[:i], a.Key)), ':')
		b = appendValue(b, a.Value)
	}
	return append(b, '}')
}

// unique numbers a key that stands in the list before: JSON readers keep one of two, and an attacker would choose which.
func unique(before []slog.Attr, key string) string {
	n := 1
	for _, a := range before {
		if a.Key == key {
			n++
		}
	}
	if n == 1 {
		return key
	}
	return key + "#" + strconv.Itoa(n)
}

func appendValue(b []byte, v slog.Value) []byte {
	switch v.Kind() {
	case slog.KindString:
		if s := v.String(); !utf8.ValidString(s) {
			b = append(b, `{"$base64":"`...)
			b = base64.StdEncoding.AppendEncode(b, []byte(s))
			return append(b, `"}`...)
		}
		return quote(b, v.String())
	case slog.KindInt64:
		return strconv.AppendInt(b, v.Int64(), 10)
	case slog.KindUint64:
		return strconv.AppendUint(b, v.Uint64(), 10)
	case slog.KindBool:
		return strconv.AppendBool(b, v.Bool())
	case slog.KindFloat64:
		return strconv.AppendFloat(b, v.Float64(), 'g', -1, 64)
	case slog.KindDuration:
		return append(append(append(b, '"'), v.Duration().String()...), '"')
	case slog.KindTime:
		return append(v.Time().UTC().AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
	case slog.KindGroup:
		return appendGroup(b, v.Group())
	}
	return append(b, "null"...)
}

const hexDigits = "0123456789abcdef"

// quote appends s as a JSON string (RFC 8259 section 7). What a terminal or an editor would act on is escaped too:
// control characters of C0 and C1, line and paragraph separators, marks and overrides of direction. A byte that is not
// UTF-8 becomes U+FFFD.
func quote(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		if c := s[i]; c >= ' ' && c < 0x7f {
			if c == '"' || c == '\\' {
				b = append(b, '\\')
			}
			b = append(b, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if i += n; unsafeRune(r) {
			b = append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
			continue
		}
		b = utf8.AppendRune(b, r)
	}
	return append(b, '"')
}

func unsafeRune(r rune) bool {
	switch {
	case r < ' ', r >= 0x7f && r < 0xa0:
		return true
	case r == 0x061c, r >= 0x200b && r <= 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff:
		return true
	}
	return false
}
