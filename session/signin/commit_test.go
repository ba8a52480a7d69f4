package signin_test

import (
	"context"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/password/throttle"
	"github.com/skans-go/skans/session"
	"github.com/skans-go/skans/session/signin"
	"github.com/skans-go/skans/totp"
	"github.com/skans-go/skans/totp/onetime"
)

func TestAZeroGrantedRefuses(t *testing.T) {
	h := newHall(t)
	b := h.browser()
	b.post(func(w http.ResponseWriter, r *http.Request) {
		require.ErrorIs(t, signin.Granted{}.Commit(w, r), signin.ErrNotGranted)
	})
	require.Empty(t, b.user())
	require.Nil(t, signin.Granted{}.Recovery())
	require.Equal(t, signin.User{}, signin.Granted{}.User())
	require.ErrorIs(t, signin.Granted{}.Commit(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)), signin.ErrNotGranted)
	_, err := signin.NeedCaptcha{}.Challenge(t.Context(), "")
	require.Error(t, err)
}

func TestAGrantedIsOfItsRequestAndCommitsOnce(t *testing.T) {
	h := newHall(t)
	var kept signin.Granted
	b := h.browser()
	b.post(func(w http.ResponseWriter, r *http.Request) {
		kept = h.flow.Password(w, r, "anna", skans.NewSecret(h.password)).(signin.Granted)
	})
	require.Empty(t, b.user(), "granted is not signed in")
	stranger := h.browser()
	stranger.post(func(w http.ResponseWriter, r *http.Request) {
		require.ErrorIs(t, kept.Commit(w, r), signin.ErrNotGranted)
	})
	b.post(func(w http.ResponseWriter, r *http.Request) {
		require.ErrorIs(t, kept.Commit(w, r), signin.ErrNotGranted, "nor of another request of the same browser")
	})
	b.post(func(w http.ResponseWriter, r *http.Request) {
		out := h.flow.Password(w, r, "anna", skans.NewSecret(h.password)).(signin.Granted)
		copied := out
		require.NoError(t, out.Commit(w, r))
		require.ErrorIs(t, copied.Commit(w, r), signin.ErrNotGranted)
	})
	require.Equal(t, anna, b.user())
	late := h.browser()
	late.post(func(w http.ResponseWriter, r *http.Request) {
		out := h.flow.Password(w, r, "anna", skans.NewSecret(h.password)).(signin.Granted)
		h.pass(time.Minute + time.Second)
		require.ErrorIs(t, out.Commit(w, r), signin.ErrNotGranted)
	})
	require.Empty(t, late.user())
}

func TestSigningInGivesANewToken(t *testing.T) {
	h := newHall(t)
	secret, _ := h.enrol(anna)
	b := h.waiting()
	before := b.cookies["__Host-session"]
	require.NotEmpty(t, before)
	require.IsType(t, signin.Granted{}, b.factor(h.code(secret)))
	require.NotEqual(t, before, b.cookies["__Host-session"])
	planted := h.browser()
	planted.cookies["__Host-session"] = before
	require.Empty(t, planted.user(), "whoever knew the old token has nothing")
}

func TestSigningInEndsTheOldestSessionOverTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sessions *session.Manager
		h := newHall(t, func(c *signin.Config) {
			var err error
			sessions, err = session.New(session.Config{Keys: c.Keys, Origins: []string{origin}, InsecureOriginCheckOnly: true, PerUser: 2})
			require.NoError(t, err)
			c.Sessions = sessions
		})
		h.sessions = sessions
		enter := func(b *browser, pw string) signin.Outcome {
			time.Sleep(time.Second) // of the bubble; those of one millisecond have no order
			return b.password("anna", pw)
		}
		oldest, older, newest := h.browser(), h.browser(), h.browser()
		require.IsType(t, signin.Granted{}, enter(oldest, h.password))
		require.IsType(t, signin.Granted{}, enter(older, h.password))
		require.IsType(t, signin.Denied{}, enter(newest, "wrong"))
		require.Equal(t, anna, oldest.user(), "a refusal ends nobody's session")
		require.IsType(t, signin.Granted{}, enter(newest, h.password))
		require.Empty(t, oldest.user())
		require.Equal(t, anna, older.user())
		require.Equal(t, anna, newest.user())
	})
}

func TestWhatCannotBeRecordedIsNoSignIn(t *testing.T) {
	full := errors.New("disk full")
	for _, event := range []string{signin.EventGranted, signin.EventPending} {
		h := newHall(t)
		if event == signin.EventPending {
			h.enrol(anna)
		}
		h.auditErr[event] = full
		b := h.browser()
		b.password("anna", h.password)
		require.Equal(t, http.StatusServiceUnavailable, b.answer.StatusCode, event)
		require.Empty(t, b.user(), event)
	}
	h := newHall(t)
	h.auditErr[signin.EventDenied] = full
	out := h.browser().password("anna", "wrong")
	require.Equal(t, http.StatusForbidden, out.(signin.Denied).Status, "a refusal stays one")
}

