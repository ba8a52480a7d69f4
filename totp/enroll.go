package totp

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/skans-go/skans"
)

// secretSize is 160 bits, what RFC 4226, 4 R6 recommends and the hash length of HMAC-SHA-1.
const secretSize = 20

// pendingFor is how long an enrolment waits to be confirmed.
const pendingFor = 15 * time.Minute

// A Pending is an enrolment that waits for [Service.Confirm]. It holds the secret: show it to the user who is
// enrolling, over no-store pages, and keep it nowhere. It prints as "[secret]".
type Pending struct {
	id     string
	uri    string
	secret string
}

// ID names this enrolment and is no secret. Keep it with the visitor, and compare it before an enrolment is shown again:
// an attacker who also knows the password may have begun another one meanwhile, whose secret is not only the owner's.
func (p *Pending) ID() string { return p.id }

// URI returns the provisioning URI "otpauth://totp/Issuer:account?secret=...", which authenticator apps open.
func (p *Pending) URI() skans.Secret { return skans.NewSecret(p.uri) }

// Secret returns the secret in base32 without padding, for typing it into an app.
func (p *Pending) Secret() skans.Secret { return skans.NewSecret(p.secret) }

// Format writes "[secret]", whatever the verb.
func (p *Pending) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// LogValue returns "[secret]" to log/slog.
func (p *Pending) LogValue() slog.Value { return slog.StringValue("[secret]") }

// Enroll begins an enrolment: a new random secret that nobody is asked for until [Service.Confirm]. account is what the
// app shows beside the issuer, an e-mail address or a login name; see [ErrLabel]. It replaces an earlier enrolment that
// waits, and a confirmed factor stays valid until the new one is confirmed. An enrolment waits for 15 minutes.
//
// Who is already enrolled must prove the old factor first; the caller sees to that.
func (s *Service) Enroll(ctx context.Context, user, account string) (*Pending, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	if user == "" || len(user) > maxUser {
		return nil, errors.New("totp: a user id has 1 to 256 bytes")
	}
	if err := checkLabel(account, maxAccount); err != nil {
		return nil, fmt.Errorf("%w: account", err)
	}
	f := factor{
		shared:  shared{secret: make([]byte, secretSize), algorithm: s.cfg.Algorithm, digits: s.cfg.Digits},
		begun:   s.now(),
		account: account,
	}
	_, _ = rand.Read(f.secret) // never fails: crypto/rand ends the program instead
	if err := s.record(ctx, EventEnrolled, user); err != nil {
		return nil, err
	}
	id := rand.Text()
	if err := s.cfg.Store.Begin(ctx, user, Factor{ID: id, Sealed: s.seal(user, id, f)}); err != nil {
		return nil, s.refuse(ctx, user, "store", storeError(err))
	}
	return s.pending(id, f), nil
}

// Pending returns the enrolment that waits, to show it again after a mistyped code, or [ErrNotEnrolled] when there is
// none or its 15 minutes are over.
func (s *Service) Pending(ctx context.Context, user string) (*Pending, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	id, f, _, err := s.waiting(ctx, user)
	if err != nil {
		return nil, err
	}
	return s.pending(id, f), nil
}

// Confirm ends an enrolment with the first code from the app, which it uses up: the new factor is in place, an older
// one and its recovery codes are dead, and 10 new recovery codes are returned, this once. Tries count as those of
// [Service.Verify] do.
//
// It returns [ErrCode], [ErrThrottled], [ErrNotEnrolled] when no enrolment waits, or the error of the store, the
// throttle or the audit hook.
func (s *Service) Confirm(ctx context.Context, user, code string) (recovery []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	if err := s.take(ctx, purposeVerify, user); err != nil {
		return nil, err
	}
	recovery, reason, err := s.confirm(ctx, user, code)
	if err != nil {
		return nil, s.refuse(ctx, user, reason, err)
	}
	s.giveBack(ctx, purposeVerify, user)
	s.notify(ctx, user, EventConfirmed)
	return recovery, nil
}

func (s *Service) confirm(ctx context.Context, user, code string) (recovery []string, reason string, err error) {
	id, f, reason, err := s.waiting(ctx, user)
	if err != nil {
		return nil, reason, err
	}
	step, reason, err := s.match(&f.shared, code)
	if err != nil {
		return nil, reason, err
	}
	recovery, hashes := s.newRecovery(user)
	// Recorded before it happens, because an error of the log must leave the old factor in place.
	if err := s.record(ctx, EventConfirmed, user); err != nil {
		return nil, "audit", err
	}
	done, err := s.cfg.Store.Confirm(ctx, user, id, step, hashes)
	if err != nil {
		return nil, "store", storeError(err)
	}
	if !done {
		return nil, "superseded", ErrNotEnrolled
	}
	return recovery, "", nil
}

