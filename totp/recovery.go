package totp

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"log/slog"
	"strings"
)

const (
	// recoveryCodes is how many a user gets.
	recoveryCodes = 10
	// recoverySize is 120 bits, above the 112 below which a code would need a slow hash (NIST SP 800-63B-4, 3.1.2.2;
	// ASVS 6.5.2), and 24 characters without a remainder.
	recoverySize  = 15
	recoveryChars = recoverySize * 8 / 5
	recoveryGroup = 4
	// maxRecoveryInput bounds what is read of an input.
	maxRecoveryInput = 128

	recoveryPurpose = "totp.recovery"
)

// crockford is Douglas Crockford's base 32: no I, L, O or U, so that what is read aloud or copied by hand comes back
// the same.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

var crockfordEncoding = base32.NewEncoding(crockford).WithPadding(base32.NoPadding)

// Recover uses up one recovery code in the place of a code from the app. Case, spaces, hyphens and the order of the
// codes do not matter; I and L count as 1, O as 0.
//
// It returns nil, [ErrCode], [ErrThrottled], [ErrNotEnrolled], or the error of the store, the throttle or the audit hook.
// Only nil is a proof. Tries have a budget of their own, apart from that of [Service.Verify]: who guesses codes of the
// app cannot keep the owner from recovering.
func (s *Service) Recover(ctx context.Context, user, code string) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	if err := s.take(ctx, purposeRecover, user); err != nil {
		return err
	}
	left, reason, err := s.recover(ctx, user, code)
	if err != nil {
		return s.refuse(ctx, user, reason, err)
	}
	s.giveBack(ctx, purposeRecover, user)
	err = s.record(ctx, EventRecovered, user, slog.Int64("left", int64(left)))
	s.notify(ctx, user, EventRecovered)
	return err
}

func (s *Service) recover(ctx context.Context, user, code string) (left int, reason string, err error) {
	record, err := s.cfg.Store.Load(ctx, user)
	if err != nil {
		return 0, "store", storeError(err)
	}
	if record.Active.ID == "" {
		return 0, "not-enrolled", ErrNotEnrolled
	}
	canonical, ok := canonicalRecovery(code)
	if !ok {
		return 0, "malformed", ErrCode
	}
	var hashes [][]byte
	for hash := range s.cfg.Keys.MACs(recoveryPurpose, user, canonical) {
		hashes = append(hashes, hash)
	}
	left, ok, err = s.cfg.Store.UseRecovery(ctx, user, hashes)
	if err != nil {
		return 0, "store", storeError(err)
	}
	if !ok {
		return 0, "wrong", ErrCode
	}
	return left, "", nil
}

// NewRecoveryCodes replaces all recovery codes of the user by 10 new ones and returns them, this once. It returns
// [ErrNotEnrolled], or the error of the store or the audit hook.
func (s *Service) NewRecoveryCodes(ctx context.Context, user string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	record, err := s.cfg.Store.Load(ctx, user)
	if err != nil {
		return nil, s.refuse(ctx, user, "store", storeError(err))
	}
	if record.Active.ID == "" {
		return nil, s.refuse(ctx, user, "not-enrolled", ErrNotEnrolled)
	}
	codes, hashes := s.newRecovery(user)
	// Recorded before it happens, because an error of the log must leave the old codes in place.
	if err := s.record(ctx, EventRecoveryRenewed, user); err != nil {
		return nil, err
	}
	done, err := s.cfg.Store.SetRecovery(ctx, user, record.Active.ID, hashes)
	if err != nil {
		return nil, s.refuse(ctx, user, "store", storeError(err))
	}
	if !done {
		return nil, s.refuse(ctx, user, "superseded", ErrNotEnrolled)
	}
	s.notify(ctx, user, EventRecoveryRenewed)
	return codes, nil
}

// newRecovery draws recovery codes and the keyed hashes that are stored of them. The user is in the hash, so that a row
// copied to another user opens nothing.
func (s *Service) newRecovery(user string) (codes []string, hashes [][]byte) {
	for range recoveryCodes {
		var random [recoverySize]byte
		_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the program instead
		canonical := crockfordEncoding.EncodeToString(random[:])
		codes = append(codes, groupRecovery(canonical))
		hashes = append(hashes, s.cfg.Keys.MAC(recoveryPurpose, user, canonical))
	}
	return codes, hashes
}

// groupRecovery writes a code as people copy it: "7K3M-9QXA-...".
func groupRecovery(canonical string) string {
	var b strings.Builder
	for i := 0; i < len(canonical); i += recoveryGroup {
		if i > 0 {
			b.WriteByte('-')
		}
		b.WriteString(canonical[i : i+recoveryGroup])
	}
	return b.String()
}

// canonicalRecovery reads a code as people type it: any case, with or without separators (keyboards turn a hyphen into a
// dash), and with the letters that Crockford's base 32 takes for digits.
func canonicalRecovery(input string) (string, bool) {
	if len(input) > maxRecoveryInput {
		return "", false
	}
	out := make([]byte, 0, recoveryChars)
	for _, r := range input {
		switch {
		case r == ' ' || r == '-' || r == '\t' || r == '\u00a0' || '\u2010' <= r && r <= '\u2015' || r == '\u2212':
			continue
		case 'a' <= r && r <= 'z':
			r -= 'a' - 'A'
		}
		switch r {
		case 'I', 'L':
			r = '1'
		case 'O':
			r = '0'
		}
		if len(out) == recoveryChars || r > 'Z' || strings.IndexByte(crockford, byte(r)) < 0 {
			return "", false
		}
		out = append(out, byte(r))
	}
	return string(out), len(out) == recoveryChars
}
