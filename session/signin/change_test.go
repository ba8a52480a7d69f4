package signin_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/password"
	"github.com/skans-go/skans/session/signin"
	"github.com/skans-go/skans/totp"
)

// in returns a browser that is signed in as anna, by all that she has.
func (h *hall) in(recovery ...string) *browser {
	h.t.Helper()
	b := h.browser()
	b.password("anna", h.password)
	if len(recovery) > 0 {
		b.factor(recovery[0])
	}
	require.Equal(h.t, anna, b.user())
	return b
}

// do runs f as the handler of a POST and returns its error.
func (b *browser) do(f func(r *http.Request) error) (err error) {
	b.post(func(_ http.ResponseWriter, r *http.Request) { err = f(r) })
	return err
}

func (b *browser) changePassword(current, next string) error {
	return b.do(func(r *http.Request) error {
		return b.h.flow.ChangePassword(r, skans.NewSecret(current), skans.NewSecret(next))
	})
}

// denied asserts that err is a refusal, and that the log says why.
func (h *hall) denied(err error, reason string) {
	h.t.Helper()
	var d signin.Denied
	require.True(h.t, errors.As(err, &d), "%v", err)
	require.Contains(h.t, h.last(), "reason="+reason)
	require.NotContains(h.t, err.Error(), reason)
}

func TestAChangedPasswordEndsTheOtherSessions(t *testing.T) {
	h := newHall(t)
	mine, other := h.in(), h.in()
	token := mine.cookies["__Host-session"]
	next := h.password + " and more"
	h.denied(mine.changePassword("wrong", next), "wrong")
	require.NoError(t, mine.changePassword(h.password, next))
	require.Equal(t, anna, mine.user())
	require.NotEqual(t, token, mine.cookies["__Host-session"])
	require.Empty(t, other.user())
	require.Contains(t, h.told, "signin.password_changed u1")
	require.Contains(t, h.log, "signin.password_changed user=u1 pathway=step-up")
	require.IsType(t, signin.Denied{}, h.browser().password("anna", h.password))
	require.IsType(t, signin.Granted{}, h.browser().password("anna", next))
}

func TestAChangeThatIsRefusedChangesNothing(t *testing.T) {
	h := newHall(t)
	h.denied(h.browser().changePassword(h.password, "next password"), "anonymous")
	b, other := h.in(), h.in()
	require.ErrorIs(t, b.changePassword(h.password, strings.Repeat("x", 5000)), password.ErrUnusable)
	require.ErrorIs(t, b.changePassword(h.password, "\xff"), password.ErrUnusable)
	h.auditErr[signin.EventPasswordChanged] = errors.New("disk full")
	h.denied(b.changePassword(h.password, "next password"), "audit")
	delete(h.auditErr, signin.EventPasswordChanged)
	require.Equal(t, anna, other.user())
	require.IsType(t, signin.Granted{}, h.browser().password("anna", h.password))
	for range 5 {
		h.denied(b.changePassword("wrong", "next password"), "wrong")
	}
	h.denied(b.changePassword(h.password, "next password"), "throttled")
}

func TestAResetEndsAllSessionsSignsNobodyInAndKeepsTheFactor(t *testing.T) {
	h := newHall(t)
	secret, recovery := h.enrol(anna)
	other, waiting := h.in(recovery[0]), h.waiting()
	for range 30 {
		h.browser().password("anna", "wrong")
	}
	b := h.browser()
	next := "a new password, by mail"
	set := func(id, pw string) error {
		return b.do(func(r *http.Request) error { return h.flow.SetPassword(r, id, skans.NewSecret(pw)) })
	}
	require.NoError(t, set(anna, next))
	require.Empty(t, b.user(), "a reset signs nobody in")
	require.Empty(t, other.user())
	require.IsType(t, signin.Denied{}, waiting.factor(h.code(secret)), "nor does a login that waited go on")
	require.Contains(t, h.told, "signin.password_set u1")
	far := h.browser()
	far.addr = "203.0.113.9:1"
	require.Equal(t, signin.NeedFactor{TriesLeft: 5}, far.password("anna", next), "strangers' tries are forgiven, the factor is not")
	require.IsType(t, signin.Granted{}, far.factor(h.code(secret)))

	h.denied(set(cecil, next), "external")
	h.denied(set("nobody", next), "unknown")
	require.ErrorIs(t, set(anna, ""), password.ErrUnusable)
	require.NoError(t, set(dagny, next), "an account gets its first password")
	require.IsType(t, signin.Granted{}, far.password("dagny", next))
}

func TestOfTwoResetsAtOnceOneHolds(t *testing.T) {
	h := newHall(t)
	b := h.browser()
	stale := swapsBetween{h.users, func() { h.users.change(anna, func(u *signin.User) { u.PasswordHash = "the other reset" }) }}
	h2 := newHall(t, func(c *signin.Config) { c.Users = stale })
	h2.users = h.users
	err := b.do(func(r *http.Request) error { return h2.flow.SetPassword(r, anna, skans.NewSecret("a new password")) })
	h2.denied(err, "changed")
	require.Equal(t, "the other reset", h.users.rows[anna].PasswordHash)
}

