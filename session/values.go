package session

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
)

// values are the host's data: pairs of key and value, each preceded by its length. Looking one up costs a scan of
// a few dozen bytes and no memory; a map of a session's handful of keys would cost more than all the rest of a request.
type values string

func (v values) get(key string) (string, bool) {
	for k, value := range v.all {
		if k == key {
			return value, true
		}
	}
	return "", false
}

func (v values) all(yield func(key, value string) bool) {
	for p := (parser{rest: string(v)}); len(p.rest) > 0; {
		key := p.take(p.uvarint())
		value := p.take(p.uvarint())
		if p.bad || !yield(key, value) {
			return
		}
	}
}

// without returns a copy that lacks the key.
func (v values) without(key string) values {
	if _, ok := v.get(key); !ok {
		return v
	}
	var out []byte
	for k, value := range v.all {
		if k != key {
			out = appendPair(out, k, value)
		}
	}
	return values(out)
}

// with returns a copy in which key has the value.
func (v values) with(key, value string) values {
	out := make([]byte, 0, len(v)+len(key)+len(value)+2*binary.MaxVarintLen32)
	out = append(out, v.without(key)...)
	return values(appendPair(out, key, value))
}

func appendPair(dst []byte, key, value string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(key)))
	dst = append(dst, key...)
	dst = binary.AppendUvarint(dst, uint64(len(value)))
	return append(dst, value...)
}

// maxValues bounds what one session can hold, because visitors decide how much a cart or a draft holds.
const maxValues = 64 << 10

// A delta is one write of this request. It is applied at once to what the request sees, and once more when another
// request changed the session in between, so that two writers of two keys both win and an Update is never lost.
type delta func(values) (values, error)

// write applies d to what the request sees and keeps it for the commit.
func (s *Session) write(d delta) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.writable(); err != nil {
		return err
	}
	next, err := d(s.values)
	if err != nil {
		return err
	}
	if len(next) > maxValues {
		return ErrTooLarge
	}
	s.values = next
	s.deltas = append(s.deltas, d)
	return nil
}

// replay applies the writes of this request to values that another request stored meanwhile.
func (s *Session) replay(v values) error {
	for _, d := range s.deltas {
		next, err := d(v)
		if err != nil {
			return err
		}
		if len(next) > maxValues {
			return ErrTooLarge
		}
		v = next
	}
	s.values = v
	return nil
}

// A Key names a value of type T in every session. Make one with [NewKey] as a package variable; its
// methods read and write. The value is stored as JSON (encoding/json), so give new versions of T a new name or keep
// them readable both ways.
//
//	var cart = session.NewKey[CartV1]("cart")
//
// What was written is stored once, right before the answer begins. If that fails the visitor gets status 500 and
// nothing of the answer.
type Key[T any] struct {
	name string
}

// NewKey returns the key of that name: 1 to 64 ASCII letters, digits, '.', '_' or '-'. It panics on another name. Two
// keys of one name share the value.
func NewKey[T any](name string) Key[T] {
	if !validName(name, 64) {
		panic(fmt.Sprintf("session: NewKey: the name %q does not have 1 to 64 letters, digits, '.', '_' or '-'", name))
	}
	return Key[T]{name: name}
}

func validName(name string, most int) bool {
	for i := range len(name) {
		if c := name[i]; c != '.' && !base64url(name[i:i+1]) {
			return false
		}
	}
	return name != "" && len(name) <= most
}

// Get returns the value and whether there is one. The error is that of encoding/json, if the stored value is not a T;
// then T is zero and the value is reported as there.
func (k Key[T]) Get(s *Session) (T, bool, error) {
	s.mu.Lock()
	raw, ok := s.values.get(k.name)
	s.mu.Unlock()
	return decode[T](raw, ok)
}

// In returns the value in a session that [Manager.Sessions] listed.
func (k Key[T]) In(info Info) (T, bool, error) {
	raw, ok := info.values.get(k.name)
	return decode[T](raw, ok)
}

// Set stores v when the answer begins. It returns [ErrEnded], [ErrCommitted], [ErrNoHandler], [ErrTooLarge], or the
// error of encoding/json; then nothing was changed.
func (k Key[T]) Set(s *Session, v T) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("session: %w", err)
	}
	return s.write(func(old values) (values, error) { return old.with(k.name, string(raw)), nil })
}

// Delete removes the value when the answer begins. Errors as for Set.
func (k Key[T]) Delete(s *Session) error {
	return s.write(func(old values) (values, error) { return old.without(k.name), nil })
}

// Update replaces the value by f of it; f gets the zero T if there is none. It runs f now, so that Get sees the result,
// and again at the commit whenever another request changed the session meanwhile, so f must only compute, and not use
// the session. Hundred requests that increment at once increment by hundred. Errors as for Set, and the cause of ctx
// when that is over.
func (k Key[T]) Update(ctx context.Context, s *Session, f func(T) T) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return s.write(func(old values) (values, error) {
		raw, ok := old.get(k.name)
		v, _, err := decode[T](raw, ok)
		if err != nil {
			return "", err
		}
		next, err := json.Marshal(f(v))
		if err != nil {
			return "", fmt.Errorf("session: %w", err)
		}
		return old.with(k.name, string(next)), nil
	})
}

func decode[T any](raw string, ok bool) (T, bool, error) {
	var v, zero T
	if !ok {
		return zero, false, nil
	}
	if err := json.Unmarshal([]byte(raw), &v); err != nil {
		return zero, true, fmt.Errorf("session: stored value is of another type: %w", err)
	}
	return v, true, nil
}
