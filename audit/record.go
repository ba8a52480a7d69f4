package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A record is one signed entry of the ledger: text of one fact a line, then 64 bytes of Ed25519 signature (RFC 8032)
// over that text. Each carries the hash of the one before, so that a ledger is one line from its first record on.
type record struct {
	log      string // 16 random bytes in hexadecimal, made with the log
	number   uint64 // 1 for the first
	epoch    uint64
	time     int64
	previous digest // SHA-256 of the body before; zeros for the first
	key      ed25519.PublicKey
	facts    []string
	hash     digest

	text, signature []byte // of a record that was read; valid as long as its body
}

const recordTitle = "skans audit record 1\n"

// signed is what the signature is over. It begins with the leaf prefix 0x00 that every body has.
func (r *record) signed() []byte {
	var b bytes.Buffer
	b.WriteByte(0)
	b.WriteString(recordTitle)
	fmt.Fprintf(&b, "log %s\nnumber %d\nepoch %d\ntime %d\nprevious %x\nkey %x\n", r.log, r.number, r.epoch, r.time, r.previous, []byte(r.key))
	for _, fact := range r.facts {
		b.WriteString(fact)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// sign returns the frame of the record and notes its hash.
func (r *record) sign(key ed25519.PrivateKey) []byte {
	r.key = key.Public().(ed25519.PublicKey)
	body := r.signed()
	body = append(body, ed25519.Sign(key, body)...)
	r.hash = sha256.Sum256(body)
	frame := append(make([]byte, frameHeader, frameHeader+len(body)), body...)
	sealFrame(frame)
	return frame
}

var errRecord = errors.New("not a ledger record")

// parseRecord reads a body. Whether the signature holds, its key is to be trusted, and the record follows the one before,
// is for the caller.
func parseRecord(body []byte) (*record, error) {
	if len(body) <= ed25519.SignatureSize {
		return nil, errRecord
	}
	text, signature := body[:len(body)-ed25519.SignatureSize], body[len(body)-ed25519.SignatureSize:]
	rest, ok := bytes.CutPrefix(text, []byte("\x00"+recordTitle))
	if !ok || len(rest) == 0 || rest[len(rest)-1] != '\n' {
		return nil, errRecord
	}
	lines := strings.Split(string(rest[:len(rest)-1]), "\n")
	if len(lines) < 6 {
		return nil, errRecord
	}
	r := &record{facts: lines[6:], hash: sha256.Sum256(body)}
	var previous, key string
	if err := scanFields(lines[:6], []string{"log", "number", "epoch", "time", "previous", "key"},
		&r.log, &r.number, &r.epoch, &r.time, &previous, &key); err != nil {
		return nil, err
	}
	var err error
	if r.previous, err = parseDigest(previous); err != nil {
		return nil, err
	}
	public, err := parseDigest(key)
	if err != nil {
		return nil, err
	}
	r.key, r.text, r.signature = public[:], text, signature
	return r, nil
}

// verify checks the signature by the key that the record names, while the body it was parsed from is still there.
func (r *record) verify() error {
	if !ed25519.Verify(r.key, r.text, r.signature) {
		return errors.New("signature does not match")
	}
	return nil
}

// scanFields reads lines of "name value".
func scanFields(lines, names []string, into ...any) error {
	for i, name := range names {
		value, ok := strings.CutPrefix(lines[i], name+" ")
		if !ok {
			return errRecord
		}
		var err error
		switch p := into[i].(type) {
		case *string:
			*p = value
		case *uint64:
			*p, err = strconv.ParseUint(value, 10, 64)
		case *int64:
			*p, err = strconv.ParseInt(value, 10, 64)
		}
		if err != nil {
			return errRecord
		}
	}
	return nil
}

func parseDigest(s string) (d digest, err error) {
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) != len(d) {
		return d, errRecord
	}
	return digest(raw), nil
}

// The facts. Words are separated by one space.
//
//	open SERVER VERSION                        the log was opened: a new epoch
//	class NAME KEEP FAILURE                    with this class
//	range CLASS FROM TO LAST ROOT              frames FROM to TO are this Merkle root; no event later than LAST
//	state CLASS SEALED EXPIRED KEEP            so far (first record of a file): last number sealed, last deleted
//	recovered CLASS AFTER BYTES                a torn tail of so many bytes after frame AFTER was cut off
//	expire CLASS THROUGH LAST KEEP             frames up to THROUGH were deleted, none of them later than LAST
//	successor KEY                              the next record is signed with KEY
//	close                                      the log was closed in order
const (
	factOpen      = "open"
	factClass     = "class"
	factRange     = "range"
	factState     = "state"
	factRecovered = "recovered"
	factExpire    = "expire"
	factSuccessor = "successor"
	factClose     = "close"
)

// A sealed is a run of frames of one class under one root.
type sealed struct {
	class    string
	from, to uint64
	last     int64 // latest time in it
	root     digest
}

func (s sealed) fact() string {
	return fmt.Sprintf("%s %s %d %d %d %x", factRange, s.class, s.from, s.to, s.last, s.root)
}

// An expiry is a run of frames that was deleted.
type expiry struct {
	class   string
	through uint64
	last    int64
	keep    Keep
}

func (e expiry) fact() string {
	return fmt.Sprintf("%s %s %d %d %s", factExpire, e.class, e.through, e.last, e.keep)
}

// due reports whether the events may be gone at that time.
func (e expiry) due(at int64) bool {
	until, ok := e.keep.Until(time.Unix(0, e.last))
	return ok && !time.Unix(0, at).Before(until)
}

// words splits a fact and returns its numbers from the second word on; what does not fit is an error.
func words(fact string, n int) ([]string, error) {
	w := strings.Split(fact, " ")
	if len(w) != n+1 {
		return nil, errRecord
	}
	return w[1:], nil
}

func parseSealed(fact string) (s sealed, err error) {
	w, err := words(fact, 5)
	if err != nil {
		return s, err
	}
	var bad [4]error
	s.class = w[0]
	s.from, bad[0] = strconv.ParseUint(w[1], 10, 64)
	s.to, bad[1] = strconv.ParseUint(w[2], 10, 64)
	s.last, bad[2] = strconv.ParseInt(w[3], 10, 64)
	s.root, bad[3] = parseDigest(w[4])
	if errors.Join(bad[:]...) != nil || s.from == 0 || s.to < s.from || !validName(s.class) {
		return s, errRecord
	}
	return s, nil
}

func parseExpiry(fact string) (e expiry, err error) {
	w, err := words(fact, 4)
	if err != nil {
		return e, err
	}
	var bad [3]error
	e.class = w[0]
	e.through, bad[0] = strconv.ParseUint(w[1], 10, 64)
	e.last, bad[1] = strconv.ParseInt(w[2], 10, 64)
	e.keep, bad[2] = parseKeep(w[3])
	if errors.Join(bad[:]...) != nil {
		return e, errRecord
	}
	return e, nil
}

func (s classState) fact(class string) string {
	return fmt.Sprintf("%s %s %d %d %s", factState, class, s.sealed, s.expired, s.keep)
}

func parseState(fact string) (class string, s classState, err error) {
	w, err := words(fact, 4)
	if err != nil {
		return "", s, err
	}
	var bad [3]error
	s.sealed, bad[0] = strconv.ParseUint(w[1], 10, 64)
	s.expired, bad[1] = strconv.ParseUint(w[2], 10, 64)
	s.keep, bad[2] = parseKeep(w[3])
	if errors.Join(bad[:]...) != nil {
		return "", s, errRecord
	}
	return w[0], s, nil
}

// kindOf is the first word of a fact.
func kindOf(fact string) string {
	kind, _, _ := strings.Cut(fact, " ")
	return kind
}

// A Witness names one record of a log's ledger. Kept where the log's machine cannot change it, it shows that a log was
// cut back or replaced: see [Trust].
type Witness struct {
	Log    string // id of the log
	Record uint64 // number of the ledger record
	Hash   [sha256.Size]byte
}

// String is the form to write down: "skans-audit LOG RECORD HASH".
func (w Witness) String() string { return fmt.Sprintf("skans-audit %s %d %x", w.Log, w.Record, w.Hash) }

// ParseWitness reads what [Witness.String] wrote.
func ParseWitness(s string) (Witness, error) {
	w := strings.Fields(s)
	if len(w) == 4 && w[0] == "skans-audit" {
		number, err := strconv.ParseUint(w[2], 10, 64)
		hash, bad := parseDigest(w[3])
		if err == nil && bad == nil {
			return Witness{Log: w[1], Record: number, Hash: hash}, nil
		}
	}
	return Witness{}, errors.New(`audit: a witness is "skans-audit", the log's id, a number and a hash of 64 hexadecimal digits`)
}
