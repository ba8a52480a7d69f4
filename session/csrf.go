package session

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"log/slog"
	"net/http"
	"slices"
	"strings"
)

// unsafe reports whether the request may change something: any method but the safe ones of RFC 9110, section 9.2.1.
// Methods are case-sensitive, so "get" is not GET.
func unsafe(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return false
	}
	return true
}

// upgrade reports whether the request opens a WebSocket (RFC 6455, section 4.1; RFC 8441 for HTTP/2). It is a GET, but
// the browser sends cookies from any site and lets the page read what comes.
func upgrade(r *http.Request) bool {
	if r.Method == http.MethodConnect {
		protocol := r.Header[":protocol"] // a name that no header of HTTP/1 can have
		return r.ProtoMajor >= 2 && len(protocol) == 1 && protocol[0] == "websocket"
	}
	if r.Method != http.MethodGet {
		return false
	}
	for _, line := range r.Header["Upgrade"] {
		for protocol := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.Trim(protocol, " \t"), "websocket") {
				return true
			}
		}
	}
	return false
}

// checkOrigin refuses unsafe requests and WebSocket upgrades from other sites, and then unsafe ones that come with a
// session but without its token. net/http's CrossOriginProtection has the first half, but lets pass what has neither
// header and an http page of the same host; both are refused here.
func (x *exchange) checkOrigin(inner *http.Request) *Refusal {
	r := x.request
	websocket := upgrade(r)
	if !websocket && !unsafe(r) {
		return nil
	}
	switch x.session.m.originOf(r) {
	case originAllowed:
		x.origin = true
	case originForeign:
		return x.refuseCSRF("origin")
	case originUnknown:
		if _, n := readCookies(r); n > 0 {
			return x.refuseCSRF("origin")
		}
	}
	if websocket {
		return nil
	}
	return x.checkToken(inner)
}

type originVerdict int

const (
	originForeign originVerdict = iota
	originUnknown
	originAllowed
)

// originOf judges by Sec-Fetch-Site (W3C Fetch Metadata), which the browser computes with the scheme, or else by Origin.
func (m *Manager) originOf(r *http.Request) originVerdict {
	site, origin := r.Header["Sec-Fetch-Site"], r.Header["Origin"]
	switch {
	case len(site) > 1 || len(origin) > 1:
		return originForeign // no browser repeats them
	case len(site) == 1 && (site[0] == "same-origin" || site[0] == "none"):
		return originAllowed
	case len(origin) == 1 && slices.Contains(m.cfg.Origins, origin[0]):
		return originAllowed
	case len(site) == 0 && len(origin) == 0:
		return originUnknown
	}
	return originForeign
}

// refuseCSRF reports and returns the refusal.
func (x *exchange) refuseCSRF(reason string) *Refusal {
	e := newRefusal(http.StatusForbidden, reason, ErrCSRF)
	rec := &x.session.rec
	_ = x.session.m.audit(x.context.Context, x.request, EventCSRF, rec.ID, rec.User, slog.String("reason", reason), slog.String("ref", e.Ref))
	return e
}

// A CSRF token proves that a form was made for this session and action. It is
//
//	mask     as long as the rest, random
//	kind     1 byte: reusable or one-time         } exclusive or
//	action   16 bytes of SHA-256                  } with
//	nonce    16 bytes, in one-time tokens only    } the
//	mac      16 bytes of HMAC-SHA-256             } mask
//
// in base64url. The MAC covers the session's token, so that it dies with each rotation and nothing needs to be stored.
// The mask is new each time: the text differs in every answer, so that the length of compressed answers tells nothing
// about it (BREACH).
const (
	kindReusable = 1
	kindOnce     = 2
	tagLen       = 16
	nonceLen     = 16
	macLen       = 16
	reusableLen  = 1 + tagLen + macLen
	onceLen      = reusableLen + nonceLen
)

// presented is the CSRF token that a request brought, once it is verified.
type presented struct {
	valid  bool
	tag    [tagLen]byte
	once   bool
	nonce  string
	denied string // why it is not valid
}

// tagOf names an action and object in a token.
func tagOf(action string, object []string) [tagLen]byte {
	h := sha256.New()
	for _, part := range append([]string{action}, object...) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write([]byte(part))
	}
	return [tagLen]byte(h.Sum(nil)[:tagLen])
}

// CSRF returns a token for the hidden field "csrf" of a form or the header X-CSRF-Token, good for one action and, if
// named, one object, until the session rotates or ends; action "" is the general one. The text is different at each
// call. A visitor without a session gets one. Ask before the answer begins: afterwards no session can be made, and CSRF
// returns "". It also does when the session has ended or there is none to have; the form is refused then.
//
//	<input type="hidden" name="csrf" value="{{.CSRF}}">
//
// In a multipart form it has to be the first field, so that uploads can be streamed past it.
func (s *Session) CSRF(action string, object ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ready() {
		return ""
	}
	return s.mint(kindReusable, tagOf(action, object), "")
}

// ready makes sure that there is a token to bind to.
func (s *Session) ready() bool {
	if s.m == nil || s.ended.Load() || s.loggedOut {
		return false
	}
	if !s.live && s.token == "" {
		if s.done {
			return false
		}
		s.token = newToken(newID())
	}
	s.wanted, s.secret = true, true
	return true
}

func (s *Session) mint(kind byte, tag [tagLen]byte, nonce string) string {
	plain := make([]byte, 0, onceLen)
	plain = append(plain, kind)
	plain = append(plain, tag[:]...)
	plain = append(plain, nonce...)
	mac := s.m.cfg.Keys.MAC(purposeCSRF, s.token, string(plain))
	plain = append(plain, mac[:macLen]...)
	out := make([]byte, 2*len(plain))
	_, _ = rand.Read(out[:len(plain)])
	subtle.XORBytes(out[len(plain):], plain, out[:len(plain)])
	return base64.RawURLEncoding.EncodeToString(out)
}

// maxToken is longer than any token; what is longer is not read.
const maxToken = 160

// verifyCSRF reads the text of a token and checks it against this session.
func (s *Session) verifyCSRF(text string) presented {
	denied := presented{denied: "token"}
	if len(text) > maxToken {
		return denied
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || (len(raw) != 2*reusableLen && len(raw) != 2*onceLen) {
		return denied
	}
	plain := raw[len(raw)/2:]
	subtle.XORBytes(plain, plain, raw[:len(raw)/2])
	signed := plain[:len(plain)-macLen]
	if !s.m.verify(string(plain[len(signed):]), purposeCSRF, s.token, string(signed)) {
		return denied
	}
	p := presented{valid: true, tag: [tagLen]byte(signed[1:])}
	switch {
	case signed[0] == kindOnce && len(plain) == onceLen:
		p.once, p.nonce = true, string(signed[1+tagLen:])
	case signed[0] != kindReusable || len(plain) != reusableLen:
		return denied
	}
	return p
}

// checkToken demands the session's token from an unsafe request that comes with a session. A one-time token is consumed
// here, whatever route it was sent to.
func (x *exchange) checkToken(inner *http.Request) *Refusal {
	s := &x.session
	if !s.live {
		return nil
	}
	text, err := findToken(inner)
	if err != nil || text == "" {
		x.token = presented{denied: "missing"}
	} else {
		x.token = s.verifyCSRF(text)
	}
	if x.token.once {
		if refused := x.consume(); refused != nil {
			return refused
		}
	}
	if !x.token.valid && !s.m.cfg.InsecureOriginCheckOnly {
		return x.refuseCSRF(x.token.denied)
	}
	return nil
}
