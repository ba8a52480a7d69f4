package signin_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/session"
	"github.com/skans-go/skans/session/signin"
	"github.com/skans-go/skans/totp"
)

// waiting returns a browser whose login waits for the second factor of anna.
func (h *hall) waiting() *browser {
	h.t.Helper()
	b := h.browser()
	require.IsType(h.t, signin.NeedFactor{}, b.password("anna", h.password))
	return b
}

func TestAPendingLoginIsOfItsBrowser(t *testing.T) {
	h := newHall(t)
	secret, recovery := h.enrol(anna)
	b := h.waiting()
	stranger := h.browser()
	require.IsType(t, signin.Denied{}, stranger.factor(h.code(secret)))
	require.Contains(t, h.last(), "reason=no-pending")
	require.IsType(t, signin.Denied{}, stranger.factor(recovery[0]))
	require.IsType(t, signin.Denied{}, stranger.resume())
	require.Equal(t, signin.NeedFactor{TriesLeft: -1}, b.resume())
	require.IsType(t, signin.Granted{}, b.factor(h.code(secret)), "the code was not used up by the stranger")
}

func TestAPendingLoginHasFiveTries(t *testing.T) {
	h := newHall(t)
	secret, recovery := h.enrol(anna)
	b := h.waiting()
	for left := 4; left > 0; left-- {
		require.Equal(t, signin.NeedFactor{Wrong: true, TriesLeft: left}, b.factor(h.wrong(secret)))
	}
	require.IsType(t, signin.Denied{}, b.factor(h.wrong(secret)), "the fifth ends it")
	require.IsType(t, signin.Denied{}, b.factor(h.code(secret)), "the sixth is refused with the right code")
	require.IsType(t, signin.Denied{}, b.factor(recovery[0]))
	require.Empty(t, b.user())
}

func TestParallelGuessesDoNotSlipPastTheFiveTries(t *testing.T) {
	var factors *totp.Service
	h := newHall(t, func(c *signin.Config) {
		var err error
		// A budget that never ends, so that the tries of the pending login are all that holds.
		factors, err = totp.New(totp.Config{Issuer: "Mail", Keys: c.Keys, Store: totp.NewMemoryStore(), Throttle: endless{}})
		require.NoError(t, err)
		c.Factors = factors
	})
	h.factors = factors
	secret, _ := h.enrol(anna)
	b := h.waiting()
	wrong := h.wrong(secret)
	var done sync.WaitGroup
	start := make(chan struct{})
	for range 50 {
		tab := &browser{h: h, cookies: map[string]string{}, addr: b.addr}
		for name, value := range b.cookies {
			tab.cookies[name] = value
		}
		done.Go(func() {
			<-start
			tab.factor(wrong)
		})
	}
	close(start)
	done.Wait()
	looked := 0
	for _, line := range h.log {
		if strings.Contains(line, "reason=factor-wrong") {
			looked++
		}
	}
	require.LessOrEqual(t, looked, 5)
	require.GreaterOrEqual(t, looked, 1)
}

func TestTwoTabsWithTwoRightCodesSignInOnce(t *testing.T) {
	for range 20 {
		h := newHall(t)
		_, recovery := h.enrol(anna)
		b := h.waiting()
		outs := make([]signin.Outcome, 2)
		var done sync.WaitGroup
		start := make(chan struct{})
		for i := range outs {
			tab := &browser{h: h, cookies: map[string]string{}, addr: b.addr}
			for name, value := range b.cookies {
				tab.cookies[name] = value
			}
			done.Go(func() {
				<-start
				outs[i] = tab.factor(recovery[i])
			})
		}
		close(start)
		done.Wait()
		granted := 0
		for _, out := range outs {
			if _, ok := out.(signin.Granted); ok {
				granted++
			}
		}
		require.Equal(t, 1, granted)
	}
}

