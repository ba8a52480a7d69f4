package totp

import (
	"context"
	"errors"
)

// A Factor is one sealed secret. The id is random and public; the store compares it and never looks into Sealed.
// The zero Factor means that there is none.
type Factor struct {
	ID     string // 26 characters of base32
	Sealed []byte // at most 512 bytes
}

// A Record is all that a [Store] knows of one user. The zero Record is a user of whom it knows nothing.
type Record struct {
	Active   Factor // what [Service.Verify] asks for
	LastStep int64  // the newest step of Active that was used; the ones up to it are used up
	Recovery int    // how many recovery codes are left
	Pending  Factor // enrolled and not confirmed yet
}

// A Store keeps the factors, one record for each user. Every method is one atomic operation: of callers that run at the
// same time, each sees the record either before or after another's change, and where a method reports true for a change
// that can happen once, exactly one of them gets true. Every method honours ctx, and on an error it has changed nothing
// that a caller could take for granted: an error always denies.
//
// There are no transactions to hold and no upsert: [Store.Begin] alone creates a record, and the others change one only
// while the factor that they name is the one in place. Package totptest has the suite that every Store must pass.
type Store interface {
	// Load returns the record of user; the zero Record, without an error, when there is none.
	Load(ctx context.Context, user string) (Record, error)
	// Begin puts pending in the place of an earlier pending factor and leaves the rest of the record as it is.
	Begin(ctx context.Context, user string, pending Factor) error
	// Confirm makes the pending factor active, if it still is the one with this id: Active becomes it, Pending the zero
	// Factor, LastStep becomes step, and the recovery codes become exactly these hashes. Else it changes nothing and
	// returns false.
	Confirm(ctx context.Context, user, id string, step int64, recovery [][]byte) (bool, error)
	// Advance raises LastStep to step, if Active has this id and LastStep is below step. Else it changes nothing and
	// returns false. This is what makes a code work once.
	Advance(ctx context.Context, user, id string, step int64) (bool, error)
	// SetRecovery replaces all recovery codes by these hashes, if Active has this id; else it returns false.
	SetRecovery(ctx context.Context, user, id string, recovery [][]byte) (bool, error)
	// UseRecovery removes one recovery code of user that equals any of the hashes (one for each live key) and returns how
	// many are left. It returns false when none of them is there. The hashes are keyed, so comparing them needs no
	// constant time.
	UseRecovery(ctx context.Context, user string, hashes [][]byte) (left int, ok bool, err error)
	// Reseal replaces Active.Sealed, if Active has this id; else it returns false.
	Reseal(ctx context.Context, user, id string, sealed []byte) (bool, error)
	// Remove forgets the user: active and pending factor, last step and recovery codes. It returns false when there was
	// no record.
	Remove(ctx context.Context, user string) (bool, error)
}

var errNoStore = errors.New("totp: Config.Store is nil; give a durable store, or NewMemoryStore for tests and demonstrations")
