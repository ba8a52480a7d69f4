package signin_test

import (
	"context"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session"
	"github.com/skans-go/skans/session/signin"
	"github.com/skans-go/skans/totp/onetime"
)

var update = flag.Bool("update", false, "write the golden files")

func TestDescribe(t *testing.T) {
	for name, change := range map[string]func(*signin.Config){
		"plain":  func(c *signin.Config) { c.Factors, c.Require = nil, nil },
		"strict": func(c *signin.Config) { c.Require = nil },
		"full": func(c *signin.Config) {
			var err error
			c.Codes, err = onetime.New(onetime.Config{Keys: c.Keys, Store: onetime.NewMemoryStore()})
			require.NoError(t, err)
			c.CodesBy = session.SMS
			c.Captcha = &solver{}
			c.Allow = func(*http.Request, signin.User) error { return nil }
			c.External = func(context.Context, signin.Proof) (signin.User, error) { return signin.User{}, signin.ErrNoUser }
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := newHall(t, change).flow.Describe()
			path := filepath.Join("testdata", "describe_"+name+".txt")
			if *update {
				require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}
