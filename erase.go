package skans

import (
	"context"
	"log/slog"
	"strconv"
	"time"
)

// A Receipt says that the key of a subject was destroyed. It holds no secret and can be kept as JSON, apart from the
// database: after a backup is restored, [Vault.Erase] of each receipt's subject erases again.
type Receipt struct {
	Subject string    `json:"subject"`
	Key     string    `json:"key"`    // id of the destroyed data key; empty when the subject had none
	Erased  time.Time `json:"erased"` // of the first erasure
	Proof   []byte    `json:"proof"`  // a MAC under VaultConfig.Keys; see [Vault.VerifyReceipt]
}

// Erase destroys the key of a subject and marks the subject, for good: afterwards Seal and Open return [ErrErased].
// Called again it changes nothing and returns the same receipt, until VaultConfig.Keys is rotated.
//
// This Vault has forgotten the key when Erase returns; other processes forget it within their CacheFor. Old backups of
// the key store still hold it, wrapped: it is gone from them too once [Vault.Rewrap] ran under a new master key and the old
// master key is destroyed. On an error, also one from Audit, call it again.
func (v *Vault) Erase(ctx context.Context, subject string) (Receipt, error) {
	if err := checkSubject(subject); err != nil {
		return Receipt{}, err
	}
	at := time.Now().UTC().Truncate(time.Microsecond)
	mark, err := call(ctx, v, func(ctx context.Context) (SubjectKey, error) { return v.store.Erase(ctx, subject, at) })
	v.cached().erase(subject) // after the store, and also when it failed: perhaps it erased and could not say so
	if err != nil {
		return Receipt{}, unavailable(err)
	}
	receipt := Receipt{Subject: subject, Key: mark.ID, Erased: mark.Erased.UTC()}
	receipt.Proof = v.keys.MAC(receiptPurpose, receipt.parts()...)
	if err := v.report(ctx, EventVaultErase, slog.String("subject", subject), slog.String("key", receipt.Key), slog.Time("erased", receipt.Erased)); err != nil {
		return Receipt{}, err
	}
	return receipt, nil
}

const receiptPurpose = "skans.vault.receipt"

// VerifyReceipt reports whether a Vault with one of the live keys issued the receipt.
func (v *Vault) VerifyReceipt(r Receipt) bool {
	return v.keys.VerifyMAC(r.Proof, receiptPurpose, r.parts()...)
}

func (r Receipt) parts() []string {
	return []string{r.Subject, r.Key, strconv.FormatInt(r.Erased.UnixMicro(), 10)}
}