func TestAPendingLoginIsUsedOnce(t *testing.T) {
	h := newHall(t)
	secret, recovery := h.enrol(anna)
	b := h.waiting()
	before := map[string]string{}
	for name, value := range b.cookies {
		before[name] = value
	}
	require.IsType(t, signin.Granted{}, b.factor(h.code(secret)))
	require.IsType(t, signin.Denied{}, b.factor(recovery[0]))
	b.cookies = before
	require.IsType(t, signin.Denied{}, b.factor(recovery[0]), "nor with the cookie from before the sign-in")
	require.Empty(t, b.user())
}

func TestANewerPendingLoginReplacesTheOlder(t *testing.T) {
	h := newHall(t)
	secret, _ := h.enrol(anna)
	b := h.waiting()
	for range 3 {
		b.factor(h.wrong(secret))
	}
	require.Equal(t, signin.NeedFactor{TriesLeft: 5}, b.password("anna", h.password))
	require.IsType(t, signin.Granted{}, b.factor(h.code(secret)))
}

func TestAPendingLoginLivesFiveMinutes(t *testing.T) {
	for name, c := range map[string]struct {
		wait time.Duration
		want signin.Outcome
	}{
		"just before": {4*time.Minute + 58*time.Second, signin.Granted{}},
		"just after":  {5*time.Minute + time.Second, signin.Denied{}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t)
			secret, _ := h.enrol(anna)
			b := h.waiting()
			h.pass(c.wait)
			require.IsType(t, c.want, b.factor(h.code(secret)))
			n, err := h.flow.Sweep(t.Context())
			require.NoError(t, err)
			require.Zero(t, n, "what ended is gone already")
		})
	}
}

func TestWhatHappensBetweenTheStepsEndsTheLogin(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(h *hall)
		reason  string
	}{
		"disabled":         {func(h *hall) { h.users.change(anna, func(u *signin.User) { u.Disabled = true }) }, "disabled"},
		"deleted":          {func(h *hall) { h.users.mu.Lock(); delete(h.users.rows, anna); h.users.mu.Unlock() }, "unknown"},
		"password changed": {func(h *hall) { h.users.change(anna, func(u *signin.User) { u.PasswordHash = "other" }) }, "changed"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t)
			secret, _ := h.enrol(anna)
			b := h.waiting()
			c.happens(h)
			require.IsType(t, signin.Denied{}, b.factor(h.code(secret)))
			require.Contains(t, h.last(), "reason="+c.reason)
			require.Empty(t, b.user())
		})
	}
}

func TestARecoveryCodeStandsInOnce(t *testing.T) {
	h := newHall(t)
	_, recovery := h.enrol(anna)
	b := h.waiting()
	require.IsType(t, signin.Granted{}, b.factor(strings.ToLower(recovery[4])))
	require.ElementsMatch(t, []session.Method{session.Password, session.Recovery}, b.proved(), "it is not shown as a code of the app")
	require.Equal(t, signin.NeedFactor{Wrong: true, TriesLeft: 4}, h.waiting().factor(recovery[4]))
}

func TestTheStepsCannotBeSwapped(t *testing.T) {
	h := newHall(t, func(c *signin.Config) { c.Require = nil })
	secret, _ := h.enrol(anna)
	b := h.waiting()
	require.IsType(t, signin.Denied{}, b.confirm(h.code(secret)))
	require.Contains(t, h.last(), "reason=order")
	b = h.browser()
	h.users.change(berit, func(u *signin.User) { u.Disabled = false })
	need := b.password("berit", h.password).(signin.NeedEnrolment)
	require.IsType(t, signin.Denied{}, b.factor(h.code(need.Pending.Secret())))
	require.Contains(t, h.last(), "reason=order")
}

