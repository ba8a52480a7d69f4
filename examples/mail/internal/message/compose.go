package message

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/emersion/go-message/mail"
)

// An Outgoing letter is plain text; the library folds and encodes its header.
type Outgoing struct {
	MessageID    string // without angle brackets
	FromName     string
	From, To     string
	Subject      string
	Text         string
	References   []string // of the conversation, the oldest first
	Date         time.Time
	AutoResponse bool // made by a program: RFC 3834 asks to say so
}

// Compose returns the letter's bytes (RFC 5322, UTF-8 text in quoted-printable).
func Compose(o Outgoing) ([]byte, error) {
	var h mail.Header
	h.SetDate(o.Date)
	h.SetMessageID(o.MessageID)
	h.SetAddressList("From", []*mail.Address{{Name: clean(o.FromName), Address: clean(o.From)}})
	h.SetAddressList("To", []*mail.Address{{Address: clean(o.To)}})
	h.SetSubject(clean(o.Subject))
	if n := len(o.References); n > 0 {
		h.SetMsgIDList("In-Reply-To", o.References[n-1:])
		h.SetMsgIDList("References", o.References)
	}
	if o.AutoResponse {
		h.Set("Auto-Submitted", "auto-generated")
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Transfer-Encoding", "quoted-printable")
	var out bytes.Buffer
	w, err := mail.CreateSingleInlineWriter(&out, h)
	if err != nil {
		return nil, fmt.Errorf("message: compose: %w", err)
	}
	if _, err = io.WriteString(w, o.Text); err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("message: compose: %w", err)
	}
	return out.Bytes(), nil
}
