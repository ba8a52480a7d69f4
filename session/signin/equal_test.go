package signin_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/password"
	"github.com/skans-go/skans/password/throttle"
	"github.com/skans-go/skans/session/signin"
)

// wide is a throttle that lets everything pass, for tests of what comes after it.
func wide(t *testing.T) func(*signin.Config) {
	return func(c *signin.Config) {
		many := throttle.Limit{Stop: 1 << 30, Forget: 24 * time.Hour, Fixed: true}
		var err error
		c.Throttle, err = throttle.New(throttle.Config{
			Keys: c.Keys, Pair: many, Name: many, Address: many, Network: many, Device: many, CaptchaAfter: -1,
		})
		require.NoError(t, err)
	}
}

// refusals are the ways to be refused at the first step; every one must look like the first.
func refusals(h *hall) map[string][2]string {
	return map[string][2]string{
		"unknown name":         {"nobody", h.password},
		"wrong password":       {"anna", "not " + h.password},
		"disabled":             {"berit", h.password},
		"disabled and wrong":   {"berit", "not " + h.password},
		"external":             {"cecil", h.password},
		"no password yet":      {"dagny", h.password},
		"no password, empty":   {"dagny", ""},
		"empty name":           {"", h.password},
		"empty password":       {"anna", ""},
		"name too long":        {strings.Repeat("a", 300), h.password},
		"name with a NUL":      {"anna\x00", h.password},
		"name with CR LF":      {"anna\r\nX: y", h.password},
		"name not UTF-8":       {"\xff\xfe", h.password},
		"password too long":    {"anna", strings.Repeat("x", 1<<20)},
		"password not UTF-8":   {"anna", "\xff\xfe"},
		"password with a tail": {"anna", h.password + "\x00"},
	}
}

func TestEveryRefusalHasTheSameBytesAndHeaders(t *testing.T) {
	h := newHall(t, wide(t))
	first := h.browser()
	require.IsType(t, signin.Denied{}, first.password("nobody", "x"))
	require.Equal(t, http.StatusForbidden, first.answer.StatusCode)
	for name, in := range refusals(h) {
		b := h.browser()
		out := b.password(in[0], in[1])
		require.IsType(t, signin.Denied{}, out, name)
		denied := out.(signin.Denied)
		require.NotEmpty(t, denied.Ref, name)
		denied.Ref = ""
		require.Equal(t, signin.Denied{Status: http.StatusForbidden}, denied, name)
		require.Equal(t, first.body, b.body, name)
		require.Equal(t, first.answer.Header, b.answer.Header, name)
		require.Empty(t, b.user(), name)
	}
}

func TestTheReasonGoesToTheLogOnly(t *testing.T) {
	h := newHall(t, wide(t))
	for name, want := range map[string]string{
		"unknown name": "reason=unknown", "wrong password": "user=u1 pathway=password reason=wrong",
		"disabled": "user=u2 pathway=password reason=disabled", "disabled and wrong": "user=u2 pathway=password reason=wrong",
		"external": "user=u3 pathway=password reason=external", "no password yet": "user=u4 pathway=password reason=no-password",
	} {
		in := refusals(h)[name]
		h.browser().password(in[0], in[1])
		require.Contains(t, h.last(), want, name)
		require.True(t, strings.HasPrefix(h.last(), "signin.denied "), name)
	}
}

func TestAnUnknownNameIsLoggedAsADigest(t *testing.T) {
	h := newHall(t)
	typed := "hunter2-typed-into-the-wrong-field"
	h.browser().password(typed, "x")
	require.Regexp(t, `^signin\.denied name=[0-9a-f]{32} pathway=password reason=unknown$`, h.last())
	first := h.last()
	h.browser().password(strings.ToUpper(typed)+" ", "x")
	require.Equal(t, first, h.last(), "one name, one digest, so that a series can be seen")
	h.browser().password("another", "x")
	require.NotEqual(t, first, h.last())
	require.NotContains(t, strings.Join(h.log, "\n"), typed)
}

func TestEveryRefusalCostsOneHash(t *testing.T) {
	// Asked only to rule out what the difference of a hash would be: with these parameters a refusal without one takes
	// a small part of the time.
	h := newHall(t, wide(t), func(c *signin.Config) {
		var err error
		c.Passwords, err = password.New(password.Config{Params: "m=1024,t=1,p=1", InsecureParams: true, Keys: c.Keys})
		require.NoError(t, err)
		hash, err := c.Passwords.Hash(t.Context(), anna, "the password")
		require.NoError(t, err)
		c.Users.(*table).change(anna, func(u *signin.User) { u.PasswordHash = hash })
		c.Users.(*table).change(berit, func(u *signin.User) { u.PasswordHash = "$argon2id$v=19$m=4294967295,t=1,p=1$AA$AA" })
	})
	names := []string{"anna", "nobody", "berit", "cecil", "dagny", "\x00"}
	times := map[string][]time.Duration{}
	b := h.browser()
	for range 100 {
		// In any order, so that what comes by turns, such as a garbage collection, does not always meet the same one.
		rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		for _, name := range names {
			start := time.Now()
			b.password(name, "not it")
			times[name] = append(times[name], time.Since(start))
		}
	}
	// The least: what the machine does beside this only ever adds.
	known := slices.Min(times["anna"])
	for _, name := range names {
		got := slices.Min(times[name])
		require.Less(t, got, 2*known, "%q", name)
		require.Greater(t, got, known/2, "%q", name)
	}
}

