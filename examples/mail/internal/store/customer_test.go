package store_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/examples/mail/internal/message"
	"github.com/skans-go/skans/examples/mail/internal/store"
)

// only returns the one letter that a mailbox has of an address.
func only(t *testing.T, s *store.Store, box, id string) store.Message {
	t.Helper()
	m, err := s.Message(t.Context(), box, id)
	require.NoError(t, err)
	return m
}

func TestErasureReachesOneCustomerOfOneMailbox(t *testing.T) {
	s, _ := open(t)
	anna := message.Message{MessageID: "one@x", From: "Anna@example.com", Subject: "Altan", Text: secretBody, Parts: []message.Part{{Name: "plan.pdf", Data: []byte("pdf")}}}
	gone, _ := deliver(t, s, "bygglov", anna, "raw one")
	there, _ := deliver(t, s, "skola", anna, "raw one")
	other, _ := deliver(t, s, "bygglov", message.Message{MessageID: "two@x", From: "bo@example.com", Text: "of bo"}, "raw two")
	customer := only(t, s, "bygglov", gone).Customer
	require.NotEqual(t, customer, only(t, s, "bygglov", other).Customer)
	require.NotEqual(t, customer, only(t, s, "skola", there).Customer)

	receipt, letters, err := s.Erase(t.Context(), "bygglov", customer)
	require.NoError(t, err)
	require.Equal(t, []string{gone}, letters)
	require.True(t, s.Vault().VerifyReceipt(receipt))
	erased := only(t, s, "bygglov", gone)
	require.True(t, erased.Erased)
	require.Empty(t, erased.Text+erased.Sender+erased.SenderName+erased.Subject+erased.MessageID+erased.Attachments[0].Name)
	_, err = s.Raw(t.Context(), "bygglov", gone)
	require.ErrorIs(t, err, skans.ErrErased)
	_, _, err = s.Attachment(t.Context(), "bygglov", gone, 0)
	require.ErrorIs(t, err, skans.ErrErased)
	require.Equal(t, "of bo", only(t, s, "bygglov", other).Text)
	require.Equal(t, secretBody, only(t, s, "skola", there).Text)

	back, fresh := deliver(t, s, "bygglov", message.Message{MessageID: "three@x", References: []string{"one@x"}, From: "anna@example.com", Text: "again"}, "raw three")
	require.True(t, fresh)
	m := only(t, s, "bygglov", back)
	require.NotEqual(t, customer, m.Customer)
	require.NotEqual(t, erased.Conversation, m.Conversation)
	require.Equal(t, "again", m.Text)
}

// Letters that arrive while their sender is erased are either refused, to be sent again, or erased, or of a new customer: none
// keeps a name in the clear under a key that is gone.
func TestDeliveryRacesErasure(t *testing.T) {
	s, _ := open(t)
	first, _ := deliver(t, s, "bygglov", message.Message{From: "anna@example.com", Subject: "first"}, "raw first")
	customer := only(t, s, "bygglov", first).Customer
	var wg sync.WaitGroup
	begin := make(chan struct{})
	failures := make([]error, 16)
	for i := range failures {
		wg.Go(func() {
			<-begin
			_, _, failures[i] = s.Deliver(t.Context(), "bygglov", nil, fmt.Appendf(nil, "raw %d", i), message.Message{From: "anna@example.com", Subject: "racing"})
		})
	}
	wg.Go(func() {
		<-begin
		_, _, err := s.Erase(t.Context(), "bygglov", customer)
		require.NoError(t, err)
	})
	close(begin)
	wg.Wait()
	for _, err := range failures {
		require.True(t, err == nil || errors.Is(err, skans.ErrErased), "%v", err)
	}
	letters, err := s.CustomerLetters(t.Context(), "bygglov", customer)
	require.NoError(t, err)
	require.NotEmpty(t, letters)
	for _, m := range letters {
		require.True(t, m.Erased)
		require.Empty(t, m.Sender+m.Subject)
	}
}

// A crash after the key was destroyed and before the names were removed is made good by the next start.
func TestErasureIsFinishedAtTheNextStart(t *testing.T) {
	path, ring, vault := filepath.Join(t.TempDir(), "mail.db"), keys(t), vaultOn(t)
	s, err := store.Open(t.Context(), path, ring, vault)
	require.NoError(t, err)
	_, err = s.DB().Exec("insert into mailbox (id, address, name) values ('bygglov', 'b@kommun.example', 'b')")
	require.NoError(t, err)
	id, _ := deliver(t, s, "bygglov", message.Message{From: "anna@example.com", Subject: "Altan"}, "raw")
	_, err = s.Vault().Erase(t.Context(), only(t, s, "bygglov", id).Customer)
	require.NoError(t, err)
	require.NoError(t, s.Close())

	s, err = store.Open(t.Context(), path, ring, vault)
	require.NoError(t, err)
	defer s.Close()
	m := only(t, s, "bygglov", id)
	require.True(t, m.Erased)
	require.Empty(t, m.Sender+m.Subject)
	again, _ := deliver(t, s, "bygglov", message.Message{From: "anna@example.com", Text: "again"}, "raw again")
	require.Equal(t, "again", only(t, s, "bygglov", again).Text)
}
