package totp_test

import (
	"bytes"
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"image/png"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/totp"
	"github.com/skans-go/skans/totp/totptest"
)

func TestReEnrolmentLeavesTheOldFactorValidUntilConfirmed(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	old, oldRecovery := f.enrolled(t)
	p, err := f.Enroll(ctx, anna, "anna@example.com")
	require.NoError(t, err)
	require.NotEqual(t, old.Reveal(), p.Secret().Reveal())
	require.NoError(t, f.Verify(ctx, anna, f.code(t, old)))
	require.NoError(t, f.Recover(ctx, anna, oldRecovery[0]))
	f.pass(30 * time.Second)
	require.ErrorIs(t, f.Verify(ctx, anna, f.code(t, p.Secret())), totp.ErrCode, "the new one proves nothing yet")

	recovery, err := f.Confirm(ctx, anna, f.code(t, p.Secret()))
	require.NoError(t, err)
	f.pass(30 * time.Second)
	require.ErrorIs(t, f.Verify(ctx, anna, f.code(t, old)), totp.ErrCode)
	require.ErrorIs(t, f.Recover(ctx, anna, oldRecovery[1]), totp.ErrCode)
	require.NoError(t, f.Verify(ctx, anna, f.code(t, p.Secret())))
	require.NoError(t, f.Recover(ctx, anna, recovery[0]))
}

