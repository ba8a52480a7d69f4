package headers

import (
	"mime"
	"net/http"
	"strings"

	"github.com/skans-go/skans/sanitize"
)

// Download sets the headers of a file that is to be saved and never shown: attachment with a clean name (RFC 6266,
// with RFC 8187 for what is not ASCII), nosniff, and a policy that gives the file an origin of its own and lets it
// load and run nothing, should a browser open it after all. Types that run as documents (HTML, SVG, XML, scripts) are
// sent as application/octet-stream. Call it before writing, in any middleware.
func Download(w http.ResponseWriter, name, contentType string) {
	h := w.Header()
	h.Set("Content-Type", downloadType(contentType))
	h.Set("Content-Disposition", disposition(name))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "private, no-store")
}

// downloadType keeps the type only if a browser that ignores the disposition could do no harm with it.
func downloadType(contentType string) string {
	const unknown = "application/octet-stream"
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || strings.Count(media, "/") != 1 || strings.Trim(media, tokenChars+"/+.") != "" {
		return unknown
	}
	for _, active := range activeTypes {
		if strings.Contains(media, active) {
			return unknown
		}
	}
	if media == "text/plain" || media == "text/csv" || media == "text/calendar" || media == "text/vcard" {
		charset := params["charset"]
		if !knownCharsets[strings.ToLower(charset)] {
			charset = "utf-8"
		}
		return media + "; charset=" + charset
	}
	if strings.HasPrefix(media, "text/") {
		return unknown
	}
	return media
}

// activeTypes are the parts of a type's name that tell of something that runs, is styled or holds other documents.
var activeTypes = []string{
	"html", "xml", "svg", "script", "json", "multipart", "message", "shockwave", "java", "x-mixed", "xul", "mathml", "css",
}

// knownCharsets are those in which ASCII is ASCII. In UTF-7 or ISO-2022 plain text turns into markup.
var knownCharsets = map[string]bool{"utf-8": true, "us-ascii": true, "iso-8859-1": true, "iso-8859-15": true, "windows-1252": true}

// disposition writes the name twice: in ASCII for everybody, and in UTF-8 for those who read RFC 8187. '%' is
// replaced in the first, because some browsers decode it there (RFC 6266, appendix D).
func disposition(name string) string {
	name = sanitize.Filename(name)
	ascii := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' || r == '%' {
			return '_'
		}
		return r
	}, name)
	value := `attachment; filename="` + ascii + `"`
	if ascii != name {
		value += "; filename*=UTF-8''" + attrChars(name)
	}
	return value
}

// attrChars percent-encodes all but the attr-char of RFC 8187, 3.2.1.
func attrChars(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(s) {
		if strings.IndexByte(tokenChars+"!#$&+.^`|~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// ClearSiteData asks the browser to forget the pages, cookies and storage of this origin (Clear Site Data, 3.1): at
// logout.
func ClearSiteData(w http.ResponseWriter) {
	w.Header().Set("Clear-Site-Data", `"cache", "cookies", "storage"`)
}