func TestEnrolmentOnTheWay(t *testing.T) {
	h := newHall(t, func(c *signin.Config) { c.Require = nil })
	b := h.browser()
	need := b.password("anna", h.password).(signin.NeedEnrolment)
	require.Equal(t, 5, need.TriesLeft)
	require.Equal(t, "no-store", b.answer.Header.Get("Cache-Control"))
	require.Empty(t, b.user())
	again := b.resume().(signin.NeedEnrolment)
	require.Equal(t, need.Pending.URI().Reveal(), again.Pending.URI().Reveal())
	wrong := b.confirm(h.wrong(need.Pending.Secret())).(signin.NeedEnrolment)
	require.True(t, wrong.Wrong)
	require.Equal(t, 4, wrong.TriesLeft)
	out := b.confirm(h.code(need.Pending.Secret())).(signin.Granted)
	require.Len(t, out.Recovery(), 10)
	require.Equal(t, anna, b.user())
	require.ElementsMatch(t, []session.Method{session.Password, session.OTP}, b.proved())
	require.Contains(t, h.told, "signin.factor_changed u1")
	require.Contains(t, h.log, "signin.factor_changed user=u1 pathway=password")
	b2 := h.waiting()
	require.IsType(t, signin.Granted{}, b2.factor(out.Recovery()[0]))
}

func TestWhoeverElseKnowsThePasswordCannotSlipTheirFactorIn(t *testing.T) {
	h := newHall(t, func(c *signin.Config) { c.Require = nil })
	owner, attacker := h.browser(), h.browser()
	require.IsType(t, signin.NeedEnrolment{}, owner.password("anna", h.password))
	attackersNeed := attacker.password("anna", h.password).(signin.NeedEnrolment)

	// The attacker's enrolment replaced the owner's. The owner must not be shown the attacker's secret and confirm it.
	require.IsType(t, signin.Denied{}, owner.resume())
	require.Contains(t, h.last(), "reason=enrolment-superseded")

	// The owner begins anew and gets through; then the attacker's is worth nothing.
	ownersNeed := owner.password("anna", h.password).(signin.NeedEnrolment)
	require.IsType(t, signin.Granted{}, owner.confirm(h.code(ownersNeed.Pending.Secret())))
	require.IsType(t, signin.Denied{}, attacker.confirm(h.code(attackersNeed.Pending.Secret())))
	require.Contains(t, h.last(), "reason=enrolled-meanwhile")
	require.Empty(t, attacker.user())
	require.IsType(t, signin.NeedFactor{}, attacker.password("anna", h.password))
}

func TestRequireDecidesForEachAccount(t *testing.T) {
	h := newHall(t, func(c *signin.Config) {
		c.Require = func(u signin.User) signin.Requirement {
			for _, role := range u.Roles {
				if role == "admin" {
					return signin.SecondFactor
				}
			}
			return signin.IfEnrolled
		}
	})
	require.IsType(t, signin.Granted{}, h.browser().password("anna", h.password))
	h.users.change(anna, func(u *signin.User) { u.Roles = []string{"reader", "admin"} })
	require.IsType(t, signin.NeedEnrolment{}, h.browser().password("anna", h.password))
}

func TestTheBudgetOfTheFactorSpansBrowsers(t *testing.T) {
	h := newHall(t)
	secret, recovery := h.enrol(anna)
	for range 2 {
		b := h.waiting()
		for range 5 {
			b.factor(h.wrong(secret))
		}
	}
	b := h.waiting()
	out := b.factor(h.code(secret))
	require.IsType(t, signin.Denied{}, out)
	require.Greater(t, out.(signin.Denied).RetryAfter, time.Duration(0))
	require.Contains(t, h.last(), "reason=factor-throttled")
	require.IsType(t, signin.Granted{}, h.waiting().factor(recovery[0]), "the owner has a way in")
}

func TestAPasswordWithoutItsFactorStaysCounted(t *testing.T) {
	// Who knows the password and not the factor does not get free tries by starting over.
	h := newHall(t)
	h.enrol(anna)
	for range 5 {
		h.waiting()
	}
	require.IsType(t, signin.Denied{}, h.browser().password("anna", h.password))
	require.Contains(t, h.last(), "reason=throttled")
}

