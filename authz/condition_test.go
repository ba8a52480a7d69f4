package authz_test

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/authz"
)

// withKeys configures a keyring and a store for spent keys.
func withKeys(t testing.TB) func(*authz.Config) {
	ring, err := skans.NewKeyring(skans.GenerateKey("t"))
	require.NoError(t, err)
	return func(c *authz.Config) { c.Keys = ring }
}

// named configures conditions that are met if their name is among met.
func named(met string, names ...string) func(*authz.Config) {
	return func(c *authz.Config) {
		c.Conditions = map[string]func(context.Context, authz.Subject, authz.Object) (bool, error){}
		for _, name := range names {
			c.Conditions[name] = func(context.Context, authz.Subject, authz.Object) (bool, error) {
				return strings.Contains(met, name), nil
			}
		}
	}
}

func TestProofs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(48 * time.Hour) // of the bubble's clock, so that yesterday exists
		ago := func(d time.Duration) time.Time { return time.Now().Add(-d) }
		for name, c := range map[string]struct {
			condition authz.Condition
			proofs    map[string]time.Time
			met       bool
		}{
			"no proof":                          {authz.SecondFactor(), nil, false},
			"password is no second factor":      {authz.SecondFactor(), map[string]time.Time{"pwd": ago(0)}, false},
			"a code by SMS is none":             {authz.SecondFactor(), map[string]time.Time{"sms": ago(0)}, false},
			"one-time code":                     {authz.SecondFactor(), map[string]time.Time{"otp": ago(20 * time.Hour)}, true},
			"hardware key":                      {authz.SecondFactor(), map[string]time.Time{"hwk": ago(0)}, true},
			"recovery code":                     {authz.SecondFactor(), map[string]time.Time{"recovery": ago(0)}, true},
			"zero time is no proof":             {authz.SecondFactor(), map[string]time.Time{"otp": {}}, false},
			"proof from the future":             {authz.SecondFactor(), map[string]time.Time{"otp": ago(-time.Hour)}, false},
			"another server's clock":            {authz.SecondFactor(), map[string]time.Time{"otp": ago(-10 * time.Second)}, true},
			"fresh by any method":               {authz.Fresh(10 * time.Minute), map[string]time.Time{"otp": ago(time.Hour), "pwd": ago(time.Minute)}, true},
			"just fresh":                        {authz.Fresh(10 * time.Minute), map[string]time.Time{"pwd": ago(10 * time.Minute)}, true},
			"just stale":                        {authz.Fresh(10 * time.Minute), map[string]time.Time{"pwd": ago(10*time.Minute + 1)}, false},
			"no proof is older than any age":    {authz.Fresh(math.MaxInt64), nil, false},
			"fresh needs a proof":               {authz.Fresh(10 * time.Minute), map[string]time.Time{"pwd": {}}, false},
			"future does not hide the past":     {authz.Fresh(10 * time.Minute), map[string]time.Time{"pwd": ago(time.Minute), "otp": ago(-time.Hour)}, true},
			"stale second factor":               {authz.FreshSecondFactor(10 * time.Minute), map[string]time.Time{"otp": ago(11 * time.Minute), "pwd": ago(0)}, false},
			"fresh second factor":               {authz.FreshSecondFactor(10 * time.Minute), map[string]time.Time{"otp": ago(9 * time.Minute)}, true},
			"method names in other case differ": {authz.SecondFactor(), map[string]time.Time{"OTP": ago(0)}, false},
		} {
			g := decider(t, plainRoles(), authz.Allow(reader).Require(c.condition), nil)
			who := person("a", "", reader)
			who.Proofs = c.proofs
			d := g.Decide(context.Background(), who, act, authz.Object{})
			require.Equal(t, c.met, d.Allowed, name)
			if !c.met {
				require.Equal(t, authz.Unmet, d.Reason, name)
				require.Equal(t, c.condition.String(), d.Detail(), name)
			}
		}
	})
}

func TestNetworks(t *testing.T) {
	for name, c := range map[string]struct {
		addr    string
		in      bool // allow
		blocked bool // deny when
	}{
		"inside":                  {"10.1.2.3", true, true},
		"outside":                 {"11.1.2.3", false, false},
		"IPv4-mapped is IPv4":     {"::ffff:10.0.0.1", true, true},
		"IPv6 inside":             {"2001:db8::1", true, true},
		"zone is in no network":   {"2001:db8::1%eth0", false, true},
		"IPv4-compatible is IPv6": {"::10.0.0.1", false, false},
		"none":                    {"", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			who := person("a", "", reader)
			if c.addr != "" {
				who.Addr = netip.MustParseAddr(c.addr)
			}
			net := authz.Network("10.0.0.0/8", "2001:db8::/32")
			g := decider(t, plainRoles(), authz.Allow(reader).Require(net), nil)
			require.Equal(t, c.in, g.Decide(context.Background(), who, act, authz.Object{}).Allowed)
			g = decider(t, plainRoles(), authz.Allow(reader).DenyWhen(net), nil)
			require.Equal(t, c.blocked, !g.Decide(context.Background(), who, act, authz.Object{}).Allowed)
		})
	}
}

