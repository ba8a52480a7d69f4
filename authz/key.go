package authz

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"time"
)

// KeyHeader is the request header that may carry a key; the other places are the path value and the query parameter
// "key".
const KeyHeader = "Capability-Key"

const (
	keyPurpose = "authz.key"
	keyBytes   = 8 + 32 // expiry in Unix seconds, MAC
)

// Key returns an unguessable key that opens exactly this page or function, for exactly this object, until expires: for
// a rule with PublicWithKey or OrKey. It is 54 URL-safe characters; whoever has it may use it, so it
// belongs into a letter to one person. It can be used until it expires unless the rule says Once. It is empty
// where Config.Keys is not set.
//
// The key is the time and HMAC-SHA-256 over it, the name, the tenant and the id. Nothing is stored, so that a single
// key cannot be withdrawn; rotate the keyring, or let the object's own state end it.
func (g *Guard) Key(name Name, object Object, expires time.Time) string {
	if g.cfg.Keys == nil {
		return ""
	}
	_, text := spell(name)
	raw := binary.BigEndian.AppendUint64(make([]byte, 0, keyBytes), uint64(expires.Unix()))
	raw = append(raw, g.cfg.Keys.MAC(keyPurpose, string(raw), text, object.Tenant, object.ID)...)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// verify reports whether key is one for the name and object, and when it expires.
func (g *Guard) verify(key, name string, at Object) (expires time.Time, ok bool) {
	if g.cfg.Keys == nil || len(key) != base64.RawURLEncoding.EncodedLen(keyBytes) {
		return time.Time{}, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(key)
	if err != nil || !g.cfg.Keys.VerifyMAC(raw[8:], keyPurpose, string(raw[:8]), name, at.Tenant, at.ID) {
		return time.Time{}, false
	}
	expires = time.Unix(int64(binary.BigEndian.Uint64(raw)), 0)
	return expires, time.Now().Before(expires)
}

// key returns the key that the request shows, if it opens the rule for the object. Two different keys are none: a
// program on the way may have judged by the other one.
func (st *request) key(r *rule, at Object) string {
	found := ""
	shown := append(st.http.URL.Query()["key"], st.http.Header.Values(KeyHeader)...)
	for _, key := range append(shown, st.guard.cfg.PathValue(st.http, "key")) {
		if key != "" && found != "" && key != found {
			return ""
		}
		if key != "" {
			found = key
		}
	}
	if _, ok := st.guard.verify(found, r.name, at); !ok {
		return ""
	}
	return found
}

// spend uses a key up. The store learns a keyed hash of it, never the key.
func (st *request) spend(key string) (Decision, error) {
	g := st.guard
	raw, _ := base64.RawURLEncoding.DecodeString(key)
	expires := time.Unix(int64(binary.BigEndian.Uint64(raw)), 0)
	id := hex.EncodeToString(g.cfg.Keys.MAC(keyPurpose+".spent", key))
	first, err := call(st.http.Context(), g.store, func(ctx context.Context) (bool, error) { return g.cfg.Spend(ctx, id, expires) })
	switch {
	case err != nil:
		return because(Unavailable), err
	case !first:
		return because(NoKey), nil
	}
	return Decision{Allowed: true, Reason: Allowed}, nil
}

// noReferrer keeps a key that stands in the address out of the Referer header and out of caches.
func noReferrer(w http.ResponseWriter) {
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cache-Control", "no-store")
}
