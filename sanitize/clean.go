package sanitize

import (
	"bytes"
	"strconv"
	"strings"

	"golang.org/x/net/html/atom"
)

// bodyElement are the attributes that <body> hands to the <div> that stands for it.
var bodyElement = &element{name: "body", atom: atom.Body, role: block, attrs: set(aBgColor, aText)}

// A tag is what is known of the tag whose attributes are being read.
type tag struct {
	*element
	seen    attrSet
	blocked int     // loads that were blocked before it: one picture with three addresses is one picture
	to      address // where it leads
}

// attributes writes the attributes of the current tag that may stay. For a link it returns where it leads.
func (w *washing) attributes(e *element, more bool) address {
	allowed := e.attrs | global
	if w.comment {
		allowed &= inComment
	}
	w.tag = tag{element: e, blocked: w.report.Blocked}
	w.style = w.style[:0]
	for more {
		var key, value []byte
		key, value, more = w.tokens.TagAttr()
		def, known := attributes[string(key)]
		switch {
		case !known || !allowed.has(def.attr):
			w.dropAttribute(string(key), value)
		case w.tag.seen.has(def.attr): // the first one counts (HTML standard, 13.2.5.33)
		case bytes.IndexByte(value, 0) >= 0: // no mail program writes one
			w.report.Removed++
		default:
			w.tag.seen |= set(def.attr)
			if def.attr == aID || def.attr == aName {
				w.tag.seen |= set(aID, aName) // both become the id
			}
			w.attribute(def.attr, key, string(value), def.check)
		}
	}
	if len(w.style) > 0 {
		w.disputed = w.disputed || !confirmsStyle(w.style)
		w.write("style", w.style)
	}
	return w.tag.to
}

// maxStyles bounds what appendStyle remembers.
const maxStyles = 64

// appendStyle cleans a style. It remembers those of which it removed nothing: what is removed is counted each time.
func (w *washing) appendStyle(value string) {
	if clean, ok := w.styles[value]; ok && len(w.style) == 0 {
		w.style = append(w.style, clean...)
		return
	}
	fresh, blocked := len(w.style) == 0, w.report.Blocked
	d := declarations{blocked: w.refuseLoad}
	w.style = d.appendTo(w.style, value)
	w.report.Removed += d.removed
	if fresh && d.removed == 0 && w.report.Blocked == blocked && len(w.styles) < maxStyles {
		if w.styles == nil {
			w.styles = make(map[string]string)
		}
		w.styles[value] = string(w.style)
	}
}

func (w *washing) dropAttribute(key string, value []byte) {
	switch {
	case loads[key] && w.report.Blocked == w.tag.blocked:
		w.refuseLoad(string(value))
	case w.tag.atom == atom.A && (key == "rel" || key == "target"): // every link gets its own
	case key == "class" && w.tag.atom == atom.P && !w.comment && bytes.HasPrefix(value, []byte("Mso")):
		// Outlook's paragraphs get their margin from a style sheet that is gone; without this a letter doubles in
		// length.
		const margin = "margin:0"
		if len(w.style) == 0 {
			w.style = append(w.style, margin...)
		} else {
			w.style = []byte(margin + ";" + string(w.style))
		}
	default:
		w.report.Removed++
	}
}

func (w *washing) attribute(a attr, key []byte, value string, check func([]byte, string) ([]byte, bool)) {
	switch a {
	case aHref:
		w.tag.to = w.href(value)
		return
	case aSrc:
		w.src(value)
		return
	case aStyle:
		w.appendStyle(value)
		return
	case aID, aName:
		if !w.id("id", "", value) {
			w.report.Removed++
		}
		return
	}
	if w.tag.element == bodyElement {
		w.bodyColor(a, value)
		return
	}
	var buf [128]byte
	clean, ok := check(buf[:0], value)
	if !ok || (a == aColSpan || a == aRowSpan || a == aSpan) && !w.widen(clean) {
		w.report.Removed++
		return
	}
	w.b.out = append(append(append(w.b.out, ' '), key...), `="`...)
	w.b.out = append(appendEscaped(w.b.out, clean), '"')
}

// maxSpans bounds what all spans of a letter add up to. A thousand cells that each span a thousand columns are a
// million columns, and a browser that lays them out does nothing else for a while.
const maxSpans = 20_000