func TestCountries(t *testing.T) {
	who := person("a", "", reader)
	who.Addr = netip.MustParseAddr("192.0.2.1")
	for name, c := range map[string]struct {
		look func(context.Context, netip.Addr) (string, error)
		met  bool
	}{
		"no database":      {nil, false},
		"in":               {func(context.Context, netip.Addr) (string, error) { return "NO", nil }, true},
		"out":              {func(context.Context, netip.Addr) (string, error) { return "DK", nil }, false},
		"unknown":          {func(context.Context, netip.Addr) (string, error) { return "", nil }, false},
		"across two codes": {func(context.Context, netip.Addr) (string, error) { return "O ", nil }, false},
		"error":            {func(context.Context, netip.Addr) (string, error) { return "NO", errors.New("closed") }, false},
		"panic":            {func(context.Context, netip.Addr) (string, error) { panic("nil reader") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := decider(t, plainRoles(), authz.Allow(reader).Require(authz.Country("SE", "NO")), func(cfg *authz.Config) { cfg.Country = c.look })
			require.Equal(t, c.met, g.Decide(context.Background(), who, act, authz.Object{}).Allowed)
			nowhere := who
			nowhere.Addr = netip.Addr{}
			require.False(t, g.Decide(context.Background(), nowhere, act, authz.Object{}).Allowed)
		})
	}
}

// TestBrokenConditions: an error, a panic, an exit and a hang are unmet in Require, and hold in DenyWhen.
func TestBrokenConditions(t *testing.T) {
	type ask = func(context.Context, authz.Subject, authz.Object) (bool, error)
	for name, broken := range map[string]ask{
		"error":           func(context.Context, authz.Subject, authz.Object) (bool, error) { return true, errors.New("down") },
		"error and false": func(context.Context, authz.Subject, authz.Object) (bool, error) { return false, errors.New("down") },
		"panic":           func(context.Context, authz.Subject, authz.Object) (bool, error) { panic("bug") },
		"nil panic":       func(context.Context, authz.Subject, authz.Object) (bool, error) { panic(nil) },
		"goexit":          func(context.Context, authz.Subject, authz.Object) (bool, error) { runtime.Goexit(); return true, nil },
		"sleeps": func(ctx context.Context, _ authz.Subject, _ authz.Object) (bool, error) {
			<-ctx.Done()
			return true, nil
		},
		"sleeps and false": func(ctx context.Context, _ authz.Subject, _ authz.Object) (bool, error) {
			<-ctx.Done()
			return false, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := func(c *authz.Config) { c.Conditions = map[string]ask{"broken": broken} }
				who := person("a", "", reader)
				required := decider(t, plainRoles(), authz.Allow(reader).Require(authz.Named("broken")), cfg)
				denyWhen := decider(t, plainRoles(), authz.Allow(reader).DenyWhen(authz.Named("broken")), cfg)
				for range 50 { // an answer in the moment of the deadline is late, whichever is seen first
					require.Equal(t, authz.Unmet, required.Decide(context.Background(), who, act, authz.Object{}).Reason)
					require.Equal(t, authz.Denied, denyWhen.Decide(context.Background(), who, act, authz.Object{}).Reason)
				}
			})
		})
	}
}

// TestAConditionThatCannotBeToldIsReported: a database that is down is not to be taken for a visitor from elsewhere.
// What it said is the host's alone.
func TestAConditionThatCannotBeToldIsReported(t *testing.T) {
	down := errors.New("connection to 10.9.8.7 refused")
	broken := true
	h := newHost(t, authz.Policy{Roles: plainRoles(), Funcs: map[authz.Func]authz.Rule{
		act:      authz.Allow(reader).Require(authz.Named("frozen")).Unrouted(),
		"closed": authz.Allow(reader).DenyWhen(authz.Named("frozen")).Unrouted(),
		"land":   authz.Allow(reader).Require(authz.Country("SE")).Unrouted(),
	}}, func(c *authz.Config) {
		c.Templates = nil
		c.Conditions = map[string]func(context.Context, authz.Subject, authz.Object) (bool, error){
			"frozen": func(context.Context, authz.Subject, authz.Object) (bool, error) {
				if broken {
					return false, down
				}
				return false, nil
			},
		}
	})
	h.subject = person("anna", "", reader)
	ask := func(name authz.Func) error {
		return h.Check(httptest.NewRequest("POST", "/", nil), name, authz.Object{})
	}
	require.ErrorIs(t, ask(act), down)
	require.ErrorIs(t, ask("closed"), down)
	e, ok := errors.AsType[*authz.Refusal](ask("land"))
	require.True(t, ok)
	require.ErrorContains(t, e.Cause, "nothing is configured")
	require.NotContains(t, e.Error(), "10.9.8.7")
	broken = false
	require.NotErrorIs(t, ask(act), down)
	require.NoError(t, ask("closed"))
	require.Equal(t, []string{
		"authz.denied rule=act reason=condition detail=named frozen outcome=failed method=POST user=anna",
		"authz.denied rule=closed reason=denied detail=named frozen outcome=failed method=POST user=anna",
		"authz.denied rule=land reason=condition detail=country SE outcome=failed method=POST user=anna",
		"authz.denied rule=act reason=condition detail=named frozen method=POST user=anna",
	}, h.all())
}

