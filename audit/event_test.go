package audit_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/audit"
	"github.com/stretchr/testify/require"
)

type panics struct{}

func (panics) LogValue() slog.Value { panic("no value") }

func TestAttributesAreStoredLosslessly(t *testing.T) {
	log := openLog(t, audit.Config{Dir: t.TempDir(), Keys: newKeys(t)})
	at := time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)
	attrs := []slog.Attr{
		slog.String("s", "line\nESC\x1b[2J \u2028\u202e\x00 \xff\xfe å"), slog.String("", ""), slog.Int64("min", math.MinInt64), slog.Int64("max", math.MaxInt64),
		slog.Uint64("u", math.MaxUint64), slog.Bool("b", true), slog.Duration("d", math.MinInt64), slog.Time("t", at), slog.Time("zero", time.Time{}),
		slog.Float64("f", math.SmallestNonzeroFloat64), slog.Float64("-0", math.Copysign(0, -1)), slog.String("twice", "1"), slog.String("twice", "2"),
		slog.String("seq", "reserved"), slog.Group("g", slog.String("in", "x"), slog.Group("deep", slog.Int("n", 1))), slog.Group("empty"),
	}
	require.NoError(t, log.Record(t.Context(), "session.x", attrs...))
	got := events(t, log, audit.Filter{})[0].Attrs
	require.Len(t, got, len(attrs))
	for i, a := range attrs {
		require.Equal(t, a.Key, got[i].Key)
		require.True(t, a.Value.Equal(got[i].Value), "%s: %v", a.Key, got[i].Value)
	}
	require.True(t, math.Signbit(got[10].Value.Float64()))
}

func TestAttributesThatAreRefused(t *testing.T) {
	log := openLog(t, audit.Config{Dir: t.TempDir(), Keys: newKeys(t)})
	deep := slog.Int("n", 1)
	for range 10 {
		deep = slog.GroupAttrs("g", deep)
	}
	many := make([]slog.Attr, 257)
	tests := map[string][]slog.Attr{
		"NaN": {slog.Float64("f", math.NaN())}, "infinity": {slog.Float64("f", math.Inf(1))}, "any": {slog.Any("a", struct{ S string }{"x"})},
		"nil": {slog.Any("a", nil)}, "bytes": {slog.Any("a", []byte("x"))}, "LogValue panics": {slog.Any("a", panics{})},
		"10 MB": {slog.String("s", strings.Repeat("x", 10<<20))}, "10 MB in pieces": {slog.String("a", strings.Repeat("x", 900<<10)), slog.String("b", strings.Repeat("x", 900<<10))},
		"too deep": {deep}, "too many": many, "long key": {slog.String(strings.Repeat("x", 2<<20), "")},
	}
	for name, attrs := range tests {
		t.Run(name, func(t *testing.T) {
			err := log.Record(t.Context(), "session.x", attrs...)
			require.ErrorIs(t, err, audit.ErrAttr)
			require.Less(t, len(err.Error()), 300, "input is not echoed")
		})
	}
	require.ErrorIs(t, log.Record(t.Context(), ""), audit.ErrAttr)
	require.Empty(t, events(t, log, audit.Filter{}))
}

func TestSecretsAndLoginNames(t *testing.T) {
	dir := t.TempDir()
	log := openLog(t, audit.Config{Dir: dir, Keys: newKeys(t)})
	const canary = "canary-hunter2"
	require.NoError(t, log.Record(t.Context(), "session.failed", slog.Any("password", skans.NewSecret(canary)), slog.String("login", canary),
		slog.String("addr", canary), slog.Group("g", slog.String("agent", canary))))
	require.NoError(t, log.Record(t.Context(), "session.failed", slog.String("login", canary)))
	require.NoError(t, log.Close())
	for name, file := range load(t, dir) {
		require.NotContains(t, string(file.Data), canary, name)
	}
}

func TestOneSafeLine(t *testing.T) {
	log := openLog(t, audit.Config{Dir: t.TempDir(), Keys: newKeys(t)})
	evil := "a\r\n{\"event\":\"forged\"}\x1b[2J\u0085\u2028\u2029\u202e\u2066\u200f\ufeff\x7f\"\\|= \xff"
	valid := strings.ToValidUTF8(evil, "")
	ctx := audit.WithRequest(audit.WithActor(t.Context(), audit.Actor{User: evil, Session: evil, Job: evil, Behalf: evil}), evil)
	require.NoError(t, log.Record(ctx, "session."+evil, slog.String("bad", evil), slog.String(valid, valid), slog.String("twice", "1"), slog.String("twice", "2")))
	for _, format := range []audit.Format{audit.NDJSON, audit.OCSF, audit.CEF} {
		t.Run(format.String(), func(t *testing.T) {
			var out bytes.Buffer
			require.NoError(t, log.Export(t.Context(), &out, audit.Filter{}, format))
			line, found := strings.CutSuffix(out.String(), "\n")
			require.True(t, found)
			for _, r := range line {
				require.False(t, unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp), "%U", r)
			}
		})
	}
	e := events(t, log, audit.Filter{})[0]
	var got struct {
		Event string
		Attrs map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(e.String()), &got))
	require.Equal(t, valid, got.Attrs[valid])
	require.Equal(t, "1", got.Attrs["twice"])
	require.Equal(t, "2", got.Attrs["twice#2"])
	require.IsType(t, map[string]any{}, got.Attrs["bad"], "not UTF-8: kept as base64")
}

