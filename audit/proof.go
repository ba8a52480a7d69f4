package audit

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
)

// A Proof shows one event to somebody who may not see the others: the stored bytes, the signed record that covers them,
// and the hashes in between. It is self-contained and has a JSON form. [Proof.Event] checks it.
type Proof struct {
	Record []byte   `json:"record"` // body of the ledger's record
	Body   []byte   `json:"body"`   // body of the event's frame
	Class  string   `json:"class"`
	Path   [][]byte `json:"path"` // RFC 6962 section 2.1.1
}

var errProof = errors.New("audit: proof does not hold")

// Event returns the event if the proof holds under one of the keys. It has neither Server nor Version, and no Attrs
// where they are sealed under a subject.
func (p Proof) Event(keys []ed25519.PublicKey) (Event, error) {
	r, err := parseRecord(p.Record)
	if err != nil {
		return Event{}, fmt.Errorf("%w: %w", errProof, err)
	}
	trusted := slices.ContainsFunc(keys, func(k ed25519.PublicKey) bool { return k.Equal(r.key) })
	if !trusted || r.verify() != nil {
		return Event{}, fmt.Errorf("%w: its record is not signed with a trusted key", errProof)
	}
	e, _, err := parseEvent(p.Body)
	if err != nil {
		return Event{}, fmt.Errorf("%w: %w", errProof, err)
	}
	path := make([]digest, len(p.Path))
	for i, h := range p.Path {
		if len(h) != len(path[i]) {
			return Event{}, errProof
		}
		path[i] = digest(h)
	}
	for _, fact := range r.facts {
		s, err := parseSealed(fact)
		if kindOf(fact) != factRange || err != nil || s.class != p.Class || e.Seq < s.from || e.Seq > s.to {
			continue
		}
		root, err := rootFromPath(sha256.Sum256(p.Body), e.Seq-s.from, s.to-s.from+1, path)
		if err != nil || root != s.root {
			return Event{}, errProof
		}
		e.Log, e.Class, e.Epoch = r.log, s.class, r.epoch
		return e, nil
	}
	return Event{}, fmt.Errorf("%w: its record does not cover the event", errProof)
}

// Prove yields a proof for each sealed event that the filter chooses, class by class within a record.
func (l *Log) Prove(ctx context.Context, f Filter) iter.Seq2[Proof, error] {
	return func(yield func(Proof, error) bool) {
		p := prover{ctx: ctx, filter: f, source: source{fsys: l.fs(), vault: l.vault}, yield: yield, next: map[string]func() ([]byte, error, bool){}}
		defer p.close()
		v := &verifier{ctx: ctx, fsys: p.source.fsys}
		if err := v.ledger(p.record); err != nil && !errors.Is(err, errStop) {
			yield(Proof{}, err)
		}
	}
}

var errStop = errors.New("stop")

type prover struct {
	ctx    context.Context
	filter Filter
	source source
	yield  func(Proof, error) bool
	next   map[string]func() ([]byte, error, bool)
	stops  []func()
	leaves []digest
}

func (p *prover) close() {
	for _, stop := range p.stops {
		stop()
	}
}

func (p *prover) record(r *record, _ uint64) error {
	whole := slices.Concat(r.text, r.signature)
	for _, fact := range r.facts {
		if kindOf(fact) != factRange {
			continue
		}
		s, err := parseSealed(fact)
		if err != nil {
			return err
		}
		if p.filter.Class == "" || p.filter.Class == s.class {
			if err = p.run(whole, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// run reads the frames of one run, all of whose hashes a path may need.
func (p *prover) run(record []byte, s sealed) error {
	next := p.next[s.class]
	if next == nil {
		var stop func()
		next, stop = iter.Pull2(frames(p.ctx, p.source.fsys, s.class, s.from-1, 1<<64-1))
		p.next[s.class], p.stops = next, append(p.stops, stop)
	}
	type match struct {
		at   int
		body []byte
	}
	var found []match
	p.leaves = p.leaves[:0]
	for uint64(len(p.leaves)) < s.to-s.from+1 {
		body, err, ok := next()
		if err != nil {
			return err
		}
		if !ok || bodySeq(body) > s.to { // deleted by right, or missing: Verify tells
			delete(p.next, s.class)
			return nil
		}
		if bodySeq(body) < s.from {
			continue
		}
		p.leaves = append(p.leaves, sha256.Sum256(body))
		if body[1] != bodyEvent {
			continue
		}
		e, err := p.source.event(p.ctx, body, segment{class: s.class})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if p.filter.match(e) {
			found = append(found, match{len(p.leaves) - 1, slices.Clone(body)})
		}
	}
	for _, m := range found {
		proof := Proof{Record: record, Body: m.body, Class: s.class}
		for _, h := range auditPath(m.at, p.leaves) {
			proof.Path = append(proof.Path, h[:])
		}
		if !p.yield(proof, nil) {
			return errStop
		}
	}
	return nil
}
