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
// # Security model
//
// Trusted: the process, its memory, and whoever can read the key file. Untrusted: every sealed or authenticated byte
// that comes back, wherever it was stored. Promised: such a byte opens or verifies only for the purpose and the place that
// it was made for; changed, cut or moved bytes give an error and never a panic or a part of the plain text. Not promised:
// that an old value is not put back in its own place (bind a version where that matters), that lengths are hidden, or
// that keys are wiped from memory. Only the standard library's cryptography is used.
package skans
