package authz_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/authz"
)

// keyHost has a function that a key opens, one that a role or a key opens, and one that takes each key once.
func keyHost(t testing.TB, spend func(context.Context, string, time.Time) (bool, error)) *host {
	t.Helper()
	h := newHost(t, authz.Policy{
		Roles: map[authz.Role]authz.RoleDef{editor: {}, suspended: {}},
		Pages: map[authz.Page]authz.Rule{"order.form": authz.PublicWithKey().In("shop").Of("id")},
		Funcs: map[authz.Func]authz.Rule{
			"order.edit":  authz.PublicWithKey().In("shop").Of("id"),
			"order.close": authz.Allow(editor).OrKey().Deny(suspended).Of("id"),
			"order.pay":   authz.PublicWithKey().Once().Of("id"),
		},
	}, func(c *authz.Config) { c.Templates, c.Spend = nil, spend })
	h.Handle("GET /shop/{shop}/order/{id}", authz.Page("order.form"), h.done("form"))
	h.Handle("POST /shop/{shop}/order/{id}", authz.Func("order.edit"), h.done("edit"))
	h.Handle("POST /close/{id}/{key}", authz.Func("order.close"), h.done("close"))
	h.Handle("POST /pay/{id}", authz.Func("order.pay"), h.done("pay"))
	var err error
	h.handler, err = h.Handler()
	require.NoError(t, err)
	return h
}

func spendNothing(context.Context, string, time.Time) (bool, error) { return true, nil }

func TestKeyOpensExactlyOneThing(t *testing.T) {
	h := keyHost(t, spendNothing)
	edit, form := authz.Func("order.edit"), authz.Page("order.form")
	at := authz.Object{Tenant: "s1", ID: "7"}
	soon := time.Now().Add(time.Hour)
	good := h.Key(edit, at, soon)
	require.Len(t, good, 54)
	require.NotEqual(t, good, h.Key(edit, at, soon.Add(time.Second)))
	other, err := skans.NewKeyring(skans.GenerateKey("t"))
	require.NoError(t, err)
	foreign, err := authz.New(authz.Policy{}, authz.Config{Subject: nobody, Keys: other})
	require.NoError(t, err)
	flipped := []byte(good)
	flipped[0] ^= 1
	for name, c := range map[string]struct {
		method, target, header string
		status                 int
	}{
		"query parameter":        {"POST", "/shop/s1/order/7?key=" + good, "", 200},
		"header":                 {"POST", "/shop/s1/order/7", good, 200},
		"the same in both":       {"POST", "/shop/s1/order/7?key=" + good, good, 200},
		"none":                   {"POST", "/shop/s1/order/7", "", 403},
		"empty":                  {"POST", "/shop/s1/order/7?key=", "", 403},
		"another object":         {"POST", "/shop/s1/order/8?key=" + good, "", 403},
		"another tenant":         {"POST", "/shop/s2/order/7?key=" + good, "", 403},
		"another function":       {"POST", "/pay/7?key=" + good, "", 403},
		"the page of the object": {"GET", "/shop/s1/order/7?key=" + good, "", 403},
		"the page's own":         {"GET", "/shop/s1/order/7?key=" + h.Key(form, at, soon), "", 200},
		"tenant and id shifted":  {"POST", "/shop/s1/order/7?key=" + h.Key(edit, authz.Object{Tenant: "s", ID: "17"}, soon), "", 403},
		"expired":                {"POST", "/shop/s1/order/7?key=" + h.Key(edit, at, time.Now().Add(-time.Second)), "", 403},
		"another keyring":        {"POST", "/shop/s1/order/7?key=" + foreign.Key(edit, at, soon), "", 403},
		"changed expiry":         {"POST", "/shop/s1/order/7?key=" + string(flipped), "", 403},
		"cut":                    {"POST", "/shop/s1/order/7?key=" + good[:53], "", 403},
		"longer":                 {"POST", "/shop/s1/order/7?key=" + good + "A", "", 403},
		"padded":                 {"POST", "/shop/s1/order/7?key=" + url.QueryEscape(good+"=="), "", 403},
		"two different ones":     {"POST", "/shop/s1/order/7?key=" + good + "&key=x", "", 403},
		"two, the good one last": {"POST", "/shop/s1/order/7?key=x&key=" + good, "", 403},
		"another in the query":   {"POST", "/shop/s1/order/7?key=x", good, 403},
		"another in the header":  {"POST", "/shop/s1/order/7?key=" + good, "x", 403},
		"huge":                   {"POST", "/shop/s1/order/7?key=" + strings.Repeat("A", 1<<16), "", 403},
	} {
		t.Run(name, func(t *testing.T) {
			h.ran = nil
			r := httptest.NewRequest(c.method, c.target, nil)
			if c.header != "" {
				r.Header.Set(authz.KeyHeader, c.header)
			}
			w := httptest.NewRecorder()
			h.handler.ServeHTTP(w, r)
			require.Equal(t, c.status, w.Code)
			require.Equal(t, c.status == 200, len(h.ran) == 1)
			if c.status == 200 {
				require.Equal(t, "no-referrer", w.Header().Get("Referrer-Policy"))
				require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			}
		})
	}
	for _, event := range h.all() {
		require.NotContains(t, event, good[:20], "a key is never an attribute")
	}
}