func TestTimesDoNotTellNamesApart(t *testing.T) {
	// Mann-Whitney rank test over 2,000 pairs in random order: what the machine does beside this hits both alike. For
	// equal distributions |z| exceeds 5 once in a million runs. The hash here costs a hundredth of a real one, so that
	// the microseconds in which a row is unsealed weigh a hundred times more; a difference of a tenth of it gave a z of
	// 11 to 17.
	h := newHall(t, wide(t), func(c *signin.Config) {
		var err error
		c.Passwords, err = password.New(password.Config{Params: "m=256,t=1,p=1", InsecureParams: true, Keys: c.Keys})
		require.NoError(t, err)
		for _, id := range []string{anna, berit, cecil} {
			hash, err := c.Passwords.Hash(t.Context(), id, "the password")
			require.NoError(t, err)
			c.Users.(*table).change(id, func(u *signin.User) { u.PasswordHash = hash })
		}
	})
	pairs := 2_000
	if raceEnabled {
		pairs = 200 // the detector makes all but the hash slower
	}
	for kind, name := range map[string]string{"unknown": "bodil", "disabled": "berit", "external": "cecil", "not activated": "dagny"} {
		t.Run(kind, func(t *testing.T) {
			require.Less(t, math.Abs(rankTest(h, pairs, "anna", name)), 8.0)
		})
	}
}

// rankTest signs two names in with a wrong password, in pairs and in random order, and returns the z of the
// Mann-Whitney test for the times of the first.
func rankTest(h *hall, pairs int, first, second string) float64 {
	type sample struct {
		took  time.Duration
		first bool
	}
	var samples []sample
	for range pairs {
		names := []string{first, second}
		if rand.IntN(2) == 0 {
			names[0], names[1] = names[1], names[0]
		}
		for _, name := range names {
			r := httptest.NewRequest(http.MethodPost, origin+"/", nil)
			w := httptest.NewRecorder()
			start := time.Now()
			h.flow.Password(w, r, name, skans.NewSecret("not it"))
			samples = append(samples, sample{time.Since(start), name == first})
		}
	}
	slices.SortFunc(samples, func(a, b sample) int { return cmp.Compare(a.took, b.took) })
	var ranks float64
	for rank, s := range samples {
		if s.first {
			ranks += float64(rank + 1)
		}
	}
	n := float64(pairs)
	u := ranks - n*(n+1)/2
	return (u - n*n/2) / math.Sqrt(n*n*(2*n+1)/12)
}

func TestThrottledNamesAreEqualToo(t *testing.T) {
	h := newHall(t)
	answers := map[string]string{}
	for _, name := range []string{"anna", "nobody", "berit", "cecil"} {
		b := h.browser()
		b.addr = fmt.Sprintf("198.51.%d.1:99", len(answers))
		for range 5 {
			b.password(name, "wrong")
		}
		out := b.password(name, h.password)
		require.IsType(t, signin.Denied{}, out, name)
		require.Greater(t, out.(signin.Denied).RetryAfter, time.Duration(0), name)
		require.Equal(t, http.StatusForbidden, out.(signin.Denied).Status, name)
		require.Contains(t, h.last(), "reason=throttled")
		answers[name] = b.body + fmt.Sprint(b.answer.Header)
	}
	require.Len(t, answers, 4)
	for name, answer := range answers {
		require.Equal(t, answers["nobody"], answer, name)
	}
}

func TestOneAccountHasOneSetOfTries(t *testing.T) {
	// The table finds anna in any case; the throttle's own folding need not know every spelling that a table does.
	h := newHall(t, func(c *signin.Config) { c.Users = aliases{c.Users.(*table)} })
	b := h.browser()
	for range 5 {
		b.password("anna", "wrong")
	}
	out := b.password("anna.lind@example.com", h.password)
	require.IsType(t, signin.Denied{}, out)
	require.Contains(t, h.last(), "reason=throttled")
}

// aliases finds anna by a second name.
type aliases struct{ *table }

func (a aliases) ByName(ctx context.Context, name string) (signin.User, error) {
	if name == "anna.lind@example.com" {
		name = "anna"
	}
	return a.table.ByName(ctx, name)
}

func TestAnUnreadableHashIsARefusalLikeOthers(t *testing.T) {
	h := newHall(t)
	h.users.change(anna, func(u *signin.User) { u.PasswordHash = "$argon2id$v=19$m=4294967295,t=1,p=0$AA$AA" })
	out := h.browser().password("anna", h.password)
	require.Equal(t, http.StatusForbidden, out.(signin.Denied).Status)
	require.Contains(t, h.last(), "reason=hash")
}

