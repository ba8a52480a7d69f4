package audit_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/audit"
	"github.com/stretchr/testify/require"
)

func TestKeepUntil(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, s)
		require.NoError(t, err)
		return v
	}
	tests := map[string]struct {
		keep       audit.Keep
		from, want string
	}{
		"to the same day":             {audit.Months(3), "2026-01-15T10:00:00.000000001Z", "2026-04-15T10:00:00.000000001Z"},
		"November 30, three months":   {audit.Months(3), "2025-11-30T23:59:59.999999999Z", "2026-02-28T23:59:59.999999999Z"},
		"the same into a leap year":   {audit.Months(3), "2027-11-30T12:00:00Z", "2028-02-29T12:00:00Z"},
		"August 31, a month":          {audit.Months(1), "2026-08-31T00:00:00Z", "2026-09-30T00:00:00Z"},
		"over the year's end":         {audit.Months(12), "2024-02-29T00:00:00Z", "2025-02-28T00:00:00Z"},
		"days are 24 hours":           {audit.Days(2), "2026-03-28T23:30:00+01:00", "2026-03-30T22:30:00Z"},
		"counted in UTC, not locally": {audit.Months(1), "2026-01-31T23:30:00-05:00", "2026-03-01T04:30:00Z"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, ends := tt.keep.Until(at(tt.from))
			require.True(t, ends)
			require.Equal(t, at(tt.want).UTC(), got)
		})
	}
	_, ends := audit.Keep{}.Until(at("2026-01-01T00:00:00Z"))
	require.False(t, ends)
}

func TestClassOfEvent(t *testing.T) {
	log := openLog(t, audit.Config{Dir: t.TempDir(), Keys: newKeys(t), Classes: []audit.Class{
		{Name: "authz.denied", OnFailure: audit.Alert}, {Name: "mail", Events: []string{"totp", "inbox.opened"}},
	}})
	tests := map[string]string{
		"session.login": "session", "session": "session", "sessions.login": "other", "authz.denied": "authz.denied",
		"authz.denied.page": "authz.denied", "authz.granted": "authz", "authz.deniedx": "authz", "inbox.opened": "mail",
		"inbox": "other", "totp.verified": "mail", "password.changed": "signin", ".": "other", "session.": "session", "x": "other",
	}
	for name := range tests {
		require.NoError(t, log.Record(t.Context(), name))
	}
	for _, e := range events(t, log, audit.Filter{}) {
		require.Equal(t, tests[e.Name], e.Class, e.Name)
		delete(tests, e.Name)
	}
	require.Empty(t, tests)
}

func TestBadConfig(t *testing.T) {
	keys := newKeys(t)
	tests := map[string]struct {
		cfg  audit.Config
		says string
	}{
		"no directory":          {audit.Config{Keys: keys}, "Dir"},
		"no keys":               {audit.Config{Dir: "x"}, "Keys"},
		"server with a space":   {audit.Config{Dir: "x", Keys: keys, Server: "a b"}, "printable"},
		"negative deadline":     {audit.Config{Dir: "x", Keys: keys, Deadline: -1}, "negative"},
		"class name":            {audit.Config{Dir: "x", Keys: keys, Classes: []audit.Class{{Name: "../x"}}}, "class name"},
		"reserved name":         {audit.Config{Dir: "x", Keys: keys, Classes: []audit.Class{{Name: "ledger"}}}, "reserved"},
		"class twice":           {audit.Config{Dir: "x", Keys: keys, Classes: []audit.Class{{Name: "a"}, {Name: "a"}}}, "two classes"},
		"prefix twice":          {audit.Config{Dir: "x", Keys: keys, Classes: []audit.Class{{Name: "a", Events: []string{"x"}}, {Name: "b", Events: []string{"x"}}}}, "both claim"},
		"drops what it rejects": {audit.Config{Dir: "x", Keys: keys, Classes: []audit.Class{{Name: "a", PerSecond: 1}}}, "OnFailure Alert"},
		"personal, no vault":    {audit.Config{Dir: "x", Keys: keys, Classes: []audit.Class{{Name: "a", Personal: true}}}, "Vault"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			_, err := audit.Open(t.Context(), tt.cfg)
			require.ErrorContains(t, err, tt.says)
		})
	}
}

func TestDescribe(t *testing.T) {
	log := openLog(t, audit.Config{Dir: t.TempDir(), Keys: newKeys(t), Classes: []audit.Class{{Name: "a", Events: []string{"z", "b"}, Keep: audit.Days(30), LogAddress: true}}})
	require.Contains(t, log.Describe(), "a keep=30d failure=reject addr=true agent=false personal=false limit=0/s aggregate=false events=b,z\n")
	require.Contains(t, log.Describe(), "notfound keep=30d failure=alert addr=false agent=false personal=false limit=20/s aggregate=false events=authz.notfound\n")
}

func TestFloodIsSummedUp(t *testing.T) {
	now := time.Unix(1700000000, 0)
	log, _ := openFaulty(t, audit.Config{Dir: t.TempDir(), Keys: newKeys(t), Classes: []audit.Class{
		{Name: "notfound", Keep: audit.Days(30), OnFailure: audit.Alert, PerSecond: 100},
	}}, func() (time.Time, time.Duration) { return now, 0 })
	const flood = 100000
	for range flood {
		require.NoError(t, log.Record(t.Context(), "notfound.request", slog.String("path", "/wp-login.php")))
	}
	require.NoError(t, log.Record(t.Context(), "session.login"))
	require.NoError(t, log.Seal())
	require.Len(t, events(t, log, audit.Filter{Event: "notfound"}), 100)
	summary := events(t, log, audit.Filter{Event: audit.EventSuppressed})
	require.Len(t, summary, 1)
	count, _ := summary[0].Attr("count")
	require.EqualValues(t, flood-100, count.Uint64())
	require.Len(t, events(t, log, audit.Filter{Event: "session.login"}), 1)
}

