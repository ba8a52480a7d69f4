package session_test

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session"
)

func randomID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// usualData is the length of what a Manager stores for a session that was anonymous, signed in by password, and holds
// ten bytes of JSON under "cart". TestUsualData holds it to that.
const usualData = 66

func TestUsualData(t *testing.T) {
	spy := newSpy()
	m := newManager(t, session.Config{Store: spy})
	b := newBrowser(nil)
	b.csrf(m, "")
	b.signIn(t, m, "anna", session.Password)
	b.in(m, func(_ http.ResponseWriter, r *http.Request) {
		require.NoError(t, session.NewKey[string]("cart").Set(session.From(r.Context()), "12345678")) // and two quotes
	})
	r, err := spy.Store.Load(t.Context(), b.cookie[:22], time.Now())
	require.NoError(t, err)
	require.LessOrEqual(t, len(r.Data), usualData)
}

// fill makes n sessions like those that a Manager makes: each of its own user, with a password
// shown, bound to address and agent, and one small value.
func fill(tb testing.TB, store *session.MemoryStore, n int, at time.Time) {
	tb.Helper()
	data := make([]byte, usualData)
	for i := range n {
		_, _ = rand.Read(data)
		rec := session.Record{
			ID: randomID(), User: fmt.Sprintf("user-%06d", i), Generation: 1, Version: 1, Since: at, Seen: at,
			Expires: at.Add(20*time.Minute + time.Duration(i)*time.Microsecond), Deadline: at.Add(8 * time.Hour), Data: string(data),
		}
		_, _ = rand.Read(rec.Token[:])
		_, err := store.Create(tb.Context(), rec, 1, at)
		require.NoError(tb, err)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestMemoryStoreSize(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector needs memory of its own")
	}
	store, at := session.NewMemoryStore(), time.Now()
	before := heap()
	fill(t, store, 250_000, at)
	per := float64(heap()-before) / 250_000
	t.Logf("%.0f bytes a session at 250,000", per)
	require.Less(t, per, 200.0)

	n, err := store.Sweep(t.Context(), 2_000_000, at.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, 250_000, n)
	runtime.KeepAlive(store)
}
