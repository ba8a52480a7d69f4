package session

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
)

// onceKey holds the nonces of one-time tokens that are not used yet, 16 bytes each, the oldest first. No [Key] can have
// this name.
const onceKey = "\x00once"

// maxOnce bounds them; the oldest form open in some tab is the first to become stale.
const maxOnce = 32

// OneTime returns a token as CSRF does, that is consumed by the first request that brings it: a form that must not be sent
// twice. A session keeps the newest 32; older ones are refused. It is stored when the answer begins; errors as for Key.Set.
func (s *Session) OneTime(action string, object ...string) (string, error) {
	nonce := make([]byte, nonceLen)
	_, _ = rand.Read(nonce) // never fails: crypto/rand ends the program instead
	err := s.write(func(old values) (values, error) {
		open, _ := old.get(onceKey)
		if over := len(open) - (maxOnce-1)*nonceLen; over > 0 {
			open = open[over:]
		}
		return old.with(onceKey, open+string(nonce)), nil
	})
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ready() {
		return "", ErrEnded
	}
	return s.mint(kindOnce, tagOf(action, object), string(nonce)), nil
}

// consume takes the nonce of the presented token out of the session, in the store, before the handler runs: of any
// number of requests at once, one finds it there.
func (x *exchange) consume() *Refusal {
	s := &x.session
	s.mu.Lock()
	defer s.mu.Unlock()
	used := false
	take := func(old values) (values, error) {
		open, _ := old.get(onceKey)
		i := indexNonce(open, x.token.nonce)
		if used = i < 0; used {
			return old, nil
		}
		rest := open[:i] + open[i+nonceLen:]
		if rest == "" {
			return old.without(onceKey), nil
		}
		return old.with(onceKey, rest), nil
	}
	next, _ := take(s.values)
	if used {
		return x.refuseCSRF("used")
	}
	s.values, s.deltas = next, append(s.deltas, take)
	ctx, cancel := s.m.lastingContext(x.context.Context)
	defer cancel()
	err := s.patchUnless(ctx, &used)
	switch {
	case used:
		return x.refuseCSRF("used")
	case err == nil:
		return nil
	case s.settle(err) == nil:
		return x.refuseCSRF("token") // the session ended meanwhile, and its tokens with it
	}
	return newRefusal(http.StatusServiceUnavailable, "store", err)
}

// patchUnless is patch, given up when a replayed delta sets stop.
func (s *Session) patchUnless(ctx context.Context, stop *bool) error {
	s.stop = stop
	defer func() { s.stop = nil }()
	return s.patch(ctx)
}

func indexNonce(open, nonce string) int {
	for i := 0; i+nonceLen <= len(open); i += nonceLen {
		if open[i:i+nonceLen] == nonce {
			return i
		}
	}
	return -1
}

// Action wraps a route inside [Manager.Handler] and demands the token of exactly this action, whatever the method, so
// that a token from one form is of no use for another. object, if not nil, tells from the request which object is
// meant; the token must name the same. A one-time token is accepted too. Refusals are 403 through [Config.Refuse].
//
// A route that is reached outside Manager.Handler refuses everything.
func Action(action string, object func(*http.Request) string, next http.Handler) http.Handler {
	return demand(action, object, false, next)
}

// Once is Action for a one-time token, from [Session.OneTime]: of two requests with one token, however close, the
// handler runs for one.
func Once(action string, object func(*http.Request) string, next http.Handler) http.Handler {
	return demand(action, object, true, next)
}

func demand(action string, object func(*http.Request) string, once bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchangeOf(r.Context())
		if x == nil {
			(&Manager{}).refuse(w, r, newRefusal(http.StatusForbidden, "handler", ErrNoHandler))
			return
		}
		if refused := x.demand(r, action, object, once); refused != nil {
			x.session.m.refuse(w, r, refused)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (x *exchange) demand(r *http.Request, action string, object func(*http.Request) string, once bool) *Refusal {
	if !unsafe(r) && x.token == (presented{}) && x.session.live { // a safe method that was declared an action
		if text, err := findToken(r); err == nil && text != "" {
			x.token = x.session.verifyCSRF(text)
		}
		if x.token.once {
			if refused := x.consume(); refused != nil {
				return refused
			}
		}
	}
	if !x.token.valid {
		reason := x.token.denied
		if reason == "" {
			reason = "missing"
		}
		return x.refuseCSRF(reason)
	}
	var objects []string
	if object != nil {
		objects = []string{object(r)}
	}
	if x.token.tag != tagOf(action, objects) || (once && !x.token.once) {
		return x.refuseCSRF("action")
	}
	return nil
}

// header is where programs put the token; forms use the field.
const (
	tokenHeader = "X-Csrf-Token"
	tokenField  = "csrf"
)

// findToken returns the token from the header or the body, "" if there is none. It is never taken from the URL, which
// ends up in logs and referrers. Afterwards the body reads as if nobody had looked.
func findToken(r *http.Request) (string, error) {
	if h := r.Header[tokenHeader]; len(h) > 0 {
		if len(h) > 1 {
			return "", errTwoTokens
		}
		return h[0], nil
	}
	if r.Body == nil || r.Body == http.NoBody {
		return "", nil
	}
	contentType := r.Header.Get("Content-Type")
	kind, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case "application/x-www-form-urlencoded":
		return fieldOfForm(r)
	case "multipart/form-data":
		return firstPart(r, contentType)
	}
	return "", nil
}
