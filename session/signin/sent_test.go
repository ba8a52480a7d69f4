package signin_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session"
	"github.com/skans-go/skans/session/signin"
	"github.com/skans-go/skans/totp/onetime"
)

// newSentHall opens a service that sends codes; phone is what arrived last.
func newSentHall(t *testing.T) (h *hall, phone *onetime.Message) {
	phone = &onetime.Message{}
	h = newHall(t, func(c *signin.Config) {
		var err error
		c.Codes, err = onetime.New(onetime.Config{
			Keys: c.Keys, Store: onetime.NewMemoryStore(),
			Send: func(_ context.Context, m onetime.Message) error { *phone = m; return nil },
		})
		require.NoError(t, err)
		c.CodesBy = session.SMS
		c.Require = func(signin.User) signin.Requirement { return signin.SentCode }
	})
	return h, phone
}

// other is another code than this one.
func other(code string) string { return string('0'+(code[0]-'0'+1)%10) + code[1:] }

func TestACodeIsSentToThoseWhoHaveNoApp(t *testing.T) {
	h, phone := newSentHall(t)
	b := h.browser()
	require.Equal(t, signin.NeedFactor{Sent: true, TriesLeft: 5}, b.password("anna", h.password))
	require.Equal(t, signin.NeedFactor{Sent: true, TriesLeft: -1}, b.resume())
	require.Equal(t, anna, phone.User)
	code := phone.Code.Reveal()
	require.IsType(t, signin.Denied{}, h.browser().factor(code), "another browser")
	require.Equal(t, signin.NeedFactor{Sent: true, Wrong: true, TriesLeft: 4}, b.factor(other(code)))
	require.IsType(t, signin.Granted{}, b.factor(code))
	require.ElementsMatch(t, []session.Method{session.Password, session.SMS}, b.proved(), "a policy can tell it from an app's")
}

func TestACodeThatWasSentIsOfItsBrowser(t *testing.T) {
	h, phone := newSentHall(t)
	owner, thief := h.browser(), h.browser()
	owner.password("anna", h.password)
	code := phone.Code.Reveal()
	thief.password("anna", h.password) // also knows the password; a newer code is sent, and the older one is dead
	require.Equal(t, signin.NeedFactor{Sent: true, Wrong: true, TriesLeft: 4}, thief.factor(code))
	require.Equal(t, signin.NeedFactor{Sent: true, Wrong: true, TriesLeft: 4}, owner.factor(phone.Code.Reveal()), "the newer one is the thief's browser's")
}

func TestSendingsAreLimited(t *testing.T) {
	h, _ := newSentHall(t)
	for i := range 5 {
		b := h.browser()
		b.addr = "198.51.100." + string(rune('1'+i)) + ":1"
		require.IsType(t, signin.NeedFactor{}, b.password("anna", h.password))
	}
	b := h.browser()
	b.addr = "198.51.100.9:1"
	out := b.password("anna", h.password)
	require.IsType(t, signin.Denied{}, out)
	require.Greater(t, out.(signin.Denied).RetryAfter, time.Duration(0))
	require.Contains(t, h.last(), "reason=factor-throttled")
}

func TestAnAppIsNotGoneAroundByACodeThatIsSent(t *testing.T) {
	h, phone := newSentHall(t)
	b := h.browser()
	require.IsType(t, signin.NeedFactor{}, b.password("anna", h.password))
	h.enrol(anna)
	require.IsType(t, signin.Denied{}, b.factor(phone.Code.Reveal()), "enrolled between the steps")
	require.Contains(t, h.last(), "reason=enrolled-meanwhile")
	require.Equal(t, signin.NeedFactor{TriesLeft: 5}, b.password("anna", h.password))
	require.Equal(t, signin.NeedFactor{Wrong: true, TriesLeft: 4}, b.factor(phone.Code.Reveal()))
}

func TestCodesNeedAWay(t *testing.T) {
	var good signin.Config
	newHall(t, func(c *signin.Config) { good = *c })
	for name, change := range map[string]func(*signin.Config){
		"no way":     func(c *signin.Config) {},
		"no factors": func(c *signin.Config) { c.CodesBy, c.Factors, c.Require = session.SMS, nil, nil },
		"as an app":  func(c *signin.Config) { c.CodesBy = session.OTP },
	} {
		cfg := good
		var err error
		cfg.Codes, err = onetime.New(onetime.Config{Keys: cfg.Keys, Store: onetime.NewMemoryStore()})
		require.NoError(t, err)
		change(&cfg)
		_, err = signin.New(cfg)
		require.ErrorContains(t, err, "Config.Codes", name)
	}
	h := newHall(t, func(c *signin.Config) { c.Require = func(signin.User) signin.Requirement { return signin.SentCode } })
	require.IsType(t, signin.NeedEnrolment{}, h.browser().password("anna", h.password), "without Codes there is no weaker way")
}