// TestNoSpellingOfAKeyTwice: base64 has bits that mean nothing at the end; only one spelling of them is a key, or Once
// would take two.
func TestNoSpellingOfAKeyTwice(t *testing.T) {
	h := keyHost(t, spendNothing)
	good := h.Key(authz.Func("order.pay"), authz.Object{ID: "7"}, time.Now().Add(time.Hour))
	raw, err := base64.RawURLEncoding.DecodeString(good)
	require.NoError(t, err)
	spellings := 0
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		key := good[:53] + string(c)
		if lax, err := base64.RawURLEncoding.DecodeString(key); err == nil && string(lax) == string(raw) {
			spellings++
			require.Equal(t, key == good, h.do("POST", "/pay/7?key="+key).Code == 200)
		}
	}
	require.Greater(t, spellings, 1)
	require.Equal(t, 403, h.do("POST", "/pay/7?key="+good[:20]+"%0A"+good[20:]).Code, "encoding/base64 skips new lines")
}

func TestKeyEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := keyHost(t, spendNothing)
		key := h.Key(authz.Func("order.pay"), authz.Object{ID: "7"}, time.Now().Add(time.Hour))
		time.Sleep(time.Hour - time.Nanosecond)
		require.Equal(t, 200, h.do("POST", "/pay/7?key="+key).Code)
		time.Sleep(time.Nanosecond)
		require.Equal(t, 403, h.do("POST", "/pay/7?key="+key).Code)
	})
}

func TestOrKeyAndDeny(t *testing.T) {
	h := keyHost(t, spendNothing)
	key := h.Key(authz.Func("order.close"), authz.Object{ID: "7"}, time.Now().Add(time.Hour))
	require.Equal(t, 200, h.do("POST", "/close/7/"+key).Code, "key as a path value")
	require.Equal(t, 403, h.do("POST", "/close/7/none").Code)
	h.subject = person("bo", "", editor)
	require.Equal(t, 200, h.do("POST", "/close/7/none").Code, "role in place of the key")
	h.subject = person("bo", "", suspended)
	require.Equal(t, 403, h.do("POST", "/close/7/"+key).Code, "deny beats the key")
}

func TestCheckTakesTheKeyOfTheRequest(t *testing.T) {
	h := keyHost(t, spendNothing)
	edit := authz.Func("order.edit")
	at := authz.Object{Tenant: "s1", ID: "7"}
	r := httptest.NewRequest("POST", "/x?key="+h.Key(edit, at, time.Now().Add(time.Hour)), nil)
	require.NoError(t, h.Check(r, edit, at))
	require.Error(t, h.Check(r, edit, authz.Object{Tenant: "s1", ID: "8"}))
	require.Error(t, h.Check(r, authz.Func("order.pay"), at))
}

// TestOnce: of many requests with one key that begin together, one runs.
func TestOnce(t *testing.T) {
	var spent sync.Map
	h := keyHost(t, func(_ context.Context, id string, until time.Time) (bool, error) {
		_, used := spent.LoadOrStore(id, until)
		return !used, nil
	})
	var ran, refused atomic.Int64
	soon := time.Now().Add(time.Hour)
	key := h.Key(authz.Func("order.pay"), authz.Object{ID: "7"}, soon)
	start := make(chan struct{})
	var all sync.WaitGroup
	h.ran = nil
	handler := h.handler
	for range 16 {
		all.Go(func() {
			<-start
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest("POST", "/pay/7?key="+key, nil))
			switch w.Code {
			case http.StatusOK:
				ran.Add(1)
			case http.StatusForbidden:
				refused.Add(1)
			}
		})
	}
	close(start)
	all.Wait()
	require.EqualValues(t, 1, ran.Load())
	require.EqualValues(t, 15, refused.Load())
	spent.Range(func(id, until any) bool {
		require.NotContains(t, id, key)
		require.Equal(t, soon.Unix(), until.(time.Time).Unix())
		return true
	})
}

func TestSpendFails(t *testing.T) {
	h := keyHost(t, func(context.Context, string, time.Time) (bool, error) { return true, errors.New("store is down") })
	key := h.Key(authz.Func("order.pay"), authz.Object{ID: "7"}, time.Now().Add(time.Hour))
	require.Equal(t, 503, h.do("POST", "/pay/7?key="+key).Code)
	require.Empty(t, h.ran)
}
