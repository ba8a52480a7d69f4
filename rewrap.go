package skans

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

const rewrapPage = 1000

// Rewrap wraps every data key anew under the current master key, or by the KMS. Values stay as they are. It can be
// stopped at any time and called again: keys that are current already are skipped (with a KMS, if it has the method Current).
// Erasures and new subjects meanwhile do no harm.
//
// To retire a master key: put the new one in front in every process, call Rewrap, remove the old one everywhere. To make
// erasures reach old backups, destroy the old one too.
//
// A key that does not unwrap is left as it is and reported at the end, with its cause ([ErrTampered], [ErrUnknownKey]);
// [ErrKeyUnavailable] and an ended context stop at once.
func (v *Vault) Rewrap(ctx context.Context) error {
	var done, bad int64
	var first error
	err := v.everyKey(ctx, func(stored SubjectKey) error {
		changed, err := v.rewrap(ctx, stored)
		switch {
		case changed:
			done++
		case errors.Is(err, ErrTampered) || errors.Is(err, ErrUnknownKey):
			if bad++; first == nil {
				first = fmt.Errorf("subject %q: %w", stored.Subject, err)
			}
		default:
			return err
		}
		return nil
	})
	if err == nil && bad > 0 {
		err = fmt.Errorf("skans: %d keys were not rewrapped, the first: %w", bad, first)
	}
	outcome := "complete"
	if err != nil {
		outcome = "incomplete"
	}
	reported := v.report(context.WithoutCancel(ctx), EventVaultRewrap, slog.String("outcome", outcome), slog.Int64("rewrapped", done), slog.Int64("failed", bad))
	return errors.Join(err, reported)
}

func (v *Vault) everyKey(ctx context.Context, visit func(SubjectKey) error) error {
	for after := ""; ; {
		page, err := call(ctx, v, func(ctx context.Context) ([]SubjectKey, error) { return v.store.List(ctx, after, rewrapPage) })
		if err != nil {
			return unavailable(err)
		}
		if len(page) == 0 {
			return nil
		}
		for _, stored := range page {
			if err := visit(stored); err != nil {
				return err
			}
		}
		last := page[len(page)-1].Subject
		if last <= after { // would go on for ever
			return errors.New("skans: KeyStore.List does not return subjects in ascending order")
		}
		after = last
	}
}

func (v *Vault) rewrap(ctx context.Context, stored SubjectKey) (changed bool, err error) {
	if !stored.Erased.IsZero() || v.current(stored.Wrapped) {
		return false, nil
	}
	_, root, err := v.unwrap(ctx, stored, stored.Subject)
	if err != nil {
		return false, err
	}
	wrapped, err := v.wrap(ctx, root, stored.Subject)
	if err != nil {
		return false, err
	}
	// A false means that it was erased or rewrapped by another process since it was listed.
	changed, err = call(ctx, v, func(ctx context.Context) (bool, error) {
		return v.store.Replace(ctx, stored.Subject, stored.Wrapped, wrapped)
	})
	if err != nil {
		return false, unavailable(err)
	}
	return changed, nil
}

// current reports whether wrapping again would change nothing.
func (v *Vault) current(wrapped []byte) bool {
	if len(wrapped) == 0 {
		return false
	}
	if v.kms == nil {
		return wrapped[0] == wrappedByKeys && v.keys.current(wrapped[1:])
	}
	kms, ok := v.kms.(interface{ Current(wrapped []byte) bool })
	return ok && wrapped[0] == wrappedByKMS && kms.Current(wrapped[1:])
}
