package signin_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session"
	"github.com/skans-go/skans/session/signin"
)

func TestAPasswordSignsIn(t *testing.T) {
	h := newHall(t)
	b := h.browser()
	require.IsType(t, signin.Granted{}, b.password("anna", h.password))
	require.Equal(t, anna, b.user())
	require.Equal(t, []session.Method{session.Password}, b.proved())
	require.Equal(t, []string{"signin.granted user=u1 pathway=password methods=pwd new_device=true"}, h.log)
	require.Equal(t, []string{"signin.granted u1"}, h.told)

	b2 := h.browser()
	b2.cookies["__Host-device"] = b.cookies["__Host-device"]
	require.IsType(t, signin.Granted{}, b2.password("anna", h.password))
	require.Equal(t, "signin.granted user=u1 pathway=password methods=pwd new_device=false", h.last())
	require.Len(t, h.told, 1, "a device that signed in before is no news")
}

func TestTheSecondFactorIsAskedForWhereThereIsOne(t *testing.T) {
	h := newHall(t)
	secret, _ := h.enrol(anna)
	b := h.browser()
	require.Equal(t, signin.NeedFactor{TriesLeft: 5}, b.password("anna", h.password))
	require.Empty(t, b.user(), "a password alone is nobody")
	require.Equal(t, signin.NeedFactor{Wrong: true, TriesLeft: 4}, b.factor(h.wrong(secret)))
	require.IsType(t, signin.Granted{}, b.factor(h.code(secret)))
	require.Equal(t, anna, b.user())
	require.ElementsMatch(t, []session.Method{session.Password, session.OTP}, b.proved())
	require.Equal(t, []string{
		"signin.pending user=u1 pathway=password need=factor",
		"signin.denied user=u1 pathway=password reason=factor-wrong",
		"signin.granted user=u1 pathway=password methods=pwd otp new_device=true",
	}, h.log)
}
