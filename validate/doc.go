// Package validate turns a request into one typed value, or into one error that names the fields.
//
// One struct is the whole whitelist of a handler. Each field says where it comes from, which characters it may have and how
// many, and its type; whatever is not declared is refused. The handler gets the value or does not run, and cannot reach
// the raw input by mistake.
//
//	type Login struct {
//		User     string         `in:"form user" rule:"login,max=64"`
//		Password skans.Secret   `in:"form password" rule:"secret,max=256"`
//		Tab      int            `in:"query tab" rule:"min=0,max=9" opt:"0"`
//		Docs     []*upload.File `in:"file docs" rule:"pdf|png,max=5MB,count=3" opt:""`
//	}
//
//	var login = validate.Must[Login](validate.Options{Methods: []string{"POST"}})
//
//	mux.Handle("POST /login", login.Handle(func(w http.ResponseWriter, r *http.Request, in Login) { ... }))
//
// # Tags
//
// in:"source name" is required. The sources are form (urlencoded or multipart bodies), file (a part of a multipart body), query,
// path (r.PathValue; a router that does not fill it calls r.SetPathValue), header and json. A schema has a form or JSON, not both. Structs and slices of structs nest in JSON; embedded
// structs without a tag count as if their fields stood in the struct.
//
// rule:"..." begins with a class for text, and goes on with parameters. A missing rule is an error at start unless the type
// is its own rule.
//
//	min= max=          characters of text, bounds of numbers, decimals and dates; bytes of a file, as 5MB
//	maxbytes=          bytes of text; never more than four times max
//	count= atleast=    values of a slice
//	scale=             digits after the point of a [Decimal]
//	past future        of a [Date], by days in Options.Zone, or a [time.Time]
//	kind=a|b           kinds of a national number, as their types list them
//	bool, checkbox     how a bool is written: exactly true or false; or "on" or missing
//	pdf|png            the types of a file, by extension; see package upload
//
// Further items are rules of the host ([NewRule]) or of github.com/go-playground/validator/v10 from a closed table. They run after class
// and length, on text that passed both, and so can only refuse more. Tags that disable or widen (-, omitempty), that open what the
// user names (file, dir, image), that list what is forbidden (excludes, ne) or that accept javascript: (url, uri) do not start.
//
// opt:"default" makes a field optional; the default must pass the field's own rules. An empty input of another type than text
// counts as missing, and so does a file input without a file; JSON null counts as missing. Pointers tell missing from zero.
// Required text has at least one character unless min=0 says otherwise; optional text may be empty.
//
// # Classes
//
//	line        one line of text                     text        with newlines (CRLF becomes LF) and tabs
//	name        a person's name, of one script       letters     letters of one script
//	login       a-z 0-9 . @ - _                      identifier  A-Z a-z 0-9 _ -
//	token       A-Z a-z 0-9 - . _ ~ =                slug        words of a-z 0-9 joined by hyphens
//	digits      0-9                                  secret      for skans.Secret alone; no controls
//	email       RFC 5321 lengths, IDN as A-labels    url=a|*.b   http or https, listed hosts; url=* for any
//	path        a path on this site, for redirects   phone       E.164
//	postcode=SE of DE DK FI FR GB NO SE              country     ISO 3166-1 alpha-2
//	currency    ISO 4217                             language    BCP 47
//	iban        ISO 13616                            uuid        RFC 9562
//	colour      #rrggbb                              oneof=a|b   a list
//
// Text is normalised to NFC, numbers and codes to one canonical form, so that equal values are equal strings. Everywhere but
// in secrets, control, bidi-control, zero-width and other invisible characters, private use and unassigned code points
// are refused; joiners and variation selectors pass only where a script or an emoji needs them.
//
// # Types
//
// string, bool, all integers and floats, [time.Time] (RFC 3339), [Date], [Decimal], [skans.Secret], [*upload.File], the national numbers
// [SEPersonID], [SEOrgNo], [NOPersonID], [NOOrgNo], [DKCPR] and [FIHetu], and any type with UnmarshalText, which then needs a class and
// a maximum and gets only text that passed them. In JSON all but bool, integers and floats are strings; a Decimal too, because many
// programs would read a number as a float.
//
// # Errors
//
// A refusal is an [*Error] with a status, a reference id and one entry for each wrong field: 405 for the method, 415 for the
// content type, 413 for the size, 400 for what cannot be read, 422 for what can be read and is wrong, 503 when a file cannot be
// stored. Rules between fields are a method Check() error on the struct, which runs when all fields are good and
// returns a [*Conflict] to name some of them. If the struct also has CheckRules() []string, Describe lists those sentences.
//
// # Events
//
// validate.rejected ([Rejected]) reports every refusal: schema (the struct's name), status, reason (the refused fields and
// their codes, with names from the schema only), ref (the reference id of the answer).
//
// # Security model
//
// Trusted: the schema, the host's classes, rules and Check, net/http. Untrusted: every byte of the request.
//
// Promised: a handler runs only with a value whose every field passed its rules; a name that the schema does not have, that
// comes twice, or from another place than declared, refuses the request; nothing is repaired on the way (bad escapes, broken
// UTF-8, duplicate JSON names); no part of the request is in an error, an answer or an event; the cost is linear in the
// request's size and bounded by Options.MaxBody; input cannot panic. The form field csrf is reserved for the token of package session:
// every form schema passes over it.
//
// Limits: a body that a middleware read before and did not put back is accepted only if it can be proven that parsing lost nothing,
// else refused. Headers and path values other than the declared ones stay visible to the handler. A national number that passes could have been
// issued; whether it was, only the register knows. The time that a slow client takes is bounded by the server's ReadTimeout, not here.
package validate