func TestBusyIs503WithRetryAfterForAll(t *testing.T) {
	h := newHall(t, func(c *signin.Config) { c.Timeout = time.Nanosecond })
	for _, name := range []string{"anna", "nobody"} {
		out := h.browser().password(name, h.password)
		require.Equal(t, http.StatusServiceUnavailable, out.(signin.Denied).Status, name)
		require.Equal(t, 5*time.Second, out.(signin.Denied).RetryAfter, name)
	}
}

func TestABetterHashIsStoredAfterASuccessOnly(t *testing.T) {
	h := newHall(t)
	weak, err := password.New(password.Config{Params: "m=16,t=1,p=1", InsecureParams: true, Keys: h.keys})
	require.NoError(t, err)
	old, err := weak.Hash(t.Context(), anna, h.password)
	require.NoError(t, err)
	h.users.change(anna, func(u *signin.User) { u.PasswordHash = old })
	h.browser().password("anna", "wrong")
	require.Equal(t, old, h.users.rows[anna].PasswordHash)
	h.users.change(anna, func(u *signin.User) { u.Disabled = true })
	h.browser().password("anna", h.password)
	require.Equal(t, old, h.users.rows[anna].PasswordHash, "an account that is closed is left alone")
	h.users.change(anna, func(u *signin.User) { u.Disabled = false })
	require.IsType(t, signin.Granted{}, h.browser().password("anna", h.password))
	require.NotEqual(t, old, h.users.rows[anna].PasswordHash)
	require.IsType(t, signin.Granted{}, h.browser().password("anna", h.password))
	require.Equal(t, 1, h.users.swaps)
}

func TestABetterHashDoesNotUndoAPasswordChange(t *testing.T) {
	h := newHall(t)
	weak, err := password.New(password.Config{Params: "m=16,t=1,p=1", InsecureParams: true, Keys: h.keys})
	require.NoError(t, err)
	old, err := weak.Hash(t.Context(), anna, h.password)
	require.NoError(t, err)
	h.users.change(anna, func(u *signin.User) { u.PasswordHash = old })
	// The password is changed between the moment that its row is read and the moment that the better hash is stored.
	h.flow, err = signin.New(signin.Config{
		Users: h.users, Passwords: h.hasher, Throttle: h.limiter, Sessions: h.sessions, Keys: h.keys,
		Allow: func(*http.Request, signin.User) error {
			h.users.change(anna, func(u *signin.User) { u.PasswordHash = "changed" })
			return nil
		},
	})
	require.NoError(t, err)
	h.browser().password("anna", h.password)
	require.Equal(t, "changed", h.users.rows[anna].PasswordHash)
}

func TestTheRuleOfTheHostIsAskedLast(t *testing.T) {
	asked := 0
	h := newHall(t, func(c *signin.Config) {
		c.Allow = func(r *http.Request, u signin.User) error {
			asked++
			return errors.New("country: XX")
		}
	})
	h.browser().password("anna", "wrong")
	h.browser().password("berit", h.password)
	require.Zero(t, asked)
	b := h.browser()
	require.IsType(t, signin.Denied{}, b.password("anna", h.password))
	require.Equal(t, 1, asked)
	require.Contains(t, h.last(), "reason=rule detail=country: XX")
	require.NotContains(t, b.body, "country")
}

func TestWithoutFactorsThePasswordIsTheOnlyOne(t *testing.T) {
	h := newHall(t, func(c *signin.Config) { c.Factors, c.Require = nil, nil })
	h.enrol(anna)
	b := h.browser()
	require.IsType(t, signin.Granted{}, b.password("anna", h.password))
	require.IsType(t, signin.Denied{}, b.factor("123456"))
	require.IsType(t, signin.Denied{}, b.confirm("123456"))
	require.IsType(t, signin.Denied{}, b.take(func(w http.ResponseWriter, r *http.Request) signin.Outcome {
		return h.flow.StepUp(w, r, "123456")
	}))
}

func TestActivatedSavesTypingTheNameOnly(t *testing.T) {
	h := newHall(t, func(c *signin.Config) { c.Require = nil })
	activated := func(b *browser, id, pw string) signin.Outcome {
		return b.take(func(w http.ResponseWriter, r *http.Request) signin.Outcome {
			return h.flow.Activated(w, r, id, skans.NewSecret(pw))
		})
	}
	for id, want := range map[string]string{anna: "wrong", berit: "wrong", dagny: "no-password", "nobody": "unknown"} {
		b := h.browser()
		require.IsType(t, signin.Denied{}, activated(b, id, "not it"))
		require.Contains(t, h.last(), "pathway=activation reason="+want)
	}
	b := h.browser()
	require.IsType(t, signin.NeedEnrolment{}, activated(b, anna, h.password), "the second factor is not skipped")
	require.Empty(t, b.user())
}
