package validate_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/validate"
)

func TestDates(t *testing.T) {
	for _, s := range []string{"2026-02-28", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"} {
		d, err := validate.ParseDate(s)
		require.NoError(t, err, s)
		require.Equal(t, s, d.String())
	}
	for _, s := range []string{
		"2026-02-30", "2026-02-29", "1900-02-29", "0000-00-00", "0000-01-01", "2026-13-01", "2026-00-01", "2026-01-00", "2026-1-1",
		"20260101", "2026-001", "2026-W01-1", "26-01-01", "2026-01-01T00:00:00Z", "+2026-01-01", "2026/01/01", "2026-01-0１", "", " 2026-01-01",
	} {
		_, err := validate.ParseDate(s)
		require.ErrorIs(t, err, validate.ErrFormat, s)
	}
}

func TestPastAndFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // its clock begins at 2000-01-01 00:00 UTC
		time.Sleep(23*time.Hour + 30*time.Minute)
		for _, c := range []struct{ rule, in, code string }{
			{"past", "1999-12-31", ""},
			{"past", "2000-01-01", "past"},
			{"past", "2000-01-02", "past"},
			{"future", "2000-01-02", ""},
			{"future", "2000-01-01", "future"},
			{"min=1990-01-01,max=1999-12-31", "1999-12-31", ""},
			{"min=1990-01-01,max=1999-12-31", "1989-12-31", "low"},
			{"min=1990-01-01,max=1999-12-31", "2000-01-01", "high"},
		} {
			_, bad := one(t, validate.Date{}, c.rule, c.in)
			if c.code == "" {
				require.Empty(t, bad, "%s %s", c.rule, c.in)
			} else {
				require.Equal(t, []string{"form a:" + c.code}, bad, "%s %s", c.rule, c.in)
			}
		}
		// In Stockholm it is tomorrow already.
		zone := validate.Options{Methods: []string{"POST"}, Zone: time.FixedZone("CET", 3600)}
		_, bad := one(t, validate.Date{}, "past", "2000-01-01", zone)
		require.Empty(t, bad)
		_, bad = one(t, time.Time{}, "past", "2000-01-01T23:29:59Z")
		require.Empty(t, bad)
		_, bad = one(t, time.Time{}, "past", "2000-01-01T23:30:00Z")
		require.Equal(t, []string{"form a:past"}, bad)
	})
}

// A default is decided at start: it does not turn into zero when its day has come.
func TestDefaultOutlivesItsDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := validate.NewProbe(validate.Date{}, `in:"form a" rule:"future" opt:"2000-01-02"`, validate.Options{Methods: []string{"POST"}})
		require.NoError(t, err)
		time.Sleep(72 * time.Hour)
		got, err := p.Parse(nil, post("/", ""))
		require.NoError(t, err)
		require.Equal(t, "2000-01-02", got.(validate.Date).String())
		_, err = p.Parse(nil, post("/", "a=2000-01-02"))
		require.Equal(t, []string{"form a:future"}, faults(t, err))
	})
}

func TestTimes(t *testing.T) {
	for _, s := range []string{"2026-11-22T01:02:03Z", "2026-11-22T01:02:03.5+01:00"} {
		got, bad := one(t, time.Time{}, "", s)
		require.Empty(t, bad, s)
		want, err := time.Parse(time.RFC3339Nano, s)
		require.NoError(t, err)
		require.True(t, want.Equal(got.(time.Time)))
	}
	for _, s := range []string{"2026-11-22", "2026-11-22T01:02:03", "2026-11-22 01:02:03Z", "2026-11-22T01:02:03,5Z", "2026-11-22T24:00:00Z", "2026-02-30T00:00:00Z", "0000-01-01T00:00:00Z", "2026-11-22T1:02:03Z"} {
		_, bad := one(t, time.Time{}, "", s)
		require.Equal(t, []string{"form a:format"}, bad, s)
	}
}

func TestDecimals(t *testing.T) {
	for _, c := range []struct {
		in    string
		code  string
		cents int64
	}{
		{"0", "", 0},
		{"12.5", "", 1250},
		{"12.50", "", 1250},
		{"-0.01", "", -1},
		{"1000", "", 100_000},
		{"12.505", "format", 0},
		{"1000.01", "high", 0},
		{"-5.01", "low", 0},
		{"1e3", "format", 0},
		{"+1", "format", 0},
		{".5", "format", 0},
		{"5.", "format", 0},
		{"-0", "format", 0},
		{"-0.00", "format", 0},
		{"01", "format", 0},
		{"NaN", "format", 0},
		{"1,5", "format", 0},
		{"1 000", "format", 0},
		{"9999999999999999999", "format", 0},
		{"--1", "format", 0},
		{"0x1", "format", 0},
	} {
		got, bad := one(t, validate.Decimal{}, "min=-5,max=1000,scale=2", c.in)
		if c.code != "" {
			require.Equal(t, []string{"form a:" + c.code}, bad, c.in)
			continue
		}
		require.Empty(t, bad, c.in)
		cents, ok := got.(validate.Decimal).Unscaled(2)
		require.True(t, ok)
		require.Equal(t, c.cents, cents)
		require.Equal(t, c.in, got.(validate.Decimal).String())
	}
}

