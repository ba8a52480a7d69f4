package session

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
)

// FuzzBody: no bytes make the parser panic or read for long, and what it accepts is written again and read as the same.
func FuzzBody(f *testing.F) {
	since := time.UnixMilli(1_800_000_000_000)
	full := body{created: since.Add(-time.Hour), since: since, values: values("").with("cart", `["book"]`).with("n", "1")}
	full.binding = binding{https: true, address4: mark{known: true}, address6: mark{known: true}, agent: mark{known: true}}
	for i := range 5 {
		full.retire(TokenHash{byte(i)}, since.Add(time.Duration(i)*time.Minute))
	}
	full.prove(Password, since)
	full.prove("face", since.Add(time.Second))
	for _, seed := range []string{"", "\x01", "\x01\x00\x00\x00\x00", "\x02\x00", string(full.append(nil)), string(full.append(nil)[:40])} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		b, err := parseBody(raw, since)
		if err != nil {
			require.Equal(t, body{}, b)
			return
		}
		again, err := parseBody(string(b.append(nil)), since)
		require.NoError(t, err)
		require.Equal(t, b.values, again.values)
		require.Equal(t, b.binding, again.binding)
		require.Equal(t, b.created, again.created)
		b.eachProof(func(Method, time.Time) bool { return true })
		b.retiredAt(func(string) bool { return false })
		n := 0
		for range b.values.all {
			n++
		}
		require.LessOrEqual(t, n, len(raw))
	})
}

func TestBodyKeepsWhatItIsGiven(t *testing.T) {
	since := time.UnixMilli(1_800_000_000_000)
	b := body{created: since.Add(-time.Hour), since: since}
	for i := range 5 {
		b.retire(TokenHash{byte('a' + i)}, since.Add(time.Duration(i)*time.Minute))
	}
	b.prove(Password, since)
	b.prove("face", since.Add(time.Second))
	b.prove(Password, since.Add(2*time.Second))
	b.values = b.values.with("a", "1").with("b", "2").with("a", "3").without("b").without("c")
	got, err := parseBody(string(b.append(nil)), since)
	require.NoError(t, err)
	require.Equal(t, b.created, got.created)
	value, ok := got.values.get("a")
	require.True(t, ok)
	require.Equal(t, "3", value)
	_, ok = got.values.get("b")
	require.False(t, ok)
	proofs := map[Method]time.Duration{}
	got.eachProof(func(m Method, at time.Time) bool { proofs[m] = at.Sub(since); return true })
	require.Equal(t, map[Method]time.Duration{Password: 2 * time.Second, "face": time.Second}, proofs)
	for i, want := range []bool{false, false, true, true, true} { // the newest three
		at, ok := got.retiredAt(func(hash string) bool { return hash[0] == byte('a'+i) })
		require.Equal(t, want, ok)
		if ok {
			require.Equal(t, time.Duration(i)*time.Minute, at.Sub(since))
		}
	}
}

// The table against a map, with few distinct hashes, so that runs are long and wrap around.
func TestMemTable(t *testing.T) {
	hash := func(place uint32) uint32 { return (place % 7) * 0x2fffffff }
	var table memTable
	want := map[uint32]bool{}
	state := uint32(1)
	for range 20_000 {
		state = state*1664525 + 1013904223 // the linear congruence of Numerical Recipes
		place := (state >> 8) % 300
		if want[place] {
			table.remove(place, hash)
			delete(want, place)
		} else {
			table.add(place, hash)
			want[place] = true
		}
		require.Equal(t, len(want), table.n)
		found := false
		for p := range table.places(hash(place)) {
			found = found || p == place
		}
		require.Equal(t, want[place], found)
	}
	for place := range want {
		found := false
		for p := range table.places(hash(place)) {
			found = found || p == place
		}
		require.True(t, found)
	}
	require.NotEmpty(t, want)
}

// A record that a later version sealed is intact but does not decode: it ends, instead of failing for ever.
func TestRecordOfAnotherVersion(t *testing.T) {
	keys, err := skans.NewKeyring(skans.GenerateKey("a"))
	require.NoError(t, err)
	store := NewMemoryStore()
	reasons := []string{}
	m, err := New(Config{
		Keys: keys, Store: store, Origins: []string{"https://mail.example"},
		Audit: func(_ context.Context, event string, attrs ...slog.Attr) error {
			for _, a := range attrs {
				if event == EventEnded && a.Key == "reason" {
					reasons = append(reasons, a.Value.String())
				}
			}
			return nil
		},
	})
	require.NoError(t, err)
	now := m.now()
	token := newToken(newID())
	rec := Record{
		ID: token[:idLen], User: "anna", Token: m.hashToken(token), Generation: 1, Version: 1,
		Since: now, Seen: now, Expires: now.Add(time.Hour), Deadline: now.Add(time.Hour),
	}
	m.seal(&rec, []byte{bodyFormat + 1, 0, 0, 0, 0})
	_, err = store.Create(t.Context(), rec, 0, now)
	require.NoError(t, err)
	r := httptest.NewRequest("GET", "https://mail.example/", nil)
	r.Header.Set("Cookie", cookieName+"="+token)
	w := httptest.NewRecorder()
	m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, ok := From(r.Context()).User()
		require.False(t, ok)
	})).ServeHTTP(w, r)
	require.Equal(t, 200, w.Code)
	require.Equal(t, []string{reasonDamaged}, reasons)
	_, err = store.Load(t.Context(), rec.ID, now)
	require.ErrorIs(t, err, ErrNotFound)
}
