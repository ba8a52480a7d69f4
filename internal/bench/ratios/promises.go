package main

// A promise is one line of the table: a figure of the run, and what it should be.
type promise struct {
	topic, what string
	figure      func(results) (float64, bool)
	unit        string
	most, least float64 // 0: none
	zero        bool    // the aim is 0
}

func (p promise) aim() string {
	switch {
	case p.zero:
		return with(0, p.unit)
	case p.most > 0:
		return "at most " + with(p.most, p.unit)
	case p.least > 0:
		return "at least " + with(p.least, p.unit)
	}
	return "none"
}

func (p promise) show(value float64) string {
	if p.unit == times && value < 0.01 {
		return "1/" + number(1/value)
	}
	return with(value, p.unit)
}

func (p promise) verdict(value float64) string {
	switch {
	case p.most == 0 && p.least == 0 && !p.zero:
		return ""
	case p.zero && value > 0 || p.most > 0 && value > p.most || p.least > 0 && value < p.least:
		return "**missed**"
	}
	return "met"
}

func with(value float64, unit string) string { return number(value) + unit }

const (
	times  = "x"
	ns     = " ns"
	allocs = " allocations"
)

// one is a single figure of a benchmark.
func one(name, unit string) func(results) (float64, bool) {
	return func(r results) (float64, bool) { return r.get(name, unit) }
}

// ratio is this library's time over another's, measured in turns.
func ratio(name string) func(results) (float64, bool) { return one(name, "ratio") }

// scaled is a figure in another unit.
func scaled(name, unit string, factor float64) func(results) (float64, bool) {
	return func(r results) (float64, bool) {
		v, ok := r.get(name, unit)
		return v * factor, ok
	}
}

// both joins figures of two benchmarks.
func both(a, b, unit string, join func(a, b float64) float64) func(results) (float64, bool) {
	return func(r results) (float64, bool) {
		x, okX := r.get(a, unit)
		y, okY := r.get(b, unit)
		return join(x, y), okX && okY
	}
}

func over(a, b float64) float64  { return a / b }
func minus(a, b float64) float64 { return a - b }

