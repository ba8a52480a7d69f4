package totp_test

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"math"
	mathrand "math/rand/v2"
	"testing"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/totp"
)

// The test secrets of RFC 4226, appendix D, and RFC 6238, appendix B (erratum 2866: the longer hashes have longer secrets).
var (
	rfcSHA1   = []byte("12345678901234567890")
	rfcSHA256 = []byte("12345678901234567890123456789012")
	rfcSHA512 = []byte("1234567890123456789012345678901234567890123456789012345678901234")
)

func TestHOTPVectorsOfRFC4226(t *testing.T) {
	want := []uint32{755224, 287082, 359152, 969429, 338314, 254676, 287922, 162583, 399871, 520489}
	for counter, code := range want {
		require.Equal(t, code, totp.Code(rfcSHA1, totp.SHA1, 6, uint64(counter)), "counter %d", counter)
	}
}

func TestTOTPVectorsOfRFC6238(t *testing.T) {
	for _, v := range []struct {
		unix                 int64
		sha1, sha256, sha512 uint32
	}{
		{59, 94287082, 46119246, 90693936},
		{1111111109, 7081804, 68084774, 25091201},
		{1111111111, 14050471, 67062674, 99943326},
		{1234567890, 89005924, 91819424, 93441116},
		{2000000000, 69279037, 90698825, 38618901},
		{20000000000, 65353130, 77737706, 47863826},
	} {
		step := uint64(v.unix / 30)
		require.Equal(t, v.sha1, totp.Code(rfcSHA1, totp.SHA1, 8, step), "SHA1 at %d", v.unix)
		require.Equal(t, v.sha256, totp.Code(rfcSHA256, totp.SHA256, 8, step), "SHA256 at %d", v.unix)
		require.Equal(t, v.sha512, totp.Code(rfcSHA512, totp.SHA512, 8, step), "SHA512 at %d", v.unix)
	}
}

func TestCodesEqualThoseOfPquerna(t *testing.T) {
	algorithms := map[totp.Algorithm]otp.Algorithm{
		totp.SHA1: otp.AlgorithmSHA1, totp.SHA256: otp.AlgorithmSHA256, totp.SHA512: otp.AlgorithmSHA512,
	}
	random := mathrand.New(mathrand.NewPCG(1, 2))
	for i := range 3_000 {
		secret := make([]byte, 20+i%45)
		_, _ = rand.Read(secret)
		counter := random.Uint64() >> (i % 64)
		for ours, theirs := range algorithms {
			for digits := 6; digits <= 8; digits++ {
				want, err := hotp.GenerateCodeCustom(base32.StdEncoding.EncodeToString(secret), counter,
					hotp.ValidateOpts{Digits: otp.Digits(digits), Algorithm: theirs})
				require.NoError(t, err)
				got := fmt.Sprintf("%0*d", digits, totp.Code(secret, ours, digits, counter))
				require.Equal(t, want, got, "%s, %d digits, counter %d, %d bytes", ours, digits, counter, len(secret))
			}
		}
	}
}

func TestFindNamesTheNewestStepOfTheWindow(t *testing.T) {
	const at = int64(37037036) // 1111111109 / 30 of RFC 6238, appendix B
	code := totp.Code(rfcSHA1, totp.SHA1, 6, uint64(at))
	for name, window := range map[string][2]int64{
		"only": {at, at}, "first": {at, at + 2}, "middle": {at - 1, at + 1}, "last": {at - 2, at},
	} {
		step, ok := totp.Find(rfcSHA1, totp.SHA1, 6, code, window[0], window[1])
		require.True(t, ok, name)
		require.Equal(t, at, step, name)
	}
	_, ok := totp.Find(rfcSHA1, totp.SHA1, 6, code, at+1, at+3)
	require.False(t, ok)

	far := int64(math.MaxInt64 - 3) // a step is 64 bits wide on every platform
	step, ok := totp.Find(rfcSHA1, totp.SHA1, 6, totp.Code(rfcSHA1, totp.SHA1, 6, uint64(far)), far-1, far+1)
	require.True(t, ok)
	require.Equal(t, far, step)
}

func TestFindPrefersTheNewestOfTwoStepsWithOneCode(t *testing.T) {
	// Among a few thousand steps of one secret two have the same code (birthdays among a million). Naming the older one
	// would leave the newer to be used again.
	first := map[uint32]int64{}
	for step := int64(1); ; step++ {
		code := totp.Code(rfcSHA1, totp.SHA1, 6, uint64(step))
		older, ok := first[code]
		if !ok {
			first[code] = step
			continue
		}
		found, ok := totp.Find(rfcSHA1, totp.SHA1, 6, code, older, step)
		require.True(t, ok)
		require.Equal(t, step, found)
		return
	}
}

func TestTheCoreDoesNotAllocate(t *testing.T) {
	for _, a := range []totp.Algorithm{totp.SHA1, totp.SHA256, totp.SHA512} {
		require.Zero(t, testing.AllocsPerRun(100, func() { totp.Find(rfcSHA1, a, 6, 123456, 1000, 1002) }), a.String())
	}
}
