// Package audit records what happened, provably: security events in files of its own, and the history of chosen fields
// in the application's database. Both are signed, so that any later change shows.
//
// # The recommended way
//
// Open one [Log] a process, in a directory of its own, and give its Record method to every package that has an Audit
// hook. Put [Recover] outside of all handlers and [Access] inside of it, call [Log.Run] in a goroutine, and [Log.Close]
// at the end:
//
//	log, err := audit.Open(ctx, audit.Config{Dir: "audit", Keys: keys, Server: "mail-1", Version: version})
//	sessions, err := session.New(session.Config{Audit: log.Record, ...})
//	go log.Run(ctx)
//	handler = audit.Recover(log)(audit.Access(log)(handler))
//
// Say who acts where a request becomes somebody's, with [WithActor]. Keep [Log.PublicKeys] and, again and again, [Log.Witness] on
// another machine; verify with [Verify].
//
// Every event belongs to a [Class]. A class that rejects is durable: Record returns after fsync, one fsync for all who
// wait, and its error fails the operation, for what cannot be recorded must not happen. A class that alerts is buffered for up
// to a second and never holds an operation up; what is dropped is counted and the count recorded. [DefaultClasses] are
// there without being asked for.
//
// For field history declare a [Table] from struct tags, bind it with [Table.Open], and change rows with
// [History.Modify], or record what you changed with [History.Change], in your own transaction. [Log.RunHistory] brings
// committed rows under the log's signature.
//
// # Security model
//
// Trusted: the process while it runs, its keyring, and, for verification, the public keys and the witness, which the
// verifier keeps elsewhere. Not trusted: the disk and the database afterwards, other processes, the clock, everybody who
// causes events, and what the attributes say.
//
// Promised, once an event is signed, which is within a second: flipping, deleting, inserting, swapping, duplicating and
// splicing show, and Verify names the first bad number. Where an attacker also recomputes checksums, it names the run of
// frames, at most a second's, in which one was changed. Deletion by retention is signed and cannot be made to come early. Cutting the
// log back shows to whoever holds a later witness; without one, the log is proven up to where it ends and nothing says
// how far it went.
//
// Promised at once: after Record returned nil for a class that rejects, the event survives kill -9 and power loss, as far as the
// disk honours fsync. An fsync that fails takes the log out of use for good ([ErrPoisoned]). A torn write is cut off by the next
// Open and recorded; it is not tampering.
//
// Not promised: who has the live key can write false events from now on, and, without a witness anywhere, a false past.
// An event of a class that alerts may be lost in the last second before a crash. The attributes are as true as the
// program that wrote them. Whoever may remove files can remove the log; ship it ([Config.Ship]).
//
// Any string is stored as it is and shown on one safe line. Attributes named addr and agent are dropped unless the class
// says otherwise; one named login, which a stranger typed and which may be a password in the wrong field, is
// stored as a keyed digest. With a [skans.Vault], attributes of a Personal class and tracked fields are encrypted under the
// person they are about, and unreadable once that person is erased; the log still verifies. Ids of users and actors stay readable: let them
// say nothing by themselves.
//
// The files are described in docs/audit-format.md, precisely enough for a second implementation.
//
// # Events
//
// The log records [EventSuppressed] (class, count), [EventClock] (clock), [EventAggregate] (day, segment, rest, groups),
// [EventHistorySealed] (batch, count, root, first, last, ids); the middleware [EventRequest] and [EventNotFound]
// (method, path, status, bytes, duration, addr, agent) and [EventPanic] (ref, reason, method, path, stack).
package audit
