package validate

import "strings"

// ibanLengths holds country and length, from the IBAN registry of SWIFT, the registration authority of ISO 13616.
const ibanLengths = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 " +
	"ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 " +
	"LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 " +
	"PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 " +
	"YE30 "

// iban takes an account number of ISO 13616-1: country, two check digits modulo 97, and the length that the country
// registered. Blanks between groups are dropped; letters become capitals.
func iban(s string) (string, string) {
	s = strings.ToUpper(strings.ReplaceAll(s, " ", ""))
	if len(s) < 5 || !isUpper(s[0]) || !isUpper(s[1]) || !allDigits(s[2:4]) {
		return "", "format"
	}
	i := strings.Index(ibanLengths, s[:2])
	if i < 0 || number(ibanLengths[i+2:i+4]) != len(s) {
		return "", "format"
	}
	rest := 0
	for i := range len(s) {
		b := s[(i+4)%len(s)] // ISO/IEC 7064: country and check digits go last
		if isUpper(b) {
			rest = (100*rest + int(b-'A') + 10) % 97
		} else {
			rest = (10*rest + int(b-'0')) % 97
		}
	}
	// Check digits 00, 01 and 99 leave the same remainders as 97, 98 and 02, but are never issued (ISO 13616-1, section 6).
	if check := s[2:4]; rest != 1 || check < "02" || check > "98" {
		return "", "checksum"
	}
	return s, ""
}

func isUpper(b byte) bool { return b >= 'A' && b <= 'Z' }
