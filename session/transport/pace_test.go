package transport_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session/transport"
)

// pipes is a listener without a network, so that its time is that of synctest.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443} }

func (p *pipes) dial(protocol string) *tls.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return tls.Client(client, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}})
}

// served runs test beside a Server with the handler, in the time of synctest. What the handler returns comes in result.
func served(t *testing.T, handler func(http.ResponseWriter, *http.Request) error, test func(t *testing.T, p *pipes, result <-chan error)) {
	certificate := certificates()["ECDSA"]
	synctest.Test(t, func(t *testing.T) {
		tr, err := transport.New(transport.Config{Hosts: []string{"mail.example"}})
		require.NoError(t, err)
		result := make(chan error, 8)
		server := tr.Server("", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { result <- handler(w, r) }))
		server.ErrorLog = log.New(io.Discard, "", 0)
		server.TLSConfig.Certificates = []tls.Certificate{certificate}
		p := &pipes{make(chan net.Conn), make(chan struct{})}
		done := make(chan error, 1)
		go func() { done <- server.ServeTLS(p, "", "") }()
		defer func() {
			_ = server.Close()
			require.ErrorIs(t, <-done, http.ErrServerClosed)
		}()
		test(t, p, result)
	})
}

func TestSlowBodies(t *testing.T) {
	for _, c := range []struct {
		name  string
		piece int           // bytes
		every time.Duration // between pieces
		whole int
		pause time.Duration // of the handler before it reads
		ok    bool
	}{
		{"a byte every ten seconds", 1, 10 * time.Second, 1000, 0, false},
		{"half the least rate", 512, time.Second, 100 << 10, 0, false},
		{"twice the least rate for ten minutes", 2048, time.Second, 1200 << 10, 0, true},
		{"a short wait", 512, 25 * time.Second, 1024, 0, true},
		{"a handler that takes its time", 1000, 0, 1000, time.Hour, true},
		{"a rich start does not buy a long end", 100 << 10, 40 * time.Second, 200 << 10, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			served(t, func(_ http.ResponseWriter, r *http.Request) error {
				time.Sleep(c.pause)
				n, err := io.Copy(io.Discard, r.Body)
				if err == nil && n != int64(c.whole) {
					err = errors.New("cut")
				}
				return err
			}, func(t *testing.T, p *pipes, result <-chan error) {
				began := time.Now()
				var sender sync.WaitGroup
				defer sender.Wait()
				conn := p.dial("http/1.1")
				defer conn.Close()
				_, err := fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: mail.example\r\nContent-Length: %d\r\n\r\n", c.whole)
				require.NoError(t, err)
				sender.Go(func() {
					for sent := 0; sent < c.whole; sent += c.piece {
						if _, err := io.WriteString(conn, strings.Repeat("x", c.piece)); err != nil {
							return
						}
						time.Sleep(c.every)
					}
				})
				err = <-result
				if c.ok {
					require.NoError(t, err)
					_, err = http.ReadResponse(bufio.NewReader(conn), nil)
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				require.Less(t, time.Since(began), 3*time.Minute)
			})
		})
	}
}

func TestSlowBodyOverHTTP2(t *testing.T) {
	served(t, func(_ http.ResponseWriter, r *http.Request) error {
		_, err := io.Copy(io.Discard, r.Body)
		return err
	}, func(t *testing.T, p *pipes, result <-chan error) {
		client := &http.Client{Transport: &http.Transport{
			ForceAttemptHTTP2: true,
			DialTLSContext:    func(context.Context, string, string) (net.Conn, error) { return p.dial("h2"), nil },
		}}
		defer client.CloseIdleConnections()
		body := make(drip)
		defer close(body)
		began := time.Now()
		r, err := http.NewRequestWithContext(t.Context(), "POST", "https://mail.example/", body)
		require.NoError(t, err)
		if res, err := client.Do(r); err == nil {
			require.NoError(t, res.Body.Close())
		}
		require.ErrorIs(t, <-result, os.ErrDeadlineExceeded)
		require.Less(t, time.Since(began), time.Minute)
	})
}