// TestAHangingConditionHoldsNothing: a condition that ignores its context is given up, and after many of them it is not
// called any more.
func TestAHangingConditionHoldsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		never := make(chan struct{})
		g := decider(t, plainRoles(), authz.Allow(reader).Require(authz.Named("hangs")), func(c *authz.Config) {
			c.Timeout = time.Second
			c.Conditions = map[string]func(context.Context, authz.Subject, authz.Object) (bool, error){
				"hangs": func(context.Context, authz.Subject, authz.Object) (bool, error) {
					calls.Add(1)
					<-never
					return true, nil
				},
			}
		})
		start := time.Now()
		for range 5000 {
			require.Equal(t, authz.Unmet, g.Decide(context.Background(), person("a", "", reader), act, authz.Object{}).Reason)
		}
		require.EqualValues(t, 4096, calls.Load())
		require.Equal(t, 4096*time.Second, time.Since(start), "a second each, and nothing once too many hang")
		close(never)
		synctest.Wait()
		require.True(t, g.Decide(context.Background(), person("a", "", reader), act, authz.Object{}).Allowed, "it recovers by itself")
	})
}

// TestAddressesAreFilledInAndPlain: what the host left out is the client's address, and a geo database is asked about
// IPv4 as IPv4.
func TestAddressesAreFilledInAndPlain(t *testing.T) {
	var asked []netip.Addr
	h := newHost(t, authz.Policy{
		Roles: plainRoles(),
		Pages: map[authz.Page]authz.Rule{"in": authz.Allow(reader).Require(authz.Network("10.0.0.0/8")), "land": authz.Allow(reader).Require(authz.Country("SE"))},
	}, func(c *authz.Config) {
		c.Templates = nil
		c.ClientAddr = func(*http.Request) netip.Addr { return netip.MustParseAddr("::ffff:10.0.0.1") }
		c.Country = func(_ context.Context, a netip.Addr) (string, error) { asked = append(asked, a); return "SE", nil }
	})
	h.Handle("GET /in", authz.Page("in"), h.done("in"))
	h.Handle("GET /land", authz.Page("land"), h.done("land"))
	var err error
	h.handler, err = h.Handler()
	require.NoError(t, err)
	h.subject = person("a", "", reader)
	require.Equal(t, 200, h.do("GET", "/in").Code)
	require.Equal(t, 200, h.do("GET", "/land").Code)
	require.Equal(t, []netip.Addr{netip.MustParseAddr("10.0.0.1")}, asked)
	h.subject.Addr = netip.MustParseAddr("192.0.2.1")
	require.Equal(t, 403, h.do("GET", "/in").Code, "what the host says goes before")
}

func TestConditionTextIsCanonical(t *testing.T) {
	for _, c := range []authz.Condition{
		authz.SecondFactor(), authz.Fresh(10 * time.Minute), authz.FreshSecondFactor(90 * time.Second),
		authz.Network("192.168.0.0/16", "10.0.0.0/8", "::/0"), authz.Country("SE", "NO"), authz.Named("office-hours"),
	} {
		text, err := c.MarshalText()
		require.NoError(t, err)
		var back authz.Condition
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, c, back)
	}
	for _, text := range []string{
		"", "Fresh 10m0s", "fresh", "fresh 10m", "fresh 0s", "fresh -1m0s", "second-factor ", "second-factor now", "network", "network 10.0.0.1/8",
		"network 10.0.0.0/8 10.0.0.0/8", "network ::ffff:10.0.0.0/104", "network 192.168.0.0/16 10.0.0.0/8", "country se", "country SE NO", "country",
		"named", "named Office hours", "always", "eval true",
	} {
		require.Error(t, new(authz.Condition).UnmarshalText([]byte(text)), text)
	}
}