// A solver is a CAPTCHA whose solution is "42", once.
type solver struct {
	used bool
	err  error
}

func (s *solver) Challenge(context.Context, string) (template.HTML, error) { return "<i>6*7</i>", nil }

func (s *solver) Verify(_ context.Context, solution string) error {
	if s.err != nil || solution != "42" || s.used {
		return errors.Join(s.err, throttle.ErrCaptcha)
	}
	s.used = true
	return nil
}

func TestACaptchaIsAskedForWhenItIsDue(t *testing.T) {
	captcha := &solver{}
	h := newHall(t, func(c *signin.Config) { c.Captcha = captcha })
	b := h.browser()
	for range 3 {
		require.IsType(t, signin.Denied{}, b.password("anna", "wrong", "42"))
	}
	require.False(t, captcha.used, "a solution is not used up before it is due")
	need := b.password("anna", h.password)
	require.IsType(t, signin.NeedCaptcha{}, need)
	require.Equal(t, "no-store", b.answer.Header.Get("Cache-Control"))
	html, err := need.(signin.NeedCaptcha).Challenge(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, template.HTML("<i>6*7</i>"), html)
	require.Equal(t, "signin.captcha user=u1 pathway=password reason=due", h.last())
	require.IsType(t, signin.NeedCaptcha{}, h.browser().password("nobody", h.password), "of the address, whatever the name")
	require.IsType(t, signin.NeedCaptcha{}, b.password("anna", h.password, "41"))
	require.Equal(t, "signin.captcha user=u1 pathway=password reason=wrong", h.last())
	require.IsType(t, signin.Granted{}, b.password("anna", h.password, "42"))
}

func TestACaptchaThatCannotTellDenies(t *testing.T) {
	captcha := &solver{err: errors.New("down")}
	h := newHall(t, func(c *signin.Config) { c.Captcha = broken{captcha} })
	b := h.browser()
	for range 3 {
		b.password("anna", "wrong")
	}
	out := b.password("anna", h.password, "42")
	require.Equal(t, http.StatusServiceUnavailable, out.(signin.Denied).Status)
}

// broken returns an error that is not about the solution.
type broken struct{ *solver }

func (b broken) Verify(context.Context, string) error { return b.err }

func TestExternalProofs(t *testing.T) {
	links := map[string]string{"https://id.example\x00123": anna, "https://id.example\x00456": berit, "https://id.example\x00789": cecil}
	var tableErr error
	h := newHall(t, func(c *signin.Config) {
		users := c.Users
		c.External = func(ctx context.Context, p signin.Proof) (signin.User, error) {
			if tableErr != nil {
				return signin.User{}, tableErr
			}
			id, ok := links[p.Issuer+"\x00"+p.Subject]
			if !ok {
				return signin.User{}, signin.ErrNoUser
			}
			return users.ByID(ctx, id)
		}
	})
	external := func(b *browser, p signin.Proof) signin.Outcome {
		return b.take(func(w http.ResponseWriter, r *http.Request) signin.Outcome { return h.flow.External(w, r, p) })
	}
	const issuer = "https://id.example"
	for name, c := range map[string]struct {
		proof  signin.Proof
		reason string
	}{
		"unknown subject":   {signin.Proof{Issuer: issuer, Subject: "999"}, "unknown"},
		"another issuer":    {signin.Proof{Issuer: "https://evil.example", Subject: "123"}, "unknown"},
		"no issuer":         {signin.Proof{Subject: "123"}, "proof"},
		"no subject":        {signin.Proof{Issuer: issuer}, "proof"},
		"moved boundary":    {signin.Proof{Issuer: issuer + "\x001", Subject: "23"}, "unknown"},
		"disabled":          {signin.Proof{Issuer: issuer, Subject: "456"}, "disabled"},
		"too many methods":  {signin.Proof{Issuer: issuer, Subject: "123", Methods: make([]session.Method, 20)}, "proof"},
		"disabled and mfa":  {signin.Proof{Issuer: issuer, Subject: "456", Methods: []session.Method{session.OTP}}, "disabled"},
		"an e-mail address": {signin.Proof{Issuer: issuer, Subject: "anna"}, "unknown"},
	} {
		b := h.browser()
		require.IsType(t, signin.Denied{}, external(b, c.proof), name)
		require.Contains(t, h.last(), "pathway=external reason="+c.reason, name)
		require.Empty(t, b.user(), name)
	}

	b := h.browser()
	require.IsType(t, signin.Granted{}, external(b, signin.Proof{Issuer: issuer, Subject: "789"}), "an external account has no password here")
	require.Equal(t, []session.Method{signin.Federated}, b.proved())

	secret, _ := h.enrol(anna)
	b = h.browser()
	require.IsType(t, signin.NeedFactor{}, external(b, signin.Proof{Issuer: issuer, Subject: "123", Methods: []session.Method{session.Password, session.SMS}}))
	require.IsType(t, signin.Granted{}, b.factor(h.code(secret)))
	require.ElementsMatch(t, []session.Method{signin.Federated, session.Password, session.SMS, session.OTP}, b.proved())
	b = h.browser()
	require.IsType(t, signin.Granted{}, external(b, signin.Proof{Issuer: issuer, Subject: "123", Methods: []session.Method{session.HardwareKey}}))
	require.ElementsMatch(t, []session.Method{signin.Federated, session.HardwareKey}, b.proved())

	tableErr = errors.New("down")
	require.Equal(t, http.StatusServiceUnavailable, external(h.browser(), signin.Proof{Issuer: issuer, Subject: "123"}).(signin.Denied).Status)
	without := newHall(t)
	out := without.browser().take(func(w http.ResponseWriter, r *http.Request) signin.Outcome {
		return without.flow.External(w, r, signin.Proof{Issuer: issuer, Subject: "123"})
	})
	require.IsType(t, signin.Denied{}, out)
}