// A handler that rests between two reads is not the client's fault, and over HTTP/2 a deadline ends a stream that nobody
// reads as well.
func TestHandlerThatRestsOverHTTP2(t *testing.T) {
	const text = "a body in two pieces"
	served(t, func(_ http.ResponseWriter, r *http.Request) error {
		if _, err := io.ReadFull(r.Body, make([]byte, 1)); err != nil {
			return err
		}
		time.Sleep(2 * time.Hour)
		rest, err := io.ReadAll(r.Body)
		if string(rest) != text[1:] && err == nil {
			err = errors.New("cut")
		}
		return err
	}, func(t *testing.T, p *pipes, result <-chan error) {
		client := &http.Client{Transport: &http.Transport{
			ForceAttemptHTTP2: true,
			DialTLSContext:    func(context.Context, string, string) (net.Conn, error) { return p.dial("h2"), nil },
		}}
		defer client.CloseIdleConnections()
		body, pieces := io.Pipe()
		go func() {
			_, _ = io.WriteString(pieces, text[:1])
			time.Sleep(time.Hour)
			_, _ = io.WriteString(pieces, text[1:])
			_ = pieces.Close()
		}()
		res, err := client.Post("https://mail.example/", "text/plain", body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.NoError(t, <-result)
	})
}

// drip gives a byte every ten seconds, until it is closed.
type drip chan struct{}

func (d drip) Read(p []byte) (int, error) {
	select {
	case <-d:
		return 0, io.EOF
	case <-time.After(10 * time.Second):
		p[0] = 'x'
		return 1, nil
	}
}

func TestEarlyHints(t *testing.T) {
	served(t, func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Link", "</style.css>; rel=preload; as=style")
		w.WriteHeader(http.StatusEarlyHints)
		time.Sleep(time.Hour)
		_, err := io.WriteString(w, "page")
		return err
	}, func(t *testing.T, p *pipes, _ <-chan error) {
		conn := p.dial("http/1.1")
		defer conn.Close()
		_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: mail.example\r\n\r\n")
		require.NoError(t, err)
		reader := bufio.NewReader(conn)
		line, err := reader.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "HTTP/1.1 103 Early Hints\r\n", line)
		for line != "\r\n" {
			line, err = reader.ReadString('\n')
			require.NoError(t, err)
		}
		res, err := http.ReadResponse(reader, nil)
		require.NoError(t, err)
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.Equal(t, "page", string(text))
	})
}

// A body that the handler does not read is not waited for either, whether the answer goes out after the handler or
// during it: net/http reads on before it sends.
func TestSlowBodyThatNobodyReads(t *testing.T) {
	for name, answer := range map[string]int{"short answer": 10, "long answer": 100 << 10} {
		t.Run(name, func(t *testing.T) {
			served(t, func(w http.ResponseWriter, _ *http.Request) error {
				_, err := w.Write(make([]byte, answer))
				return err
			}, func(t *testing.T, p *pipes, result <-chan error) {
				conn := p.dial("http/1.1")
				defer conn.Close()
				_, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: mail.example\r\nContent-Length: 1000\r\n\r\nx")
				require.NoError(t, err)
				began := time.Now()
				text, err := io.ReadAll(conn) // until the server closes
				require.NoError(t, err)
				require.Contains(t, string(text), "HTTP/1.1 200 OK\r\n", "the answer arrives")
				require.GreaterOrEqual(t, len(text), answer)
				require.LessOrEqual(t, time.Since(began), 10*time.Second)
				require.NoError(t, <-result)
			})
		})
	}
}

// A body of a known length that stops coming ends the request, answer included: net/http would go on to read what is missing, without
// a deadline, before the first byte of the answer.
func TestBodyThatStopsComing(t *testing.T) {
	served(t, func(w http.ResponseWriter, r *http.Request) error {
		_, err := io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusBadRequest)
		return err
	}, func(t *testing.T, p *pipes, result <-chan error) {
		conn := p.dial("http/1.1")
		defer conn.Close()
		_, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: mail.example\r\nContent-Length: 2000\r\n\r\nname=")
		require.NoError(t, err)
		began := time.Now()
		_, err = io.ReadAll(conn) // until the server closes
		require.NoError(t, err)
		require.Less(t, time.Since(began), time.Minute)
		require.ErrorIs(t, <-result, os.ErrDeadlineExceeded)
	})
}

func TestClientThatDoesNotRead(t *testing.T) {
	for name, piece := range map[string]int{"small pieces": 100, "one large piece": 4 << 20} {
		t.Run(name, func(t *testing.T) {
			served(t, func(w http.ResponseWriter, _ *http.Request) error {
				for sent := 0; sent < 4<<20; sent += piece {
					if _, err := w.Write(make([]byte, piece)); err != nil {
						return err
					}
				}
				return nil
			}, func(t *testing.T, p *pipes, result <-chan error) {
				conn := p.dial("http/1.1")
				defer conn.Close()
				_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: mail.example\r\n\r\n")
				require.NoError(t, err)
				began := time.Now()
				require.ErrorIs(t, <-result, os.ErrDeadlineExceeded)
				require.LessOrEqual(t, time.Since(began), 40*time.Second, "30 s, and 5 s to say goodbye over TLS")
			})
		})
	}
}

