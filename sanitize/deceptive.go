package sanitize

import (
	"strings"
)

// maxLinkText bounds how much of a link's text is looked at.
const maxLinkText = 256

// A linkText is the text of the link that stands open, and where it leads.
type linkText struct {
	to   address
	text []byte
	open bool
}

func (l *linkText) start(to address) { *l = linkText{to: to, text: l.text[:0], open: true} }

func (l *linkText) add(text []byte) {
	if l.open {
		l.text = append(l.text, text[:min(len(text), maxLinkText-len(l.text))]...)
	}
}

// finish reports a text that names another host than the link leads to. That newsletters count clicks through a host
// of their own is no excuse: the reader is told one place and brought to another.
func (l *linkText) finish(r *Report) {
	if !l.open {
		return
	}
	l.open = false
	if l.to.user != "" {
		if shown, ok := shownHost(l.to.user); ok && !sameSite(shown, l.to.host) {
			r.deceptive(shown, l.to.host)
			return
		}
	}
	if l.to.host == "" {
		return
	}
	words := strings.Fields(string(l.text))
	for _, word := range words {
		if len(words) > 1 && !strings.Contains(word, "://") && !strings.HasPrefix(strings.ToLower(word), "www.") {
			continue // in a sentence, "report.pdf" is no address
		}
		if shown, ok := shownHost(word); ok && !sameSite(shown, l.to.host) {
			r.deceptive(shown, l.to.host)
			return
		}
	}
}

// shownHost returns the host that a word seems to be an address of: a URL or a host name.
func shownHost(text string) (string, bool) {
	text = strings.ToLower(strings.TrimSpace(strings.Map(func(r rune) rune {
		if isHidden(r) {
			return -1
		}
		return r
	}, text)))
	if text == "" || strings.ContainsAny(text, " \t\r\n") {
		return "", false
	}
	if i := strings.Index(text, "://"); i >= 0 {
		text = text[i+3:]
	} else if strings.Contains(text, "@") {
		return "", false // an e-mail address names a mailbox
	}
	if i := strings.IndexAny(text, `/\?#`); i >= 0 {
		text = text[:i]
	}
	if i := strings.LastIndexByte(text, '@'); i >= 0 {
		text = text[i+1:]
	}
	host, ok := cleanHost(strings.Trim(text, ".,;()[]<>\"'"))
	if !ok {
		return "", false
	}
	host, _, _ = strings.Cut(host, ":")
	i := strings.LastIndexByte(host, '.')
	if i <= 0 || len(host)-i < 3 || !isWord(host[i+1:]) {
		return "", false
	}
	return host, true
}

// isWord reports whether a last label can be that of a host name: letters only, or an internationalised one.
func isWord(label string) bool {
	if strings.HasPrefix(label, "xn--") {
		return true
	}
	for i := range len(label) {
		if c := label[i]; c < 0x80 && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// sameSite reports whether one host is the other or stands under it.
func sameSite(a, b string) bool {
	a, b = strings.TrimPrefix(a, "www."), strings.TrimPrefix(b, "www.")
	return a == b || strings.HasSuffix(a, "."+b) || strings.HasSuffix(b, "."+a)
}
