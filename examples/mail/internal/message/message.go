// Package message reads a letter as it arrived into what a person wants to see of it: who, what, and the attached files.
//
// Letters come from strangers. Nothing in them is trusted, every cost has a bound, and what cannot be read is said to be
// so in [Message.Problem] instead of being lost: the caller keeps the raw letter anyway.
package message

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	gomessage "github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // Latin, Nordic and other character sets
	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-message/textproto"
)

// Bounds of a letter that is accepted at all. What is beyond them is refused with [ErrLimit] while the sender still listens.
const (
	MaxBytes  = 25 << 20
	MaxParts  = 200
	MaxDepth  = 20
	MaxHeader = 256 << 10 // one header block
)

// maxBody bounds the text and the HTML that are shown as the letter; a longer one becomes an attachment.
const maxBody = 2 << 20

// maxLine bounds what is kept of one header field (RFC 5322, 2.1.1 allows lines of 998).
const maxLine = 998

// ErrLimit says that a letter has too many parts, parts too deep in each other, or too large a header.
var ErrLimit = errors.New("message: over the limits of this server")

// A Message is what could be read of a letter. All strings are valid UTF-8 and otherwise as the sender wrote them.
type Message struct {
	MessageID  string
	References []string // ids of the letters that this one answers, the nearest first
	From       string   // address in lower case; empty if there is none
	FromName   string
	To         string
	Subject    string
	Date       time.Time // zero if there is none
	Text, HTML string
	Parts      []Part
	Problem    string // why it could not be read fully; empty if it could
}

// A Part is an attached file, or a picture that the HTML shows by its content id.
type Part struct {
	Name string // as the sender wrote it: data, never a path
	Type string // as the sender wrote it
	CID  string
	Data []byte
}

// Parse reads a letter. It returns ErrLimit (or the context's error, for a letter that takes too long) if the letter is to be
// refused; anything else that is wrong with it goes into Problem.
func Parse(ctx context.Context, raw []byte) (Message, error) {
	p := parser{ctx: ctx}
	header, body, err := p.top(raw)
	if err != nil {
		return Message{}, err
	}
	p.envelope(mail.Header{Header: gomessage.Header{Header: header}})
	if err := p.entity(header, body, 0, false); err != nil {
		return Message{}, err
	}
	return p.m, nil
}

type parser struct {
	ctx   context.Context
	m     Message
	parts int
	own   bool // the text is not, or not only, another form of the HTML
}

// problem keeps the first thing that went wrong; the rest usually follows from it.
func (p *parser) problem(text string) {
	if p.m.Problem == "" {
		p.m.Problem = text
	}
}

// top reads the letter's own header. Lines that are no header fields are left out, so that one broken line does not hide
// the sender and the subject.
func (p *parser) top(raw []byte) (textproto.Header, io.Reader, error) {
	end := headerEnd(raw)
	if end > MaxHeader {
		return textproto.Header{}, nil, ErrLimit
	}
	br := bufio.NewReader(bytes.NewReader(raw))
	header, err := textproto.ReadHeader(br)
	if err == nil {
		return header, br, nil
	}
	p.problem("its header is malformed")
	header, err = textproto.ReadHeader(bufio.NewReader(strings.NewReader(wellFormed(raw[:end]))))
	if err != nil {
		header = textproto.Header{}
	}
	return header, bytes.NewReader(raw[end:]), nil
}

// headerEnd is the offset of the body.
func headerEnd(raw []byte) int {
	for at := 0; at < len(raw); {
		line, _, found := bytes.Cut(raw[at:], []byte("\n"))
		at += len(line)
		if found {
			at++
		}
		if len(bytes.TrimRight(line, "\r")) == 0 {
			return at
		}
	}
	return len(raw)
}

// wellFormed keeps the fields of a header block that look like fields (RFC 5322, 2.2), with their continuation lines.
func wellFormed(block []byte) string {
	var kept strings.Builder
	inField := false
	for line := range strings.Lines(string(block)) {
		text := strings.TrimRight(line, "\r\n")
		switch name, _, found := strings.Cut(text, ":"); {
		case text == "":
			continue
		case text[0] == ' ' || text[0] == '\t':
			if !inField {
				continue
			}
		default:
			inField = found && name != "" && strings.IndexFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
			if !inField {
				continue
			}
		}
		kept.WriteString(text + "\r\n")
	}
	return kept.String() + "\r\n"
}