// A stream of events that is silent for an hour goes on, over both protocols, and ends in good order.
func TestStreamOfEvents(t *testing.T) {
	for _, protocol := range []string{"http/1.1", "h2"} {
		t.Run(protocol, func(t *testing.T) {
			served(t, func(w http.ResponseWriter, r *http.Request) error {
				for i := range 3 {
					_, _ = fmt.Fprintf(w, "data: %d\n\n", i)
					if err := http.NewResponseController(w).Flush(); err != nil {
						return err
					}
					select {
					case <-r.Context().Done():
						return context.Cause(r.Context())
					case <-time.After(time.Hour):
					}
				}
				_, err := io.WriteString(w, "end")
				return err
			}, func(t *testing.T, p *pipes, result <-chan error) {
				client := &http.Client{Transport: &http.Transport{
					ForceAttemptHTTP2: true,
					DialTLSContext:    func(context.Context, string, string) (net.Conn, error) { return p.dial(protocol), nil },
				}}
				defer client.CloseIdleConnections()
				for range 2 { // the second request meets what the first left behind
					r, err := http.NewRequestWithContext(t.Context(), "POST", "https://mail.example/", strings.NewReader("body"))
					require.NoError(t, err)
					res, err := client.Do(r)
					require.NoError(t, err)
					text, err := io.ReadAll(res.Body)
					require.NoError(t, err)
					require.NoError(t, res.Body.Close())
					require.Equal(t, "data: 0\n\ndata: 1\n\ndata: 2\n\nend", string(text))
					require.Equal(t, protocol == "h2", res.ProtoMajor == 2)
					require.NoError(t, <-result)
				}
			})
		})
	}
}

func TestLargeAnswers(t *testing.T) {
	text := strings.Repeat("0123456789abcdef", 20000)
	for _, protocol := range []string{"http/1.1", "h2"} {
		t.Run(protocol, func(t *testing.T) {
			served(t, func(w http.ResponseWriter, _ *http.Request) error {
				_, err := io.Copy(w, strings.NewReader(text))
				return err
			}, func(t *testing.T, p *pipes, _ <-chan error) {
				client := &http.Client{Transport: &http.Transport{
					ForceAttemptHTTP2: true,
					DialTLSContext:    func(context.Context, string, string) (net.Conn, error) { return p.dial(protocol), nil },
				}}
				defer client.CloseIdleConnections()
				res, err := client.Get("https://mail.example/")
				require.NoError(t, err)
				got, err := io.ReadAll(res.Body)
				require.NoError(t, err)
				require.NoError(t, res.Body.Close())
				require.Equal(t, text, string(got))
			})
		})
	}
}

func TestHijack(t *testing.T) {
	served(t, func(w http.ResponseWriter, _ *http.Request) error {
		hijacker, ok := w.(http.Hijacker)
		if !ok {
			return errors.New("no Hijacker")
		}
		conn, buffered, err := hijacker.Hijack()
		if err != nil {
			return err
		}
		defer conn.Close()
		time.Sleep(time.Hour)
		if _, err = io.WriteString(conn, "mine"); err != nil {
			return err
		}
		line, err := buffered.ReadString('\n')
		_, _ = io.WriteString(conn, line)
		return err
	}, func(t *testing.T, p *pipes, result <-chan error) {
		conn := p.dial("http/1.1")
		defer conn.Close()
		_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: mail.example\r\n\r\n")
		require.NoError(t, err)
		got := make([]byte, 4)
		_, err = io.ReadFull(conn, got)
		require.NoError(t, err)
		require.Equal(t, "mine", string(got))
		time.Sleep(time.Hour)
		_, err = io.WriteString(conn, "line\n")
		require.NoError(t, err)
		rest, err := io.ReadAll(conn)
		require.NoError(t, err)
		require.Equal(t, "line\n", string(rest))
		require.NoError(t, <-result)
	})
}

// The deadline of one answer is not that of the next.
func TestExpectContinueOnAnOldConnection(t *testing.T) {
	served(t, func(w http.ResponseWriter, r *http.Request) error {
		body, err := io.ReadAll(r.Body)
		_, _ = w.Write(body)
		return err
	}, func(t *testing.T, p *pipes, _ <-chan error) {
		conn := p.dial("http/1.1")
		defer conn.Close()
		reader := bufio.NewReader(conn)
		for range 3 {
			_, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: mail.example\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
			require.NoError(t, err)
			line, err := reader.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "HTTP/1.1 100 Continue\r\n", line)
			_, err = reader.ReadString('\n')
			require.NoError(t, err)
			_, err = io.WriteString(conn, "body")
			require.NoError(t, err)
			res, err := http.ReadResponse(reader, nil)
			require.NoError(t, err)
			got, err := io.ReadAll(res.Body)
			require.NoError(t, err)
			require.Equal(t, "body", string(got))
			time.Sleep(time.Minute) // longer than the deadline of the last answer, shorter than the idle timeout
		}
	})
}

// Headers that trickle, and connections that say nothing, are closed.
func TestSlowHeaders(t *testing.T) {
	served(t, func(http.ResponseWriter, *http.Request) error { return nil }, func(t *testing.T, p *pipes, _ <-chan error) {
		conn := p.dial("http/1.1")
		defer conn.Close()
		began := time.Now()
		_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: mail.example\r\n")
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, conn)
		require.NoError(t, err)
		require.LessOrEqual(t, time.Since(began), 11*time.Second)
	})
}