func TestFormats(t *testing.T) {
	e := audit.Event{
		Log: "l", Class: "session", Epoch: 1, Seq: 2, Server: "s", Version: "1|2", Name: "session.login",
		Time: time.UnixMilli(1700000000123), Actor: audit.Actor{User: "a=b", Session: "s1"}, Attrs: []slog.Attr{slog.String("user", "anna")},
	}
	one := func(f audit.Format) string {
		var b bytes.Buffer
		require.NoError(t, audit.Write(&b, func(yield func(audit.Event, error) bool) { yield(e, nil) }, f))
		return b.String()
	}
	// ArcSight Common Event Format: pipes are escaped in the header, equal signs in the extension.
	require.Equal(t, `CEF:0|skans|audit|1\|2|session.login|session.login|3|externalId=l/session/1/2 rt=1700000000123 cat=session outcome=success dvchost=s suid=a\=b cs1Label=attrs cs1={"user":"anna"} cs2Label=session cs2=s1`+"\n", one(audit.CEF))
	var o map[string]any
	require.NoError(t, json.Unmarshal([]byte(one(audit.OCSF)), &o))
	// OCSF 1.3.0: Authentication is class 3002 of category 3, Logon its activity 1, type_uid = class_uid * 100 + activity_id.
	for key, want := range map[string]float64{"category_uid": 3, "class_uid": 3002, "activity_id": 1, "type_uid": 300201, "status_id": 1, "time": 1700000000123} {
		require.Equal(t, want, o[key], key)
	}
	require.Equal(t, map[string]any{"uid": "anna"}, o["user"])
	e.Name = "session.failed"
	require.NoError(t, json.Unmarshal([]byte(one(audit.OCSF)), &o))
	require.EqualValues(t, 2, o["status_id"])
}

func TestClockSteps(t *testing.T) {
	now, mono := time.Unix(1700000000, 0), time.Duration(0)
	log, _ := openFaulty(t, audit.Config{Dir: t.TempDir(), Keys: newKeys(t)}, func() (time.Time, time.Duration) { return now, mono })
	step := func(wall, ticked time.Duration) {
		now, mono = now.Add(wall), mono+ticked
		require.NoError(t, log.Record(t.Context(), "session.x"))
	}
	step(0, 0)
	step(time.Hour, time.Hour)
	step(-time.Hour, time.Second) // set back
	step(time.Second, time.Second)
	step(10*365*24*time.Hour, time.Second) // ten years ahead
	step(time.Second, time.Second)
	var got []bool
	for _, e := range events(t, log, audit.Filter{}) {
		got = append(got, e.Stepped)
	}
	require.Equal(t, []bool{false, false, true, false, true, false}, got)
}

func TestFilter(t *testing.T) {
	log := openLog(t, audit.Config{Dir: t.TempDir(), Keys: newKeys(t)})
	as := func(a audit.Actor, request, event string, attrs ...slog.Attr) {
		require.NoError(t, log.Record(audit.WithRequest(audit.WithActor(t.Context(), a), request), event, attrs...))
	}
	as(audit.Actor{User: "anna", Session: "s1"}, "r1", "session.login")
	as(audit.Job("import").OnBehalf("anna"), "r2", "admin.import")
	as(audit.Actor{User: "bo", Session: "s2"}, "r3", "admin.reset", slog.String("user", "anna"))
	as(audit.Actor{User: "bo", Session: "s2"}, "r4", "admin.other", slog.String("user", "annax"))
	all := events(t, log, audit.Filter{})
	tests := map[string]struct {
		filter audit.Filter
		want   []int
	}{
		"all": {audit.Filter{}, []int{0, 1, 2, 3}}, "user": {audit.Filter{User: "anna"}, []int{0, 1, 2}}, "session": {audit.Filter{Session: "s2"}, []int{2, 3}},
		"class": {audit.Filter{Class: "admin"}, []int{1, 2, 3}}, "event": {audit.Filter{Event: "admin.reset"}, []int{2}}, "below": {audit.Filter{Event: "admin"}, []int{1, 2, 3}},
		"request": {audit.Filter{Request: "r1"}, []int{0}}, "from": {audit.Filter{From: all[2].Time}, []int{2, 3}}, "until": {audit.Filter{Until: all[2].Time}, []int{0, 1}},
		"both": {audit.Filter{User: "anna", Class: "session"}, []int{0}}, "no such class": {audit.Filter{Class: "x"}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []int
			for _, e := range events(t, log, tt.filter) {
				for i := range all {
					if all[i].ID() == e.ID() {
						got = append(got, i)
					}
				}
			}
			require.Equal(t, tt.want, got)
		})
	}
}