// swapsBetween lets something happen between the reading of a row and the swap.
type swapsBetween struct {
	*table
	happens func()
}

func (s swapsBetween) SwapHash(ctx context.Context, id, old, next string) (bool, error) {
	s.happens()
	return s.table.SwapHash(ctx, id, old, next)
}

func TestTheFactorIsChangedWithAFreshProofOnly(t *testing.T) {
	h := newHall(t)
	_, err := enrollFactor(h.browser())
	h.denied(err, "anonymous")
	b, other := h.in(), h.in()

	// Without a factor, the password of a moment ago is fresh enough.
	p, err := enrollFactor(b)
	require.NoError(t, err)
	_, err = confirmFactor(b, h.wrong(p.Secret()))
	require.ErrorIs(t, err, totp.ErrCode)
	require.Equal(t, anna, other.user())
	recovery, err := confirmFactor(b, h.code(p.Secret()))
	require.NoError(t, err)
	require.Len(t, recovery, 10)
	require.Empty(t, other.user(), "the other sessions have ended")
	require.Equal(t, anna, b.user())
	require.Contains(t, h.told, "signin.factor_changed u1")

	// With one, the proof must be of the factor.
	h.pass(11 * time.Minute)
	for name, change := range map[string]func(r *http.Request) error{
		"enrol":   func(r *http.Request) error { _, err := h.flow.EnrollFactor(r); return err },
		"confirm": func(r *http.Request) error { _, err := h.flow.ConfirmFactor(r, "123456"); return err },
		"renew":   func(r *http.Request) error { _, err := h.flow.RenewRecovery(r); return err },
		"remove":  h.flow.RemoveFactor,
	} {
		require.ErrorIs(t, b.do(change), signin.ErrStale, name)
		require.Contains(t, h.last(), "reason=stale", name)
	}
	h.pass(-11 * time.Minute)
	_, err = enrollFactor(b)
	require.NoError(t, err)
}

func enrollFactor(b *browser) (p *totp.Pending, err error) {
	err = b.do(func(r *http.Request) error { p, err = b.h.flow.EnrollFactor(r); return err })
	return p, err
}

func confirmFactor(b *browser, code string) (recovery []string, err error) {
	err = b.do(func(r *http.Request) error { recovery, err = b.h.flow.ConfirmFactor(r, code); return err })
	return recovery, err
}

func TestAFreshPasswordIsNoProofOfAFactor(t *testing.T) {
	h := newHall(t)
	b := h.in()
	h.enrol(anna) // in another session, since
	_, err := enrollFactor(b)
	require.ErrorIs(t, err, signin.ErrStale, "a session with the password alone does not touch the factor")
}

func TestRecoveryCodesAreRenewed(t *testing.T) {
	h := newHall(t)
	_, old := h.enrol(anna)
	b := h.in(old[0])
	var recovery []string
	require.NoError(t, b.do(func(r *http.Request) (err error) { recovery, err = h.flow.RenewRecovery(r); return err }))
	require.Len(t, recovery, 10)
	require.IsType(t, signin.NeedFactor{}, h.waiting().factor(old[1]))
	require.IsType(t, signin.Granted{}, h.waiting().factor(recovery[0]))
}

func TestARequiredFactorIsNotTakenOff(t *testing.T) {
	required := true
	h := newHall(t, func(c *signin.Config) {
		c.Require = func(signin.User) signin.Requirement {
			if required {
				return signin.SecondFactor
			}
			return signin.IfEnrolled
		}
	})
	_, recovery := h.enrol(anna)
	b, other := h.in(recovery[0]), h.in(recovery[1])
	h.denied(b.do(h.flow.RemoveFactor), "required")
	require.Equal(t, anna, other.user())
	required = false
	require.NoError(t, b.do(h.flow.RemoveFactor))
	require.Equal(t, anna, b.user())
	require.Empty(t, other.user())
	require.Contains(t, h.told, "signin.factor_removed u1")
	require.IsType(t, signin.Granted{}, h.browser().password("anna", h.password))
}

func TestAnAdministratorTakesAFactorOff(t *testing.T) {
	h := newHall(t, func(c *signin.Config) { c.Require = nil })
	_, recovery := h.enrol(anna)
	b := h.in(recovery[0])
	admin := h.browser()
	reset := func(id string) error {
		return admin.do(func(r *http.Request) error { return h.flow.ResetFactor(r, id) })
	}
	h.denied(reset("nobody"), "unknown")
	h.denied(reset(cecil), "factor-gone")
	require.NoError(t, reset(anna))
	require.Empty(t, b.user(), "all sessions have ended")
	require.Contains(t, h.told, "signin.factor_removed u1")
	require.Contains(t, h.log, "signin.factor_removed user=u1 pathway=reset")
	require.IsType(t, signin.NeedEnrolment{}, h.browser().password("anna", h.password))
}
