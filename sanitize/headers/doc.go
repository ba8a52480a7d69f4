// Package headers sets the response headers that keep a browser from being turned against the application and its
// users, and sends files that are saved and not shown.
//
// # Recommended use
//
// Make one [Policy] with [New] and put its [Policy.Handler] around everything else, so that errors, redirects and
// refusals carry the headers too. A page takes the nonce from the request's context, for the few scripts and style
// elements that stand in it:
//
//	page.Execute(w, map[string]any{"Nonce": headers.Nonce(r.Context())})
//	<script nonce="{{.Nonce}}" src="/static/app.js"></script>
//
// A handler that needs something stricter or other sets that header itself; it replaces the default. Static files set
// their own Cache-Control; everything else is no-store, because a response that nobody thought about may be a
// signed-in one. Attachments go through [Download], letters through [github.com/skans-go/skans/sanitize.ServeFrame].
// Files of the application itself come from [Static]. At logout, call [ClearSiteData]. [Policy.Isolate], inside the
// Handler, refuses what other sites make browsers ask for.
//
// # Security model
//
// Trusted: the Config and the handlers inside. Untrusted: requests, reports, file names and content types.
//
// Promised: every response carries the whole set, whatever the handler did to the header before it wrote; the nonce
// has 144 random bits and is new for each response; a Config that would undo the policy does not start; no origin is
// allowed by CORS that is not in the list, and none is reflected; a report costs at most 32 KB of memory and is
// recorded at a bounded rate, in one line of text, without query strings; a downloaded file cannot run in the
// application's origin.
//
// Limits: the headers tell browsers what to do and stop nobody who writes requests by hand. Strict-Transport-Security
// is the business of session/transport. Browsers without Content-Security-Policy Level 3 fall back to less; nothing
// here tells pages apart by browser. Reports can be sent by anybody.
//
// # Events
//
// [EventViolation] "headers.violation": directive, blocked, page, source, line, disposition, addr, agent, dropped.
//
// # Sources
//
// CSP Level 3; Trusted Types; Fetch standard, 3.2 (CORS) and 3.7 (CORP); HTML standard, 7.1.3 (COOP); Clear Site
// Data; Reporting API; RFC 6266 and RFC 8187; OWASP ASVS 5.0, 3.2.1, 3.4.2 to 3.4.8, 5.4.2, 14.2.2 and 14.3.2.
package headers