func TestDecimalsCompareExactly(t *testing.T) {
	dec := func(s string) validate.Decimal {
		d, err := validate.ParseDecimal(s)
		require.NoError(t, err, s)
		return d
	}
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"1", "1.0", 0},
		{"0.1", "0.10", 0},
		{"-1", "1", -1},
		{"0.3", "0.29999999999999999", 1},
		{"-0.3", "-0.29999999999999999", -1},
		{"999999999999999999", "0.000000000000000001", 1},
		{"0", "-0.5", 1},
		{"0", "0.000", 0},
	} {
		require.Equal(t, c.want, dec(c.a).Compare(dec(c.b)), "%s %s", c.a, c.b)
		require.Equal(t, -c.want, dec(c.b).Compare(dec(c.a)), "%s %s", c.b, c.a)
	}
	_, ok := dec("0.001").Unscaled(2)
	require.False(t, ok)
	_, ok = dec("999999999999999999").Unscaled(3)
	require.False(t, ok)
	n, ok := dec("-12.5").Unscaled(3)
	require.True(t, ok)
	require.Equal(t, int64(-12500), n)
}

// The century of a short number depends on the day on which it is read.
func TestSwedishCentury(t *testing.T) {
	day := validate.Date{Year: 2026, Month: 11, Day: 22}
	for in, want := range map[string]string{
		"261122-0010": "20261122", "261123-0010": "19261123", "640823-0010": "19640823", "261122+0010": "19261122", "261182-0010": "20261182",
		"261231+0010": "19261231", // becomes 100 this year, so the sign has changed already
		"270101+0010": "18270101", "640823+0010": "18640823",
	} {
		digits := in[:6] + in[7:10]
		got, code := validate.ParseSwedishAt(in[:10]+check(digits), day)
		require.Empty(t, code, in)
		require.Equal(t, want, got.String()[:8], in)
	}
}

// check is the Luhn digit as Skatteverket's SKV 704 computes it: weights 2 and 1, digit sum, taken from the next ten.
func check(digits string) string {
	sum := 0
	for i, d := range digits {
		p := int(d-'0') * (2 - i%2)
		sum += p/10 + p%10
	}
	return string(rune('0' + (10-sum%10)%10))
}

type orderNumber struct{ n string }

func (o *orderNumber) UnmarshalText(b []byte) error {
	switch string(b) {
	case "panic":
		panic("parser")
	case "bad":
		return validate.ErrFormat
	}
	o.n = string(b)
	return nil
}

func TestHostsTypesGetOnlyWhatTheClassAllows(t *testing.T) {
	got, bad := one(t, orderNumber{}, "identifier,max=9", "A-1")
	require.Empty(t, bad)
	require.Equal(t, orderNumber{"A-1"}, got)
	for in, code := range map[string]string{"bad": "format", "panic": "format", "a b": "character", "0123456789": "long"} {
		_, bad = one(t, orderNumber{}, "identifier,max=9", in)
		require.Equal(t, []string{"form a:" + code}, bad, in)
	}
	_, err := validate.NewProbe(orderNumber{}, `in:"form a"`, validate.Options{})
	require.ErrorContains(t, err, "rule")
}

// A password is what its owner typed: not normalised, not trimmed, any script; but no keyboard types a control.
func TestSecretsStayAsTheyWereTyped(t *testing.T) {
	for _, s := range []string{" p\u00e4ss ", "e\u0301", "🔑\u200d", "a\u00ad\u3164", "\ue000"} {
		got, bad := one(t, skans.Secret{}, "secret,max=9", s)
		require.Empty(t, bad, "%q", s)
		require.Equal(t, s, got.(skans.Secret).Reveal())
	}
	for s, code := range map[string]string{"": "missing", "a\x00b": "character", "a\nb": "character", "a\u0085b": "character", "\ufdd0": "character", "0123456789": "long"} {
		_, bad := one(t, skans.Secret{}, "secret,max=9", s)
		require.Equal(t, []string{"form a:" + code}, bad, "%q", s)
	}
}