func TestAnEnrolmentWaitsFifteenMinutes(t *testing.T) {
	for name, c := range map[string]struct {
		wait time.Duration
		want error
	}{
		"just before": {15*time.Minute - time.Second, nil},
		"just after":  {15 * time.Minute, totp.ErrNotEnrolled},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			p, err := f.Enroll(t.Context(), anna, "anna")
			require.NoError(t, err)
			f.pass(c.wait)
			_, err = f.Pending(t.Context(), anna)
			require.ErrorIs(t, err, c.want)
			_, err = f.Confirm(t.Context(), anna, f.code(t, p.Secret()))
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestPendingShowsTheSameEnrolmentAgain(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	_, err := f.Pending(ctx, anna)
	require.ErrorIs(t, err, totp.ErrNotEnrolled)
	p, err := f.Enroll(ctx, anna, "anna@example.com")
	require.NoError(t, err)
	again, err := f.Pending(ctx, anna)
	require.NoError(t, err)
	require.Equal(t, p.URI().Reveal(), again.URI().Reveal())
	require.Equal(t, p.ID(), again.ID())
	_, err = f.Confirm(ctx, anna, f.code(t, p.Secret()))
	require.NoError(t, err)
	_, err = f.Pending(ctx, anna)
	require.ErrorIs(t, err, totp.ErrNotEnrolled, "shown only until confirmed")
}

func TestStatusDisable(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	s, err := f.Status(ctx, anna)
	require.NoError(t, err)
	require.Equal(t, totp.Status{}, s)
	require.ErrorIs(t, f.Disable(ctx, anna), totp.ErrNotEnrolled)
	began := f.now()
	secret, recovery := f.enrolled(t)
	s, err = f.Status(ctx, anna)
	require.NoError(t, err)
	require.Equal(t, totp.Status{Enrolled: true, Since: began, Recovery: 10}, s)

	require.NoError(t, f.Disable(ctx, anna))
	require.ErrorIs(t, f.Verify(ctx, anna, f.code(t, secret)), totp.ErrNotEnrolled)
	require.ErrorIs(t, f.Recover(ctx, anna, recovery[0]), totp.ErrNotEnrolled)
	require.Equal(t, []string{"anna totp.confirmed", "anna totp.disabled"}, f.told)
}

func TestRowsCannotBeSwapped(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	// The attacker can write to the table, has a factor of their own, and moves its row to anna.
	p, err := f.Enroll(ctx, "mallory", "mallory")
	require.NoError(t, err)
	mine, err := f.store.Load(ctx, "mallory")
	require.NoError(t, err)
	require.NoError(t, f.store.Begin(ctx, anna, mine.Pending))
	_, err = f.Confirm(ctx, anna, f.code(t, p.Secret()))
	require.ErrorIs(t, err, skans.ErrTampered)
	_, err = f.store.Confirm(ctx, anna, mine.Pending.ID, 0, nil)
	require.NoError(t, err)
	require.ErrorIs(t, f.Verify(ctx, anna, f.code(t, p.Secret())), skans.ErrTampered)
	require.Equal(t, "totp.refused:sealed", f.log[len(f.log)-1])

	// Nor does an older factor open under the id of a newer one.
	first, err := f.Enroll(ctx, "bo", "bo")
	require.NoError(t, err)
	old, err := f.store.Load(ctx, "bo")
	require.NoError(t, err)
	_, err = f.Enroll(ctx, "bo", "bo")
	require.NoError(t, err)
	newer, err := f.store.Load(ctx, "bo")
	require.NoError(t, err)
	require.NoError(t, f.store.Begin(ctx, "bo", totp.Factor{ID: newer.Pending.ID, Sealed: old.Pending.Sealed}))
	_, err = f.Confirm(ctx, "bo", f.code(t, first.Secret()))
	require.ErrorIs(t, err, skans.ErrTampered)
}

func TestTheStoreSeesNoSecretAndNoCode(t *testing.T) {
	spy := &spyStore{Store: totp.NewMemoryStore()}
	f, ctx := newFixture(t, func(c *totp.Config) { c.Store = spy }), t.Context()
	secret, recovery := f.enrolled(t)
	require.NoError(t, f.Recover(ctx, anna, recovery[0]))
	raw, err := base32.StdEncoding.DecodeString(secret.Reveal())
	require.NoError(t, err)
	require.Len(t, spy.seen, 12, "a sealed secret, ten hashes, and the hash that was looked for")
	for _, seen := range spy.seen {
		require.NotContains(t, string(seen), string(raw))
		require.NotContains(t, string(seen), secret.Reveal())
		for _, code := range recovery {
			require.NotContains(t, string(seen), code)
			require.NotContains(t, string(seen), strings.ReplaceAll(code, "-", ""))
		}
	}
}

// A spyStore keeps the bytes that it is given.
type spyStore struct {
	totp.Store
	seen [][]byte
}

func (s *spyStore) Begin(ctx context.Context, user string, p totp.Factor) error {
	s.seen = append(s.seen, p.Sealed)
	return s.Store.Begin(ctx, user, p)
}

func (s *spyStore) Confirm(ctx context.Context, user, id string, step int64, recovery [][]byte) (bool, error) {
	s.seen = append(s.seen, recovery...)
	return s.Store.Confirm(ctx, user, id, step, recovery)
}

func (s *spyStore) UseRecovery(ctx context.Context, user string, hashes [][]byte) (int, bool, error) {
	s.seen = append(s.seen, hashes...)
	return s.Store.UseRecovery(ctx, user, hashes)
}

func TestSecretsMoveToTheCurrentKeyWhenUsed(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	secret, _ := f.enrolled(t)
	older := skans.GenerateKey("older")
	newer := skans.GenerateKey("newer")
	service := func(current skans.Key, rest ...skans.Key) *totp.Service {
		ring, err := skans.NewKeyring(current, rest...)
		require.NoError(t, err)
		s, err := totp.New(totp.Config{Issuer: "Acme", Keys: ring, Store: f.store})
		require.NoError(t, err)
		totp.SetClock(s, f.now)
		return s
	}
	first := service(older)
	p, err := first.Enroll(ctx, "bo", "bo")
	require.NoError(t, err)
	recovery, err := first.Confirm(ctx, "bo", f.code(t, p.Secret()))
	require.NoError(t, err)
	f.pass(30 * time.Second)

	both := service(newer, older)
	require.NoError(t, both.Verify(ctx, "bo", f.code(t, p.Secret())))
	require.NoError(t, both.Recover(ctx, "bo", recovery[0]), "hashed with the older key")
	f.pass(30 * time.Second)
	require.NoError(t, service(newer).Verify(ctx, "bo", f.code(t, p.Secret())), "the older key is no longer needed")
	require.ErrorIs(t, service(newer).Recover(ctx, "bo", recovery[1]), totp.ErrCode, "only for recovery codes, which nobody can hash anew")
	require.NoError(t, both.Recover(ctx, "bo", recovery[1]), "and that used nothing up")
	renewed, err := both.NewRecoveryCodes(ctx, "bo")
	require.NoError(t, err)
	require.NoError(t, service(newer).Recover(ctx, "bo", renewed[0]))
	f.pass(30 * time.Second)
	require.ErrorIs(t, service(newer).Verify(ctx, anna, f.code(t, secret)), skans.ErrUnknownKey)
}

func TestNamesThatCannotStandInAURI(t *testing.T) {
	keys, err := skans.NewKeyring(skans.GenerateKey("k"))
	require.NoError(t, err)
	f := newFixture(t)
	for name, label := range map[string]string{
		"empty": "", "colon": "Bank:anna", "only a colon": ":", "newline": "a\nb", "NUL": "a\x00b", "DEL": "a\x7fb", "C1": "a\u0085b",
		"spaces around": " anna ", "invalid UTF-8": "a\xff", "right-to-left override": "a\u202eb", "line separator": "a\u2028b",
		"too long": strings.Repeat("a", 129),
	} {
		_, err := f.Enroll(t.Context(), anna, label)
		require.ErrorIs(t, err, totp.ErrLabel, "account: %s", name)
		_, err = totp.New(totp.Config{Issuer: label, Keys: keys, Store: f.store})
		require.ErrorIs(t, err, totp.ErrLabel, "issuer: %s", name)
	}
}

func TestTheURIReadsBackAsWritten(t *testing.T) {
	// The reader is pquerna/otp, which follows the Key Uri Format of Google Authenticator.
	for _, c := range []struct{ issuer, account string }{
		{"Acme", "anna@example.com"},
		{"Acme Post & Co", "anna lind"},
		{"Byggnadsnämnden", "åsa@exämple.se"},
		{"a/b?c#d%25&issuer=Evil", "x/y?secret=AAAA#%3A&"},
		{"100%+", "a+b=c"},
	} {
		f := newFixture(t, func(cfg *totp.Config) {
			cfg.Issuer, cfg.Algorithm, cfg.Digits = c.issuer, totp.SHA256, 8
		})
		p, err := f.Enroll(t.Context(), anna, c.account)
		require.NoError(t, err)
		uri := p.URI().Reveal()
		key, err := otp.NewKeyFromURL(uri)
		require.NoError(t, err)
		require.Equal(t, "totp", key.Type(), uri)
		require.Equal(t, c.issuer, key.Issuer(), uri)
		require.Equal(t, c.account, key.AccountName(), uri)
		require.Equal(t, p.Secret().Reveal(), key.Secret(), uri)
		require.Equal(t, uint64(30), key.Period(), uri)
		require.Equal(t, otp.DigitsEight, key.Digits(), uri)
		require.Equal(t, otp.AlgorithmSHA256, key.Algorithm(), uri)
		u, err := url.Parse(uri)
		require.NoError(t, err)
		require.Equal(t, c.issuer, u.Query().Get("issuer"))
		require.Len(t, u.Query()["secret"], 1)
		require.Equal(t, 1, strings.Count(u.Path, ":"), "issuer and account are told apart: %s", uri)
		require.NotContains(t, uri, "+", "apps do not read it as a space")
	}
}

func TestThePictureIsTheCodeOfTheURI(t *testing.T) {
	f := newFixture(t)
	p, err := f.Enroll(t.Context(), anna, "anna@example.com")
	require.NoError(t, err)
	key, err := otp.NewKeyFromURL(p.URI().Reveal())
	require.NoError(t, err)

	svg, err := p.SVG()
	require.NoError(t, err)
	var side int
	_, err = fmt.Sscanf(regexp.MustCompile(`viewBox="0 0 \d+`).FindString(string(svg)), `viewBox="0 0 %d`, &side)
	require.NoError(t, err)
	modules := side - 8
	want, err := key.Image(modules, modules) // one pixel a module
	require.NoError(t, err)
	dark := func(x, y int) bool { r, _, _, _ := want.At(x, y).RGBA(); return r == 0 }

	drawn := map[[2]int]bool{}
	for _, run := range regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`).FindAllString(string(svg), -1) {
		var x, y, w, back int
		_, err := fmt.Sscanf(run, "M%d %dh%dv1h-%dz", &x, &y, &w, &back)
		require.NoError(t, err)
		require.Equal(t, w, back)
		for i := range w {
			drawn[[2]int{x + i - 4, y - 4}] = true
		}
	}
	for _, size := range []int{128, 256, 500} {
		raw, err := p.PNG(size)
		require.NoError(t, err)
		img, err := png.Decode(bytes.NewReader(raw))
		require.NoError(t, err)
		require.Equal(t, size, img.Bounds().Dx())
		require.Equal(t, size, img.Bounds().Dy())
		scale := size / side
		margin := (size - scale*modules) / 2
		require.GreaterOrEqual(t, margin, 4*scale, "the quiet zone of ISO/IEC 18004")
		for y := -4; y < modules+4; y++ {
			for x := -4; x < modules+4; x++ {
				inside := x >= 0 && y >= 0 && x < modules && y < modules
				expected := inside && dark(x, y)
				require.Equal(t, expected, drawn[[2]int{x, y}], "SVG at %d,%d", x, y)
				r, _, _, _ := img.At(margin+x*scale+scale/2, margin+y*scale+scale/2).RGBA()
				require.Equal(t, expected, r == 0, "PNG of %d at %d,%d", size, x, y)
			}
		}
	}
	require.NotContains(t, string(svg), "style", "works under a strict Content-Security-Policy")
}

func TestPictureSizesAreBounded(t *testing.T) {
	f := newFixture(t)
	p, err := f.Enroll(t.Context(), anna, strings.Repeat("å", 64))
	require.NoError(t, err)
	for _, size := range []int{-1, 0, 127, 2049, 1 << 30} {
		_, err := p.PNG(size)
		require.Error(t, err, "%d", size)
	}
	_, err = p.PNG(2048)
	require.NoError(t, err)
	w := httptest.NewRecorder()
	require.NoError(t, p.ServePNG(w, 256))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.Equal(t, "image/png", w.Header().Get("Content-Type"))
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
}

func TestAPendingDoesNotPrint(t *testing.T) {
	f := newFixture(t)
	p, err := f.Enroll(t.Context(), anna, "anna@example.com")
	require.NoError(t, err)
	secret := p.Secret().Reveal()
	require.Len(t, secret, 32, "160 bits (RFC 4226, 4 R6)")
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "p", p)
	for _, out := range []string{fmt.Sprint(p), fmt.Sprintf("%#v %+v %s %x %q", p, p, p, p, p), fmt.Sprintf("%v", struct{ P *totp.Pending }{p}), log.String()} {
		require.NotContains(t, out, secret)
	}
}

func TestNewRefusesWhatIsNotSafe(t *testing.T) {
	keys, err := skans.NewKeyring(skans.GenerateKey("k"))
	require.NoError(t, err)
	good := totp.Config{Issuer: "Acme", Keys: keys, Store: totp.NewMemoryStore()}
	_, err = totp.New(good)
	require.NoError(t, err)
	for name, change := range map[string]func(*totp.Config){
		"no keys":     func(c *totp.Config) { c.Keys = nil },
		"no store":    func(c *totp.Config) { c.Store = nil },
		"no issuer":   func(c *totp.Config) { c.Issuer = "" },
		"5 digits":    func(c *totp.Config) { c.Digits = 5 },
		"7 digits":    func(c *totp.Config) { c.Digits = 7 },
		"9 digits":    func(c *totp.Config) { c.Digits = 9 },
		"wide skew":   func(c *totp.Config) { c.Skew = 3 },
		"no such MAC": func(c *totp.Config) { c.Algorithm = 3 },
		"timeout":     func(c *totp.Config) { c.Timeout = -1 },
	} {
		cfg := good
		change(&cfg)
		_, err := totp.New(cfg)
		require.ErrorContains(t, err, "totp: ", name)
	}
}

func TestAnEnrolmentKeepsTheParametersThatItBeganWith(t *testing.T) {
	f, ctx := newFixture(t, func(c *totp.Config) { c.Algorithm, c.Digits = totp.SHA512, 8 }), t.Context()
	p, err := f.Enroll(ctx, anna, "anna")
	require.NoError(t, err)
	other, err := totp.New(totp.Config{Issuer: "Acme", Keys: f.keys, Store: f.store})
	require.NoError(t, err)
	totp.SetClock(other, f.now)
	_, err = other.Confirm(ctx, anna, totptest.CodeAt(t, p.Secret(), f.now()))
	require.ErrorIs(t, err, totp.ErrCode, "six digits by SHA-1 are another code")
	key, err := otp.NewKeyFromURL(p.URI().Reveal())
	require.NoError(t, err)
	_, err = other.Confirm(ctx, anna, codeOf(t, key, f.now()))
	require.NoError(t, err)
}

func TestAHangingStoreDenies(t *testing.T) {
	f := newFixture(t)
	secret, recovery := f.enrolled(t)
	code := f.code(t, secret)
	hang := &hangingStore{Store: f.store}
	s, err := totp.New(totp.Config{Issuer: "Acme", Keys: f.keys, Store: hang, Timeout: 20 * time.Millisecond})
	require.NoError(t, err)
	totp.SetClock(s, f.now)
	require.ErrorIs(t, s.Verify(t.Context(), anna, code), context.DeadlineExceeded)
	require.ErrorIs(t, s.Recover(t.Context(), anna, recovery[0]), context.DeadlineExceeded)
	_, err = s.Status(t.Context(), anna)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = s.Enroll(t.Context(), anna, "anna")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, f.Verify(t.Context(), anna, code), "nothing was lost")
}

// A hangingStore answers when ctx is over.
type hangingStore struct{ totp.Store }

func (hangingStore) Load(ctx context.Context, _ string) (totp.Record, error) {
	<-ctx.Done()
	return totp.Record{}, ctx.Err()
}

func (hangingStore) Begin(ctx context.Context, _ string, _ totp.Factor) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestWhatCannotBeRecordedDoesNotHappen(t *testing.T) {
	f, ctx := newFixture(t), t.Context()
	secret, recovery := f.enrolled(t)
	full := errors.New("disk full")
	f.auditErr = full
	require.ErrorIs(t, f.Verify(ctx, anna, f.code(t, secret)), full)
	require.ErrorIs(t, f.Recover(ctx, anna, recovery[0]), full)
	require.ErrorIs(t, f.Disable(ctx, anna), full)
	_, err := f.NewRecoveryCodes(ctx, anna)
	require.ErrorIs(t, err, full)
	_, err = f.Enroll(ctx, anna, "anna")
	require.ErrorIs(t, err, full)
	f.auditErr = nil
	p, err := f.Enroll(ctx, anna, "anna")
	require.NoError(t, err)
	f.auditErr = full
	_, err = f.Confirm(ctx, anna, f.code(t, p.Secret()))
	require.ErrorIs(t, err, full)
	wrongErr := f.Verify(ctx, anna, "abc")
	require.ErrorIs(t, wrongErr, totp.ErrCode, "a refusal stays a refusal")
	require.ErrorIs(t, wrongErr, full)
	f.auditErr = nil
	f.pass(30 * time.Second)
	require.NoError(t, f.Verify(ctx, anna, f.code(t, secret)), "the factor is as it was")
	require.NoError(t, f.Recover(ctx, anna, recovery[1]))
}