var promises = []promise{
	{topic: "Keys", what: "MAC of 64 bytes, time beside crypto/hmac", figure: ratio("MAC/vs-hmac"), unit: times, most: 1.3},
	{topic: "Keys", what: "Keyring.Seal of 64 bytes, time beside AES-GCM", figure: ratio("Seal/64/vs-gcm"), unit: times, most: 1.3},
	{topic: "Keys", what: "Keyring.Seal of 1 KiB", figure: ratio("Seal/1024/vs-gcm"), unit: times, most: 1.3},
	{topic: "Keys", what: "Keyring.Open of 64 bytes", figure: ratio("Open/64/vs-gcm"), unit: times, most: 1.3},
	{topic: "Keys", what: "Keyring.Open of 1 KiB", figure: ratio("Open/1024/vs-gcm"), unit: times, most: 1.3},
	{topic: "Keys", what: "Vault.Seal of 64 bytes, key in the cache", figure: ratio("VaultSeal/64/vs-gcm"), unit: times, most: 1.3},
	{topic: "Keys", what: "Vault.Seal of 1 KiB", figure: ratio("VaultSeal/1024/vs-gcm"), unit: times, most: 1.3},
	{topic: "Keys", what: "Vault.Open of 64 bytes, key in the cache", figure: ratio("VaultOpen/64/vs-gcm"), unit: times, most: 1.3},
	{topic: "Keys", what: "Vault.Open of 1 KiB", figure: ratio("VaultOpen/1024/vs-gcm"), unit: times, most: 1.3},

	{topic: "Session", what: "live request, time beside scs with IdleTimeout", figure: ratio("Session/vs-scs"), unit: times, most: 0.1},
	{topic: "Session", what: "live request, time beside gorilla/sessions", figure: ratio("Session/vs-gorilla"), unit: times},
	{topic: "Session", what: "live request, allocations", figure: one("Session/skans", "allocs/op"), unit: allocs, most: 10},
	{topic: "Session", what: "the same with scs", figure: one("Session/scs", "allocs/op"), unit: allocs},
	{topic: "Session", what: "signing in, time beside scs", figure: ratio("SignIn/vs-scs"), unit: times},
	{topic: "Session", what: "memory a session at 1,000,000", figure: one("Million/skans", "bytes/session"), unit: " bytes", most: 200},
	{topic: "Session", what: "the same with scs", figure: one("Million/scs", "bytes/session"), unit: " bytes"},
	{topic: "Session", what: "longest read while 1,000,000 expired sessions are swept (median of a hundred parts)", figure: one("Million/skans", "µs/longest-read"), unit: " µs", most: 1000},
	{topic: "Session", what: "the same with scs", figure: one("Million/scs", "µs/longest-read"), unit: " µs"},
	{topic: "Session", what: "sweep of 1,000,000 sessions of which none has expired", figure: one("Million/skans", "µs/sweep-of-none"), unit: " µs", most: 1000},
	{topic: "Session", what: "the same with scs, all readers waiting", figure: one("Million/scs", "µs/sweep-of-none"), unit: " µs"},

	{topic: "Authorisation", what: "decision through a bound right, 1,000 rules", figure: one("AuthzRight", "ns/op"), unit: ns, most: 20},
	{topic: "Authorisation", what: "its allocations", figure: one("AuthzRight", "allocs/op"), unit: allocs, zero: true},
	{topic: "Authorisation", what: "by name, 1,000 rules, 64 roles", figure: one("Authz/rules=1000/roles=64/skans", "ns/op"), unit: ns, most: 150},
	{topic: "Authorisation", what: "by name, 100,000 rules, 64 roles", figure: one("Authz/rules=100000/roles=64/skans", "ns/op"), unit: ns},
	{topic: "Authorisation", what: "by name, allocations, most of all", figure: one("Authz/*/*/skans", "allocs/op"), unit: allocs, zero: true},
	{topic: "Authorisation", what: "20 rules, 8 roles, time beside casbin", figure: both("Authz/rules=20/roles=8/skans", "Authz/rules=20/roles=8/casbin", "ns/op", over), unit: times},
	{topic: "Authorisation", what: "20 rules, 8 roles, time beside cedar-go", figure: both("Authz/rules=20/roles=8/skans", "Authz/rules=20/roles=8/cedar", "ns/op", over), unit: times},
	{topic: "Authorisation", what: "1,000 rules, 64 roles, time beside casbin", figure: both("Authz/rules=1000/roles=64/skans", "Authz/rules=1000/roles=64/casbin", "ns/op", over), unit: times},
	{topic: "Authorisation", what: "1,000 rules, 64 roles, time beside cedar-go", figure: both("Authz/rules=1000/roles=64/skans", "Authz/rules=1000/roles=64/cedar", "ns/op", over), unit: times},
	{topic: "Authorisation", what: "100,000 rules, 64 roles, time beside casbin", figure: both("Authz/rules=100000/roles=64/skans", "Authz/rules=100000/roles=64/casbin", "ns/op", over), unit: times},
	{topic: "Authorisation", what: "100,000 rules, 64 roles, time beside cedar-go", figure: both("Authz/rules=100000/roles=64/skans", "Authz/rules=100000/roles=64/cedar", "ns/op", over), unit: times},
	{topic: "Authorisation", what: "reload of 100,000 rules while decisions go on", figure: scaled("AuthzReload", "ns/op", 1e-6), unit: " ms", most: 1000},
	{topic: "Authorisation", what: "guarded page beside the same template unguarded", figure: ratio("Render/vs-template"), unit: times, most: 1.2},

	{topic: "Input", what: "form of ten fields, time beside ParseForm + go-playground/form + validator", figure: ratio("Form/vs-form-validator"), unit: times, most: 1},
	{topic: "Input", what: "time beside ParseForm + gorilla/schema + validator", figure: ratio("Form/vs-schema-validate"), unit: times, most: 1},
	{topic: "Input", what: "allocations above ParseForm alone (negative: fewer)", figure: both("Form/skans", "Form/parseform", "allocs/op", minus), unit: allocs, most: 10},
	{topic: "Input", what: "1 MB of hostile form, slowest kind", figure: scaled("FormHostile/*", "ns/op", 1e-6), unit: " ms", most: 20},

	{topic: "Output", what: "60 KB of styled mail, bluemonday's time over this", figure: both("Wash/bluemonday", "Wash/skans", "ns/op", over), unit: times, least: 2},
	{topic: "Output", what: "time beside bluemonday, in turns", figure: ratio("Wash/vs-bluemonday"), unit: times, most: 0.5},
	{topic: "Output", what: "1 MB of hostile markup, slowest kind", figure: scaled("WashHostile/*/skans", "ns/op", 1e-6), unit: " ms", most: 500},
	{topic: "Output", what: "twice as much beside once, slowest growing kind", figure: ratio("WashHostile/*/vs-half"), unit: times, most: 2.3},

	{topic: "Passwords and factors", what: "Verify, time beside x/crypto/argon2 alone", figure: ratio("Password/vs-argon2"), unit: times, most: 1.01},
	{topic: "Passwords and factors", what: "time beside alexedwards/argon2id", figure: ratio("Password/vs-argon2id"), unit: times},
	{topic: "Passwords and factors", what: "check of a new password, slower kind", figure: one("CommonPassword/*", "ns/op"), unit: ns, most: 5000},
	{topic: "Passwords and factors", what: "throttle.Reserve in memory, slower kind", figure: one("Throttle/*", "ns/op"), unit: ns, most: 1000},
	{topic: "Passwords and factors", what: "TOTP core, SHA-1, two steps, beside pquerna/otp", figure: both("Core/SHA1", "Pquerna/SHA1", "ns/op", over), unit: times, most: 0.5},
	{topic: "Passwords and factors", what: "TOTP core, allocations", figure: one("Core/SHA1", "allocs/op"), unit: allocs, zero: true},
	{topic: "Passwords and factors", what: "whole TOTP check (record, seal, count) beside pquerna/otp's core", figure: ratio("TOTP/vs-pquerna"), unit: times},

	{topic: "Audit", what: "durable, one caller, events a second beside slog + fsync", figure: both("AuditDurable/callers=1/slog-fsync", "AuditDurable/callers=1/skans", "ns/op", over), unit: times, least: 0.9},
	{topic: "Audit", what: "the same in turns, time", figure: ratio("AuditDurable/callers=1/vs-slog-fsync"), unit: times, most: 1 / 0.9},
	{topic: "Audit", what: "durable, 1,024 callers, events a second beside slog + fsync", figure: both("AuditDurable/callers=1024/slog-fsync", "AuditDurable/callers=1024/skans", "ns/op", over), unit: times, least: 200},
	{topic: "Audit", what: "buffered, time beside slog to a file", figure: ratio("AuditBuffered/vs-slog"), unit: times, most: 1.5},
	{topic: "Audit", what: "buffered, allocations", figure: one("AuditBuffered/skans", "allocs/op"), unit: allocs, most: 2},
	{topic: "Audit", what: "99 of 100 durable events of 64 writers wait at most, in syncs of the disk", figure: one("AuditLatency", "p99-syncs"), unit: " syncs", most: 3},
	{topic: "Audit", what: "Verify, time beside SHA-256 over the same bytes", figure: ratio("AuditVerify/vs-sha256"), unit: times, most: 2},
	{topic: "Audit", what: "audited UPDATE beside a plain one, SQLite, synced at each commit", figure: ratio("Update/durable/vs-plain"), unit: times, most: 1.5},
	{topic: "Audit", what: "the same without syncing", figure: ratio("Update/fast/vs-plain"), unit: times, most: 1.5},
	{topic: "Audit", what: "audited by trigger, synced at each commit", figure: ratio("Update/durable/trigger-vs-plain"), unit: times, most: 1.5},
	{topic: "Audit", what: "audited by trigger, without syncing", figure: ratio("Update/fast/trigger-vs-plain"), unit: times, most: 1.5},
}
