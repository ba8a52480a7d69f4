package skans

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"
)

var (
	// ErrErased says that the subject's key was destroyed, and with it all that was sealed under it.
	ErrErased = errors.New("skans: the data of this subject was erased")
	// ErrKeyUnavailable says that the key store or the KMS did not answer. Nothing is known about the value; try again.
	ErrKeyUnavailable = errors.New("skans: the key of this subject cannot be reached")
)

// VaultConfig says where a [Vault] keeps its keys.
type VaultConfig struct {
	// Keys wraps the data keys, unless there is a KMS, and makes the digests of [Vault.Index]. Required.
	Keys *Keyring

	// KMS wraps the data keys instead of Keys. nil: Keys does. Data keys wrapped by Keys before still open, and
	// [Vault.Rewrap] hands them over to the KMS.
	KMS KMS

	// Store keeps the wrapped data keys. nil: in memory, so that everything sealed is lost when the process ends.
	Store KeyStore

	// CacheSize is how many data keys stay in memory. 0: 1000.
	CacheSize int

	// CacheFor is how long a data key stays in memory, used or not. 0: 5 minutes. It is also how long another process
	// may go on opening values after [Vault.Erase].
	CacheFor time.Duration

	// Timeout bounds each call of Store and KMS, whether or not they heed their context. 0: 5 seconds.
	Timeout time.Duration

	// Audit records the events of the package document. nil: they are not recorded. It is called without any lock held
	// and may itself use the Vault with the context that it gets; what that use loads is not recorded again.
	Audit func(ctx context.Context, event string, attrs ...slog.Attr) error
}

// A Vault encrypts fields at rest under one random key for each subject: a person, a customer. To destroy that key is to
// destroy the subject's data in every table, log and backup at once. A Vault is safe for concurrent use.
type Vault struct {
	keys    *Keyring
	kms     KMS
	store   KeyStore
	cached  func() *keyCache // hidden from dumpers, as in Secret
	timeout time.Duration
	calls   chan struct{}
	record  func(context.Context, string, ...slog.Attr) error
}

// At says where a value belongs. All of it is needed, and all of it is bound into the ciphertext: a value opens only in
// the place for which it was sealed. Subject is an id of at most 255 bytes that says nothing about the person, because
// the mark of an erased subject stays; who comes back gets a new one.
type At struct {
	Subject string // whose data it is
	Table   string
	Column  string
	Row     string // the primary key
}

// NewVault returns a Vault, or an error that says which part of the VaultConfig to change.
func NewVault(c VaultConfig) (*Vault, error) {
	if c.Keys == nil {
		return nil, errors.New("skans: VaultConfig.Keys is nil; open a keyring with OpenKeyringFile")
	}
	if c.CacheSize < 0 || c.CacheFor < 0 || c.Timeout < 0 {
		return nil, errors.New("skans: VaultConfig.CacheSize, CacheFor and Timeout cannot be negative; zero gives the defaults")
	}
	if c.Store == nil {
		c.Store = NewMemoryKeyStore()
	}
	cache := newKeyCache(orDefault(c.CacheSize, 1000), orDefault(c.CacheFor, 5*time.Minute))
	return &Vault{
		keys: c.Keys, kms: c.KMS, store: c.Store, record: c.Audit,
		cached:  func() *keyCache { return cache },
		timeout: orDefault(c.Timeout, 5*time.Second),
		calls:   make(chan struct{}, maxCalls),
	}, nil
}

func orDefault[T int | time.Duration](value, standard T) T {
	if value == 0 {
		return standard
	}
	return value
}

// A value sealed by a Vault: version (1 byte), id of the data key (8 bytes), then nonce (12 bytes), ciphertext and tag
// (16 bytes) of AES-256-GCM. The version differs from that of [Keyring.Seal], so that neither passes for the other.
// Version and id are additional data, followed by the four parts of At.
const (
	vaultVersion = 2
	vaultHeader  = 1 + dataKeyID
	maxSubject   = 255
)

// Seal encrypts plain for its place. The first value of a subject makes its key. It is 37 bytes longer than plain.
// Errors: [ErrErased], [ErrKeyUnavailable], [ErrUnknownKey] or [ErrTampered] when the subject's key does not unwrap, and
// what Audit returns.
func (v *Vault) Seal(ctx context.Context, at At, plain []byte) ([]byte, error) {
	if err := at.check(); err != nil {
		return nil, err
	}
	key, err := v.key(ctx, at.Subject, true)
	if err != nil {
		return nil, err
	}
	header := [vaultHeader]byte{vaultVersion}
	copy(header[1:], key.id[:])
	out, aad := inOne(vaultHeader+sealOverhead+len(plain), header[:], at.Subject, at.Table, at.Column, at.Row)
	return key.aead.Seal(append(out, header[:]...), nil, plain, aad), nil
}

// Open decrypts what [Vault.Seal] made for the same place. On error it returns no bytes. Errors: [ErrErased],
// [ErrTampered], [ErrUnknownKey] when the subject has no key, has another than the value, or its key was wrapped by a
// master key that is gone, [ErrKeyUnavailable], and what Audit returns.
func (v *Vault) Open(ctx context.Context, at At, sealed []byte) ([]byte, error) {
	if err := at.check(); err != nil {
		return nil, err
	}
	if len(sealed) < vaultHeader+sealOverhead || sealed[0] != vaultVersion {
		return nil, ErrTampered
	}
	key, err := v.key(ctx, at.Subject, false)
	if err != nil {
		return nil, err
	}
	if [dataKeyID]byte(sealed[1:vaultHeader]) != key.id {
		return nil, ErrUnknownKey
	}
	dst, aad := inOne(len(sealed)-vaultHeader-sealOverhead, sealed[:vaultHeader], at.Subject, at.Table, at.Column, at.Row)
	plain, err := key.aead.Open(dst, nil, sealed[vaultHeader:], aad)
	if err != nil {
		return nil, ErrTampered
	}
	return plain, nil
}

// Index returns a keyed digest (32 bytes) of plain for each live master key, the current one first: store the first in a
// column of its own beside the sealed field, and search with all. Equal values of a field have equal digests, whoever the
// subject is, which shows to a reader of the table which rows agree; bring plain into one form first (letter case,
// spaces). [Vault.Erase] does not reach digests: delete them with the row. They are renewed from the opened field when a
// master key is retired.
func (v *Vault) Index(field string, plain []byte) [][]byte {
	digests := make([][]byte, 0, len(v.keys.ring().keys))
	for mac := range v.keys.MACs("skans.vault.index", field, string(plain)) {
		digests = append(digests, mac)
	}
	return digests
}

func (a At) check() error {
	if a.Subject == "" || a.Table == "" || a.Column == "" || a.Row == "" {
		return errors.New("skans: At needs Subject, Table, Column and Row")
	}
	return nil
}

func checkSubject(subject string) error {
	if subject == "" || len(subject) > maxSubject || !utf8.ValidString(subject) || strings.IndexByte(subject, 0) >= 0 {
		return fmt.Errorf("skans: a subject is UTF-8 of 1 to %d bytes without NUL", maxSubject) // what databases can compare
	}
	return nil
}