// What any stranger can cause at will is in classes that are bounded and hold nobody up.
func TestStrangersCannotFillTheLog(t *testing.T) {
	now := time.Unix(1700000000, 0)
	log, _ := openFaulty(t, audit.Config{Dir: t.TempDir(), Keys: newKeys(t)}, func() (time.Time, time.Duration) { return now, 0 })
	strangers := []string{
		"authz.notfound", "authz.denied", "session.created", "session.anonymous", "session.csrf", "session.duplicate", "validate.rejected",
		"transport.host", "headers.violation", "notfound.request", "signin.denied", "signin.captcha", "throttle.refused", "throttle.quota",
		"password.busy", "activation.refused", "totp.refused", "totp.throttled", "onetime.refused", "onetime.throttled",
	}
	for _, name := range strangers {
		for range 10000 {
			require.NoError(t, log.Record(t.Context(), name))
		}
	}
	require.NoError(t, log.Record(t.Context(), "signin.granted"))
	require.NoError(t, log.Seal())
	require.LessOrEqual(t, len(events(t, log, audit.Filter{})), 100)
	require.Len(t, events(t, log, audit.Filter{Event: "signin.granted"}), 1)
	for _, name := range []string{"signin.granted", "signin.pending", "password.upgraded", "activation.redeemed", "totp.verified", "onetime.verified", "session.login"} {
		require.NoError(t, log.Record(t.Context(), name))
		for _, e := range events(t, log, audit.Filter{Event: name}) {
			require.Contains(t, []string{"signin", "session"}, e.Class, name)
		}
	}
}

// A host's own class of sign-ins leaves the bounded one what is refused, as the longer prefix.
func TestOwnSigninClassStaysBounded(t *testing.T) {
	log := openLog(t, audit.Config{Dir: t.TempDir(), Keys: newKeys(t), Classes: []audit.Class{
		{Name: "signin", Events: []string{"password", "activation", "totp", "onetime"}, Keep: audit.Months(3)},
	}})
	for _, name := range []string{"signin.denied", "signin.captcha", "throttle.refused", "password.busy", "activation.refused", "totp.refused", "onetime.throttled"} {
		require.NoError(t, log.Record(t.Context(), name))
		all := events(t, log, audit.Filter{Event: name})
		require.Len(t, all, 1)
		require.Equal(t, "signin.denied", all[0].Class, name)
	}
}

func TestPersonalEventsAreErased(t *testing.T) {
	keys, dir := newKeys(t), t.TempDir()
	vault, err := skans.NewVault(skans.VaultConfig{Keys: keys})
	require.NoError(t, err)
	log := openLog(t, audit.Config{Dir: dir, Keys: keys, Vault: vault, Classes: []audit.Class{{Name: "mail", Personal: true}}})
	const canary = "canary-3c9d"
	ctx := audit.WithActor(t.Context(), audit.Actor{User: "bo"})
	require.NoError(t, log.Record(ctx, "mail.sent", slog.String("user", "anna"), slog.String("to", canary)))
	require.NoError(t, log.Record(ctx, "mail.sent", slog.String("to", canary)))
	for _, file := range load(t, dir) {
		require.NotContains(t, string(file.Data), canary)
	}
	all := events(t, log, audit.Filter{Event: "mail"})
	require.Equal(t, "anna", all[0].Subject)
	require.Equal(t, "bo", all[1].Subject)
	to, _ := all[0].Attr("to")
	require.Equal(t, canary, to.String())
	_, err = vault.Erase(t.Context(), "anna")
	require.NoError(t, err)
	all = events(t, log, audit.Filter{Event: "mail"})
	require.True(t, all[0].Erased)
	require.Empty(t, all[0].Attrs)
	require.False(t, all[1].Erased)
	require.ErrorIs(t, log.Record(t.Context(), "mail.sent", slog.String("user", "anna")), skans.ErrErased)
	require.NoError(t, log.Close())
	require.True(t, verify(t, dir, audit.Trust{Keys: log.PublicKeys(), AtLeast: log.Witness()}).OK())
}

func TestAlertGoesOnWithoutTheVault(t *testing.T) {
	keys := newKeys(t)
	vault, err := skans.NewVault(skans.VaultConfig{Keys: keys})
	require.NoError(t, err)
	_, err = vault.Erase(t.Context(), "anna") // nothing can be sealed for her any more
	require.NoError(t, err)
	var a alarm
	log := openLog(t, audit.Config{Dir: t.TempDir(), Keys: keys, Vault: vault, Alert: a.alert, Classes: []audit.Class{
		{Name: "visits", Personal: true, OnFailure: audit.Alert}, {Name: "mail", Personal: true},
	}})
	require.NoError(t, log.Record(t.Context(), "visits.page", slog.String("user", "anna")))
	require.ErrorIs(t, log.Record(t.Context(), "mail.sent", slog.String("user", "anna")), skans.ErrErased)
	require.True(t, a.has("dropped"))
	require.NoError(t, log.Seal())
	summary := events(t, log, audit.Filter{Event: audit.EventSuppressed})
	require.Len(t, summary, 1)
	require.Equal(t, "visits", summary[0].Class)
}
