// Package session gives each visitor of a web service one session, from the first request to logout.
//
// Wrap the service in [Manager.Handler]; in a handler, [From] returns the visitor's [Session]:
//
//	sessions, err := session.New(session.Config{
//		Keys:    keys,
//		Origins: []string{"https://mail.example"},
//		Audit:   log.Record,
//	})
//	...
//	go sessions.Run(ctx)
//	server := &http.Server{Handler: sessions.Handler(mux)}
//
// Login, [Session.Elevate] and [Session.Logout] take effect in the store at once. Values belong to a typed [Key] and
// are stored right before the answer begins, so a visitor never sees an answer whose data was lost. Forms carry
// [Session.CSRF] in a hidden field named "csrf", scripts send it as X-CSRF-Token; without it every unsafe request that
// comes with a session is refused. A route behind [Action] demands the token of that action and object, one behind
// [Once] a token that works one time.
//
// Sign users in through package session/signin, which calls Login after everything else has been checked.
//
// # Security model
//
// Trusted are the keyring, the process, its clock going forward, the peers listed as proxies, and the host's handlers.
// The store is trusted to keep its contract about what is live and to count versions; it is not trusted with secrets,
// nor with the truth of its rows. The network, every header and body, and whatever claims to be a cookie are the
// attacker's.
//
// What is promised:
//
//   - A session that has ended stays ended. Only an insert makes a session, everything else changes a live row. A
//     request that is still running when its session ends, by logout, revocation, rotation, limit or sweep, finishes
//     its answer, but stores nothing, sets no cookie, and its context is cancelled with the cause [ErrEnded]. Within
//     one process that is at once; between processes, and for timeouts, [Manager.Run] looks every 5 seconds.
//   - No write is lost. The writes of one request are committed by compare-and-swap and replayed when another request
//     was faster.
//   - A token cannot be guessed, planted or taken from the store: 256 bits of crypto/rand, of which the store has an
//     HMAC. Rows are sealed: one that was changed in the store ends, instead of granting.
//   - The token changes with every change of rights, and the old one is dead. For 30 seconds it is taken as a request
//     that was under way, anonymous and read-only; after that it raises [EventReuse].
//   - Time only shortens: activity is noted late and never early, clocks that step back extend nothing, the absolute
//     deadline moves with Login alone.
//   - A session works only from the scheme, the network and the browser that began it, as far as [Bind] says. A
//     mismatch ends it.
//   - A request from another site changes nothing: origin and token are both demanded. WebSockets have the origin.
//   - When the store fails, nothing is granted and nothing half-stored: 503 or 500, and the cookie is kept for when it
//     is back.
//
// What is not: malware in the visitor's browser acts as the visitor. An attacker on the same network with the same browser
// family can use a stolen token until it rotates. Two requests of one session do not see each other's
// uncommitted values. An attacker who controls the store can end sessions, and bring back a row as it was before.
// Refusals are recorded one by one; a flood of them is for the log behind Config.Audit to sum up. An anonymous session
// costs a visitor one request and the [MemoryStore] 200 bytes until it idles out; limit requests in front.
//
// The cookie __Host-session is Secure, HttpOnly, SameSite=Lax, without Domain and Max-Age. To end all sessions of a
// service, replace its keyring by one without the old keys.
//
// ASVS 5.0 requirements met here: 3.3.1 to 3.3.4, 3.5.1, 3.7.5, 4.4.2, 7.1.1, 7.1.2, 7.2.1 to 7.2.4, 7.3.1, 7.3.2,
// 7.4.1, 7.4.2, 7.5.2, 14.3.1.
//
// # Events
//
// Each carries "session" (the public id) and "user" where they are known, and of a request "addr" and "agent".
//
//	session.created    an anonymous session was made
//	session.login      a user signed in: methods
//	session.elevated   a further proof: methods
//	session.rotated    a new token, because rights changed
//	session.ended      reason: logout, revoked, user (another one signed in), mismatch, exposed, damaged, unrecorded, panic
//	session.mismatch   reason: scheme, address, agent; outcome: ended (then ref), observed
//	session.anonymous  event: one of the two before, of a session that nobody signed in to; with its attributes
//	session.reuse      a rotated token came back: age
//	session.limit      the session was over the limit of its user
//	session.csrf       refused: reason (origin, missing, token, action, used, method), ref
//	session.duplicate  two session cookies in one request: cookies
//
// Timeouts have no event: they follow from session.login and [Manager.Describe].
package session
