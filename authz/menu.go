package authz

import (
	"net/http"
	"net/url"
	"strings"
)

// An Item is an entry of the menu.
type Item struct {
	Label string
	Page  Page
	// Path is where the page is, with the path values of the current request filled in; empty for a page under another
	// router.
	Path string
	// Current says that the request is for this path.
	Current bool
}

// Menu returns exactly the pages with a menu entry that the request's subject may open, for the tenant and object that
// its path names, in the order that the policy gives them.
func (g *Guard) Menu(r *http.Request) []Item { return g.pinned(r).menu() }

func (st *request) menu() []Item {
	var items []Item
	for _, r := range st.snap.menu {
		if !st.decide(r, st.object(r), false).Allowed {
			continue
		}
		path, ok := st.path(r)
		if !ok {
			continue
		}
		items = append(items, Item{Label: r.label, Page: Page(r.name), Path: path, Current: path == st.http.URL.EscapedPath()})
	}
	return items
}

// escape writes a path value as the request had it; the value of a {rest...} keeps its slashes.
func escape(value string, rest bool) string {
	if !rest {
		return url.PathEscape(value)
	}
	return (&url.URL{Path: "/" + value}).EscapedPath()[1:]
}

// path fills the first route of a page whose path values the request has.
func (st *request) path(r *rule) (string, bool) {
	any := false
	for _, rt := range st.guard.routesOf(r.name) {
		if rt.pattern == "" {
			any = true
			continue
		}
		var b strings.Builder
		full := true
		for _, s := range rt.segments {
			b.WriteByte('/')
			switch {
			case s == "{$}":
			case strings.HasPrefix(s, "{"):
				name, rest := strings.CutSuffix(strings.Trim(s, "{}"), "...")
				value := st.guard.cfg.PathValue(st.http, name)
				full = full && (value != "" || rest)
				b.WriteString(escape(value, rest))
			default:
				b.WriteString(s)
			}
		}
		if full {
			return b.String(), true
		}
	}
	return "", any
}
