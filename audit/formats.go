package audit

// NDJSON is one JSON object a line, with everything the log knows of an event; attributes stand under "attrs". A string
// that is not UTF-8 becomes {"$base64": ...}, a second attribute of one name gets "#2" behind its name.
var NDJSON = Format{"ndjson", appendJSON}
