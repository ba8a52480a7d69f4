package onetime_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/totp/onetime"
)

// Only the code itself opens, however spaces and hyphens stand in it, and nothing panics.
func FuzzVerify(f *testing.F) {
	for _, seed := range []string{"", "123456", "123 456", "12-34-56", "１２３４５６", "+12345", "123456\x00", strings.Repeat(" ", 100)} {
		f.Add(seed, seed)
	}
	keys, err := skans.NewKeyring(skans.GenerateKey("k"))
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, input, challenge string) {
		s, err := onetime.New(onetime.Config{Keys: keys, Store: onetime.NewMemoryStore(), Throttle: generous{}})
		require.NoError(t, err)
		right, code, err := s.Issue(t.Context(), purpose, anna)
		require.NoError(t, err)
		if challenge != right {
			require.ErrorIs(t, s.Verify(t.Context(), purpose, anna, challenge, code), onetime.ErrCode)
		}
		same := strings.NewReplacer(" ", "", "-", "").Replace(input) == code && len(input) <= 4*len(code)
		err = s.Verify(t.Context(), purpose, anna, right, input)
		if same {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, onetime.ErrCode)
		}
	})
}