func TestAStoreThatErrsSignsNobodyIn(t *testing.T) {
	down := errors.New("down")
	t.Run("users", func(t *testing.T) {
		h := newHall(t)
		h.users.err = down
		b := h.browser()
		require.Equal(t, http.StatusServiceUnavailable, b.password("anna", h.password).(signin.Denied).Status)
		require.Empty(t, b.user())
		h.users.err = nil
		require.IsType(t, signin.Granted{}, b.password("anna", h.password), "recovers without a restart")
	})
	t.Run("throttle", func(t *testing.T) {
		h := newHall(t, func(c *signin.Config) {
			var err error
			c.Throttle, err = throttle.New(throttle.Config{
				Keys: c.Keys, Pair: throttle.Limit{Stop: 1, Forget: time.Hour},
				Audit: func(context.Context, string, ...slog.Attr) error { return down }, // its refusals cannot be recorded
			})
			require.NoError(t, err)
		})
		require.IsType(t, signin.Denied{}, h.browser().password("anna", "wrong"))
		require.Equal(t, http.StatusServiceUnavailable, h.browser().password("anna", h.password).(signin.Denied).Status)
	})
	t.Run("factors", func(t *testing.T) {
		store := &failingFactors{Store: totp.NewMemoryStore()}
		var factors *totp.Service
		h := newHall(t, func(c *signin.Config) {
			var err error
			factors, err = totp.New(totp.Config{Issuer: "Mail", Keys: c.Keys, Store: store})
			require.NoError(t, err)
			c.Factors = factors
		})
		h.factors = factors
		secret, _ := h.enrol(anna)
		store.err = down
		require.Equal(t, http.StatusServiceUnavailable, h.browser().password("anna", h.password).(signin.Denied).Status)
		store.err = nil
		b := h.waiting()
		store.err = down
		require.Equal(t, http.StatusServiceUnavailable, b.factor(h.code(secret)).(signin.Denied).Status)
		store.err = nil
		require.IsType(t, signin.Granted{}, b.factor(h.code(secret)), "the login still waits")
	})
	t.Run("pending", func(t *testing.T) {
		store := &failingPending{Store: onetime.NewMemoryStore()}
		h := newHall(t, func(c *signin.Config) { c.Pending = store })
		secret, _ := h.enrol(anna)
		store.err = down
		require.Equal(t, http.StatusServiceUnavailable, h.browser().password("anna", h.password).(signin.Denied).Status)
		store.err = nil
		b := h.waiting()
		store.err = down
		require.Equal(t, http.StatusServiceUnavailable, b.factor(h.code(secret)).(signin.Denied).Status)
		require.Empty(t, b.user())
		require.Regexp(t, `^[0-9a-f]{64}$`, store.seen.ID, "as onetime.Entry says")
		require.Len(t, store.seen.MAC, 32)
	})
}

type failingFactors struct {
	totp.Store
	err error
}

func (f *failingFactors) Load(ctx context.Context, user string) (totp.Record, error) {
	if f.err != nil {
		return totp.Record{}, f.err
	}
	return f.Store.Load(ctx, user)
}

type failingPending struct {
	onetime.Store
	err  error
	seen onetime.Entry
}

func (f *failingPending) Put(ctx context.Context, purpose, user string, e onetime.Entry) error {
	f.seen = e
	if f.err != nil {
		return f.err
	}
	return f.Store.Put(ctx, purpose, user, e)
}

