package throttle

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"time"
)

// A device cookie is base64url of: random id (16 bytes), time of issue (8 bytes, Unix seconds), MAC (32 bytes) over
// both and the canonical name.
const (
	deviceID    = 16
	deviceHead  = deviceID + 8
	deviceBytes = deviceHead + 32
)

// NewDevice returns the value of a cookie that marks a browser as one in which the name signed in. Set it after each
// success (Secure, HttpOnly, SameSite=Lax, MaxAge [Limiter.DeviceTTL]) and hand it back as Attempt.Device. It lets
// nobody in; it keeps the owner from being locked out by others' failures, at a budget of its own.
func (l *Limiter) NewDevice(name string) string {
	b := make([]byte, deviceHead, deviceBytes)
	_, _ = rand.Read(b[:deviceID]) // never fails: crypto/rand ends the program instead
	binary.BigEndian.PutUint64(b[deviceID:], uint64(time.Now().Unix()))
	b = append(b, l.cfg.Keys.MAC("throttle.device", CanonicalName(name), string(b))...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// DeviceTTL returns how long a device cookie is good.
func (l *Limiter) DeviceTTL() time.Duration { return l.cfg.DeviceTTL }

// KnownDevice reports whether the cookie was issued for the name and is still good.
func (l *Limiter) KnownDevice(name, cookie string) bool {
	_, ok := l.deviceKey(CanonicalName(name), cookie)
	return ok
}

// deviceKey returns the bucket of a device, if the cookie was issued for the name.
func (l *Limiter) deviceKey(canonical, cookie string) (Key, bool) {
	if base64.RawURLEncoding.DecodedLen(len(cookie)) != deviceBytes {
		return Key{}, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(cookie)
	if err != nil || len(b) != deviceBytes || !l.cfg.Keys.VerifyMAC(b[deviceHead:], "throttle.device", canonical, string(b[:deviceHead])) {
		return Key{}, false
	}
	issued := time.Unix(int64(binary.BigEndian.Uint64(b[deviceID:])), 0)
	if age := time.Since(issued); age > l.cfg.DeviceTTL {
		return Key{}, false
	}
	return Key(b[deviceHead : deviceHead+len(Key{})]), true
}