func (p *parser) envelope(h mail.Header) {
	p.m.MessageID, _ = h.MessageID()
	p.m.MessageID = clean(p.m.MessageID)
	for _, key := range []string{"In-Reply-To", "References"} {
		ids, _ := h.MsgIDList(key)
		for i := len(ids) - 1; i >= 0 && len(p.m.References) < 20; i-- {
			p.m.References = append(p.m.References, clean(ids[i]))
		}
	}
	if from, err := h.AddressList("From"); err == nil && len(from) > 0 {
		p.m.From, p.m.FromName = clean(strings.ToLower(from[0].Address)), clean(from[0].Name)
	} else {
		p.m.FromName = clean(h.Get("From"))
		p.problem("it does not say from whom it is")
	}
	if to, err := h.AddressList("To"); err == nil && len(to) > 0 {
		p.m.To = clean(strings.ToLower(to[0].Address))
	}
	subject, err := h.Subject()
	if err != nil {
		subject = h.Get("Subject")
	}
	p.m.Subject = clean(subject)
	p.m.Date, _ = h.Date()
}

// entity reads a part and what it holds. either says that it is one of several forms of the same text (multipart/alternative), of
// which a reader needs to see one.
func (p *parser) entity(header textproto.Header, body io.Reader, depth int, either bool) error {
	if err := p.ctx.Err(); err != nil {
		return err
	}
	if p.parts++; p.parts > MaxParts || depth > MaxDepth {
		return ErrLimit
	}
	e, err := gomessage.New(gomessage.Header{Header: header}, body)
	if err != nil { // unknown encoding or character set: the bytes are still there
		p.problem("a part is in an encoding that is not known here")
	}
	parts := e.MultipartReader()
	if parts == nil {
		return p.leaf(e, err == nil, either)
	}
	// The library's multipart reader would call gomessage.New itself; taking its parts apart here lets this function see each
	// part's header before its body.
	kind, params, _ := e.Header.ContentType()
	either = either || kind == "multipart/alternative"
	if params["boundary"] == "" {
		p.problem("its parts cannot be told apart")
		return p.leaf(e, false, either)
	}
	reader := textproto.NewMultipartReader(e.Body, params["boundary"])
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			p.problem("its parts end too early or are malformed")
			return nil
		}
		if headerSize(part.Header) > MaxHeader {
			return ErrLimit
		}
		if err := p.entity(part.Header, part, depth+1, either); err != nil {
			return err
		}
	}
}

func headerSize(h textproto.Header) int {
	size := 0
	for fields := h.Fields(); fields.Next(); {
		size += len(fields.Key()) + len(fields.Value())
	}
	return size
}

// leaf takes one part that holds no others: as the letter's text, as its HTML, or as a file.
func (p *parser) leaf(e *gomessage.Entity, readable, either bool) error {
	data, err := io.ReadAll(&untilDone{p.ctx, io.LimitReader(e.Body, MaxBytes)})
	if p.ctx.Err() != nil {
		return p.ctx.Err()
	}
	if err != nil {
		p.problem("a part is damaged")
	}
	kind, params, _ := e.Header.ContentType()
	if kind == "" {
		kind = "text/plain" // RFC 2045, 5.2
	}
	disposition, dispositionParams, _ := e.Header.ContentDisposition()
	name := dispositionParams["filename"]
	if name == "" {
		name = params["name"]
	}
	shown := disposition != "attachment" && name == "" && len(data) <= maxBody
	switch {
	case shown && kind == "text/plain" && (either || p.m.HTML == ""):
		text := valid(string(data))
		if p.m.Text != "" {
			text = p.m.Text + "\n\n" + text
		}
		if len(text) <= maxBody {
			p.m.Text, p.own = text, p.own || !either
			return nil
		}
	case shown && kind == "text/html" && p.m.HTML == "":
		p.m.HTML = valid(string(data))
		if p.own { // the HTML is what is shown, and this text says something else
			p.m.Parts = append(p.m.Parts, Part{Name: "text.txt", Type: "text/plain", Data: []byte(p.m.Text)})
		}
		return nil
	}
	if !readable && len(data) == 0 {
		return nil
	}
	if name == "" {
		name = fmt.Sprintf("part-%d", p.parts)
	}
	p.m.Parts = append(p.m.Parts, Part{
		Name: clean(name), Type: clean(kind), Data: data,
		CID: clean(strings.Trim(strings.TrimSpace(e.Header.Get("Content-Id")), "<>")),
	})
	return nil
}

// untilDone stops reading when the context ends.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u *untilDone) Read(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(b)
}

// valid makes a string valid UTF-8.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// clean makes one bounded line of a header value.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' || r == 0 {
			return ' '
		}
		return r
	}, valid(s))
	if len(s) <= maxLine {
		return s
	}
	cut := maxLine
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut]
}
