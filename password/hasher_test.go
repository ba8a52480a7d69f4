package password_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/password"
)

// cheap is for tests about anything but cost.
const cheap password.Params = "m=64,t=1,p=1"

func newHasher(t testing.TB, change func(*password.Config)) *password.Hasher {
	t.Helper()
	cfg := password.Config{Params: cheap, InsecureParams: true}
	if change != nil {
		change(&cfg)
	}
	h, err := password.New(cfg)
	require.NoError(t, err)
	return h
}

func newKeys(t testing.TB, older ...skans.Key) (*skans.Keyring, skans.Key) {
	t.Helper()
	key := skans.GenerateKey("k" + string(rune('0'+len(older))))
	keys, err := skans.NewKeyring(key, older...)
	require.NoError(t, err)
	return keys, key
}

func TestHashAndVerify(t *testing.T) {
	keys, _ := newKeys(t)
	for name, change := range map[string]func(*password.Config){
		"in clear": nil,
		"sealed":   func(c *password.Config) { c.Keys = keys },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHasher(t, change)
			ctx := context.Background()
			enc, err := h.Hash(ctx, "anna", "correct horse battery staple")
			require.NoError(t, err)
			next, err := h.Verify(ctx, "anna", enc, "correct horse battery staple")
			require.NoError(t, err)
			require.Empty(t, next)
			_, err = h.Verify(ctx, "anna", enc, "correct horse battery stapler")
			require.ErrorIs(t, err, password.ErrMismatch)
			_, err = h.Verify(ctx, "anna", "", "correct horse battery staple")
			require.ErrorIs(t, err, password.ErrMismatch)
		})
	}
}

func TestWrappedMD5(t *testing.T) {
	h := newHasher(t, func(c *password.Config) { c.Accept = []password.Legacy{password.MD5} })
	ctx := context.Background()
	const md5OfPassword = "5f4dcc3b5aa765d61d8327deb882cf99" // RFC 1321's function over "password"
	_, err := h.Verify(ctx, "anna", md5OfPassword, "password")
	require.ErrorIs(t, err, password.ErrHash)
	wrapped, err := h.Wrap(ctx, "anna", md5OfPassword)
	require.NoError(t, err)
	next, err := h.Verify(ctx, "anna", wrapped, "password")
	require.NoError(t, err)
	require.Contains(t, next, "$argon2id$v=19$m=64,t=1,p=1$")
	next, err = h.Verify(ctx, "anna", next, "password")
	require.NoError(t, err)
	require.Empty(t, next)
}
