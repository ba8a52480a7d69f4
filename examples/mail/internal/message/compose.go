package message

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/emersion/go-message/mail"
)

// An Outgoing letter is plain text with files; the library folds and encodes its header.
type Outgoing struct {
	MessageID    string // without angle brackets
	FromName     string
	From, To     string
	Subject      string
	Text         string
	References   []string // of the conversation, the oldest first
	Date         time.Time
	AutoResponse bool // made by a program: RFC 3834 asks to say so
	Files        []Part
}

// Compose returns the letter's bytes (RFC 5322, UTF-8 text in quoted-printable, files in base64).
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
	var out bytes.Buffer
	var err error
	if len(o.Files) == 0 {
		err = composeText(&out, h, o.Text)
	} else {
		err = composeMixed(&out, h, o)
	}
	if err != nil {
		return nil, fmt.Errorf("message: compose: %w", err)
	}
	return out.Bytes(), nil
}

func composeText(out io.Writer, h mail.Header, text string) error {
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Transfer-Encoding", "quoted-printable")
	w, err := mail.CreateSingleInlineWriter(out, h)
	if err != nil {
		return err
	}
	return fill(w, []byte(text))
}

// composeMixed writes the text and the files as the parts of one letter (RFC 2046, 5.1.3).
func composeMixed(out io.Writer, h mail.Header, o Outgoing) error {
	w, err := mail.CreateWriter(out, h)
	if err != nil {
		return err
	}
	var text mail.InlineHeader
	text.Set("Content-Type", "text/plain; charset=utf-8")
	text.Set("Content-Transfer-Encoding", "quoted-printable")
	body, err := w.CreateSingleInline(text)
	if err != nil {
		return err
	}
	if err := fill(body, []byte(o.Text)); err != nil {
		return err
	}
	for _, file := range o.Files {
		var head mail.AttachmentHeader
		head.Set("Content-Type", clean(file.Type))
		head.Set("Content-Transfer-Encoding", "base64") // of text too: its line ends are the file's own
		head.SetFilename(clean(file.Name))
		part, err := w.CreateAttachment(head)
		if err != nil {
			return err
		}
		if err := fill(part, file.Data); err != nil {
			return err
		}
	}
	return w.Close()
}

func fill(w io.WriteCloser, data []byte) error {
	_, err := w.Write(data)
	return errors.Join(err, w.Close())
}
