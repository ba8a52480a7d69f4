package audit

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

// Trust is what a verifier knows from elsewhere than the log.
type Trust struct {
	// Keys are the public keys that may have signed the log, the newest first, as [Log.PublicKeys] returns them. Keep
	// them apart from the log. A key that is not here is a stranger's, whoever named it a successor.
	Keys []ed25519.PublicKey
	// AtLeast is the last witness that was kept. Without one, a log that was cut back to an earlier record looks whole.
	AtLeast Witness
	// Classes are the retention times that the verifier expects; a segment that was deleted earlier is a problem even if
	// the log's own configuration allowed it. nil: as the log says.
	Classes []Class
}

// A Report is the outcome of [Verify].
type Report struct {
	// Problem says in words what is wrong first; "" if all that the ledger signs is there and unchanged.
	Problem string
	// Class, FirstBad and LastBad say where: numbers of events in a class, or of records when Class is "ledger". Where
	// only the root of a run does not match, one of the numbers FirstBad to LastBad was changed; else both are the same.
	Class             string
	FirstBad, LastBad uint64

	Log     string // id of the log
	Records uint64 // signed records that were checked
	Events  uint64 // frames that were checked under a signature
	Expired uint64 // frames that were deleted as their retention allows

	// UnprovenAfter tells, for each class with frames behind the last signed one, that one's number. For a log that
	// is open it is at most the last second's; after a crash, what the next Open signs.
	UnprovenAfter map[string]uint64
	// Torn lists the classes, or "ledger", whose last write a crash cut short. The next Open drops it.
	Torn []string
	// Witness is the last record; keep it for the next time.
	Witness Witness
}

// OK reports whether everything up to the last signed record is as it was written.
func (r Report) OK() bool { return r.Problem == "" }

// String is one line.
func (r Report) String() string {
	if !r.OK() {
		return fmt.Sprintf("tampered: %s %d: %s", r.Class, r.FirstBad, r.Problem)
	}
	line := fmt.Sprintf("ok: %d events, %d expired, %d records", r.Events, r.Expired, r.Records)
	for _, class := range slices.Sorted(mapKeys(r.UnprovenAfter)) {
		line += fmt.Sprintf("; %s unproven after %d", class, r.UnprovenAfter[class])
	}
	for _, class := range r.Torn {
		line += fmt.Sprintf("; %s torn", class)
	}
	return line
}

// Verify reads a whole log, also while it is being written, in memory that does not grow with it. It needs no secret.
// The error is for files that cannot be read and for a Trust without keys; a log that is not what was written has a
// Report whose OK is false.
func Verify(ctx context.Context, fsys fs.FS, trust Trust) (Report, error) {
	if len(trust.Keys) == 0 {
		return Report{}, errors.New("audit: Trust.Keys is empty; verification needs the public keys of the log")
	}
	for {
		v := &verifier{ctx: ctx, fsys: fsys, trust: trust}
		report, err := v.run()
		if err != nil || report.OK() {
			return report, err
		}
		// A segment that expired while we read is missing from what was true before. Look again if the log went on.
		again := &verifier{ctx: ctx, fsys: fsys, trust: trust}
		if _, err := again.checkLedger(); err != nil || again.report.Records == v.report.Records {
			return report, nil
		}
	}
}

// A flaw ends a verification.
type flaw struct {
	class       string
	first, last uint64
	problem     string
}

func (f *flaw) Error() string { return f.problem }

func broken(class string, at uint64, problem string, args ...any) error {
	return &flaw{class, at, at, fmt.Sprintf(problem, args...)}
}

type verifier struct {
	ctx     context.Context
	fsys    fs.FS
	trust   Trust
	report  Report
	classes map[string]*runs
	first   record // first record that is there
	parts   *sync.Pool
	closed  bool // the last record closed the log in order
}

func (v *verifier) run() (Report, error) {
	v.report = Report{UnprovenAfter: map[string]uint64{}}
	v.classes, v.parts = map[string]*runs{}, &sync.Pool{New: func() any { return new(part) }}
	defer v.closeFiles()
	_, err := v.checkLedger()
	if err == nil {
		err = v.checkRuns()
	}
	if err == nil {
		err = v.checkRest()
	}
	var f *flaw
	if errors.As(err, &f) {
		v.report.Problem, v.report.Class, v.report.FirstBad, v.report.LastBad = f.problem, f.class, f.first, f.last
		err = nil
	}
	return v.report, err
}

