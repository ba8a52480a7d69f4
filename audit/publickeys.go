package audit

import (
	"crypto/ed25519"

	"github.com/skans-go/skans"
)

// PublicKeys returns the keys that a log with this keyring is or was signed with, the current first: what [Trust] needs to
// verify a log that is not open here.
func PublicKeys(keys *skans.Keyring) []ed25519.PublicKey {
	signers := keys.SigningKeys(keyPurpose)
	public := make([]ed25519.PublicKey, len(signers))
	for i, key := range signers {
		public[i] = key.Public().(ed25519.PublicKey)
	}
	return public
}
