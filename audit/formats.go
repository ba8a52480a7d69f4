package audit

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
)

// NDJSON is one JSON object a line, with everything the log knows of an event; attributes stand under "attrs". A string
// that is not UTF-8 becomes {"$base64": ...}, a second attribute of one name gets "#2" behind its name.
var NDJSON = Format{"ndjson", appendJSON}

// OCSF is the Open Cybersecurity Schema Framework 1.3.0, one JSON object a line: Authentication (3002) for session, signin
// and signin.denied, HTTP Activity (4002) for usage and notfound, Base Event (0) for the rest, with all attributes under "unmapped".
var OCSF = Format{"ocsf", appendOCSF}

// CEF is ArcSight's Common Event Format, version 0. Attributes stand as JSON in cs1.
var CEF = Format{"cef", appendCEF}

// outcome tells whether an event reports a success, from the attribute "outcome" or the end of its name.
func (e Event) outcome() string {
	if v, ok := e.Attr("outcome"); ok && v.Kind() == slog.KindString {
		switch v.String() {
		case "success", "failure":
			return v.String()
		}
	}
	for _, word := range []string{"failed", "denied", "refused", "rejected", "blocked", "mismatch"} {
		if strings.HasSuffix(e.Name, word) || strings.Contains(e.Name, "."+word+".") {
			return "failure"
		}
	}
	return "success"
}

func appendOCSF(b []byte, e Event) []byte {
	class, category, activity := 0, 0, 99
	switch {
	case e.Class == "session" || e.Class == "signin" || e.Class == "signin.denied":
		class, category = 3002, 3
		switch {
		case strings.HasSuffix(e.Name, ".login"):
			activity = 1
		case strings.HasSuffix(e.Name, ".logout"):
			activity = 2
		}
	case e.Class == "usage" || e.Class == "notfound":
		class, category = 4002, 4
	}
	status, severity := 1, 1
	if e.outcome() == "failure" {
		status, severity = 2, 2
	}
	b = fmt.Appendf(b, `{"category_uid":%d,"class_uid":%d,"activity_id":%d,"type_uid":%d,"time":%d,"severity_id":%d,"status_id":%d,`,
		category, class, activity, class*100+activity, e.Time.UnixMilli(), severity, status)
	if activity == 99 {
		b = append(quote(append(b, `"activity_name":`...), e.Name), ',')
	}
	b = append(b, `"message":`...)
	b = quote(b, e.Name)
	b = append(b, `,"metadata":{"version":"1.3.0","product":{"name":"skans","vendor_name":"skans","version":`...)
	b = quote(b, e.Version)
	b = append(b, `},"uid":`...)
	b = quote(b, e.ID())
	b = append(b, `,"sequence":`...)
	b = strconv.AppendUint(b, e.Seq, 10)
	b = append(b, `,"log_name":`...)
	b = quote(b, e.Class)
	b = append(b, `},"device":{"type_id":1,"hostname":`...)
	b = append(quote(b, e.Server), '}')
	if !e.Actor.IsZero() {
		b = append(b, `,"actor":{"user":{"uid":`...)
		b = quote(b, e.Actor.User)
		b = append(b, `},"session":{"uid":`...)
		b = quote(b, e.Actor.Session)
		b = append(b, `},"app_name":`...)
		b = append(quote(b, e.Actor.Job), '}')
	}
	if v, ok := e.Attr("user"); class == 3002 && ok {
		b = append(b, `,"user":{"uid":`...)
		b = append(quote(b, v.String()), '}')
	}
	b = append(b, `,"unmapped":`...)
	return append(appendGroup(b, e.Attrs), '}')
}

func appendCEF(b []byte, e Event) []byte {
	severity := "3"
	if e.outcome() == "failure" {
		severity = "6"
	}
	b = append(b, "CEF:0|skans|audit|"...)
	for _, field := range []string{e.Version, e.Name, e.Name, severity} {
		b = append(appendPlain(b, field, "|"), '|')
	}
	b = append(b, "externalId="...)
	b = appendPlain(b, e.ID(), "=")
	b = append(b, " rt="...)
	b = strconv.AppendInt(b, e.Time.UnixMilli(), 10)
	for _, field := range []struct{ key, value string }{
		{"cat", e.Class}, {"outcome", e.outcome()}, {"dvchost", e.Server}, {"suid", e.Actor.User}, {"sproc", e.Actor.Job},
	} {
		if field.value != "" {
			b = append(append(append(b, ' '), field.key...), '=')
			b = appendPlain(b, field.value, "=")
		}
	}
	for i, field := range []struct{ label, value string }{
		{"attrs", string(appendGroup(nil, e.Attrs))}, {"session", e.Actor.Session}, {"behalf", e.Actor.Behalf}, {"request", e.Request},
	} {
		if field.value != "" {
			b = fmt.Appendf(b, " cs%dLabel=%s cs%d=", i+1, field.label, i+1)
			b = appendPlain(b, field.value, "=")
		}
	}
	return b
}

// appendPlain escapes a CEF value: the backslash, the given delimiter, and, as \uXXXX, what a terminal would act on.
func appendPlain(b []byte, s, delimiter string) []byte {
	for _, r := range s {
		switch {
		case r == '\\' || strings.ContainsRune(delimiter, r):
			b = append(append(b, '\\'), byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case unsafeRune(r):
			b = fmt.Appendf(b, `\\u%04x`, r)
		default:
			b = append(b, string(r)...)
		}
	}
	return b
}
