package activation

import (
	"context"
	"time"
)

// An ID is a keyed hash; nothing that a store holds can be turned back into a key.
type ID [32]byte

// A Record is what is kept of a key.
type Record struct {
	ID      ID     // of the key
	Slot    ID     // of the purpose and the subject; a slot has one record at most
	Subject string // whom the key is for
	State   ID     // of what the key depends on
	Expires time.Time
}

// A Store keeps records. Its methods may be called concurrently, by several processes; each is one atomic step. A
// method must return soon after ctx ends. An error means that nothing is issued or redeemed.
type Store interface {
	// Put keeps the record and drops the one that had its slot, so that a newer key kills the older.
	Put(ctx context.Context, r Record) error
	// Get returns the record of the id; false means that there is none. An expired record may be returned.
	Get(ctx context.Context, id ID) (Record, bool, error)
	// Consume drops the record of the id and reports whether it was there. Of any number of calls for one id, one
	// gets true.
	Consume(ctx context.Context, id ID) (bool, error)
	// Revoke drops the record of the slot, if there is one.
	Revoke(ctx context.Context, slot ID) error
	// Sweep drops what has expired by now and returns how many records that were.
	Sweep(ctx context.Context, now time.Time) (int, error)
}
