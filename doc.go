// Package skans holds the keys that every other room of the library stands on.
//
// A [Keyring] derives one subkey for each purpose from a few master keys and uses it to authenticate ([Keyring.MAC]),
// encrypt ([Keyring.Seal]) or sign ([Keyring.Signer]); adding a key in front rotates, and what older keys made still
// opens. A [Secret] holds a string that never prints. A [Vault] encrypts fields under one random key for each person, so
// that destroying the key erases the person from every table, log and backup.
//
// # Recommended use
//
// Make the key file once with [CreateKeyringFile], open it at start with [OpenKeyringFile], or take the text from a
// secret manager with [ParseKeyring], and hand the one *Keyring to every package's Config.
//
// To rotate, put a new line in front of the file and start every process again; then call [Vault.Rewrap]. Remove the old
// line when nothing that it made is needed any more: links have expired, sessions have ended, Rewrap is complete.
//
// Give a [Vault] a [KeyStore] of the database that is backed up apart from the data, and a [KMS] where there is one. Keep
// the [Receipt] of each erasure outside of both: after a backup of the key store was restored, erase the subjects of the
// receipts again, before the service starts. An erasure reaches the old backups themselves once Rewrap ran under a new
// master key and the old one is destroyed everywhere; until then, for as many days as that takes, whoever has an old
// backup and the old master key can read on.
//
// # Security model
//
// Trusted: the process, its memory, and whoever can read the key file or call the KMS. Untrusted: every sealed or
// authenticated byte that comes back, wherever it was stored, and the wrapped keys in a key store. Promised: such a byte
// opens or verifies only for the purpose and the place that it was made for; changed, cut or moved bytes give an error
// and never a panic or a part of the plain text; whoever writes to the key store can take keys away, not learn them or
// have values sealed under a key of their choice. Errors never tell why a value does not open, beyond whether its key is
// known. Not promised: that an old value is not put back in its own place (bind a version where that matters), that
// lengths are hidden, or that keys are wiped from memory.
//
// Only the standard library's cryptography is used, with keys of 256 bits: HKDF-SHA-256 (RFC 5869), HMAC-SHA-256
// (RFC 2104), AES-256-GCM with random nonces (NIST SP 800-38D), Ed25519 (RFC 8032). The format byte of a sealed value
// fixes the algorithms, so that nothing in it can choose others.
//
// # Events
//
// VaultConfig.Audit gets these events. They have the attributes subject (string) and key (the public id of the data
// key, string), where not said otherwise.
//
//   - "vault.key" ([EventVaultKey]): a data key came into memory. Attribute outcome: "created" or "unwrapped".
//   - "vault.erase" ([EventVaultErase]): a subject was erased. Attribute erased: the time of the first erasure.
//   - "vault.rewrap" ([EventVaultRewrap]): a run of Rewrap ended. Attributes outcome ("complete", "incomplete"),
//     rewrapped and failed (numbers of keys, int64); no subject and key.
package skans
