// Package sanitize makes harmless what the application shows, sends and stores under a name: HTML mail, rich text of
// visitors, plain lines, header values, file names and log lines. Package validate refuses what should not come in;
// this package takes away what must not go out, and loses nothing that a reader needs.
//
// # Recommended use
//
// For a letter in HTML, make a [NewMail] with the letter's own prefix and pictures, wash the part, and show it with
// [ServeFrame] in a sandboxed frame. The [Report] says how many remote pictures were blocked; a reader who wants them
// gets the letter washed again with [Allow]. For what visitors write, use [NewComment] and put [HTML.Template] into
// the page. For everything that is not markup, use the functions: [Line] for a subject or a name, [Text] for several
// lines, [TextFromHTML] for a preview, [HeaderValue], [Filename], [Identifier] and [Log]. They do not escape for
// HTML: html/template does, where the text is written.
//
// # How washing works
//
// A [Washer] reads the markup once, token by token, and writes what its tables allow: elements, attributes, URL
// schemes, CSS properties with a grammar for each value. While writing it puts the markup in order by the rules of
// the HTML standard, so that a browser's parser has nothing left to move, imply or reopen; that is what keeps the
// output from mutating when it is parsed again, and from closing a container that it stands in. What was written then
// goes before a second judge, a bluemonday policy written independently of those tables. If that would change one
// byte, the reader gets plain text.
//
// # Security model
//
// Trusted: the configuration, and the addresses that [Mail.CID] and [Mail.Leave] return, which are only checked for
// their scheme. Untrusted: every byte that is washed, and every text that the functions are given.
//
// Promised of washed markup, wherever flow content may stand (in a div, td, li, section, but not in a p, a or
// button): nothing runs, no form, frame or object appears, nothing loads but what the configuration allows, no id or
// name is taken that lacks the prefix, nothing is positioned over the page, nothing closes or joins the markup around
// it; washing again changes nothing (with CID and Leave nil); time and memory are linear in the source; and there is
// always something to read, if only as plain text beside an error. The server itself fetches nothing.
//
// Limits: text can still lie, and a link can lead to a bad place; [Report.Deceptive] names the crudest cases. A style
// can hide text or set it in the colour of its background. Style sheets in letters are dropped, only style attributes
// are kept. [Identifier] and [Filename] are not unique.
//
// # Sources
//
// HTML standard, 13.2 (parsing); CSS Syntax Level 3 and CSS Color Level 4; URL standard; RFC 2392 (cid:); UAX #9 and
// UTS #39 (bidirectional controls); OWASP ASVS 5.0, 1.2.2, 1.3.1, 1.3.3, 1.3.5, 3.2.3 and 14.2.3.
package sanitize
