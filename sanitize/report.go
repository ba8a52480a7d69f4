package sanitize

// maxListed bounds each list of a [Report]; a letter can hold as many hosts as it has bytes.
const maxListed = 100

// A Report says what washing took away, so that a page can tell its reader.
type Report struct {
	// Blocked is the number of loads from elsewhere that were taken out: remote pictures, same-origin and
	// protocol-relative addresses, backgrounds, url() in styles, sources of players, frames and style sheets.
	Blocked int
	// Pictures is the number of those that washing again with [Allow] would show: for "3 remote pictures blocked, show".
	Pictures int
	// Hosts are the hosts of the blocked loads, in the order they appeared, each once, at most 100. An address
	// without a host, such as /mail/delete?id=1, has none to list.
	Hosts []string
	// Removed is the number of elements and attributes that were not kept for any other reason, scripts, forms, event
	// handlers and style rules among them. Comments and the tags html, head, body and meta do not count.
	Removed int
	// Deceptive names the links whose text looks like another address than the one they lead to, as
	// "shown.example -> real.example", at most 100. Tell the reader before they follow one.
	Deceptive []string
}

func (r *Report) block(host string) {
	r.Blocked++
	if host != "" {
		r.Hosts = appendOnce(r.Hosts, host)
	}
}

func (r *Report) deceptive(shown, real string) {
	r.Deceptive = appendOnce(r.Deceptive, shown+" -> "+real)
}

func appendOnce(list []string, s string) []string {
	if len(list) >= maxListed {
		return list
	}
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}
