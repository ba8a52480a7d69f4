package validate

import (
	"net/http"
	"strconv"
	"strings"
)

// Messages are the texts of one language. Text maps a code to what people read; "{min}", "{max}", "{count}" and
// "{choices}" stand for the figures of the schema's field. A code without a text gets the text of "invalid". Start from
// [English] and change what should differ.
type Messages struct {
	Language string // BCP 47, as "sv"
	Text     map[string]string
}

func (m *Messages) text(code string) string {
	if t, ok := m.Text[code]; ok {
		return t
	}
	return m.Text["invalid"]
}

func (m *Messages) message(f fault) string {
	t := m.text(f.code)
	if f.f == nil || !strings.Contains(t, "{") {
		return t
	}
	low, high := f.f.bounds()
	return strings.NewReplacer("{min}", low, "{max}", high, "{count}", strconv.Itoa(f.f.count),
		"{choices}", strings.Join(f.f.choices, ", ")).Replace(t)
}

// maxLanguages bounds how much of Accept-Language is read.
const maxLanguages = 16

// choose picks the language that the client likes best (RFC 9110, section 12.5.4).
func choose(all []Messages, h http.Header) *Messages {
	best, weight := &all[0], 0.0
	rest := h.Get("Accept-Language")
	for range maxLanguages {
		if rest == "" {
			break
		}
		var item string
		item, rest, _ = strings.Cut(rest, ",")
		tag, params, _ := strings.Cut(item, ";")
		q := 1.0
		if p, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			q, _ = strconv.ParseFloat(p[:min(len(p), 5)], 64)
		}
		if m := find(all, strings.ToLower(strings.TrimSpace(tag))); m != nil && q > weight && q <= 1 {
			best, weight = m, q
		}
	}
	return best
}

// find compares the whole tag, then its primary subtag. "no" and "nn" are read as Bokmål, which their readers know better than English.
func find(all []Messages, tag string) *Messages {
	for i := range all {
		if strings.EqualFold(all[i].Language, tag) {
			return &all[i]
		}
	}
	primary, _, _ := strings.Cut(tag, "-")
	if primary == "no" || primary == "nn" {
		primary = "nb"
	}
	for i := range all {
		if all[i].Language == primary {
			return &all[i]
		}
	}
	return nil
}