func (f *failingPending) Try(ctx context.Context, purpose, user, id string, limit int) (onetime.Entry, bool, error) {
	if f.err != nil {
		return onetime.Entry{}, false, f.err
	}
	return f.Store.Try(ctx, purpose, user, id, limit)
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	var good signin.Config
	newHall(t, func(c *signin.Config) { good = *c })
	for name, change := range map[string]func(*signin.Config){
		"Users":     func(c *signin.Config) { c.Users = nil },
		"Passwords": func(c *signin.Config) { c.Passwords = nil },
		"Throttle":  func(c *signin.Config) { c.Throttle = nil },
		"Sessions":  func(c *signin.Config) { c.Sessions = nil },
		"Keys":      func(c *signin.Config) { c.Keys = nil },
		"Factors":   func(c *signin.Config) { c.Factors = nil },
		"Timeout":   func(c *signin.Config) { c.Timeout = -1 },
		"Fresh":     func(c *signin.Config) { c.Fresh = -1 },
	} {
		cfg := good
		change(&cfg)
		_, err := signin.New(cfg)
		require.ErrorContains(t, err, "signin: ", name)
		require.ErrorContains(t, err, "Config."+name, name)
	}
}

func TestALinkNeitherSignsInNorChanges(t *testing.T) {
	h := newHall(t)
	_, recovery := h.enrol(anna)
	b := h.waiting()
	in := h.in(recovery[0])
	for name, step := range map[string]func(w http.ResponseWriter, r *http.Request) any{
		"password": func(w http.ResponseWriter, r *http.Request) any {
			return h.flow.Password(w, r, "anna", skans.NewSecret(h.password))
		},
		"activated": func(w http.ResponseWriter, r *http.Request) any {
			return h.flow.Activated(w, r, anna, skans.NewSecret(h.password))
		},
		"factor":  func(w http.ResponseWriter, r *http.Request) any { return h.flow.Factor(w, r, recovery[1]) },
		"confirm": func(w http.ResponseWriter, r *http.Request) any { return h.flow.Confirm(w, r, "123456") },
		"step-up": func(w http.ResponseWriter, r *http.Request) any { return h.flow.StepUp(w, r, recovery[1]) },
		"reauthenticate": func(w http.ResponseWriter, r *http.Request) any {
			return h.flow.Reauthenticate(w, r, skans.NewSecret(h.password))
		},
		"change": func(_ http.ResponseWriter, r *http.Request) any {
			return h.flow.ChangePassword(r, skans.NewSecret(h.password), skans.NewSecret("another password"))
		},
		"set": func(_ http.ResponseWriter, r *http.Request) any {
			return h.flow.SetPassword(r, anna, skans.NewSecret("another"))
		},
		"enrol":  func(_ http.ResponseWriter, r *http.Request) any { _, err := h.flow.EnrollFactor(r); return err },
		"renew":  func(_ http.ResponseWriter, r *http.Request) any { _, err := h.flow.RenewRecovery(r); return err },
		"remove": func(_ http.ResponseWriter, r *http.Request) any { return h.flow.RemoveFactor(r) },
		"reset":  func(_ http.ResponseWriter, r *http.Request) any { return h.flow.ResetFactor(r, anna) },
	} {
		for _, from := range []*browser{b, in} {
			from.request(http.MethodGet, func(w http.ResponseWriter, r *http.Request) {
				require.IsType(t, signin.Denied{}, step(w, r), name)
			})
			require.Contains(t, h.last(), "reason=method", name)
		}
	}
	require.IsType(t, signin.Granted{}, b.factor(recovery[1]), "the login still waits, and nothing was used up")
}

func TestAnotherPathwayEndsWhatWaits(t *testing.T) {
	h := newHall(t, func(c *signin.Config) {
		users := c.Users
		c.External = func(ctx context.Context, _ signin.Proof) (signin.User, error) { return users.ByID(ctx, cecil) }
	})
	_, recovery := h.enrol(anna)
	b := h.waiting()
	b.take(func(w http.ResponseWriter, r *http.Request) signin.Outcome {
		return h.flow.External(w, r, signin.Proof{Issuer: "https://id.example", Subject: "1"})
	})
	require.Equal(t, cecil, b.user())
	require.IsType(t, signin.Denied{}, b.factor(recovery[0]))
	require.Contains(t, h.last(), "reason=no-pending")
	require.Equal(t, cecil, b.user())
}

func TestATableThatHangsDenies(t *testing.T) {
	h := newHall(t, func(c *signin.Config) { c.Users, c.Timeout = hanging{}, 20*time.Millisecond })
	b := h.browser()
	require.Equal(t, http.StatusServiceUnavailable, b.password("anna", h.password).(signin.Denied).Status)
	require.Empty(t, b.user())
}

// hanging answers when ctx is over.
type hanging struct{ signin.Users }

func (hanging) ByName(ctx context.Context, _ string) (signin.User, error) {
	<-ctx.Done()
	return signin.User{}, ctx.Err()
}
