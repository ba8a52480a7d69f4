package session

import (
	"context"
	"errors"
	"iter"
	"time"
)

var (
	// ErrNotFound is what a [Store] returns for a session that it does not have: never made, ended, expired, or of
	// another generation. The reasons are one, so that no caller can treat them differently.
	ErrNotFound = errors.New("session: no such session")
	// ErrConflict is what a [Store] returns when the version given is not the one stored, and from Create when the id
	// is taken. The caller loads the record again and decides anew.
	ErrConflict = errors.New("session: changed meanwhile")
)

// A Record is one session as a [Store] keeps it. The store acts on all fields but Token and Data, which it only keeps.
// Nothing in it lets its reader become the visitor: the token is there as a keyed hash. Data is sealed together with
// ID, User, Token, Generation, Since and Deadline, so that a row that was planted, moved or changed ends instead of
// granting.
type Record struct {
	ID         string    // 22 letters of base64url: the public id and primary key; stays across rotations
	User       string    // "" for an anonymous session; indexed for ByUser, EndUser and the limit
	Token      TokenHash // keyed hash of the token
	Generation uint32    // 1 at creation, one more with each rotation
	Version    uint64    // 1 at creation, one more with each Patch and Rotate; the compare-and-swap
	Since      time.Time // when the user signed in, or the anonymous session began; orders the sessions of a user
	Seen       time.Time // last activity that was written down
	Expires    time.Time // the session is live before this instant; never after Deadline
	Deadline   time.Time // moved by Create and Rotate only, so that touches change no index on it
	Data       string    // opaque bytes, at most 128 KiB
}

// A TokenHash is HMAC-SHA-256 of a token under the session's key, cut to 128 bits (RFC 2104, section 5). The token has
// 256 random bits, so nobody finds one for a given hash, not even with the key.
type TokenHash [tokenHashLen]byte

const tokenHashLen = 16

// A Change is what [Store.Patch] writes.
type Change struct {
	Seen    time.Time
	Expires time.Time
	Data    string
}

// A Store keeps sessions. Every method is one atomic step, safe for concurrent use by many processes, and is over when
// ctx is: a call that outlives its deadline returns an error. A session is live while it is stored and now is before
// its Expires; a method that finds none such returns [ErrNotFound], whether a Sweep took the row or not. Errors other
// than [ErrNotFound] and [ErrConflict] mean that the store cannot tell; the caller then grants nothing.
//
// There is no upsert: only Create makes a row, and whatever else writes changes a live one. That is why a
// session that was ended cannot come back through a request that was still running. Times are the caller's and kept to
// the millisecond at least, and come without smaller parts.
//
// Ids are 22 letters of base64url without padding (RFC 4648, section 5) that encode 16 bytes. A user id is any text of at
// most 256 bytes. A session passes from nobody to one user, and never from one user to another.
//
// Package sessiontest has the suite that every implementation must pass.
type Store interface {
	// Create inserts r, and ends what Create and Rotate must: with r.User not empty and limit above 0, all but the
	// newest limit live sessions of that user by Since (r always stays). It returns the ids it ended. If r.ID is
	// stored already, live or not, it returns [ErrConflict] and changes nothing.
	Create(ctx context.Context, r Record, limit int, now time.Time) (ended []string, err error)
	// Load returns the live session of that id, in one round trip.
	Load(ctx context.Context, id string, now time.Time) (Record, error)
	// Touch sets Seen and Expires of the live session of that id and generation, whether they rise or fall. The
	// version stays, so that touches do not disturb writers.
	Touch(ctx context.Context, id string, generation uint32, seen, expires, now time.Time) error
	// Patch writes c to the live session of that id if its version is the one given, and raises the version by one.
	Patch(ctx context.Context, id string, version uint64, c Change, now time.Time) error
	// Rotate replaces the live session of r.ID by r if the stored version is the one given, with version+1 as its new
	// version, and ends what is over the limit as Create does.
	Rotate(ctx context.Context, r Record, version uint64, limit int, now time.Time) (ended []string, err error)
	// End removes the session for good. It returns [ErrNotFound] if there is none to end.
	End(ctx context.Context, id string, now time.Time) (user string, err error)
	// EndUser removes all live sessions of the user but those excepted, and returns the ids it ended.
	EndUser(ctx context.Context, user string, except []string, now time.Time) (ended []string, err error)
	// ByUser yields the live sessions of the user, newest Since first. After an error it yields nothing more.
	ByUser(ctx context.Context, user string, now time.Time) iter.Seq2[Record, error]
	// Sweep removes at most limit sessions that have expired and returns how many. It holds no lock that a reader
	// waits for longer than a millisecond. Fewer than limit means that none is left.
	Sweep(ctx context.Context, limit int, now time.Time) (int, error)
}
