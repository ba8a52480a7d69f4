package activation_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/password/activation"
)

// post is the mail that a test's Send got, and what was recorded instead.
type post struct {
	sent   []activation.Message
	unsent []string
}

func mailing(t *testing.T, p *post, change func(*activation.Config)) *activation.Keys {
	return newKeys(t, func(c *activation.Config) {
		c.BaseURL = "https://mail.example/"
		c.Paths = map[activation.Purpose]string{activation.Reset: "konto/nytt-losenord"}
		c.Find = func(_ context.Context, _ activation.Purpose, submitted string) (activation.Recipient, bool, error) {
			switch submitted {
			case "anna@example.com":
				return activation.Recipient{Subject: "anna", State: "hash 1", Address: "anna@example.com"}, true, nil
			case "evil":
				return activation.Recipient{Subject: "evil", State: "s", Address: "a@example.com\r\nBcc: all@example.com"}, true, nil
			case "broken":
				return activation.Recipient{}, false, errors.New("database down")
			}
			return activation.Recipient{}, false, nil
		}
		c.Send = func(_ context.Context, m activation.Message) error {
			p.sent = append(p.sent, m)
			return nil
		}
		c.Audit = func(_ context.Context, event string, attrs ...slog.Attr) error {
			if event == activation.EventUnsent {
				p.unsent = append(p.unsent, attrs[2].Value.String())
			}
			return nil
		}
		if change != nil {
			change(c)
		}
	})
}

func TestMailGoesOffTheRequestPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p post
		k := mailing(t, &p, nil)
		ctx, stop := context.WithCancel(context.Background())
		for _, submitted := range []string{"anna@example.com", "nobody@example.com", "evil", "broken", strings.Repeat("a", 1<<20), "bo@example.com\r\nBcc: x"} {
			require.NoError(t, k.Request(ctx, activation.Reset, submitted), "the same answer for all")
		}
		require.Empty(t, p.sent, "nothing happens in the request")
		require.Empty(t, p.unsent)

		ended := make(chan error)
		go func() { ended <- k.Run(ctx) }()
		synctest.Wait()
		require.Equal(t, []string{"unknown", "address", "find", "unknown", "unknown"}, p.unsent)
		require.Len(t, p.sent, 1)
		m := p.sent[0]
		require.Equal(t, "anna@example.com", m.Address)
		require.Equal(t, time.Now().Add(30*time.Minute), m.Expires)
		key, ok := strings.CutPrefix(m.Link, "https://mail.example/konto/nytt-losenord/")
		require.True(t, ok)
		user, err := k.Redeem(ctx, activation.Reset, key, is("hash 1"))
		require.NoError(t, err)
		require.Equal(t, "anna", user)
		stop()
		require.ErrorIs(t, <-ended, context.Canceled)
	})
}

func TestMailboxIsNotFlooded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p post
		k := mailing(t, &p, nil)
		ctx, stop := context.WithCancel(context.Background())
		go func() { _ = k.Run(ctx) }()
		for range 50 {
			require.NoError(t, k.Request(ctx, activation.Reset, "anna@example.com"))
		}
		synctest.Wait()
		require.Len(t, p.sent, 5)
		time.Sleep(time.Hour)
		require.NoError(t, k.Request(ctx, activation.Reset, "anna@example.com"))
		synctest.Wait()
		require.Len(t, p.sent, 6)
		stop()
	})
}

type none struct{}

func (none) Take(context.Context, string, string) (bool, time.Duration, error) {
	return true, 0, errors.New("down")
}

func TestFailuresOnTheWayAreRecorded(t *testing.T) {
	for reason, change := range map[string]func(*activation.Config){
		"throttled": func(c *activation.Config) { c.Throttle = none{} },
		"issue":     func(c *activation.Config) { c.Store, c.Timeout = failing{put: true}, time.Millisecond },
		"send": func(c *activation.Config) {
			c.Send = func(ctx context.Context, _ activation.Message) error { <-ctx.Done(); return ctx.Err() }
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			var p post
			k := mailing(t, &p, change)
			ctx, stop := context.WithCancel(context.Background())
			go func() { _ = k.Run(ctx) }()
			require.NoError(t, k.Request(ctx, activation.Reset, "anna@example.com"))
			time.Sleep(time.Minute)
			synctest.Wait()
			require.Equal(t, []string{reason}, p.unsent)
			stop()
		})
	}
}

func TestQueueIsBounded(t *testing.T) {
	var p post
	k := mailing(t, &p, nil)
	for range 1000 {
		require.NoError(t, k.Request(context.Background(), activation.Reset, "nobody"))
	}
	require.ErrorIs(t, k.Request(context.Background(), activation.Reset, "anna@example.com"), activation.ErrBusy)
	require.Error(t, newKeys(t, nil).Request(context.Background(), activation.Reset, "anna"), "without Find and Send")
}