func (w *washing) widen(digits []byte) bool {
	n, err := strconv.Atoi(string(digits))
	if err != nil || n > maxSpans-w.spans {
		return false
	}
	w.spans += n
	return true
}

func (w *washing) bodyColor(a attr, value string) {
	property := "color:"
	if a == aBgColor {
		property = "background-color:"
	}
	if len(w.style) > 0 {
		w.style = append(w.style, ';')
	}
	mark := len(w.style)
	clean, ok := legacyColor(append(w.style, property...), value)
	if !ok {
		clean = clean[:mark]
	}
	w.style = bytes.TrimSuffix(clean, []byte(";"))
}

func (w *washing) write(key string, value []byte) {
	w.b.out = append(append(append(w.b.out, ' '), key...), `="`...)
	w.b.out = append(appendEscaped(w.b.out, value), '"')
}

// id writes a prefixed name. A name that has the prefix keeps it as it is, so that washing twice changes nothing.
func (w *washing) id(key, before, name string) bool {
	prefix := w.mail.IDPrefix
	name = strings.Trim(name, blanks)
	if prefix == "" || name == "" || len(name) > 128 {
		return false
	}
	for i := range len(name) {
		if c := name[i]; !isAlnum(c) && c != '-' && c != '_' && c != '.' && c != ':' {
			return false
		}
	}
	if !strings.HasPrefix(name, prefix) {
		name = prefix + name
	}
	w.write(key, []byte(before+name))
	return true
}

// href writes the address of a link and what must stand with it.
func (w *washing) href(value string) address {
	if name, ok := strings.CutPrefix(strings.Trim(value, blanks), "#"); ok {
		if !w.id("href", "#", name) {
			w.report.Removed++
			return address{}
		}
		return address{full: "#"}
	}
	to, ok := parseLink(value)
	if !ok {
		w.report.Removed++
		return address{}
	}
	if to.host == "" {
		w.write("href", []byte(to.full))
		return to
	}
	target := to.full
	if w.mail.Leave != nil {
		if target = w.mail.Leave(to.full); !ownAddress(target) {
			w.report.Removed++
			return address{}
		}
	}
	w.write("href", []byte(target))
	w.b.out = append(w.b.out, ` rel="noopener noreferrer nofollow" target="_blank"`...)
	return to
}

// maxAttached bounds the addresses of attached pictures in one letter, together: a letter can show one picture ten thousand
// times, and each time a data: URI would hold all of it.
const maxAttached = 16 << 20

// attached returns the address of a picture that came with the letter. The host is asked once for each.
func (w *washing) attached(id string) string {
	if w.mail.CID == nil {
		return ""
	}
	url, asked := w.pictures[id]
	if !asked {
		if w.attachedBytes >= maxAttached {
			return ""
		}
		if to, ok := w.mail.CID(id); ok && mappedPicture(to) {
			url = to
		}
		if w.pictures == nil {
			w.pictures = map[string]string{}
		}
		w.pictures[id] = url
	}
	if w.attachedBytes += len(url); w.attachedBytes > maxAttached {
		return ""
	}
	return url
}

// src writes the address of a picture, or counts it.
func (w *washing) src(value string) {
	trimmed := strings.Trim(value, blanks)
	scheme, rest, _ := strings.Cut(trimmed, ":")
	switch strings.ToLower(scheme) {
	case "cid":
		if url := w.attached(contentID(rest)); url != "" {
			w.write("src", []byte(url))
			return
		}
		w.report.Removed++
		return
	case "data":
		if url, ok := dataPicture(trimmed, w.mail.DataBytes); ok {
			w.write("src", []byte(url))
			return
		}
		w.report.Removed++
		return
	}
	if strings.HasPrefix(trimmed, "//") {
		value = "https:" + trimmed
	}
	if a, ok := parseLink(value); ok && public(a.host) {
		if w.mail.Remote == Allow {
			w.write("src", []byte("https"+strings.TrimPrefix(a.full, a.scheme)))
			w.remote = true
			return
		}
		w.report.Pictures++
	}
	if w.report.Blocked == w.tag.blocked {
		w.refuseLoad(value)
	}
}

// contentID is what a cid: URL names (RFC 2392): percent-encoded, without the angle brackets of the header.
func contentID(s string) string {
	if strings.IndexByte(s, '%') >= 0 {
		s = percentDecode(s)
	}
	return strings.Trim(s, "<> ")
}

func percentDecode(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1:i+3]) {
			out = append(out, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return string(out)
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}
