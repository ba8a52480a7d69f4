package validate

import (
	"fmt"
	"strings"
)

// postcodes holds one form for each country: A stands for a letter, 9 for a digit, a blank for itself.
var postcodes = map[string][]string{
	"NO": {"9999"},
	"DK": {"9999"},
	"SE": {"999 99"},
	"FI": {"99999"},
	"DE": {"99999"},
	"FR": {"99999"},
	"GB": {"A9 9AA", "A99 9AA", "AA9 9AA", "AA99 9AA", "A9A 9AA", "AA9A 9AA"},
}

// postcodeClass takes the postcodes of the listed countries.
func postcodeClass(arg string) (*class, error) {
	countries := strings.Split(arg, "|")
	for _, country := range countries {
		if postcodes[country] == nil {
			return nil, fmt.Errorf("has the postcode country %q; known are DE, DK, FI, FR, GB, NO and SE", country)
		}
	}
	return &class{
		name: "postcode", about: "of " + strings.Join(countries, " or "), length: 8, ascii: set("0-9A-Za-z "),
		form: func(s string) (string, string) {
			for _, country := range countries {
				if text, ok := postcode(country, strings.ToUpper(s)); ok {
					return text, ""
				}
			}
			return "", "format"
		},
	}, nil
}

// postcode returns the code as its country writes it; the blank may be left out.
func postcode(country, s string) (string, bool) {
	bare := strings.Replace(s, " ", "", 1)
	for _, form := range postcodes[country] {
		text, ok := shaped(form, bare)
		if ok && (s == bare || s == text) && postcodeLimits(country, text) {
			return text, true
		}
	}
	return "", false
}

// shaped lays the characters over the form and puts its blank in.
func shaped(form, bare string) (string, bool) {
	if len(bare) != len(strings.ReplaceAll(form, " ", "")) {
		return "", false
	}
	out := make([]byte, 0, len(form))
	for i := range len(form) {
		if form[i] == ' ' {
			out = append(out, ' ')
			continue
		}
		b := bare[0]
		bare = bare[1:]
		if digit := b >= '0' && b <= '9'; b == ' ' || digit != (form[i] == '9') {
			return "", false
		}
		out = append(out, b)
	}
	return string(out), true
}

// postcodeLimits holds what the form does not say.
func postcodeLimits(country, s string) bool {
	switch country {
	case "SE": // PostNord: 100 00 to 984 99
		return s[0] >= '1'
	case "NO": // Posten: 0001 and up
		return s != "0000"
	case "DK": // PostNord: 0555 (scanning) and up
		return s >= "0500"
	case "DE": // Deutsche Post: 01001 to 99998
		return s >= "01001" && s <= "99998"
	case "FR": // La Poste: departments 01 to 98
		return s >= "01000" && s < "99000"
	case "GB": // BS 7666: the inward part has none of C I K M O V
		return !strings.ContainsAny(s[len(s)-2:], "CIKMOV")
	}
	return true
}
