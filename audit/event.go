package audit

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"time"
)

// An Actor is who does something: a person, or a job that may act for one. Ids only, no names.
type Actor struct {
	User    string // id of the signed-in user
	Session string // public id of the session, never its token
	Job     string // name of a program that acts by itself
	Behalf  string // id of the user for whom a job or an administrator acts
}

// Job is the actor of a program: an import, a timer.
func Job(name string) Actor { return Actor{Job: name} }

// OnBehalf says for whom the actor acts.
func (a Actor) OnBehalf(user string) Actor {
	a.Behalf = user
	return a
}

// IsZero reports whether nobody is named.
func (a Actor) IsZero() bool { return a.User == "" && a.Job == "" }

type actorKey struct{}

type requestKey struct{}

// WithActor returns a context whose events and field changes are recorded as done by a.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// ActorFrom returns the actor of ctx; the zero Actor if there is none.
func ActorFrom(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor)
	return a
}

// WithRequest returns a context whose events carry the request id. [Access] and [Recover] set one.
func WithRequest(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// RequestFrom returns the request id of ctx, or "".
func RequestFrom(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// An Event is one record of a log as [Log.Query] returns it.
type Event struct {
	Log     string // id of the log, 32 hexadecimal digits
	Class   string
	Epoch   uint64 // how often the log had been opened
	Seq     uint64 // number in the class; a segment of the file takes one too, so that events may skip numbers
	Time    time.Time
	Stepped bool // the clock had been set back, or forward, since the event before
	Server  string
	Version string
	Name    string
	Actor   Actor
	Request string      // request id
	Attrs   []slog.Attr // empty when Subject is erased
	Subject string      // under whom the attributes are sealed; "" if they are not
	Erased  bool        // the subject's key was destroyed; only Attrs are gone
}

// ID is the event's name in the world: log/class/epoch/seq. What arrives twice over a [Shipper] has the same.
func (e Event) ID() string { return fmt.Sprintf("%s/%s/%d/%d", e.Log, e.Class, e.Epoch, e.Seq) }

// Attr returns the first top-level attribute of that name.
func (e Event) Attr(key string) (slog.Value, bool) {
	for _, a := range e.Attrs {
		if a.Key == key {
			return a.Value, true
		}
	}
	return slog.Value{}, false
}

// user reports whether the event is about or by that user.
func (e Event) user(id string) bool {
	if e.Actor.User == id || e.Actor.Behalf == id || e.Subject == id {
		return true
	}
	v, ok := e.Attr("user")
	return ok && v.Kind() == slog.KindString && v.String() == id
}

// The body of a frame: leaf prefix 0x00, kind, flags, sequence number, time in nanoseconds since 1970, payload.
const (
	bodyEvent   = 1
	bodySegment = 2

	flagStepped = 1
	flagSealed  = 2

	bodyHeader = 19
)

// stamp fills number and time into the frame that begins buf.
func stamp(frame []byte, seq uint64, at int64, flags byte) {
	body := frame[frameHeader:]
	body[2] |= flags
	binary.BigEndian.PutUint64(body[3:], seq)
	binary.BigEndian.PutUint64(body[11:], uint64(at))
}

func bodySeq(body []byte) uint64 { return binary.BigEndian.Uint64(body[3:]) }
func bodyTime(body []byte) int64 { return int64(binary.BigEndian.Uint64(body[11:])) }

// appendBody begins a frame of that kind, with room for number and time.
func appendBody(dst []byte, kind, flags byte) []byte {
	dst = append(beginFrame(dst), kind, flags)
	return append(dst, make([]byte, bodyHeader-3)...)
}

// appendEvent appends a frame without number, time and checksums.
func appendEvent(dst []byte, flags byte, name, request string, a Actor) []byte {
	dst = appendBody(dst, bodyEvent, flags)
	dst = appendString(dst, name)
	dst = appendString(dst, a.User)
	dst = appendString(dst, a.Session)
	dst = appendString(dst, a.Job)
	dst = appendString(dst, a.Behalf)
	return appendString(dst, request)
}

// parseEvent reads a body of kind bodyEvent. Sealed attributes are returned as they are.
func parseEvent(body []byte) (e Event, sealed []byte, err error) {
	if len(body) < bodyHeader || body[1] != bodyEvent || body[2]&^(flagStepped|flagSealed) != 0 {
		return Event{}, nil, errFormat
	}
	d := decoder{buf: body[bodyHeader:]}
	e.Seq, e.Time, e.Stepped = bodySeq(body), time.Unix(0, bodyTime(body)).UTC(), body[2]&flagStepped != 0
	e.Name = d.string()
	e.Actor = Actor{User: d.string(), Session: d.string(), Job: d.string(), Behalf: d.string()}
	e.Request = d.string()
	if body[2]&flagSealed != 0 {
		e.Subject = d.string()
		sealed = d.bytes(d.uvarint())
	} else {
		e.Attrs = d.attrs(0)
	}
	if d.err != nil || len(d.buf) != 0 {
		return Event{}, nil, errFormat
	}
	return e, sealed, nil
}

// A segment is the first frame of a file: what is the same for all events in it.
type segment struct {
	log     string
	class   string
	epoch   uint64
	server  string
	version string
}

func appendSegment(dst []byte, s segment) []byte {
	dst = appendBody(dst, bodySegment, 0)
	dst = appendString(dst, s.log)
	dst = appendString(dst, s.class)
	dst = binary.AppendUvarint(dst, s.epoch)
	dst = appendString(dst, s.server)
	return appendString(dst, s.version)
}

func parseSegment(body []byte) (segment, error) {
	if len(body) < bodyHeader || body[1] != bodySegment {
		return segment{}, errFormat
	}
	d := decoder{buf: body[bodyHeader:]}
	s := segment{log: d.string(), class: d.string(), epoch: d.uvarint(), server: d.string(), version: d.string()}
	if d.err != nil || len(d.buf) != 0 {
		return segment{}, errFormat
	}
	return s, nil
}
