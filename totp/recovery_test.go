package totp_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/totp"
)

func TestRecoveryCodesAreUsedOnceInAnyOrder(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	_, recovery := f.enrolled(t)
	seen := map[string]bool{}
	for _, i := range []int{7, 0, 9, 3} {
		require.NoError(t, f.Recover(ctx, anna, recovery[i]))
		require.ErrorIs(t, f.Recover(ctx, anna, recovery[i]), totp.ErrCode)
		seen[recovery[i]] = true
	}
	require.Len(t, seen, 4)
	s, err := f.Status(ctx, anna)
	require.NoError(t, err)
	require.Equal(t, 6, s.Recovery)
	require.ErrorIs(t, f.Recover(ctx, "bo", recovery[1]), totp.ErrNotEnrolled)
}

func TestRecoveryCodesHaveEnoughEntropy(t *testing.T) {
	f := newFixture(t)
	_, recovery := f.enrolled(t)
	seen := map[string]bool{}
	for _, code := range recovery {
		require.Regexp(t, `^([0-9A-HJKMNP-TV-Z]{4}-){5}[0-9A-HJKMNP-TV-Z]{4}$`, code)
		require.GreaterOrEqual(t, 5*len(strings.ReplaceAll(code, "-", "")), 112, "bits (ASVS 6.5.2)")
		seen[code] = true
	}
	require.Len(t, seen, 10)
}

func TestRecoveryCodesAsPeopleTypeThem(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	_, recovery := f.enrolled(t)
	plain := strings.ReplaceAll(recovery[5], "-", "")
	for i, typed := range []string{
		strings.ToLower(recovery[0]),
		strings.ReplaceAll(recovery[1], "-", ""),
		strings.ReplaceAll(recovery[2], "-", " "),
		"  " + strings.ReplaceAll(recovery[3], "-", " - ") + "  ",
		strings.ReplaceAll(recovery[4], "-", "–"), // a telephone's idea of a hyphen
		plain[:11] + "-" + plain[11:],
		strings.NewReplacer("1", "l", "0", "o").Replace(recovery[6]),
		strings.NewReplacer("1", "I", "0", "O").Replace(recovery[7]),
		recovery[8] + "\t",
	} {
		require.NoError(t, f.Recover(ctx, anna, typed), "form %d", i)
	}
	for name, typed := range map[string]string{
		"empty": "", "short": recovery[9][:28], "long": recovery[9] + "0", "a U": "U" + recovery[9][1:], "a NUL": recovery[9] + "\x00",
		"endless": strings.Repeat("-", 1<<20) + recovery[9], "full width": "０" + recovery[9][1:], "invalid UTF-8": "\xff" + recovery[9],
	} {
		require.ErrorIs(t, again(t, f).Recover(ctx, anna, typed), totp.ErrCode, name)
	}
	require.NoError(t, again(t, f).Recover(ctx, anna, recovery[9]))
}

func TestNewRecoveryCodesKillTheOld(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	_, err := f.NewRecoveryCodes(ctx, anna)
	require.ErrorIs(t, err, totp.ErrNotEnrolled)
	_, old := f.enrolled(t)
	recovery, err := f.NewRecoveryCodes(ctx, anna)
	require.NoError(t, err)
	require.Len(t, recovery, 10)
	require.ErrorIs(t, f.Recover(ctx, anna, old[0]), totp.ErrCode)
	require.NoError(t, f.Recover(ctx, anna, recovery[0]))
	require.Equal(t, []string{"totp.recovery_renewed", "totp.refused:wrong", "totp.recovered"}, f.log)
	require.Equal(t, []string{"anna totp.confirmed", "anna totp.recovery_renewed", "anna totp.recovered"}, f.told)
}

func TestAMovedRecoveryRowOpensNothing(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	_, mine := f.enrolled(t)
	p, err := f.Enroll(ctx, "bo", "bo")
	require.NoError(t, err)
	_, err = f.Confirm(ctx, "bo", f.code(t, p.Secret()))
	require.NoError(t, err)
	require.ErrorIs(t, f.Recover(ctx, "bo", mine[0]), totp.ErrCode, "the user is in the hash")
}

func FuzzRecoveryInput(f *testing.F) {
	for _, seed := range []string{
		"", "7K3M-9QXA-0000-1111-ABCD-EFGH", "7k3m9qxa00001111abcdefgh", "O0Il-o0iL-ZZZZ-ZZZZ-ZZZZ-ZZZZ", "7K3M–9QXA—0000 1111\u00a0ABCD−EFGH",
		"UUUU-UUUU-UUUU-UUUU-UUUU-UUUU", "\xff\xfe", "ſſſſ", "K" + strings.Repeat("-", 200), "٠٠٠٠",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		canonical, ok := totp.CanonicalRecovery(input)
		if !ok {
			return
		}
		require.Len(t, canonical, 24)
		require.Empty(t, strings.Trim(canonical, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
		require.LessOrEqual(t, len(input), 128)
		require.True(t, utf8.ValidString(input))
		again, ok := totp.CanonicalRecovery(canonical)
		require.True(t, ok)
		require.Equal(t, canonical, again, "canonical is a fixed point")
		again, ok = totp.CanonicalRecovery(strings.ToLower(totp.GroupRecovery(canonical)))
		require.True(t, ok)
		require.Equal(t, canonical, again, "what is shown reads back")
	})
}

func FuzzCodeInput(f *testing.F) {
	for _, seed := range []string{"", "123456", "123 456", "000000", "12345678", "+12345", "１２３４５６", "999999999999"} {
		f.Add(seed, 6)
	}
	f.Fuzz(func(t *testing.T, input string, digits int) {
		if digits != 6 && digits != 8 {
			return
		}
		value, ok := totp.ParseCode(input, digits)
		if !ok {
			return
		}
		want := strings.ReplaceAll(input, " ", "")
		require.Len(t, want, digits)
		require.Less(t, value, map[int]uint32{6: 1_000_000, 8: 100_000_000}[digits])
		for i := len(want) - 1; i >= 0; i-- { // the digits read back
			require.Equal(t, want[i], byte('0'+value%10))
			value /= 10
		}
	})
}
