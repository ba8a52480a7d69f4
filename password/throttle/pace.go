package throttle

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"
)

var (
	// ErrTooFast says that a form came back sooner than a person fills it in.
	ErrTooFast = errors.New("throttle: form came back too fast")
	// ErrStamp says that a form stamp is missing, was changed, or is a day old.
	ErrStamp = errors.New("throttle: form stamp is not valid")
)

const stampTTL = 24 * time.Hour

// Stamp returns the value of a hidden field that says when a form was made, for the purpose. [Limiter.Pace] reads it.
func (l *Limiter) Stamp(purpose string) string {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 8+32), uint64(time.Now().UnixMilli()))
	b = append(b, l.cfg.Keys.MAC("throttle.stamp", purpose, string(b))...)
	return base64.RawURLEncoding.EncodeToString(b)
}

// Pace returns nil when the form of the stamp was made at least that long ago: people need seconds, programs do not
// (ASVS 5.0, 2.4.2). It returns [ErrTooFast] or [ErrStamp]. A stamp says nothing about who got it and may be used
// again; CSRF tokens are for that.
func (l *Limiter) Pace(purpose, stamp string, atLeast time.Duration) error {
	const bytes = 8 + 32
	if base64.RawURLEncoding.DecodedLen(len(stamp)) != bytes {
		return ErrStamp
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(stamp)
	if err != nil || len(b) != bytes || !l.cfg.Keys.VerifyMAC(b[8:], "throttle.stamp", purpose, string(b[:8])) {
		return ErrStamp
	}
	age := time.Since(time.UnixMilli(int64(binary.BigEndian.Uint64(b))))
	switch {
	case age > stampTTL || age < -time.Minute:
		return ErrStamp
	case age < atLeast:
		return ErrTooFast
	}
	return nil
}