// waiting loads the pending factor of user.
func (s *Service) waiting(ctx context.Context, user string) (id string, f factor, reason string, err error) {
	record, err := s.cfg.Store.Load(ctx, user)
	if err != nil {
		return "", factor{}, "store", storeError(err)
	}
	if record.Pending.ID == "" {
		return "", factor{}, "not-enrolled", ErrNotEnrolled
	}
	f, err = s.open(user, record.Pending)
	if err != nil {
		return "", factor{}, "sealed", err
	}
	if !s.now().Before(f.begun.Add(pendingFor)) {
		return "", factor{}, "expired", ErrNotEnrolled
	}
	return record.Pending.ID, f, "", nil
}

var plainBase32 = base32.StdEncoding.WithPadding(base32.NoPadding)

// pending writes the URI by the Key Uri Format of authenticator apps.
func (s *Service) pending(id string, f factor) *Pending {
	secret := plainBase32.EncodeToString(f.secret)
	issuer := escape(s.cfg.Issuer)
	return &Pending{id: id, secret: secret, uri: "otpauth://totp/" + issuer + ":" + escape(f.account) +
		"?secret=" + secret + "&issuer=" + issuer + "&algorithm=" + f.algorithm.String() +
		"&digits=" + strconv.Itoa(f.digits) + "&period=" + strconv.Itoa(stepSeconds)}
}

// escape writes a name for both the path and the query: whatever could end either is escaped, and so is '+', because some
// apps read it as a space and others do not.
func escape(name string) string {
	return strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
}

// A factor is what a sealed secret holds.
type factor struct {
	shared
	begun   time.Time
	account string
}

const (
	sealPurpose   = "totp.secret"
	factorVersion = 1
	factorHeader  = 1 + 1 + 1 + 8 + 1 // version, algorithm, digits, begun, length of the secret
)

// seal encrypts f for this user and this id, so that a row copied to another user, or an older factor put back under
// a newer id, does not open.
func (s *Service) seal(user, id string, f factor) []byte {
	plain := make([]byte, 0, factorHeader+len(f.secret)+len(f.account))
	plain = append(plain, factorVersion, byte(f.algorithm), byte(f.digits))
	plain = binary.BigEndian.AppendUint64(plain, uint64(f.begun.Unix()))
	plain = append(plain, byte(len(f.secret)))
	plain = append(plain, f.secret...)
	plain = append(plain, f.account...)
	return s.cfg.Keys.Seal(plain, sealPurpose, user, id)
}

var errSealed = errors.New("totp: the stored factor is not one that this version reads")

func (s *Service) open(user string, sealed Factor) (factor, error) {
	plain, err := s.cfg.Keys.Open(sealed.Sealed, sealPurpose, user, sealed.ID)
	if err != nil {
		return factor{}, fmt.Errorf("totp: stored factor: %w", err)
	}
	if len(plain) < factorHeader || plain[0] != factorVersion {
		return factor{}, errSealed
	}
	size := int(plain[factorHeader-1])
	f := factor{
		shared: shared{algorithm: Algorithm(plain[1]), digits: int(plain[2])},
		begun:  time.Unix(int64(binary.BigEndian.Uint64(plain[3:])), 0),
	}
	rest := plain[factorHeader:]
	if size < secretSize || size > 64 || len(rest) < size || f.algorithm > SHA512 || f.digits != 6 && f.digits != 8 {
		return factor{}, errSealed
	}
	f.secret, f.account = rest[:size], string(rest[size:])
	return f, nil
}

// reseal moves the secret to the current key when an older one sealed it, so that the older can be retired. A failure
// changes nothing and the next verification tries again.
func (s *Service) reseal(ctx context.Context, user string, sealed Factor, f factor) {
	current := s.cfg.Keys.IDs()[0]
	if header := sealed.Sealed[1:]; int(header[0]) == len(current) && bytes.HasPrefix(header[1:], []byte(current)) {
		return
	}
	_, _ = s.cfg.Store.Reseal(ctx, user, sealed.ID, s.seal(user, sealed.ID, f))
}
