package signin_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/password"
	"github.com/skans-go/skans/password/throttle"
	"github.com/skans-go/skans/session"
	"github.com/skans-go/skans/session/signin"
)

// What the flow adds to the hash: a refused attempt with real parameters, and with ones that cost nothing.
func BenchmarkPassword(b *testing.B) {
	for name, params := range map[string]password.Params{"OWASP": password.OWASP, "cheap": cheap} {
		b.Run(name, func(b *testing.B) {
			keys, err := skans.NewKeyring(skans.GenerateKey("k"))
			require.NoError(b, err)
			hasher, err := password.New(password.Config{Params: params, InsecureParams: true, Keys: keys})
			require.NoError(b, err)
			sessions, err := session.New(session.Config{Keys: keys, Origins: []string{origin}, InsecureOriginCheckOnly: true})
			require.NoError(b, err)
			many := throttle.Limit{Stop: 1 << 30, Forget: 1 << 40, Fixed: true}
			limiter, err := throttle.New(throttle.Config{
				Keys: keys, Pair: many, Name: many, Address: many, Network: many, Device: many, CaptchaAfter: -1,
			})
			require.NoError(b, err)
			hash, err := hasher.Hash(context.Background(), anna, "the password")
			require.NoError(b, err)
			flow, err := signin.New(signin.Config{
				Users:     signin.MemoryUsers(signin.User{ID: anna, Name: "anna", PasswordHash: hash}),
				Passwords: hasher, Throttle: limiter, Sessions: sessions, Keys: keys,
			})
			require.NoError(b, err)
			wrong := skans.NewSecret("wrong")
			b.Run("flow", func(b *testing.B) {
				r := httptest.NewRequest(http.MethodPost, origin+"/", nil)
				w := httptest.NewRecorder()
				b.ReportAllocs()
				for b.Loop() {
					flow.Password(w, r, "anna", wrong)
				}
			})
			b.Run("hash", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					_, _ = hasher.Verify(context.Background(), anna, hash, "wrong")
				}
			})
		})
	}
}
