package headers

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CORS is an explicit list of the other origins whose pages may read responses (Fetch Standard, 3.2). There is no
// wildcard and no pattern, and an origin is never reflected without being in the list.
type CORS struct {
	Origins     []string      // "https://app.example", as browsers write it; none: CORS is off
	Methods     []string      // beside GET, HEAD and POST
	Headers     []string      // request headers that a page may set
	Expose      []string      // response headers that a page may read
	Credentials bool          // cookies go with the requests
	MaxAge      time.Duration // how long browsers keep an answer; zero: 5 minutes, at most a day
}

type cors struct {
	origins                  map[string]bool
	methods, headers, expose []string
	credentials              bool
	maxAge                   string
}

func newCORS(c CORS) (*cors, error) {
	if len(c.Origins) == 0 {
		if len(c.Methods)+len(c.Headers)+len(c.Expose) > 0 || c.Credentials {
			return nil, errors.New("headers: CORS has no Origins; name them, or leave the whole of CORS empty")
		}
		return nil, nil
	}
	if c.MaxAge == 0 {
		c.MaxAge = 5 * time.Minute
	}
	if c.MaxAge < 0 || c.MaxAge > 24*time.Hour {
		return nil, errors.New("headers: CORS.MaxAge must be between 0 and 24 hours")
	}
	out := &cors{origins: map[string]bool{}, credentials: c.Credentials, maxAge: strconv.Itoa(int(c.MaxAge.Seconds()))}
	for _, origin := range c.Origins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.Scheme+"://"+u.Host != origin || strings.ToLower(origin) != origin ||
			strings.ContainsAny(origin, "* ,") || strings.HasSuffix(origin, ":443") {
			return nil, fmt.Errorf("headers: CORS.Origins: %q is no origin as browsers write it; use https://host in lower case", origin)
		}
		out.origins[origin] = true
	}
	for _, list := range []struct {
		field string
		in    []string
		out   *[]string
	}{{"Methods", c.Methods, &out.methods}, {"Headers", c.Headers, &out.headers}, {"Expose", c.Expose, &out.expose}} {
		for _, name := range list.in {
			if name == "" || strings.Trim(name, tokenChars) != "" {
				return nil, fmt.Errorf("headers: CORS.%s: %q is no name; list each by itself, without *", list.field, name)
			}
		}
		*list.out = slices.Clone(list.in)
	}
	return out, nil
}

// answer sets the headers for a listed origin and answers a preflight. It reports whether the response is complete.
func (c *cors) answer(w http.ResponseWriter, r *http.Request) bool {
	h := w.Header()
	h.Add("Vary", "Origin") // also without one: a cache must not hand this response to another origin
	origins := r.Header.Values("Origin")
	preflight := r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
	if len(origins) != 1 || !c.origins[origins[0]] {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origins[0])
	if c.credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	if !preflight {
		if len(c.expose) > 0 {
			h.Set("Access-Control-Expose-Headers", strings.Join(c.expose, ", "))
		}
		return false
	}
	h.Set("Access-Control-Allow-Methods", strings.Join(append([]string{"GET", "HEAD", "POST"}, c.methods...), ", "))
	if len(c.headers) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(c.headers, ", "))
	}
	h.Set("Access-Control-Max-Age", c.maxAge)
	w.WriteHeader(http.StatusNoContent)
	return true
}

func (c *cors) describe() []string {
	var lines []string
	add := func(name string, list ...string) {
		for _, v := range list {
			lines = append(lines, "CORS: "+name+" "+v)
		}
	}
	for origin := range c.origins {
		add("origin", origin)
	}
	add("method", append([]string{"GET", "HEAD", "POST"}, c.methods...)...)
	add("header", c.headers...)
	add("expose", c.expose...)
	add("credentials", strconv.FormatBool(c.credentials))
	add("max-age", c.maxAge)
	return lines
}