func TestASuccessGivesItsTriesBack(t *testing.T) {
	h := newHall(t)
	secret, _ := h.enrol(anna)
	for range 4 {
		h.browser().password("anna", "wrong")
	}
	require.IsType(t, signin.Granted{}, h.waiting().factor(h.code(secret)))
	for range 4 {
		h.browser().password("anna", "wrong")
		require.Contains(t, h.last(), "reason=wrong")
	}
}

func TestAKnownDeviceIsNotLockedOutByStrangers(t *testing.T) {
	h := newHall(t)
	owner := h.browser()
	require.IsType(t, signin.Granted{}, owner.password("anna", h.password))
	attacker := h.browser()
	for range 40 {
		attacker.password("anna", "wrong")
	}
	require.IsType(t, signin.Denied{}, h.browser().password("anna", h.password), "a browser that nobody knows")
	back := h.browser()
	back.cookies["__Host-device"] = owner.cookies["__Host-device"]
	require.IsType(t, signin.Granted{}, back.password("anna", h.password))
	stolen := h.browser()
	stolen.cookies["__Host-device"] = owner.cookies["__Host-device"]
	require.IsType(t, signin.Denied{}, stolen.password("anna", "wrong"), "the cookie signs nobody in")
}

// endless is a budget without an end.
type endless struct{}

func (endless) Take(context.Context, string, string) (bool, time.Duration, error) {
	return true, 0, nil
}

func TestStepUp(t *testing.T) {
	h := newHall(t)
	secret, recovery := h.enrol(anna)
	step := func(b *browser, code string) signin.Outcome {
		return b.take(func(w http.ResponseWriter, r *http.Request) signin.Outcome { return h.flow.StepUp(w, r, code) })
	}
	require.IsType(t, signin.Denied{}, step(h.browser(), h.code(secret)), "nobody is signed in")
	require.Contains(t, h.last(), "pathway=step-up reason=anonymous")
	b := h.waiting()
	require.IsType(t, signin.Denied{}, step(b, h.code(secret)), "a pending login is nobody")
	require.IsType(t, signin.Granted{}, b.factor(recovery[0]))
	token := b.cookies["__Host-session"]
	require.IsType(t, signin.Denied{}, step(b, h.wrong(secret)))
	require.IsType(t, signin.Granted{}, step(b, h.code(secret)))
	require.Equal(t, "signin.stepped_up user=u1 pathway=step-up methods=otp", h.last())
	require.Contains(t, b.proved(), session.OTP)
	require.NotEqual(t, token, b.cookies["__Host-session"], "the token is new")
	require.IsType(t, signin.Denied{}, step(b, h.code(secret)), "one code, one proof")
	require.Contains(t, h.last(), "reason=factor-replayed")
	h.users.change(anna, func(u *signin.User) { u.Disabled = true })
	require.IsType(t, signin.Denied{}, step(b, recovery[1]))
}

func TestReauthenticate(t *testing.T) {
	h := newHall(t)
	again := func(b *browser, pw string) signin.Outcome {
		return b.take(func(w http.ResponseWriter, r *http.Request) signin.Outcome {
			return h.flow.Reauthenticate(w, r, skans.NewSecret(pw))
		})
	}
	require.IsType(t, signin.Denied{}, again(h.browser(), h.password))
	b := h.browser()
	b.password("anna", h.password)
	require.IsType(t, signin.Granted{}, again(b, h.password))
	require.Equal(t, "signin.stepped_up user=u1 pathway=step-up methods=pwd", h.last())
	for range 5 {
		require.IsType(t, signin.Denied{}, again(b, "wrong"))
	}
	require.IsType(t, signin.Denied{}, again(b, h.password), "a stolen session buys no free guesses")
	require.Contains(t, h.last(), "reason=throttled")
}
