package main

import (
	"net/http"
	"time"

	"github.com/skans-go/skans/audit"
	"github.com/skans-go/skans/sanitize/headers"
)

// An auditFormat is one that events are given away in.
type auditFormat struct {
	format    audit.Format
	extension string
	media     string
}

var auditFormats = map[string]auditFormat{
	"ndjson": {audit.NDJSON, ".ndjson", "application/x-ndjson"},
	"ocsf":   {audit.OCSF, ".ocsf.ndjson", "application/x-ndjson"},
	"cef":    {audit.CEF, ".cef", "text/plain; charset=utf-8"},
}

// mailAuditExport gives the events of one mailbox as a download.
func (a *app) mailAuditExport(w http.ResponseWriter, r *http.Request, in mailExportForm) {
	a.exportEvents(w, r, in.Format, in.Box, in.EventFilter, inMailbox(in.Box))
}

// adminAuditExport gives all events as a download.
func (a *app) adminAuditExport(w http.ResponseWriter, r *http.Request, in adminExportForm) {
	a.exportEvents(w, r, in.Format, "", in.EventFilter, everything)
}

// exportEvents records who takes events away, and then gives them.
func (a *app) exportEvents(w http.ResponseWriter, r *http.Request, format, box string, in EventFilter, seen scope) {
	f, err := a.filter(r.Context(), in)
	if err == nil {
		err = a.log.Record(r.Context(), eventExported, attrs("format", format, "mailbox", box)...)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	as := auditFormats[format]
	headers.Download(w, "audit"+optional("-", box)+time.Now().UTC().Format("-20060102-150405")+as.extension, as.media)
	if err := audit.Write(w, a.chosen(r.Context(), f, seen), as.format); err != nil {
		a.errors.Print(err)
		panic(http.ErrAbortHandler) // cut off, so that half an export does not pass for the whole
	}
}
