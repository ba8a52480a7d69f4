package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/examples/mail/internal/message"
	"github.com/skans-go/skans/examples/mail/internal/store"
	"github.com/skans-go/skans/totp"
	"github.com/skans-go/skans/totp/totptest"
	"github.com/skans-go/skans/vaulttest"
)

func keys(t testing.TB) *skans.Keyring {
	t.Helper()
	ring, err := skans.NewKeyring(skans.GenerateKey("test"))
	require.NoError(t, err)
	return ring
}

func vaultOn(t testing.TB) func(skans.KeyStore) (*skans.Vault, error) {
	ring := keys(t)
	return func(keyStore skans.KeyStore) (*skans.Vault, error) {
		return skans.NewVault(skans.VaultConfig{Keys: ring, Store: keyStore})
	}
}

func open(t *testing.T) (*store.Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mail.db")
	s, err := store.Open(t.Context(), path, keys(t), vaultOn(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for _, id := range []string{"bygglov", "skola"} {
		require.NoError(t, s.Tx(t.Context(), func(tx *sql.Tx) error {
			return s.CreateMailbox(t.Context(), tx, store.Mailbox{ID: id, Address: id + "@kommun.example", Name: id})
		}))
	}
	return s, path
}

func TestFactorsKeepTheContract(t *testing.T) {
	totptest.TestStore(t, func(t *testing.T) totp.Store {
		s, _ := open(t)
		return s.Factors()
	})
}

func TestVaultKeysKeepTheContract(t *testing.T) {
	vaulttest.TestStore(t, func(t *testing.T) skans.KeyStore {
		s, _ := open(t)
		return s.KeyStore()
	})
}

const secretBody = "the secret body of the letter"

func deliver(t *testing.T, s *store.Store, box string, m message.Message, raw string) (string, bool) {
	t.Helper()
	id, fresh, err := s.Deliver(t.Context(), box, []byte("Received: by test\r\n"), []byte(raw), m)
	require.NoError(t, err)
	return id, fresh
}

func TestDeliverThreadsAndReadsBack(t *testing.T) {
	s, _ := open(t)
	first, fresh := deliver(t, s, "bygglov", message.Message{
		MessageID: "one@x", From: "anna@example.com", Subject: "Altan", Text: secretBody, HTML: "<b>html</b>",
		Parts: []message.Part{{Name: "plan.pdf", Type: "application/pdf", Data: []byte("pdf bytes")}},
	}, "raw one")
	require.True(t, fresh)
	deliver(t, s, "bygglov", message.Message{MessageID: "two@x", References: []string{"one@x"}, Subject: "Re: Altan"}, "raw two")
	all, err := s.Conversations(t.Context(), "bygglov", "", 0, 10)
	require.NoError(t, err)
	require.Len(t, all, 1, "an answer joins its conversation")
	messages, err := s.Messages(t.Context(), "bygglov", all[0].ID, 0, 100)
	require.NoError(t, err)
	require.Len(t, messages, 2)
	require.Equal(t, secretBody, messages[0].Text)
	require.Equal(t, "<b>html</b>", messages[0].HTML)
	raw, err := s.Raw(t.Context(), "bygglov", first)
	require.NoError(t, err)
	require.Equal(t, "Received: by test\r\nraw one", string(raw))
	attachment, data, err := s.Attachment(t.Context(), "bygglov", first, 0)
	require.NoError(t, err)
	require.Equal(t, "plan.pdf", attachment.Name)
	require.Equal(t, "pdf bytes", string(data))
}

// Another mailbox's ids answer exactly like missing ones, even to code that forgot to ask the policy.
func TestIdsOfAnotherMailboxAreMissing(t *testing.T) {
	s, _ := open(t)
	id, _ := deliver(t, s, "bygglov", message.Message{MessageID: "one@x", Parts: []message.Part{{Name: "a"}}}, "raw")
	all, err := s.Conversations(t.Context(), "bygglov", "", 0, 10)
	require.NoError(t, err)
	_, err = s.Conversation(t.Context(), "skola", all[0].ID)
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = s.Message(t.Context(), "skola", id)
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = s.Raw(t.Context(), "skola", id)
	require.ErrorIs(t, err, store.ErrNotFound)
	_, _, err = s.Attachment(t.Context(), "skola", id, 0)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorIs(t, s.Send(t.Context(), store.Message{ID: store.NewID(), Mailbox: "skola", Conversation: all[0].ID}, nil, nil), store.ErrNotFound)
	deliver(t, s, "skola", message.Message{MessageID: "two@x", References: []string{"one@x"}}, "raw two")
	messages, err := s.Messages(t.Context(), "bygglov", all[0].ID, 0, 100)
	require.NoError(t, err)
	require.Len(t, messages, 1, "a letter to one mailbox does not join another one's conversation")
}

func TestARetriedDeliveryIsOneLetter(t *testing.T) {
	s, _ := open(t)
	m := message.Message{MessageID: "one@x", Subject: "Altan"}
	var wg sync.WaitGroup
	start := make(chan struct{})
	var mu sync.Mutex
	ids, news := map[string]bool{}, 0
	for range 10 {
		wg.Go(func() {
			<-start
			id, fresh, err := s.Deliver(context.Background(), "bygglov", nil, []byte("same bytes"), m)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				ids[id] = true
			}
			if fresh {
				news++
			}
		})
	}
	close(start)
	wg.Wait()
	require.Len(t, ids, 1)
	require.Equal(t, 1, news)
	_, fresh := deliver(t, s, "skola", m, "same bytes")
	require.True(t, fresh, "every mailbox gets its own")
	_, fresh = deliver(t, s, "bygglov", m, "other bytes under the same Message-ID")
	require.True(t, fresh, "nobody makes a letter vanish by guessing its Message-ID")
}

// What letters say is in neither the database file nor its log.
func TestBodiesAreSealedAtRest(t *testing.T) {
	s, path := open(t)
	deliver(t, s, "bygglov", message.Message{MessageID: "one@x", Text: secretBody, HTML: secretBody, Parts: []message.Part{{Data: []byte(secretBody)}}}, secretBody)
	for _, file := range []string{path, path + "-wal"} {
		data, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		require.NoError(t, err)
		require.False(t, strings.Contains(string(data), secretBody), file)
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o077)
}

// A row that was moved under another letter's id does not open there.
func TestMovedRowsDoNotOpen(t *testing.T) {
	s, _ := open(t)
	one, _ := deliver(t, s, "bygglov", message.Message{MessageID: "one@x", Text: "one"}, "raw one")
	two, _ := deliver(t, s, "bygglov", message.Message{MessageID: "two@x", Text: "two"}, "raw two")
	_, err := s.DB().Exec("update message set raw = (select raw from message where id = ?) where id = ?", one, two)
	require.NoError(t, err)
	_, err = s.Raw(t.Context(), "bygglov", two)
	require.ErrorIs(t, err, skans.ErrTampered)
}

func TestOutbox(t *testing.T) {
	s, _ := open(t)
	deliver(t, s, "bygglov", message.Message{MessageID: "one@x", From: "anna@example.com"}, "raw one")
	all, err := s.Conversations(t.Context(), "bygglov", "", 0, 10)
	require.NoError(t, err)
	id := store.NewID()
	require.NoError(t, s.Send(t.Context(), store.Message{ID: id, Mailbox: "bygglov", Conversation: all[0].ID, Text: "answer"}, []byte("raw answer"), nil))
	require.NoError(t, s.Post(t.Context(), []byte("raw notice")))
	broken, now := errors.New("relay is down"), time.Now()
	require.ErrorIs(t, s.Unsent(t.Context(), now, func(string, []byte) error { return broken }), broken)
	var sent []string
	take := func(got string, raw []byte) error {
		sent = append(sent, string(raw))
		return nil
	}
	require.NoError(t, s.Unsent(t.Context(), now, take))
	require.Empty(t, sent, "what failed waits")
	require.NoError(t, s.Unsent(t.Context(), now.Add(time.Minute+time.Second), take))
	require.NoError(t, s.Unsent(t.Context(), now.Add(24*time.Hour), take))
	require.Equal(t, []string{"raw answer", "raw notice"}, sent, "what was not taken stays; what was taken does not come again")
	var rows int
	require.NoError(t, s.DB().QueryRow("select count(*) from outbox where letter is not null").Scan(&rows))
	require.Zero(t, rows, "a notice may hold a link, so nothing is left of it")
}

func TestOneLetterDoesNotHoldUpTheOthers(t *testing.T) {
	s, _ := open(t)
	for _, letter := range []string{"first", "second", "third"} {
		require.NoError(t, s.Post(t.Context(), []byte(letter)))
	}
	var sent []string
	send := func(_ string, raw []byte) error {
		switch string(raw) {
		case "first":
			return fmt.Errorf("no such mailbox: %w", store.ErrGivenUp)
		case "second":
			return errors.New("try later")
		}
		sent = append(sent, string(raw))
		return nil
	}
	now := time.Now()
	require.ErrorIs(t, s.Unsent(t.Context(), now, send), store.ErrGivenUp)
	require.Equal(t, []string{"third"}, sent)
	tries := 1
	for last := now; now.Before(last.Add(30 * 24 * time.Hour)); now = now.Add(30 * time.Minute) {
		require.NoError(t, ignore(s.Unsent(t.Context(), now, func(_ string, raw []byte) error {
			require.Equal(t, "second", string(raw), "what was given up does not come again")
			tries++
			return errors.New("try later")
		})))
	}
	require.Less(t, tries, 40, "later and later")
	require.Greater(t, tries, 10)
}

func TestALetterThatIsSentWhileTheProgramEndsIsNotSentAgain(t *testing.T) {
	s, _ := open(t)
	require.NoError(t, s.Post(t.Context(), []byte("first")))
	require.NoError(t, s.Post(t.Context(), []byte("second")))
	var sent []string
	ctx, end := context.WithCancel(t.Context())
	require.NoError(t, s.Unsent(ctx, time.Now(), func(_ string, raw []byte) error {
		sent = append(sent, string(raw))
		end()
		return nil
	}))
	broken := errors.New("broken off")
	ctx, end = context.WithCancel(t.Context())
	require.NoError(t, s.Unsent(ctx, time.Now(), func(string, []byte) error {
		end()
		return broken
	}), "no failure of the letter")
	require.NoError(t, s.Unsent(t.Context(), time.Now(), func(_ string, raw []byte) error {
		sent = append(sent, string(raw))
		return nil
	}))
	require.Equal(t, []string{"first", "second"}, sent)
}

func TestAnUnreachableRelayIsAskedOnce(t *testing.T) {
	s, _ := open(t)
	for range 5 {
		require.NoError(t, s.Post(t.Context(), []byte("letter")))
	}
	asked := 0
	require.ErrorIs(t, s.Unsent(t.Context(), time.Now(), func(string, []byte) error {
		asked++
		return store.ErrUnreachable
	}), store.ErrUnreachable)
	require.Equal(t, 1, asked, "five letters must not wait five times as long")
}

// ignore passes over what a letter's failure reports.
func ignore(err error) error {
	if err != nil && strings.Contains(err.Error(), "try later") {
		return nil
	}
	return err
}

func TestADamagedDatabaseIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.db")
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("not a database", 1000)), 0o600))
	_, err := store.Open(t.Context(), path, keys(t), vaultOn(t))
	require.ErrorContains(t, err, "restore it from a backup")
}