// ledger goes through the records of all files.
func (v *verifier) ledger(each func(r *record, fileFirst uint64) error) error {
	names, err := numbered(v.fsys, ledgerDir, ledgerEnd)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return broken(ledgerDir, 1, "there is no ledger")
	}
	next := firstOf(names[0])
	for i, name := range names {
		if next, err = v.ledgerFile(name, next, i == len(names)-1, each); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) ledgerFile(name string, next uint64, last bool, each func(r *record, fileFirst uint64) error) (uint64, error) {
	file, err := v.fsys.Open(name)
	if err != nil {
		return next, err
	}
	defer file.Close()
	for reader := newFrameReader(file); ; next++ {
		if err := v.ctx.Err(); err != nil {
			return next, err
		}
		body, err := reader.next()
		switch {
		case errors.Is(err, io.EOF):
			return next, nil
		case errors.Is(err, errTorn) && last:
			if !slices.Contains(v.report.Torn, ledgerDir) {
				v.report.Torn = append(v.report.Torn, ledgerDir)
			}
			return next, nil
		case errors.Is(err, errTorn) || errors.Is(err, errBroken):
			return next, broken(ledgerDir, next, "the record is damaged")
		case err != nil:
			return next, err
		}
		r, err := parseRecord(body)
		if err != nil {
			return next, broken(ledgerDir, next, "the record cannot be read")
		}
		if r.number != next || reader.offset == int64(frameHeader+len(body)) && firstOf(name) != next {
			return next, broken(ledgerDir, next, "record %d stands in its place", r.number)
		}
		if err := each(r, firstOf(name)); err != nil {
			return next, err
		}
	}
}

// checkLedger is the first pass: signatures, keys, the chain of hashes, the witness; and what was deleted by right.
func (v *verifier) checkLedger() (last digest, err error) {
	if v.classes == nil {
		v.classes = map[string]*runs{}
	}
	key, witnessed := -1, false
	err = v.ledger(func(r *record, _ uint64) error {
		if v.report.Records == 0 {
			v.first, v.report.Log = *r, r.log
			key = v.trusted(r.key)
		}
		switch {
		case r.verify() != nil:
			return broken(ledgerDir, r.number, "the record's signature does not match")
		case r.log != v.report.Log:
			return broken(ledgerDir, r.number, "the record is of another log")
		case v.report.Records > 0 && r.previous != last:
			return broken(ledgerDir, r.number, "the record does not follow the one before it")
		case key < 0 || !v.trust.Keys[key].Equal(r.key):
			return broken(ledgerDir, r.number, "the record is signed with a key that is not trusted there")
		}
		last = r.hash
		v.closed = slices.Contains(r.facts, factClose)
		v.report.Records++
		v.report.Witness = Witness{Log: r.log, Record: r.number, Hash: r.hash}
		if r.number == v.trust.AtLeast.Record {
			witnessed = r.hash == v.trust.AtLeast.Hash
		}
		for _, fact := range r.facts {
			if err := v.note(fact, r, &key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return last, err
	}
	return last, v.checkEnds(witnessed)
}

// checkEnds looks at where the ledger begins and how far it goes.
func (v *verifier) checkEnds(witnessed bool) error {
	w := v.trust.AtLeast
	switch {
	case v.report.Records == 0:
		return broken(ledgerDir, 1, "the ledger has no record")
	case v.first.number > 1:
		return broken(ledgerDir, 1, "records before %d are missing", v.first.number)
	case v.first.previous != digest{}:
		return broken(ledgerDir, 1, "the first record follows one that is not there")
	case w == Witness{} || witnessed && w.Log == v.report.Log:
		return nil
	case w.Log != v.report.Log:
		return broken(ledgerDir, v.first.number, "this is not the log of the witness")
	case w.Record > v.report.Witness.Record:
		return broken(ledgerDir, v.report.Witness.Record+1, "the log was cut back: the witness names record %d", w.Record)
	}
	return broken(ledgerDir, w.Record, "the record is not the one that the witness names")
}

// trusted returns the place of a key in Trust.Keys, -1 if it has none.
func (v *verifier) trusted(key ed25519.PublicKey) int {
	return slices.IndexFunc(v.trust.Keys, func(k ed25519.PublicKey) bool { return k.Equal(key) })
}

// note keeps what the second pass must know beforehand.
func (v *verifier) note(fact string, r *record, key *int) error {
	switch kindOf(fact) {
	case factSuccessor:
		raw, err := parseDigest(strings.TrimPrefix(fact, factSuccessor+" "))
		next := v.trusted(raw[:])
		if err != nil || next < 0 || next >= *key {
			return broken(ledgerDir, r.number, "the record hands over to a key that is not trusted, or older than the one before")
		}
		*key = next
	case factExpire:
		e, err := parseExpiry(fact)
		if err != nil {
			return broken(ledgerDir, r.number, "the record cannot be read")
		}
		c := v.class(e.class)
		c.expiries = append(c.expiries, e)
		c.through = max(c.through, e.through)
	}
	return nil
}

func (v *verifier) class(name string) *runs {
	if v.classes[name] == nil {
		v.classes[name] = &runs{class: name, fsys: v.fsys, next: 1}
	}
	return v.classes[name]
}
