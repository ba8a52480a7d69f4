package headers

import (
	"net/http"

	"github.com/skans-go/skans/internal/refusal"
)

// Isolate refuses with 403 what a page of another site makes a browser ask for (Fetch Metadata, Sec-Fetch-Site):
// pictures, scripts, frames, fetches and forms. What remains possible is to follow a link here, and what
// [Config.CORS] allows. It keeps attachments and pages of signed-in users from being embedded, timed or guessed from
// elsewhere, whatever SameSite says about their cookies.
//
// Browsers from before 2023 do not send the header; they and other clients pass. Put it around everything but
// handlers that other sites post to by design, such as the return of a sign-in with SAML.
func (p *Policy) Isolate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Sec-Fetch-Site, Sec-Fetch-Mode, Sec-Fetch-Dest")
		if p.foreign(r) {
			refusal.Page(w, http.StatusForbidden, refusal.NewRef())
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (p *Policy) foreign(r *http.Request) bool {
	switch site := r.Header.Values("Sec-Fetch-Site"); {
	case len(site) == 0:
		return false
	case len(site) == 1 && (site[0] == "same-origin" || site[0] == "none"):
		return false
	}
	if origin := r.Header.Values("Origin"); p.cors != nil && len(origin) == 1 && p.cors.origins[origin[0]] {
		return false
	}
	link := r.Method == http.MethodGet || r.Method == http.MethodHead
	return !(link && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document")
}
