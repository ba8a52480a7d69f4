// Package authz decides who may open a page, see a fragment of it, call a function or use a table. Nobody may anything
// unless a line of the policy says so.
//
// A [Policy] is data: roles, and a [Rule] for every [Page], [Func], [Fragment] and [Table]. A [Guard] is made from it by
// [New] and owns the routes, so that a handler cannot be reached but through its rule. [Guard.Handler] starts only
// when policy, routes and templates match both ways.
//
// # Recommended use
//
// Declare names as constants, the policy in one file, and keep [Guard.Matrix] as a golden file beside it: a widened
// right is then one line of a review. Register every route with [Guard.Handle]; static files are a page
// ("GET /static/{file...}" under a [Public] rule). Render with [Guard.Render]; put what every page needs (a CSRF token, a CSP
// nonce) into Config.Helpers. Ask [Guard.Check] about an object that only the handler knows. Under chi, echo or gin
// wrap handlers in [Guard.Protect] and set Config.PathValue; on net/http's own mux it is not needed.
//
// # How a decision falls
//
// Allowed is who is declared AND in a tenant where one is needed AND not denied AND (shows the key, or is signed in,
// member of the backend and holder of a role, or tied to exactly this) AND meets every condition. Deny beats allow
// whatever the order. A condition that errs, panics or is late is not met, and holds inside a deny. There is no
// superuser, no switch that turns checking off, and no cache of decisions: a role taken away is gone with the next
// request, while one request sees one policy and one subject throughout.
//
// # Events
//
// Through Config.Audit, with these attributes where they are known:
//
//	authz.denied    ref, rule, reason, detail, outcome, tenant, object, method, user, addr
//	authz.notfound  ref, reason, path (long segments as "-"), method, user, addr
//	authz.reloaded  outcome ("loaded", "refused"), rules or reason
//	authz.granted   user (who grants), role, tenant, subject (who gets it)
//	authz.revoked   as authz.granted
//
// The outcome of a denial is "failed" where the condition in detail could not be told: an error, a panic, a late answer, or
// nothing configured to ask. What it said is in [Refusal.Cause] only.
//
// An error from Audit fails a reload or a grant; a refusal stays a refusal.
//
// # Security model
//
// Trusted: the program, its policy, its templates, and what Config.Subject returns. Untrusted: every byte of a request,
// its path, method, headers and keys; and the reliability of whatever Config.Subject, Conditions, Country and Spend
// ask.
//
// Promised: no registered handler runs unless its rule allows; whatever the mux would answer by itself (a redirect, a
// 405 with a list of methods, OPTIONS *) is one uniform 404; a method in a header or form means nothing; another
// tenant's object answers like a missing one if the handler answers missing ones with [Guard.NotFound]; a template
// yields no byte that its subject may not see; a failed reload changes nothing.
//
// Not promised: that a handler which was let in touches only what it should (use [Guard.Check], and in the database
// [Policy.PostgresSQL]); that a key's holder is the person it was sent to; that a decision still holds at the end of a
// long response.
package authz
